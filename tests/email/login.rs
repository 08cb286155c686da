//! Login by a code that is mailed.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use vestibule::domain::outbox;

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

async fn login(app: &TestApp, email: &str, code: &str) -> Answer {
    app.post("/auth/email-login")
        .json(&json!({ "email": email, "code": code }))
        .answer()
        .await
}

/// A code that is another.
fn wrong(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test]
async fn a_code_logs_in_once_and_proves_the_address() {
    let app = spawn().await;
    app.register("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    let session = Session::of(
        &login(&app, "ADA@example.com", &code)
            .await
            .expect(StatusCode::OK),
    );
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    assert_eq!(me["email_verified"], true);
    assert_eq!(me["last_login_at"], "2027-01-15T08:00:00.000Z");
    assert_eq!(events(&app, "login.succeeded").await.len(), 1);
    login(&app, ADA, &code)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn a_code_is_good_for_ten_minutes_and_five_tries() {
    let app = spawn().await;
    app.register("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    for _ in 0..5 {
        login(&app, ADA, &wrong(&code))
            .await
            .expect_problem(400, "invalid_token");
    }
    login(&app, ADA, &code)
        .await
        .expect_problem(400, "invalid_token");
    app.advance(Duration::from_secs(1));
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    app.advance(Duration::from_secs(599));
    for _ in 0..4 {
        login(&app, ADA, &wrong(&code))
            .await
            .expect_problem(400, "invalid_token");
    }
    login(&app, ADA, &code).await.expect(StatusCode::OK);
    app.advance(Duration::from_secs(1));
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    app.advance(Duration::from_secs(600));
    login(&app, ADA, &code)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn the_newest_code_of_the_address_counts() {
    let app = spawn().await;
    app.register("ada").await;
    app.register("eve").await;
    for email in [ADA, ADA, "eve@example.com"] {
        app.advance(Duration::from_secs(1));
        request(&app, email).await.expect(StatusCode::ACCEPTED);
        app.mails().await;
    }
    let mails = app.mails_of("login_code", ADA).await;
    if mails[0].code() != mails[1].code() {
        login(&app, ADA, &mails[0].code())
            .await
            .expect_problem(400, "invalid_token");
    }
    login(&app, "eve@example.com", &mails[1].code())
        .await
        .expect_problem(400, "invalid_token");
    login(&app, ADA, &mails[1].code())
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn of_many_at_one_moment_one_logs_in() {
    let app = spawn().await;
    app.register("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    let tries = (0..10).map(|_| login(&app, ADA, &code));
    let answers = futures_util::future::join_all(tries).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1);
}

/// Nobody learns here whether an address has an account: neither by what is answered, nor by how often.
#[tokio::test]
async fn an_unknown_address_is_answered_as_a_known_one() {
    let app = spawn().await;
    app.register("ada").await;
    for email in [ADA, "nobody@example.com"] {
        let answer = request(&app, email).await;
        assert_eq!(answer.text, r#"{"status":"accepted"}"#);
        app.mails().await;
        for _ in 0..7 {
            login(&app, email, "000000")
                .await
                .expect_problem(400, "invalid_token");
        }
    }
    assert!(
        app.mails_of("login_code", "nobody@example.com")
            .await
            .is_empty()
    );
    let sql = "SELECT count(*) FROM email_codes WHERE tries = 5";
    let tried: Vec<i64> = crate::records::column(&app, sql, &[]).await;
    assert_eq!(tried, [2]);
}

#[tokio::test]
async fn it_is_off_unless_the_operator_wants_it() {
    let app = TestApp::spawn().await;
    request(&app, ADA)
        .await
        .expect_problem(403, "email_login_disabled");
    login(&app, ADA, "123456")
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
        login(&app, ADA, code)
            .await
            .expect_invalid(&[("code", "invalid_format")]);
    }
    login(&app, "x", "1")
        .await
        .expect_invalid(&[("email", "invalid_format"), ("code", "invalid_format")]);
    let answer = app.post("/auth/email-login").json(&json!({})).answer();
    answer
        .await
        .expect_invalid(&[("email", "required"), ("code", "required")]);
}

#[tokio::test]
async fn a_disabled_account_gets_no_code_and_no_session() {
    let app = spawn().await;
    let admin = app.admin("root").await;
    let id = app.register("ada").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "is_active": false }))
        .answer()
        .await
        .expect(StatusCode::OK);
    login(&app, ADA, &code)
        .await
        .expect_problem(400, "invalid_token");
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("login_code", ADA).await.len(), 1);
}

/// A changed password shuts out whoever reads the mailbox by an old code.
#[tokio::test]
async fn a_changed_password_takes_the_code_back() {
    let app = spawn().await;
    let session = app.user("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    app.put("/users/me/password")
        .bearer_auth(&session.access)
        .json(&json!({ "current_password": PASSWORD, "new_password": crate::support::OTHER_PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::OK);
    login(&app, ADA, &code)
        .await
        .expect_problem(400, "invalid_token");
}

/// Somebody may have made the account of another's address, and waits for its owner to use it.
#[tokio::test]
async fn who_proves_an_address_first_shuts_out_whoever_registered_it() {
    let app = spawn().await;
    let stranger = app.user("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    let owner = Session::of(&login(&app, ADA, &code).await.expect(StatusCode::OK));
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
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    login(&app, ADA, &code).await.expect(StatusCode::OK);
    assert!(app.is_alive(&session).await);
    app.login("ada").await;
}

/// Somebody who registered another's address has wanted a new one for the account: with the link for that he would have it
/// back. Of two such links one was sent before the owner came, and the other waits.
#[tokio::test]
async fn who_proves_an_address_first_keeps_it() {
    let app = spawn().await;
    let stranger = app.user("ada").await;
    crate::change::request(&app, &stranger, "eve@example.com", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("email_change", "eve@example.com").await.token();
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    let services = &app.services;
    services.outbox.close();
    crate::change::request(&app, &stranger, "mallory@example.com", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    login(&app, ADA, &code).await.expect(StatusCode::OK);
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
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let code = app.mail("login_code", ADA).await.code();
    login(&app, ADA, &code).await.expect(StatusCode::OK);
    assert!(app.mails_of("password_removed", ADA).await.is_empty());
    assert!(events(&app, "account.claimed").await.is_empty());
    let token = app.mail("set_password", ADA).await.token();
    crate::reset::reset(&app, &token, PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
}
