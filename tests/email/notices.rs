//! Notices: which mails users get, and what they can do if it was not them.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::records::event;
use crate::reset;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const ADA: &str = "ada@example.com";

pub async fn login_from(app: &TestApp, user_agent: &str) {
    app.post("/auth/token")
        .header("user-agent", user_agent)
        .form(&[("username", "ada"), ("password", PASSWORD)])
        .answer()
        .await
        .expect(StatusCode::OK);
}

async fn secure(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/secure-account")
        .json(&json!({ "token": token }))
        .answer()
        .await
}

/// The session as it goes on after the change.
async fn change_password(app: &TestApp, session: &Session) -> Session {
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let request = app.put("/users/me/password").bearer_auth(&session.access);
    let answer = request.json(&body).answer().await;
    Session::of(&answer.expect(StatusCode::OK))
}

#[tokio::test]
async fn a_login_from_a_new_device_is_told_once() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    login_from(&app, "Firefox/140.0 (Linux)").await;
    assert!(app.mails_of("new_device", ADA).await.is_empty());
    login_from(&app, "Firefox/141.0 (Linux)").await;
    assert!(app.mails_of("new_device", ADA).await.is_empty());
    login_from(&app, "<b>Shop</b> (Macintosh)").await;
    login_from(&app, "<b>Shop</b> (Macintosh)").await;
    let mails = app.mails_of("new_device", ADA).await;
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("Device: Mac") && mails[0].text.contains("127.0.0.1"));
    assert!(!mails[0].text.contains("Shop") && !mails[0].html.contains("Shop"));
}

/// Mail programs make links of host names.
#[tokio::test]
async fn what_a_client_calls_itself_reaches_no_mail() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    login_from(&app, "Firefox/140.0 (Linux)").await;
    for (number, user_agent) in [
        "evil.example",
        "evil.example/1.0 (https://evil.example/login)",
        "Mozilla/5.0 (compatible; evil.example)",
        "Firefox/140.0 evil.example",
    ]
    .iter()
    .enumerate()
    {
        login_from(&app, user_agent).await;
        let mails = app.mails_of("new_device", ADA).await;
        assert_eq!(mails.len(), number + 1, "{user_agent}");
        for mail in mails {
            assert!(!mail.raw.contains("evil"), "{}", mail.raw);
            let is_told = ["Device: an unknown program", "Device: Firefox"];
            assert!(is_told.iter().any(|told| mail.text.contains(told)));
        }
    }
}

/// The name of an account that changes its address is chosen by someone who may have registered another's address before.
#[tokio::test]
async fn a_notice_to_a_former_address_carries_no_name_that_looks_like_a_host() {
    let app = TestApp::spawn().await;
    let body = json!({ "email": ADA, "username": "www.evil.example", "password": PASSWORD });
    let made = app.post("/auth/register").json(&body).answer().await;
    made.expect(StatusCode::CREATED);
    let session = app.login("www.evil.example").await;
    crate::change::change(&app, &session, "eve@evil.example").await;
    let notice = app.mail("email_changed", ADA).await;
    assert!(!notice.raw.contains("evil"), "{}", notice.raw);
    let undone = app.post("/auth/email-change/undo");
    let undone = undone.json(&json!({ "token": notice.token() }));
    undone.answer().await.expect(StatusCode::NO_CONTENT);
    let secured = app.mail("account_secured", ADA).await;
    assert!(!secured.raw.contains("evil"), "{}", secured.raw);
}

#[tokio::test]
async fn a_changed_password_is_told() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    change_password(&app, &session).await;
    let mail = app.mail("password_changed", ADA).await;
    assert!(mail.link().contains("/secure-account?token="));
}

#[tokio::test]
async fn the_end_of_all_sessions_is_told() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    for (scope, told) in [("others", 0), ("current", 0), ("all", 1)] {
        let session = match scope {
            "all" => app.login("ada").await,
            _ => session.clone(),
        };
        app.post(&format!("/auth/logout?scope={scope}"))
            .bearer_auth(&session.access)
            .answer()
            .await
            .expect(StatusCode::NO_CONTENT);
        assert_eq!(
            app.mails_of("sessions_ended", ADA).await.len(),
            told,
            "{scope}"
        );
    }
}

#[tokio::test]
async fn each_notice_can_be_switched_off() {
    let app = TestApp::spawn_with(&[
        ("NOTIFY_PASSWORD_CHANGED", "false"),
        ("NOTIFY_EMAIL_CHANGED", "false"),
        ("NOTIFY_NEW_DEVICE", "false"),
        ("NOTIFY_SESSIONS_ENDED", "false"),
    ])
    .await;
    let session = app.user("ada").await;
    login_from(&app, "Safari").await;
    let session = change_password(&app, &session).await;
    app.advance(Duration::from_secs(1));
    let body = json!({ "new_email": "new@example.com", "current_password": OTHER_PASSWORD });
    app.post("/users/me/email")
        .bearer_auth(&session.access)
        .json(&body)
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("email_change", "new@example.com").await.token();
    app.post("/auth/email-change")
        .json(&json!({ "token": token }))
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
    app.post("/auth/logout?scope=all")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
    let kinds: Vec<String> = app
        .mails()
        .await
        .into_iter()
        .map(|mail| mail.kind)
        .collect();
    assert_eq!(kinds, ["verify_email", "email_change"]);
}

#[tokio::test]
async fn secure_account_ends_all_sessions_and_mails_a_reset_link() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    login_from(&app, "Safari").await;
    let token = app.mail("new_device", ADA).await.token();
    secure(&app, &token).await.expect(StatusCode::NO_CONTENT);
    event(&app, "account.secured").await;
    assert!(!app.is_alive(&session).await);
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    secure(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
    let mail = app.mail("account_secured", ADA).await;
    assert!(!mail.text.contains("ignore"), "{}", mail.text);
    let token = mail.token();
    reset::reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    app.try_login("ada", OTHER_PASSWORD)
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn a_notice_is_of_use_for_a_week() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    change_password(&app, &session).await;
    let token = app.mail("password_changed", ADA).await.token();
    app.advance(Duration::from_secs(7 * 24 * 3600));
    secure(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
}

/// Notices are no way to fill a mailbox.
#[tokio::test]
async fn five_notices_come_at_once_and_no_more() {
    for kind in ["new_device", "password_changed", "sessions_ended"] {
        let app = TestApp::spawn_with(&[("RATE_LIMIT_ENABLED", "true")]).await;
        app.register("ada").await;
        for number in 0..8_u8 {
            match kind {
                "new_device" => login_from(&app, &char::from(b'a' + number).to_string()).await,
                "password_changed" => {
                    let (old, new) = match number % 2 {
                        0 => (PASSWORD, OTHER_PASSWORD),
                        _ => (OTHER_PASSWORD, PASSWORD),
                    };
                    let login = app.try_login("ada", old).await;
                    app.put("/users/me/password")
                        .bearer_auth(&Session::of(&login.expect(StatusCode::OK)).access)
                        .json(&json!({ "current_password": old, "new_password": new }))
                        .answer()
                        .await
                        .expect(StatusCode::OK);
                }
                _ => {
                    let session = app.login("ada").await;
                    app.post("/auth/logout?scope=all")
                        .bearer_auth(&session.access)
                        .answer()
                        .await
                        .expect(StatusCode::NO_CONTENT);
                }
            }
        }
        assert_eq!(app.mails_of(kind, ADA).await.len(), 5, "{kind}");
    }
}

/// A thief who knows the password could else go on changing it, and so keep its owner out.
#[tokio::test]
async fn a_changed_password_leaves_the_links_of_notices() {
    let app = TestApp::spawn().await;
    let thief = app.user("ada").await;
    login_from(&app, "Opera").await;
    let told = app.mail("new_device", ADA).await.token();
    change_password(&app, &thief).await;
    let other = app.mail("password_changed", ADA).await.token();
    secure(&app, &told).await.expect(StatusCode::NO_CONTENT);
    assert!(!app.is_alive(&thief).await);
    app.try_login("ada", OTHER_PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    // The link of the notice about the new password is no longer valid: all sessions have ended.
    secure(&app, &other)
        .await
        .expect_problem(400, "invalid_token");
}

/// Whoever has caused as many notices as there may be of one kind is not untold of in another.
#[tokio::test]
async fn notices_of_one_kind_use_up_none_of_another() {
    let app = TestApp::spawn_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
    ])
    .await;
    let thief = app.user("ada").await;
    for program in ["A", "B", "C", "D", "E", "F", "G"] {
        login_from(&app, program).await;
    }
    assert_eq!(app.mails_of("new_device", ADA).await.len(), 5);
    change_password(&app, &thief).await;
    assert_eq!(app.mails_of("password_changed", ADA).await.len(), 1);
}
