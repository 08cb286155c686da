//! Whose failed password checks count for whom: strangers, known devices and live sessions are counted apart, and no account
//! has more than 100 failures in a row (NIST SP 800-63B-4 §3.2.2; ASVS 6.1.1, 6.3.1).

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use vestibule::store::db::Value;

use crate::records;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

/// A limit of three in fifteen minutes, or none that comes back with time.
async fn spawn(limit: &str) -> TestApp {
    TestApp::spawn_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", limit),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await
}

/// A client: its program, and the address that the proxy tells.
#[derive(Debug, Clone, Copy)]
struct Client(&'static str, &'static str);

const OWNER: Client = Client("Owner", "192.0.2.1");
const STRANGER: Client = Client("Stranger", "198.51.100.1");

impl Client {
    fn sends(self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header("user-agent", self.0);
        request.header("x-forwarded-for", self.1)
    }

    async fn tries(self, app: &TestApp, name: &str, password: &str) -> Answer {
        let form = [("username", name), ("password", password)];
        let request = app.post("/auth/token").form(&form);
        self.sends(request).answer().await
    }

    async fn logs_in(self, app: &TestApp, name: &str) -> Session {
        let answer = self.tries(app, name, PASSWORD).await;
        Session::of(&answer.expect(StatusCode::OK))
    }

    async fn fails(self, app: &TestApp, name: &str) {
        let answer = self.tries(app, name, OTHER_PASSWORD).await;
        answer.expect_oauth_error("invalid_grant");
    }

    async fn reauthenticates(self, app: &TestApp, session: &Session, password: &str) -> Answer {
        let request = app.post("/auth/reauthenticate");
        let request = request.bearer_auth(&session.access);
        let request = request.json(&json!({ "password": password }));
        self.sends(request).answer().await
    }
}

#[track_caller]
fn expect_throttled(answer: Answer) {
    answer.expect_problem(429, "account_throttled");
}

/// DESIGN §6: no stranger locks the owner out of a live session, or on a known device.
#[tokio::test]
async fn strangers_lock_out_neither_known_devices_nor_live_sessions() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    let session = OWNER.logs_in(&app, "ada").await;
    for name in ["ada", "ada@example.com"] {
        for _ in 0..3 {
            STRANGER.fails(&app, name).await;
        }
        expect_throttled(STRANGER.tries(&app, name, PASSWORD).await);
        OWNER.logs_in(&app, name).await;
    }
    let again = OWNER.reauthenticates(&app, &session, PASSWORD).await;
    let session = Session::of(&again.expect(StatusCode::OK));
    for (method_and_path, body) in [
        (
            app.post("/users/me/email"),
            json!({ "current_password": PASSWORD, "new_email": "new@example.com" }),
        ),
        (
            app.put("/users/me/password"),
            json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD }),
        ),
    ] {
        let request = method_and_path.bearer_auth(&session.access).json(&body);
        let answer = OWNER.sends(request).answer().await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }
}

/// Who passes for a known device has as many tries as anyone has at a name that nobody has, and at each name of the account.
#[tokio::test]
async fn a_known_device_has_as_many_tries_as_an_unknown_name() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    OWNER.logs_in(&app, "ada").await;
    for name in ["ada@example.com", "ada", "nobody", "nobody@example.com"] {
        for _ in 0..3 {
            OWNER.fails(&app, name).await;
        }
        expect_throttled(OWNER.tries(&app, name, OTHER_PASSWORD).await);
    }
}

/// Who has reset the password by mail is the owner: strangers keep that device out no more.
#[tokio::test]
async fn the_device_of_a_reset_by_mail_is_known() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    let asked = app.post("/auth/password-reset/request");
    let asked = asked.json(&json!({ "email": "ada@example.com" }));
    asked.answer().await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", "ada@example.com").await.token();
    let reset = app.post("/auth/password-reset");
    let reset = reset.json(&json!({ "token": token, "new_password": PASSWORD }));
    let reset = OWNER.sends(reset).answer().await;
    reset.expect(StatusCode::NO_CONTENT);
    for name in ["ada", "ada@example.com"] {
        for _ in 0..4 {
            STRANGER.tries(&app, name, OTHER_PASSWORD).await;
        }
        OWNER.logs_in(&app, name).await;
    }
}

/// The owner who registers and has not logged in yet: strangers cannot keep that device out.
#[tokio::test]
async fn the_device_of_a_registration_is_known() {
    let app = spawn("3/15m").await;
    let body = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    let registers = app.post("/auth/register").json(&body);
    let registers = OWNER.sends(registers).answer().await;
    registers.expect(StatusCode::CREATED);
    for name in ["ada", "ada@example.com"] {
        for _ in 0..4 {
            STRANGER.tries(&app, name, OTHER_PASSWORD).await;
        }
        OWNER.logs_in(&app, name).await;
    }
}

/// Where addresses are proved first, a stranger may have registered. The reader of the mail is the owner.
#[tokio::test]
async fn the_device_that_proves_an_address_is_known_and_that_of_its_registration_is_not() {
    let app = TestApp::spawn_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "3/15m"),
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    let other = Client("Other", "203.0.113.9");
    let body = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    let registers = app.post("/auth/register").json(&body);
    let registers = other.sends(registers).answer().await;
    registers.expect(StatusCode::ACCEPTED);
    let token = app.mail("verify_email", "ada@example.com").await.token();
    let proves = app
        .post("/auth/verify-email")
        .json(&json!({ "token": token }));
    let proves = OWNER.sends(proves).answer().await;
    proves.expect(StatusCode::NO_CONTENT);
    for name in ["ada", "ada@example.com"] {
        for _ in 0..4 {
            STRANGER.tries(&app, name, OTHER_PASSWORD).await;
        }
        expect_throttled(other.tries(&app, name, PASSWORD).await);
        OWNER.logs_in(&app, name).await;
    }
}

/// The reader of the mail is the owner, where the account exists beforehand, too.
#[tokio::test]
async fn the_device_that_verifies_the_address_of_an_account_is_known() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    let token = app.mail("verify_email", "ada@example.com").await.token();
    let proves = app
        .post("/auth/verify-email")
        .json(&json!({ "token": token }));
    let proves = OWNER.sends(proves).answer().await;
    proves.expect(StatusCode::NO_CONTENT);
    for name in ["ada", "ada@example.com"] {
        for _ in 0..4 {
            STRANGER.tries(&app, name, OTHER_PASSWORD).await;
        }
        OWNER.logs_in(&app, name).await;
    }
}

/// What succeeds elsewhere is not told to strangers: their limit does not suddenly go.
#[tokio::test]
async fn a_login_of_the_owner_does_not_show_in_the_limit_of_strangers() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    OWNER.logs_in(&app, "ada").await;
    for _ in 0..3 {
        STRANGER.fails(&app, "ada").await;
    }
    OWNER.logs_in(&app, "ada").await;
    expect_throttled(STRANGER.tries(&app, "ada", OTHER_PASSWORD).await);
}

/// A session, each device of the user, and strangers: none uses up what another has.
#[tokio::test]
async fn each_device_and_each_session_is_counted_apart() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    let other_device = Client("Phone", "192.0.2.1");
    let first = OWNER.logs_in(&app, "ada").await;
    let second = other_device.logs_in(&app, "ada").await;
    for _ in 0..3 {
        OWNER.fails(&app, "ada").await;
        OWNER
            .reauthenticates(&app, &first, OTHER_PASSWORD)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    expect_throttled(OWNER.tries(&app, "ada", PASSWORD).await);
    expect_throttled(OWNER.reauthenticates(&app, &first, PASSWORD).await);
    other_device
        .reauthenticates(&app, &second, PASSWORD)
        .await
        .expect(StatusCode::OK);
    other_device.logs_in(&app, "ada").await;
    STRANGER.logs_in(&app, "ada").await;
}

/// A known device is never worse off than a stranger: what it fails beyond its share counts as a stranger's.
#[tokio::test]
async fn a_known_device_whose_share_is_used_up_asks_as_a_stranger() {
    let app = spawn("off").await;
    app.register("ada").await;
    OWNER.logs_in(&app, "ada").await;
    for _ in 0..12 {
        OWNER.fails(&app, "ada").await;
    }
    let sql = "SELECT failures FROM failed_checks WHERE way = 'stranger'";
    assert_eq!(records::count(&app, sql, &[]).await, 2);
    OWNER.logs_in(&app, "ada").await;
    let sql = "SELECT count(*) FROM failed_checks";
    assert_eq!(records::count(&app, sql, &[]).await, 0);
}

/// Whoever has stolen one session does not keep the owner of another from proving who they are.
#[tokio::test]
async fn a_session_does_not_use_up_the_failures_of_another() {
    let app = spawn("off").await;
    app.register("ada").await;
    let stolen = OWNER.logs_in(&app, "ada").await;
    let owners = OWNER.logs_in(&app, "ada").await;
    let thief = Client("Thief", "203.0.113.9");
    for _ in 0..25 {
        thief
            .reauthenticates(&app, &stolen, OTHER_PASSWORD)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    let silenced = thief.reauthenticates(&app, &stolen, PASSWORD).await;
    silenced.expect_problem(401, "invalid_credentials");
    let proved = OWNER.reauthenticates(&app, &owners, PASSWORD).await;
    proved.expect(StatusCode::OK);
}

/// An account whose strangers have nothing left is answered as an unknown name is: side by side, and never for a crowd.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_at_an_account_with_nothing_left_do_not_wait_for_each_other() {
    let app = spawn("off").await;
    app.register("ada").await;
    for _ in 0..60 {
        STRANGER.fails(&app, "ada").await;
    }
    for name in ["ada", "nobody"] {
        let guesses = (0..100).map(|_| STRANGER.tries(&app, name, OTHER_PASSWORD));
        for answer in join_all(guesses).await {
            answer.expect_oauth_error("invalid_grant");
        }
    }
}

/// A stranger with the same program and the same provider passes for a known device. In another network he locks out nobody.
#[tokio::test]
async fn who_passes_for_a_known_device_elsewhere_does_not_lock_out_the_owner() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    OWNER.logs_in(&app, "ada").await;
    for number in 0..10 {
        let neighbor = Client(
            "Owner",
            ["192.0.99.1", "192.0.98.1", "192.0.97.1"][number % 3],
        );
        neighbor.tries(&app, "ada", OTHER_PASSWORD).await;
        app.advance(Duration::from_secs(60));
    }
    OWNER.logs_in(&app, "ada").await;
}

/// The limit does not tell which name belongs to which address, nor whether there is such an account: two names of one account
/// are answered as two of nobody are, with the same work.
#[tokio::test]
async fn two_names_of_an_account_are_answered_as_two_of_nobody() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    let mut seen = Vec::new();
    for names in [["ada", "ada@example.com"], ["bob", "eve@example.com"]] {
        let mut answers = Vec::new();
        for name in [names[0], names[1], names[0]] {
            for _ in 0..4 {
                let before = app.services.passwords.hashes_done();
                let answer = STRANGER.tries(&app, name, OTHER_PASSWORD).await;
                let mut headers: Vec<String> = answer
                    .headers
                    .iter()
                    .filter(|(name, _)| {
                        // A request id is as long as its number.
                        let varying = ["x-request-id", "content-length", "date"];
                        !varying.contains(&name.as_str())
                    })
                    .map(|(name, value)| format!("{name}: {value:?}"))
                    .collect();
                headers.sort();
                let mut body = answer.json();
                if let Some(id) = body.get_mut("request_id") {
                    *id = json!("");
                }
                let hashed = app.services.passwords.hashes_done() - before;
                answers.push((answer.status, headers, body, hashed));
            }
        }
        seen.push(answers);
    }
    for (number, (known, unknown)) in seen[0].iter().zip(&seen[1]).enumerate() {
        assert_eq!(known, unknown, "number {number}");
    }
    let checked = seen[0].iter().filter(|(_, _, _, hashed)| *hashed == 1);
    assert_eq!(checked.count(), 6);
}

/// Guesses over several names of one account count together, without a word: a right one is then called wrong.
#[tokio::test]
async fn guesses_over_several_names_come_to_no_more_than_the_limit() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    for _ in 0..3 {
        STRANGER.fails(&app, "ada").await;
    }
    let before = app.services.passwords.hashes_done();
    STRANGER
        .tries(&app, "ada@example.com", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    assert_eq!(app.services.passwords.hashes_done() - before, 1);
    assert!(records::events(&app, "login.succeeded").await.is_empty());
    app.advance(Duration::from_secs(5 * 60));
    STRANGER.logs_in(&app, "ada@example.com").await;
}

/// At 60 failures in a row strangers are checked no more, until a success or a reset; and no way to guess at a password goes
/// over its share of 100.
#[tokio::test]
async fn an_account_has_no_more_than_a_hundred_failures_in_a_row() {
    let app = spawn("off").await;
    app.register("ada").await;
    let session = OWNER.logs_in(&app, "ada").await;
    for number in 0..60 {
        let name = ["ada", "ada@example.com"][number % 2];
        STRANGER.fails(&app, name).await;
    }
    for name in ["ada", "ada@example.com"] {
        let before = app.services.passwords.hashes_done();
        STRANGER
            .tries(&app, name, PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
        assert_eq!(app.services.passwords.hashes_done() - before, 1);
    }
    // A stranger who passes for the owner's device, and one with a stolen token.
    let neighbor = Client("Owner", "192.0.99.1");
    for _ in 0..10 {
        neighbor.fails(&app, "ada").await;
    }
    // What it has beyond that is a stranger's, and those have nothing left.
    neighbor
        .tries(&app, "ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    for _ in 0..10 {
        OWNER
            .reauthenticates(&app, &session, OTHER_PASSWORD)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    OWNER
        .reauthenticates(&app, &session, PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    let sql = "SELECT CAST(sum(failures) AS BIGINT) FROM failed_checks";
    // Those within a session are counted twice: for it, and for all of the user.
    assert_eq!(records::count(&app, sql, &[]).await, 60 + 10 + 2 * 10);
    // The owner still has a way, and it makes an end of all that.
    OWNER.logs_in(&app, "ada").await;
    STRANGER.logs_in(&app, "ada").await;
    OWNER
        .reauthenticates(&app, &session, PASSWORD)
        .await
        .expect(StatusCode::OK);
}

/// The switch for tests and trials turns it off as well.
#[tokio::test]
async fn nothing_is_limited_where_all_limits_are_off() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for _ in 0..101 {
        STRANGER.fails(&app, "ada").await;
    }
    STRANGER.logs_in(&app, "ada").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_made_side_by_side_are_no_more_than_may_fail_in_a_row() {
    let app = spawn("off").await;
    app.register("ada").await;
    let guesses = (0..90).map(|_| STRANGER.tries(&app, "ada", OTHER_PASSWORD));
    for answer in join_all(guesses).await {
        answer.expect_oauth_error("invalid_grant");
    }
    let sql = "SELECT CAST(sum(failures) AS BIGINT) FROM failed_checks";
    assert!(records::count(&app, sql, &[]).await <= 60);
}

/// Two strangers at one moment, when one failure is left: both are answered at once and alike, and one failure counts. A right
/// password beside a wrong one may come too late: then it is called wrong, as it would be a moment later.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_strangers_at_one_moment_one_has_the_last_failure() {
    let app = spawn("off").await;
    app.register("ada").await;
    for _ in 0..59 {
        STRANGER.fails(&app, "ada").await;
    }
    let other = Client("Other", "203.0.113.9");
    tokio::join!(STRANGER.fails(&app, "ada"), other.fails(&app, "ada"));
    let sql = "SELECT failures FROM failed_checks";
    assert_eq!(records::count(&app, sql, &[]).await, 60);

    let app = spawn("off").await;
    app.register("ada").await;
    for _ in 0..59 {
        STRANGER.fails(&app, "ada").await;
    }
    let owners = other.tries(&app, "ada", PASSWORD);
    let (_, owners) = tokio::join!(STRANGER.fails(&app, "ada"), owners);
    if owners.status != StatusCode::OK {
        owners.expect_oauth_error("invalid_grant");
        other
            .tries(&app, "ada", PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
    }
}

/// Of many right logins at one moment none is called wrong, whatever may fail in a row.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_logins_beside_each_other_are_not_called_wrong() {
    let app = spawn("off").await;
    app.register("ada").await;
    OWNER.logs_in(&app, "ada").await;
    let logins = (0..40).map(|_| OWNER.tries(&app, "ada", PASSWORD));
    for answer in join_all(logins).await {
        answer.expect(StatusCode::OK);
    }
}

/// The owner logs in at several places at one moment, by username and by address. What all of them share is used up by right
/// logins alone, so none is called wrong and none is throttled.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn right_logins_by_two_names_at_one_moment_all_succeed() {
    const PLACES: [&str; 4] = ["192.0.2.1", "198.51.100.2", "203.0.113.3", "2001:db8::4"];
    for _ in 0..2 {
        let app = spawn("3/15m").await;
        app.register("ada").await;
        let logins = (0..60).map(|number| {
            let name = ["ada", "ada@example.com"][number % 2];
            let client = Client("Owner", PLACES[number / 2 % PLACES.len()]);
            client.tries(&app, name, PASSWORD)
        });
        for answer in join_all(logins).await {
            answer.expect(StatusCode::OK);
        }
    }
}

/// A stranger who asks for a reset, guesses at its token, or has it and fails gives nobody any tries back.
#[tokio::test]
async fn a_reset_that_is_not_completed_clears_nothing() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    for name in ["ada", "ada@example.com"] {
        for _ in 0..3 {
            STRANGER.fails(&app, name).await;
        }
    }
    let sql = "SELECT CAST(sum(failures) AS BIGINT) FROM failed_checks";
    let counted = records::count(&app, sql, &[]).await;
    app.post("/auth/password-reset/request")
        .json(&json!({ "email": "ada@example.com" }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", "ada@example.com").await.token();
    let no_token = "q0nSyz3rYd7dXQh6m1cVx5uB2k8WjPZ4fT9eLgAoRiE";
    for (token, password, status) in [(no_token, PASSWORD, 400), (&token, "password1", 422)] {
        let reset = app.post("/auth/password-reset");
        let reset = reset.json(&json!({ "token": token, "new_password": password }));
        assert_eq!(reset.answer().await.status.as_u16(), status);
    }
    for name in ["ada", "ada@example.com"] {
        expect_throttled(STRANGER.tries(&app, name, PASSWORD).await);
    }
    assert_eq!(records::count(&app, sql, &[]).await, counted);
}

/// SP 800-63B-4 §3.2.2: cleared by a reset. On every device.
#[tokio::test]
async fn a_reset_clears_all_failures() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    OWNER.logs_in(&app, "ada").await;
    for client in [STRANGER, OWNER] {
        for name in ["ada", "ada@example.com"] {
            for _ in 0..3 {
                client.fails(&app, name).await;
            }
            expect_throttled(client.tries(&app, name, PASSWORD).await);
        }
    }
    app.post("/auth/password-reset/request")
        .json(&json!({ "email": "ada@example.com" }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", "ada@example.com").await.token();
    app.post("/auth/password-reset")
        .json(&json!({ "token": token, "new_password": PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
    for client in [OWNER, STRANGER] {
        for name in ["ada", "ada@example.com"] {
            client.logs_in(&app, name).await;
        }
    }
    let sql = "SELECT count(*) FROM failed_checks";
    assert_eq!(records::count(&app, sql, &[]).await, 0);
}

/// A clock that was set back makes no lock last longer than its period.
#[tokio::test]
async fn what_was_counted_in_the_future_holds_nobody_up() {
    let app = spawn("3/15m").await;
    app.register("ada").await;
    for _ in 0..3 {
        STRANGER.fails(&app, "ada").await;
    }
    let hour = Value::Integer(3_600_000);
    let moved = app.services.db.write(async move |tx| {
        tx.execute("UPDATE throttles SET full_at = full_at + ?1", &[hour])
            .await
    });
    assert!(moved.await.expect("writes") >= 2);
    STRANGER.logs_in(&app, "ada").await;
}
