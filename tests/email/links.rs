//! Where links lead: nothing that a request says has a part in them.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{PASSWORD, Send, TestApp};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn links_lead_to_the_public_url_whatever_the_request_says() {
    let app = TestApp::spawn_with(&[
        ("PUBLIC_URL", "https://id.example.com/base/"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    app.register("ada").await;
    app.post("/auth/password-reset/request")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "http")
        .header("forwarded", "host=evil.example;proto=http")
        .header("x-original-url", "https://evil.example/")
        .header("origin", "https://evil.example")
        .header("referer", "https://evil.example/")
        .json(&json!({ "email": ADA }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let mail = app.mail("password_reset", ADA).await;
    assert!(
        mail.link()
            .starts_with("https://id.example.com/base/reset-password?token=")
    );
    assert!(!mail.raw.contains("evil"));
}

#[tokio::test]
async fn without_a_public_url_they_lead_to_where_the_service_listens() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    app.post("/auth/password-reset/request")
        .header("host", "evil.example")
        .json(&json!({ "email": ADA }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let link = app.mail("password_reset", ADA).await.link();
    assert!(link.starts_with(&format!("{}/reset-password?token=", app.url)));
    // Whoever opens the file with an editor finds the link in one piece.
    let raw = app.mail("password_reset", ADA).await.raw;
    assert!(raw.contains(&link), "{raw}");
}

#[tokio::test]
async fn an_application_has_pages_of_its_own() {
    let app = TestApp::spawn_with(&[
        (
            "EMAIL_VERIFY_URL",
            "https://app.example.com/#/verify/{token}",
        ),
        (
            "PASSWORD_RESET_URL",
            "https://app.example.com/reset?t={token}",
        ),
        ("EMAIL_CHANGE_URL", "https://app.example.com/change/{token}"),
    ])
    .await;
    let session = app.user("ada").await;
    let verify = app.mail("verify_email", ADA).await.link();
    assert!(verify.starts_with("https://app.example.com/#/verify/"));
    app.post("/auth/password-reset/request")
        .json(&json!({ "email": ADA }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let reset = app.mail("password_reset", ADA).await.link();
    assert!(reset.starts_with("https://app.example.com/reset?t="));
    app.post("/users/me/email")
        .bearer_auth(&session.access)
        .json(&json!({ "new_email": "new@example.com", "current_password": PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let change = app.mail("email_change", "new@example.com").await.link();
    assert!(change.starts_with("https://app.example.com/change/"));
}

/// Nothing of what a client calls itself reaches a mail: neither headers nor markup come of it.
#[tokio::test]
async fn what_a_request_says_makes_neither_headers_nor_markup() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for agent in [
        "first",
        "<i>{{7*7}}%0d%0aBcc:eve@example.com <a href=\"https://evil.example\">x</a>",
    ] {
        app.post("/auth/token")
            .header("user-agent", agent)
            .form(&[("username", "ada"), ("password", PASSWORD)])
            .answer()
            .await
            .expect(StatusCode::OK);
    }
    let mail = app.mail("new_device", ADA).await;
    assert!(!mail.html.contains("<i>") && !mail.raw.contains("evil.example"));
    assert!(!mail.text.contains("7*7"));
    let (headers, _) = mail.raw.split_once("\r\n\r\n").expect("headers");
    assert!(!headers.contains("Bcc"));
}

/// A sender is made of the address then.
#[tokio::test]
async fn a_service_that_is_called_by_an_ip_address_sends_mails() {
    for url in ["http://192.0.2.1:8000", "http://[2001:db8::1]"] {
        let app = TestApp::spawn_with(&[("PUBLIC_URL", url)]).await;
        app.register("ada").await;
        let mail = app.mail("verify_email", "ada@example.com").await;
        assert!(mail.link().starts_with(url), "{}", mail.link());
    }
}
