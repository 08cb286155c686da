//! Registration where addresses have to be proved first: no answer reveals whether an address has an account.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::records::{count, event, id};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, TestApp};
use crate::verification::{request, verify};

pub const ADA: &str = "ada@example.com";

pub async fn spawn() -> TestApp {
    TestApp::spawn_with(&[("REQUIRE_EMAIL_VERIFICATION", "true")]).await
}

pub async fn register(app: &TestApp, email: &str, username: &str, password: &str) -> Answer {
    app.post("/auth/register")
        .json(&json!({ "email": email, "username": username, "password": password }))
        .answer()
        .await
}

/// A user with a verified address.
async fn registered(app: &TestApp, name: &str) {
    let email = format!("{name}@example.com");
    register(app, &email, name, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("verify_email", &email).await.token();
    verify(app, &token).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn there_is_an_account_once_the_address_is_proved() {
    let app = spawn().await;
    let body = register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(body, json!({ "status": "verification_required" }));
    for name in ["ada", ADA] {
        let answer = app.try_login(name, PASSWORD).await;
        let body = answer.expect_problem(403, "email_not_verified");
        assert_eq!(body["error"], "email_not_verified");
        app.try_login(name, "wrong")
            .await
            .expect_oauth_error("invalid_grant");
    }
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    event(&app, "user.registered").await;
    let session = app.login("ada").await;
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    assert_eq!(me["email_verified"], true);
    assert_eq!(me["roles"], json!(["user"]));
    verify(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
}

/// Whoever probes learns nothing from the answer, from a login with what he registered with, or from the name that is
/// taken afterwards; the owner is told.
#[tokio::test]
async fn an_address_that_has_an_account_is_treated_as_one_that_has_none() {
    let app = spawn().await;
    registered(&app, "ada").await;
    let mut seen = Vec::new();
    for (email, username) in [(ADA, "probe-one"), ("nobody@example.com", "probe-two")] {
        let first = register(&app, email, username, OTHER_PASSWORD).await;
        let login = app.try_login(email, OTHER_PASSWORD).await;
        let by_name = app.try_login(username, OTHER_PASSWORD).await;
        let wrong = app.try_login(username, "wrong").await;
        let again = register(&app, "eve@example.com", username, PASSWORD).await;
        let answers = [first, login, by_name, wrong, again];
        seen.push(answers.map(|answer| {
            let body = answer.json();
            (
                answer.status,
                body["status"].clone(),
                body["code"].clone(),
                body["detail"].clone(),
                body["error"].clone(),
            )
        }));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0][4].0, StatusCode::CONFLICT);
    let told = app.mail("account_exists", ADA).await;
    assert!(told.links().is_empty());
    // And the owner still logs in with their own password alone.
    app.login("ada").await;
}

#[tokio::test]
async fn a_disabled_owner_is_told_of_nothing() {
    let app = spawn().await;
    registered(&app, "ada").await;
    let admin = app.admin("root").await;
    let me = app.get("/users/me");
    let ada = me.bearer_auth(&app.login("ada").await.access);
    let ada = id(&ada.answer().await.expect(StatusCode::OK));
    app.patch(&format!("/users/{ada}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "is_active": false }))
        .answer()
        .await
        .expect(StatusCode::OK);
    register(&app, ADA, "probe", OTHER_PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    assert!(app.mails_of("account_exists", ADA).await.is_empty());
}

/// The work of a registration is the same: the same rows in the same tables.
#[tokio::test]
async fn a_known_address_costs_the_same_writes() {
    let app = spawn().await;
    registered(&app, "ada").await;
    let mut rows = Vec::new();
    for (email, name) in [(ADA, "one"), ("nobody@example.com", "two")] {
        let mut before = [0; 3];
        let sql = [
            "SELECT count(*) FROM registrations",
            "SELECT count(*) FROM audit_events",
            "SELECT count(*) FROM users",
        ];
        for (index, sql) in sql.iter().enumerate() {
            before[index] = count(&app, sql, &[]).await;
        }
        register(&app, email, name, PASSWORD)
            .await
            .expect(StatusCode::ACCEPTED);
        let mut added = [0; 3];
        for (index, sql) in sql.iter().enumerate() {
            added[index] = count(&app, sql, &[]).await - before[index];
        }
        rows.push(added);
    }
    assert_eq!(rows, [[1, 1, 0], [1, 1, 0]]);
}

#[tokio::test]
async fn a_registration_waits_for_a_day_and_then_lets_its_name_go() {
    let app = spawn().await;
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("verify_email", ADA).await.token();
    register(&app, "eve@example.com", "Ada", OTHER_PASSWORD)
        .await
        .expect_problem(409, "username_taken");
    app.advance(Duration::from_secs(24 * 3600));
    verify(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    register(&app, "eve@example.com", "Ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn the_link_can_be_asked_for_again() {
    let app = spawn().await;
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    app.advance(Duration::from_secs(1));
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let mails = app.mails_of("verify_email", ADA).await;
    assert_eq!(mails.len(), 2);
    verify(&app, &mails[1].token())
        .await
        .expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_told() {
    let app = spawn().await;
    let admin = app.admin("root").await;
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("verify_email", ADA).await.token();
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&json!({ "email": "other@example.com", "username": "ADA" }))
        .answer()
        .await
        .expect(StatusCode::CREATED);
    verify(&app, &token)
        .await
        .expect_problem(409, "username_taken");
}

/// A user created by an administrator verifies the address before the first login.
#[tokio::test]
async fn an_account_without_proof_does_not_log_in() {
    let app = spawn().await;
    let admin = app.admin("root").await;
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&json!({ "email": ADA, "username": "ada", "password": PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::CREATED);
    app.try_login("ada", PASSWORD)
        .await
        .expect_problem(403, "email_not_verified");
    app.try_login("ada", "wrong")
        .await
        .expect_oauth_error("invalid_grant");
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

#[tokio::test]
async fn a_registration_that_comes_again_with_its_key_is_one() {
    let app = spawn().await;
    for _ in 0..2 {
        app.post("/auth/register")
            .header("idempotency-key", "8e03978e")
            .json(&json!({ "email": ADA, "username": "ada", "password": PASSWORD }))
            .answer()
            .await
            .expect(StatusCode::ACCEPTED);
    }
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 1);
}

/// The language of the registration is that of the mails.
#[tokio::test]
async fn the_language_is_kept() {
    for settings in [&[][..], &[("REQUIRE_EMAIL_VERIFICATION", "true")]] {
        let app = TestApp::spawn_with(settings).await;
        app.post("/auth/register")
            .header("accept-language", "fr, de-AT;q=0.8, en;q=0.5")
            .json(&json!({ "email": ADA, "username": "ada", "password": PASSWORD }))
            .answer()
            .await;
        let mail = app.mail("verify_email", ADA).await;
        assert!(mail.subject.contains("E-Mail-Adresse"), "{}", mail.subject);
        verify(&app, &mail.token())
            .await
            .expect(StatusCode::NO_CONTENT);
        crate::reset::request(&app, ADA)
            .await
            .expect(StatusCode::ACCEPTED);
        let mail = app.mail("password_reset", ADA).await;
        assert!(mail.subject.contains("Passwort"), "{}", mail.subject);
    }
}
