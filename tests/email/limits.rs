//! How often somebody may ask for a mail.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Send, TestApp};

const ADA: &str = "ada@example.com";

async fn spawn(settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![
        ("RATE_LIMIT_ENABLED", "true"),
        ("EMAIL_LOGIN_ENABLED", "true"),
    ];
    all.extend(settings);
    TestApp::spawn_with(&all).await
}

async fn ask(app: &TestApp, path: &str, email: &str) -> Answer {
    app.post(path)
        .json(&json!({ "email": email }))
        .answer()
        .await
}

/// Once a minute and three times an hour, and nobody is told.
#[tokio::test]
async fn an_address_gets_one_mail_a_minute_and_three_an_hour_of_each_kind() {
    let app = spawn(&[("RATE_LIMIT_MAIL_IP", "off")]).await;
    app.register("ada").await;
    for (path, kind, already) in [
        ("/auth/password-reset/request", "password_reset", 0),
        ("/auth/verify-email/request", "verify_email", 1),
        ("/auth/email-login/request", "login_code", 0),
    ] {
        for wait in [0, 30, 30, 60, 60, 60] {
            app.advance(Duration::from_secs(wait));
            let body = ask(&app, path, ADA).await.expect(StatusCode::ACCEPTED);
            assert_eq!(body, json!({ "status": "accepted" }));
            ask(&app, path, "ADA@EXAMPLE.com")
                .await
                .expect(StatusCode::ACCEPTED);
        }
        assert_eq!(app.mails_of(kind, ADA).await.len(), 3 + already, "{kind}");
    }
}

/// What is counted is the address: unknown ones as well, so that the work is the same, and none in clear.
#[tokio::test]
async fn unknown_addresses_are_counted_and_not_stored() {
    let app = spawn(&[]).await;
    ask(&app, "/auth/password-reset/request", "nobody@example.com")
        .await
        .expect(StatusCode::ACCEPTED);
    let sql = "SELECT count(*) FROM throttles WHERE length(subject) = 35";
    assert_eq!(crate::records::count(&app, sql, &[]).await, 2);
}

#[tokio::test]
async fn a_client_asks_ten_times_an_hour() {
    let app = spawn(&[]).await;
    let session = app.user("ada").await;
    for number in 0..10 {
        let path = match number % 3 {
            0 => "/auth/password-reset/request",
            1 => "/auth/verify-email/request",
            _ => "/auth/email-login/request",
        };
        let answer = ask(&app, path, &format!("nobody{number}@example.com")).await;
        assert!(
            answer
                .header("ratelimit-policy")
                .contains("\"mail-ip\";q=10;w=3600")
        );
        answer.expect(StatusCode::ACCEPTED);
    }
    for path in [
        "/auth/password-reset/request",
        "/auth/verify-email/request",
        "/auth/email-login/request",
    ] {
        ask(&app, path, ADA)
            .await
            .expect_problem(429, "rate_limited");
    }
    let body = json!({ "new_email": "new@example.com", "current_password": PASSWORD });
    let answer = app.post("/users/me/email").bearer_auth(&session.access);
    let answer = answer.json(&body).answer().await;
    answer.expect_problem(429, "rate_limited");
}

/// Registering again and again fills nobody's mailbox.
#[tokio::test]
async fn registrations_that_wait_for_proof_send_no_more_than_requests() {
    let app = spawn(&[
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
    ])
    .await;
    for number in 0..5 {
        let body =
            json!({ "email": ADA, "username": format!("ada{number}"), "password": PASSWORD });
        app.post("/auth/register")
            .json(&body)
            .answer()
            .await
            .expect(StatusCode::ACCEPTED);
    }
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 1);
}

/// Where nothing waits for an address, asking for a link sends none: that must not use up the one of its owner.
#[tokio::test]
async fn nobody_keeps_the_mail_of_a_registration_from_being_sent() {
    let app = spawn(&[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;
    let request = "/auth/verify-email/request";
    ask(&app, request, ADA).await.expect(StatusCode::ACCEPTED);
    app.mails().await;
    let body = json!({ "email": ADA, "username": "ada", "password": PASSWORD });
    app.post("/auth/register")
        .json(&body)
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 1);
    // The mail of a registration is one that was asked for.
    app.advance(Duration::from_secs(60));
    app.post("/auth/register")
        .json(&body)
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    ask(&app, request, ADA).await.expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 2);
}

#[tokio::test]
async fn a_request_that_comes_again_with_its_key_is_one() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for (email, status) in [(ADA, 202), (ADA, 202), ("eve@example.com", 422)] {
        let answer = app
            .post("/auth/password-reset/request")
            .header("idempotency-key", "8e03978e")
            .json(&json!({ "email": email }))
            .answer()
            .await;
        assert_eq!(answer.status.as_u16(), status);
    }
    assert_eq!(app.mails_of("password_reset", ADA).await.len(), 1);
}
