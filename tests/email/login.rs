//! Login by a code that is mailed.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use vestibule::domain::email::outbox;
use vestibule::ids::MailId;
use vestibule::store::mails::{self, NewMail};

use crate::records::events;
use crate::support::{Answer, PASSWORD, Send, Session, TestApp};

const ADA: &str = "ada@example.com";

async fn spawn() -> TestApp {
    TestApp::spawn_with(&[("EMAIL_LOGIN_ENABLED", "true")]).await
}

async fn request(app: &TestApp, email: &str) -> Answer {
    app.post("/auth/email-login/request")
        .json(&json!({ "email": email }))
        .answer()
        .await
}

/// Asks for a code and gives the handle of the request.
async fn handle_of(app: &TestApp, email: &str) -> String {
    let body = request(app, email).await.expect(StatusCode::ACCEPTED);
    body["handle"].as_str().expect("a handle").to_owned()
}

/// Asks for a code, as a program of this name, and gives the handle.
async fn handle_from(app: &TestApp, program: &str, email: &str) -> String {
    let request = app.post("/auth/email-login/request");
    let request = request.header("user-agent", program);
    let answer = request.json(&json!({ "email": email })).answer().await;
    let body = answer.expect(StatusCode::ACCEPTED);
    body["handle"].as_str().expect("a handle").to_owned()
}

async fn login(app: &TestApp, handle: &str, code: &str) -> Answer {
    app.post("/auth/email-login")
        .json(&json!({ "handle": handle, "code": code }))
        .answer()
        .await
}

/// A handle that no request has got.
const UNKNOWN: &str = "q0nSyz3rYd7dXQh6m1cVx5uB2k8WjPZ4fT9eLgAoRiE";

/// A code that is another.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

/// ASVS 6.5.1, 16.3.1.
#[tokio::test]
async fn a_code_logs_in_once_and_proves_the_address() {
    let app = spawn().await;
    app.register("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    let session = Session::of(&login(&app, &handle, &code).await.expect(StatusCode::OK));
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    assert_eq!(me["email_verified"], true);
    assert_eq!(me["last_login_at"], "2027-01-15T08:00:00.000Z");
    let logins = events(&app, "login.succeeded").await;
    assert_eq!(logins.len(), 1);
    assert_eq!(logins[0].data, json!({ "method": "email_code" }));
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
}

/// ASVS 6.5.5, 6.6.3.
#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_five_tries() {
    let app = spawn().await;
    app.register("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    for _ in 0..5 {
        login(&app, &handle, &wrong(&code))
            .await
            .expect_problem(400, "invalid_token");
    }
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
    app.advance(Duration::from_secs(1));
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    app.advance(Duration::from_secs(599));
    for _ in 0..4 {
        login(&app, &handle, &wrong(&code))
            .await
            .expect_problem(400, "invalid_token");
    }
    login(&app, &handle, &code).await.expect(StatusCode::OK);
    app.advance(Duration::from_secs(1));
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    app.advance(Duration::from_secs(600));
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
}

/// ASVS 6.6.2: a code is bound to the request that it was made for.
#[tokio::test]
async fn a_code_is_good_with_the_handle_of_its_request_alone() {
    let app = spawn().await;
    for name in ["ada", "eve"] {
        app.register(name).await;
        let email = format!("{name}@example.com");
        let token = app.mail("verify_email", &email).await.token();
        crate::verification::verify(&app, &token)
            .await
            .expect(StatusCode::NO_CONTENT);
    }
    let mut requests = Vec::new();
    for email in [ADA, ADA, "eve@example.com"] {
        app.advance(Duration::from_secs(1));
        let handle = handle_of(&app, email).await;
        let code = app.mail("login_code", email).await.code();
        requests.push((handle, code));
    }
    for (number, (handle, code)) in requests.iter().enumerate() {
        let (other, others) = &requests[(number + 1) % 3];
        if code != others {
            login(&app, other, code)
                .await
                .expect_problem(400, "invalid_token");
        }
        login(&app, UNKNOWN, code)
            .await
            .expect_problem(400, "invalid_token");
        login(&app, "no handle", code)
            .await
            .expect_problem(400, "invalid_token");
        assert_ne!(handle, other);
    }
    // None has made another one void.
    for (handle, code) in &requests {
        login(&app, handle, code).await.expect(StatusCode::OK);
    }
}

/// A stranger asks for codes and guesses at them: neither the tries nor the code of the owner are touched.
#[tokio::test]
async fn a_stranger_neither_burns_nor_voids_the_code_of_the_owner() {
    let app = spawn().await;
    app.register("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    app.advance(Duration::from_secs(1));
    let strangers = handle_of(&app, ADA).await;
    app.mails().await;
    for _ in 0..7 {
        for handle in [strangers.as_str(), UNKNOWN] {
            login(&app, handle, &wrong(&code))
                .await
                .expect_problem(400, "invalid_token");
        }
    }
    login(&app, &handle, &code).await.expect(StatusCode::OK);
}

/// What strangers ask for does not use up the mails of a device that the owner has logged in from.
#[tokio::test]
async fn a_known_device_has_a_limit_of_its_own() {
    let app = TestApp::spawn_with(&[
        ("EMAIL_LOGIN_ENABLED", "true"),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_MAIL_IP", "off"),
    ])
    .await;
    app.register("ada").await;
    crate::notices::login_from(&app, "Owner").await;
    for _ in 0..5 {
        handle_from(&app, "Stranger", ADA).await;
        app.mails().await;
        app.advance(Duration::from_secs(60));
    }
    assert_eq!(app.mails_of("login_code", ADA).await.len(), 3);
    let handle = handle_from(&app, "Owner", ADA).await;
    let mails = app.mails_of("login_code", ADA).await;
    assert_eq!(mails.len(), 4);
    login(&app, &handle, &mails[3].code())
        .await
        .expect(StatusCode::OK);
}

/// All guesses at the codes of one account together: NIST SP 800-63B-4 §3.2.2 allows 100 that fail in a row.
#[tokio::test]
async fn guesses_at_many_codes_come_to_an_end() {
    let app = TestApp::spawn_with(&[
        ("EMAIL_LOGIN_ENABLED", "true"),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
        ("RATE_LIMIT_MAIL_IP", "off"),
        ("RATE_LIMIT_MAIL_ADDRESS", "off"),
    ])
    .await;
    app.register("ada").await;
    crate::notices::login_from(&app, "Owner").await;
    let mut tried = 0;
    while tried < 80 {
        let handle = handle_from(&app, "Stranger", ADA).await;
        let code = app.mail("login_code", ADA).await.code();
        for _ in 0..5 {
            login(&app, &handle, &wrong(&code))
                .await
                .expect_problem(400, "invalid_token");
            tried += 1;
        }
        app.advance(Duration::from_secs(600));
    }
    let handle = handle_from(&app, "Stranger", ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
    // The owner, on a device of theirs, is not locked out, and what they do makes an end of it.
    app.advance(Duration::from_secs(1));
    let handle = handle_from(&app, "Owner", ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    login(&app, &handle, &code).await.expect(StatusCode::OK);
    app.advance(Duration::from_secs(1));
    let handle = handle_from(&app, "Stranger", ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    login(&app, &handle, &code).await.expect(StatusCode::OK);
}

/// Without limits of mails, too, there is an end to the codes that can be guessed at side by side.
#[tokio::test]
async fn of_a_user_five_codes_are_good_at_one_moment() {
    let app = spawn().await;
    app.register("ada").await;
    for _ in 0..7 {
        handle_of(&app, ADA).await;
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(app.mails_of("login_code", ADA).await.len(), 5);
    app.advance(Duration::from_secs(600));
    handle_of(&app, ADA).await;
    assert_eq!(app.mails_of("login_code", ADA).await.len(), 6);
}

#[tokio::test]
async fn of_many_at_one_moment_one_logs_in() {
    let app = spawn().await;
    app.register("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    let tries = (0..4).map(|_| login(&app, &handle, &code));
    let answers = futures_util::future::join_all(tries).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
}

/// Answers do not reveal whether an address has an account: neither by what is answered, nor by how often.
#[tokio::test]
async fn an_unknown_address_is_answered_as_a_known_one() {
    let app = spawn().await;
    app.register("ada").await;
    for email in [ADA, "nobody@example.com"] {
        let answer = request(&app, email).await;
        let body = answer.json();
        let handle = body["handle"].as_str().expect("a handle");
        assert_eq!(
            answer.text,
            format!(r#"{{"status":"accepted","handle":"{handle}"}}"#)
        );
        assert_eq!(handle.len(), 43);
        app.mails().await;
        for _ in 0..7 {
            login(&app, handle, "000000")
                .await
                .expect_problem(400, "invalid_token");
        }
    }
    assert!(
        app.mails_of("login_code", "nobody@example.com")
            .await
            .is_empty()
    );
    let sql = "SELECT count(*) FROM login_codes WHERE tries = 5";
    let tried: Vec<i64> = crate::records::column(&app, sql, &[]).await;
    assert_eq!(tried, [2]);
}

#[tokio::test]
async fn it_is_off_unless_the_operator_wants_it() {
    let app = TestApp::spawn().await;
    request(&app, ADA)
        .await
        .expect_problem(403, "email_login_disabled");
    login(&app, UNKNOWN, "123456")
        .await
        .expect_problem(403, "email_login_disabled");
}

#[tokio::test]
async fn what_is_no_code_is_told() {
    let app = spawn().await;
    for code in [
        "",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",
        "\0\0\0\0\0\0",
    ] {
        login(&app, UNKNOWN, code)
            .await
            .expect_invalid(&[("code", "invalid_format")]);
    }
    let answer = app.post("/auth/email-login").json(&json!({})).answer();
    answer
        .await
        .expect_invalid(&[("handle", "required"), ("code", "required")]);
}

#[tokio::test]
async fn a_disabled_account_gets_no_code_and_no_session() {
    let app = spawn().await;
    let admin = app.admin("root").await;
    let id = app.register("ada").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "is_active": false }))
        .answer()
        .await
        .expect(StatusCode::OK);
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
    handle_of(&app, ADA).await;
    assert_eq!(app.mails_of("login_code", ADA).await.len(), 1);
}

/// The server took the mail, its answer got lost, and the mail is tried again after the code was used.
#[tokio::test]
async fn a_used_code_stays_used_when_its_mail_is_tried_again() {
    let app = spawn().await;
    app.register("ada").await;
    app.mails().await;
    let services = &app.services;
    services.outbox.close();
    let send = async || {
        while let Some(claim) = outbox::claim(services).await.expect("reads") {
            outbox::deliver(services, claim).await.expect("delivers");
        }
    };
    let handle = handle_of(&app, ADA).await;
    let written = services.db.scan(async |tx| {
        let sql = "SELECT id, recipient, facts FROM mails";
        let mail = tx.query_opt(sql, &[], |row| {
            Ok((row.get::<uuid::Uuid>(0)?, row.get(1)?, row.get(2)?))
        });
        mail.await
    });
    let (id, recipient, facts): (_, String, String) =
        written.await.expect("reads").expect("a mail");
    send().await;
    let code = app.mail("login_code", ADA).await.code();
    login(&app, &handle, &code).await.expect(StatusCode::OK);
    let at = services.now();
    let again = services.db.write(async move |tx| {
        let mail = NewMail {
            id: MailId(id),
            kind: "login_code",
            user_id: None,
            recipient: &recipient,
            facts: &facts,
            at,
        };
        mails::insert(tx, &mail).await
    });
    again.await.expect("writes");
    send().await;
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
    assert_eq!(app.mails_of("login_code", ADA).await.len(), 1);
}

/// Guesses do not fill the audit log.
#[tokio::test]
async fn many_wrong_codes_are_a_few_events() {
    let app = spawn().await;
    app.register("ada").await;
    for _ in 0..3 {
        let handle = handle_of(&app, ADA).await;
        app.mails().await;
        for _ in 0..5 {
            login(&app, &handle, "000000")
                .await
                .expect_problem(400, "invalid_token");
        }
    }
    let count = async || events(&app, "login.failed").await.len();
    assert_eq!(count().await, 10);
    app.advance(Duration::from_secs(60));
    let failed = events(&app, "login.failed").await;
    assert_eq!(failed.len(), 11);
    assert_eq!(
        failed[10].data,
        json!({ "reason": "wrong_code", "count": 5 })
    );
}

/// A changed password invalidates outstanding login codes.
#[tokio::test]
async fn a_changed_password_takes_the_code_back() {
    let app = spawn().await;
    let session = app.user("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    app.put("/users/me/password")
        .bearer_auth(&session.access)
        .json(&json!({ "current_password": PASSWORD, "new_password": crate::support::OTHER_PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::OK);
    login(&app, &handle, &code)
        .await
        .expect_problem(400, "invalid_token");
}

/// A stranger may have created the account with another person's address, and waits for its owner to use it.
#[tokio::test]
async fn login_code_for_unverified_address_ends_other_sessions() {
    let app = spawn().await;
    let stranger = app.user("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    let owner = Session::of(&login(&app, &handle, &code).await.expect(StatusCode::OK));
    assert!(app.is_alive(&owner).await && !app.is_alive(&stranger).await);
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    let event = &events(&app, "account.claimed").await[0];
    assert_eq!(event.data["sessions_ended"], 1);
    let token = app.mail("password_removed", ADA).await.token();
    // With the address proved, a code is just another way in.
    app.advance(Duration::from_secs(1));
    crate::reset::reset(&app, &token, PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    let session = app.login("ada").await;
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    login(&app, &handle, &code).await.expect(StatusCode::OK);
    assert!(app.is_alive(&session).await);
    app.login("ada").await;
}

/// A stranger who registered another's address has requested a new one for the account: with the link for that they would have it
/// back. Of two such links one was sent before the owner came, and the other waits.
#[tokio::test]
async fn who_proves_an_address_first_keeps_it() {
    let app = spawn().await;
    let stranger = app.user("ada").await;
    crate::change::request(&app, &stranger, "eve@example.com", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("email_change", "eve@example.com").await.token();
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    let services = &app.services;
    services.outbox.close();
    crate::change::request(&app, &stranger, "mallory@example.com", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    login(&app, &handle, &code).await.expect(StatusCode::OK);
    while let Some(claim) = outbox::claim(services).await.expect("reads") {
        outbox::deliver(services, claim).await.expect("delivers");
    }
    crate::change::confirm(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
    let late = app.mails_of("email_change", "mallory@example.com").await;
    assert!(late.is_empty());
    app.mail("password_removed", ADA).await;
}

/// Whoever an account was made for, without a password, has nothing to be told, and can still choose one.
#[tokio::test]
async fn an_account_without_a_password_loses_nothing() {
    let app = spawn().await;
    let admin = app.admin("root").await;
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&json!({ "email": ADA, "username": "ada" }))
        .answer()
        .await
        .expect(StatusCode::CREATED);
    let handle = handle_of(&app, ADA).await;
    let code = app.mail("login_code", ADA).await.code();
    login(&app, &handle, &code).await.expect(StatusCode::OK);
    assert!(app.mails_of("password_removed", ADA).await.is_empty());
    assert!(events(&app, "account.claimed").await.is_empty());
    let token = app.mail("set_password", ADA).await.token();
    crate::reset::reset(&app, &token, PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
}

/// Two strangers who have made up the same key are two callers: neither gets the handle of the other. The same network, another
/// address of one IPv6 /64 among it, is one caller.
#[tokio::test]
async fn a_key_of_another_network_is_another_key() {
    let app = TestApp::spawn_with(&[
        ("EMAIL_LOGIN_ENABLED", "true"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    app.register("ada").await;
    for path in [
        "/auth/email-login/request",
        "/auth/verify-email/request",
        "/auth/password-reset/request",
    ] {
        let ask = async |from: &str| {
            let request = app.post(path).header("x-forwarded-for", from);
            let request = request.header("idempotency-key", "1");
            let request = request.json(&json!({ "email": ADA }));
            let answer = request.answer().await;
            let is_replayed = answer.headers.contains_key("idempotent-replayed");
            let body = answer.expect(StatusCode::ACCEPTED);
            (is_replayed, body["handle"].clone())
        };
        for (one, same, other) in [
            ("192.0.2.1", "192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"),
        ] {
            let first = ask(one).await;
            let again = ask(same).await;
            assert_eq!((again.0, &again.1), (true, &first.1), "{path}");
            let others = ask(other).await;
            assert_eq!((first.0, others.0), (false, false), "{path}");
            let has_handle = path.contains("login");
            assert_eq!(others.1 != first.1, has_handle, "{path}");
        }
    }
}
