//! `POST /auth/verify-email` and the request for its mail.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::records::event;
use crate::support::{Answer, PASSWORD, Send, TestApp};

pub async fn request(app: &TestApp, email: &str) -> Answer {
    app.post("/auth/verify-email/request")
        .json(&json!({ "email": email }))
        .answer()
        .await
}

pub async fn verify(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/verify-email")
        .json(&json!({ "token": token }))
        .answer()
        .await
}

async fn is_verified(app: &TestApp, name: &str) -> bool {
    let session = app.login(name).await;
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    me["email_verified"].as_bool().expect("a flag")
}

#[tokio::test]
async fn the_mail_of_a_registration_proves_the_address() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    assert!(!is_verified(&app, "ada").await);
    let mail = app.mail("verify_email", "ada@example.com").await;
    assert!(mail.html.contains(&mail.token()) && mail.text.contains("ada"));
    verify(&app, &mail.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(is_verified(&app, "ada").await);
    event(&app, "email.verified").await;
    verify(&app, &mail.token())
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn a_link_can_be_asked_for_again_until_the_address_is_proved() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let to = "ada@example.com";
    let first = app.mail("verify_email", to).await;
    // Case does not matter; the mail goes where the user said.
    let body = request(&app, "ADA@Example.COM")
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(body, json!({ "status": "accepted" }));
    let mails = app.mails_of("verify_email", to).await;
    assert_eq!(mails.len(), 2);
    assert_ne!(mails[1].token(), first.token());
    verify(&app, &mails[1].token())
        .await
        .expect(StatusCode::NO_CONTENT);
    request(&app, to).await.expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("verify_email", to).await.len(), 2);
}

#[tokio::test]
async fn a_token_is_good_for_a_day_once_and_for_nothing_else() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let token = app.mail("verify_email", "ada@example.com").await.token();
    for (path, body) in [
        ("/auth/email-change", json!({ "token": token })),
        ("/auth/email-change/undo", json!({ "token": token })),
        ("/auth/secure-account", json!({ "token": token })),
        (
            "/auth/password-reset",
            json!({ "token": token, "new_password": PASSWORD }),
        ),
    ] {
        let answer = app.post(path).json(&body).answer().await;
        answer.expect_problem(400, "invalid_token");
    }
    app.advance(Duration::from_secs(24 * 3600));
    verify(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
}

/// Of requests at one moment exactly one uses a token up.
#[tokio::test]
async fn a_token_is_used_up_by_one_of_many_at_one_moment() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let token = app.mail("verify_email", "ada@example.com").await.token();
    let tries = (0..20).map(|_| verify(&app, &token));
    let answers = futures_util::future::join_all(tries).await;
    let good = answers.iter().filter(|answer| answer.status == 204).count();
    let bad = answers.iter().filter(|answer| answer.status == 400).count();
    assert_eq!((good, bad), (1, 19));
}

#[tokio::test]
async fn what_is_no_token_or_no_address_is_refused() {
    let app = TestApp::spawn().await;
    for token in ["", "x", "vrt1_AAAA", &"A".repeat(43), &"ä".repeat(43), "\0"] {
        verify(&app, token)
            .await
            .expect_problem(400, "invalid_token");
    }
    for path in ["/auth/verify-email", "/auth/secure-account"] {
        let answer = app.post(path).json(&json!({})).answer().await;
        answer.expect_invalid(&[("token", "required")]);
        let body = json!({ "token": "x", "user_id": 1 });
        let answer = app.post(path).json(&body).answer().await;
        answer.expect_invalid(&[("user_id", "unknown_field")]);
    }
    for email in ["", "ada", "ada@example.com\r\nBcc: eve@example.com", "a@b"] {
        request(&app, email)
            .await
            .expect_problem(422, "validation_failed");
    }
    assert!(app.mails().await.is_empty());
}

/// An address that is the user's no more is not proved by an old link.
#[tokio::test]
async fn a_token_proves_the_address_that_it_was_mailed_to() {
    let app = TestApp::spawn().await;
    let id = app.register("ada").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let token = app.mail("verify_email", "ada@example.com").await.token();
    let admin = app.admin("root").await;
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "email": "lovelace@example.com" }))
        .answer()
        .await
        .expect(StatusCode::OK);
    verify(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
    assert!(!is_verified(&app, "ada").await);
    let token = app
        .mail("verify_email", "lovelace@example.com")
        .await
        .token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    assert!(is_verified(&app, "ada").await);
}
