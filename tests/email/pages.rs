//! The pages that links lead to, without a browser; `tests/browser` has one.

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, TestApp};
use crate::verification;
use crate::{reset, silent};

const ADA: &str = "ada@example.com";

async fn open(app: &TestApp, path: &str, token: &str) -> Answer {
    app.get(&format!("{path}?token={token}")).answer().await
}

async fn press(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    app.post(path).form(fields).answer().await
}

#[track_caller]
fn expect_page(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    assert!(answer.text.contains(text), "{text}: {}", answer.text);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let policy = answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    for rule in [
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !answer.text.contains("<script"));
}

async fn is_verified(app: &TestApp) -> bool {
    let session = app.login("ada").await;
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    me["email_verified"] == true
}

/// Scanners of mail open every link, some of them by HEAD, and more than once. The button sends the token in the body and
/// leaves it out of the address (ASVS 14.2.1).
#[tokio::test]
async fn opening_a_link_changes_nothing_and_the_button_does() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let token = app.mail("verify_email", ADA).await.token();
    for _ in 0..3 {
        let page = open(&app, "/verify-email", &token).await;
        expect_page(&page, 200, "Confirm your e-mail address");
        assert!(page.text.contains(&token));
        assert!(page.text.contains(r#"<form method="post" action="?">"#));
        let head = app.request(
            reqwest::Method::HEAD,
            &format!("/verify-email?token={token}"),
        );
        assert_eq!(head.answer().await.status, StatusCode::OK);
    }
    assert!(!is_verified(&app).await);
    let done = press(&app, "/verify-email", &[("token", &token)]).await;
    expect_page(&done, 200, "Address confirmed");
    assert!(is_verified(&app).await);
    for answer in [
        open(&app, "/verify-email", &token).await,
        press(&app, "/verify-email", &[("token", &token)]).await,
    ] {
        expect_page(&answer, 400, "This link no longer works");
    }
}

#[tokio::test]
async fn the_reset_page_says_what_is_wrong_with_a_password() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    reset::request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", ADA).await.token();
    let page = open(&app, "/reset-password", &token).await;
    expect_page(&page, 200, "autocomplete=\"new-password\"");
    let by_api = reset::reset(&app, &token, "password1").await.json();
    let said = by_api["errors"][0]["message"].as_str().expect("a text");
    for (password, text) in [
        ("", "Type a new password."),
        ("short", "Use at least 8 characters."),
        ("password1", said),
    ] {
        let fields = [("token", token.as_str()), ("new_password", password)];
        let page = press(&app, "/reset-password", &fields).await;
        expect_page(&page, 422, text);
        assert!(page.text.contains("role=\"alert\"") && page.text.contains(&token));
        assert!(password.is_empty() || !page.text.contains(&format!("value=\"{password}\"")));
    }
    let fields = [("token", token.as_str()), ("new_password", OTHER_PASSWORD)];
    let page = press(&app, "/reset-password", &fields).await;
    expect_page(&page, 200, "Your new password is set");
    app.try_login("ada", OTHER_PASSWORD)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn the_other_pages_do_what_they_say() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let token = app.mail("verify_email", ADA).await.token();
    verification::verify(&app, &token)
        .await
        .expect(StatusCode::NO_CONTENT);
    app.post("/users/me/email")
        .bearer_auth(&session.access)
        .json(&json!({ "new_email": "new@example.com", "current_password": PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("email_change", "new@example.com").await.token();
    let path = "/confirm-email-change";
    expect_page(
        &open(&app, path, &token).await,
        200,
        "Confirm your new address",
    );
    let done = press(&app, path, &[("token", &token)]).await;
    expect_page(&done, 200, "Your address is changed");

    let token = app.mail("email_changed", ADA).await.token();
    let path = "/undo-email-change/";
    expect_page(
        &open(&app, path, &token).await,
        200,
        "Undo the change of address",
    );
    let done = press(&app, path, &[("token", &token)]).await;
    expect_page(&done, 200, "You have your address back");
    let mail = app.mail("account_secured", ADA).await;
    assert!(
        mail.text.contains("Your address is ada@example.com again."),
        "{}",
        mail.text
    );
    assert!(!app.is_alive(&session).await);

    let token = app.mail("account_secured", ADA).await.token();
    reset::reset(&app, &token, PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    let session = app.login("ada").await;
    let token = app.mail("password_changed", ADA).await.token();
    let path = "/secure-account";
    expect_page(&open(&app, path, &token).await, 200, "Secure your account");
    assert!(app.is_alive(&session).await);
    let done = press(&app, path, &[("token", &token)]).await;
    expect_page(&done, 200, "Your account is secured");
    assert!(!app.is_alive(&session).await);
}

#[tokio::test]
async fn nonsense_is_answered_with_a_page() {
    let app = TestApp::spawn().await;
    for path in [
        "/verify-email",
        "/reset-password",
        "/confirm-email-change",
        "/undo-email-change",
        "/secure-account",
    ] {
        for query in [
            "",
            "?token=",
            "?token=%00",
            "?token=%ff&x",
            "?token=<script>alert(1)</script>",
        ] {
            let page = app.get(&format!("{path}{query}")).answer().await;
            expect_page(&page, 400, "This link no longer works");
            assert!(!page.text.contains("alert(1)"));
        }
        for body in [
            "",
            "token",
            "{\"token\": 1}",
            "token=a&token=b&&&=",
            "new_password=correct+horse+battery+staple",
        ] {
            let page = app.post(path).body(body).answer().await;
            let status = page.status.as_u16();
            assert!(matches!(status, 400 | 422), "{path} {body}: {}", page.text);
        }
        let answer = app.put(path).answer().await;
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
        answer.expect_problem(405, "method_not_allowed");
        let long = format!("token={}", "a".repeat(70_000));
        let answer = app.post(path).body(long).answer().await;
        answer.expect_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn pages_speak_the_readers_language_in_the_applications_colours() {
    let app = TestApp::spawn_with(&[
        ("PRODUCT_NAME", "Käse & <b>Brot</b>"),
        ("PRODUCT_COLOR", "#123456"),
        ("PRODUCT_COLOR_DARK", "#abcdef"),
    ])
    .await;
    app.register("ada").await;
    let token = app.mail("verify_email", ADA).await.token();
    let page = app
        .get(&format!("/verify-email?token={token}"))
        .header("accept-language", "de-CH, en;q=0.5")
        .answer()
        .await;
    expect_page(&page, 200, "E-Mail-Adresse bestätigen");
    assert_eq!(page.header("content-language"), "de");
    assert!(page.text.contains("<html lang=\"de\" dir=\"ltr\">"));
    assert!(page.text.contains("Käse &amp; &lt;b&gt;Brot&lt;"));
    assert!(page.text.contains("#123456") && page.text.contains("#abcdef"));
}

/// A user who never had a password gets other words.
#[tokio::test]
async fn a_first_password_is_no_new_one() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&json!({ "email": ADA, "username": "ada" }))
        .answer()
        .await
        .expect(StatusCode::CREATED);
    let token = app.mail("set_password", ADA).await.token();
    let path = "/reset-password";
    let page = open(&app, path, &token).await;
    expect_page(&page, 200, "<p>For the account ada.</p>");
    let fields = [("token", token.as_str()), ("new_password", PASSWORD)];
    let done = press(&app, path, &fields).await;
    expect_page(&done, 200, "Your password is set");
}

/// Notices are not requested, so the page cannot suggest requesting another one.
#[tokio::test]
async fn expired_notice_page_explains_what_to_do() {
    let app = TestApp::spawn().await;
    for (path, text) in [
        (
            "/secure-account",
            "request a new password on the login page",
        ),
        (
            "/undo-email-change",
            "request a new password on the login page",
        ),
        (
            "/reset-password",
            "Request a new one where you requested this one",
        ),
    ] {
        expect_page(&open(&app, path, "nothing").await, 400, text);
    }
}

/// Who has followed the link of another's registration by mistake is told the name, and replaces the password.
#[tokio::test]
async fn who_confirms_one_of_several_registrations_is_told_its_username() {
    let app = TestApp::spawn_with(&[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;
    for (name, password) in [("mallory", OTHER_PASSWORD), ("ada", PASSWORD)] {
        silent::register(&app, ADA, name, password)
            .await
            .expect(StatusCode::ACCEPTED);
        app.advance(std::time::Duration::from_secs(1));
    }
    let mails = app.mails_of("verify_email", ADA).await;
    let token = mails[0].token();
    let page = open(&app, "/verify-email", &token).await;
    expect_page(&page, 200, "mallory");
    let done = press(&app, "/verify-email", &[("token", &token)]).await;
    expect_page(&done, 200, "log in");
    let mail = app.mail("several_registrations", ADA).await;
    assert!(
        mail.text.contains("Your username: mallory"),
        "{}",
        mail.text
    );
    let strangers = app.try_login("mallory", OTHER_PASSWORD).await;
    let strangers = crate::support::Session::of(&strangers.expect(StatusCode::OK));
    reset::reset(&app, &mail.token(), PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(!app.is_alive(&strangers).await);
    app.try_login("mallory", OTHER_PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    app.login("mallory").await;
}
