//! `POST /users/me/email`, its confirmation, and undoing it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::event;
use crate::reset;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};
use crate::verification::verify;

const OLD: &str = "ada@example.com";
const NEW: &str = "lovelace@example.com";

pub async fn request(app: &TestApp, session: &Session, new: &str, password: &str) -> Answer {
    app.post("/users/me/email")
        .bearer_auth(&session.access)
        .json(&json!({ "new_email": new, "current_password": password }))
        .answer()
        .await
}

pub async fn confirm(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/email-change")
        .json(&json!({ "token": token }))
        .answer()
        .await
}

pub async fn undo(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/email-change/undo")
        .json(&json!({ "token": token }))
        .answer()
        .await
}

async fn me(app: &TestApp, session: &Session) -> Value {
    let me = app.get("/users/me").bearer_auth(&session.access);
    me.answer().await.expect(StatusCode::OK)
}

/// A user with a verified address.
pub async fn verified(app: &TestApp, name: &str) -> Session {
    let session = app.user(name).await;
    let to = format!("{name}@example.com");
    let token = app.mail("verify_email", &to).await.token();
    verify(app, &token).await.expect(StatusCode::NO_CONTENT);
    session
}

pub async fn change(app: &TestApp, session: &Session, new: &str) {
    request(app, session, new, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("email_change", new).await.token();
    confirm(app, &token).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_new_address_is_in_force_once_it_is_proved_and_the_old_one_is_told() {
    let app = TestApp::spawn().await;
    let session = verified(&app, "ada").await;
    let body = request(&app, &session, NEW, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(body, json!({ "status": "accepted" }));
    assert_eq!(me(&app, &session).await["email"], OLD);
    let token = app.mail("email_change", NEW).await.token();
    confirm(&app, &token).await.expect(StatusCode::NO_CONTENT);
    let now = me(&app, &session).await;
    assert_eq!(
        (&now["email"], &now["email_verified"]),
        (&json!(NEW), &json!(true))
    );
    let notice = app.mail("email_changed", OLD).await;
    // Whoever has lost his mailbox is not told the whole of his successor's.
    assert!(notice.text.contains("l…@example.com") && !notice.text.contains(NEW));
    event(&app, "email.changed").await;
    confirm(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn it_takes_the_password_and_an_address_that_is_another() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    request(&app, &session, NEW, "wrong")
        .await
        .expect_problem(401, "invalid_credentials");
    request(&app, &session, OLD, PASSWORD)
        .await
        .expect_invalid(&[("new_email", "same_as_current")]);
    request(&app, &session, "nonsense", PASSWORD)
        .await
        .expect_invalid(&[("new_email", "invalid_format")]);
    let body = json!({ "new_email": NEW, "current_password": PASSWORD });
    let answer = app.post("/users/me/email").json(&body).answer().await;
    answer.expect_problem(401, "not_authenticated");
    let answer = app.post("/users/me/email").bearer_auth(&session.access);
    let answer = answer.json(&json!({})).answer().await;
    answer.expect_invalid(&[("new_email", "required"), ("current_password", "required")]);
    assert!(app.mails_of("email_change", NEW).await.is_empty());
}

#[tokio::test]
async fn the_last_address_asked_for_counts() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    for new in ["one@example.com", "two@example.com"] {
        request(&app, &session, new, PASSWORD)
            .await
            .expect(StatusCode::ACCEPTED);
        app.mail("email_change", new).await;
    }
    let first = app.mail("email_change", "one@example.com").await.token();
    confirm(&app, &first)
        .await
        .expect_problem(400, "invalid_token");
    let second = app.mail("email_change", "two@example.com").await.token();
    app.advance(Duration::from_secs(24 * 3600));
    confirm(&app, &second)
        .await
        .expect_problem(400, "invalid_token");
}

/// Whether an address has an account is told to its owner alone.
#[tokio::test]
async fn the_address_of_another_is_told_to_nobody_but_him() {
    let app = TestApp::spawn().await;
    let session = app.user("eve").await;
    app.register("ada").await;
    let taken = request(&app, &session, OLD, PASSWORD).await;
    let free = request(&app, &session, NEW, PASSWORD).await;
    assert_eq!((taken.status, &taken.text), (free.status, &free.text));
    assert!(app.mails_of("email_change", OLD).await.is_empty());
    let mails = app.mails().await;
    let told = mails.iter().find(|mail| mail.kind == "account_exists");
    let told = told.expect("a mail");
    assert_eq!(told.to, OLD);
    assert!(told.links().is_empty());
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_not_had_twice() {
    let app = TestApp::spawn().await;
    let session = app.user("eve").await;
    request(&app, &session, OLD, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let token = app.mail("email_change", OLD).await.token();
    app.register("ada").await;
    confirm(&app, &token)
        .await
        .expect_problem(409, "email_taken");
    assert_eq!(me(&app, &session).await["email"], "eve@example.com");
}

#[tokio::test]
async fn the_old_address_takes_the_account_back() {
    let app = TestApp::spawn().await;
    let session = verified(&app, "ada").await;
    change(&app, &session, NEW).await;
    let notice = app.mail("email_changed", OLD).await;
    assert!(notice.link().contains("/undo-email-change?token="));
    app.advance(Duration::from_secs(6 * 24 * 3600));
    undo(&app, &notice.token())
        .await
        .expect(StatusCode::NO_CONTENT);
    event(&app, "email.change_undone").await;
    // The person who changed the address knew the password.
    assert!(!app.is_alive(&session).await);
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    let token = app.mail("account_secured", OLD).await.token();
    reset::reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    let session = app.try_login(OLD, OTHER_PASSWORD).await;
    let session = Session::of(&session.expect(StatusCode::OK));
    assert_eq!(me(&app, &session).await["email"], OLD);
    undo(&app, &notice.token())
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn it_can_be_undone_for_a_week() {
    let app = TestApp::spawn().await;
    let session = verified(&app, "ada").await;
    change(&app, &session, NEW).await;
    let token = app.mail("email_changed", OLD).await.token();
    app.advance(Duration::from_secs(7 * 24 * 3600));
    undo(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
}

/// No stranger can take the old address to keep its owner out.
#[tokio::test]
async fn the_old_address_is_kept_for_its_owner_as_long_as_he_may_take_it_back() {
    let app = TestApp::spawn().await;
    let session = verified(&app, "ada").await;
    let eve = app.user("eve").await;
    change(&app, &session, NEW).await;
    let token = app.mail("email_changed", OLD).await.token();
    let body = json!({ "email": OLD, "username": "mallory", "password": PASSWORD });
    let answer = app.post("/auth/register").json(&body).answer().await;
    answer.expect_problem(409, "email_taken");
    request(&app, &eve, OLD, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    assert!(app.mails_of("email_change", OLD).await.is_empty());
    undo(&app, &token).await.expect(StatusCode::NO_CONTENT);
}

/// A thief who moves the account on does not get it back by undoing his own first step.
#[tokio::test]
async fn of_several_changes_the_first_address_has_the_last_word() {
    let app = TestApp::spawn().await;
    let session = verified(&app, "ada").await;
    change(&app, &session, "thief@example.com").await;
    let first = app.mail("email_changed", OLD).await.token();
    app.advance(Duration::from_secs(60));
    change(&app, &session, NEW).await;
    let second = app.mail("email_changed", "thief@example.com").await.token();
    undo(&app, &second).await.expect(StatusCode::NO_CONTENT);
    undo(&app, &first).await.expect(StatusCode::NO_CONTENT);
    let mut tx = app.services.db.read().await.expect("a reader");
    let owner = vestibule::store::users::contact_by_email(&mut tx, OLD).await;
    assert!(owner.expect("reads").is_some());

    drop(tx);
    let app = TestApp::spawn().await;
    let session = verified(&app, "ada").await;
    change(&app, &session, "thief@example.com").await;
    let first = app.mail("email_changed", OLD).await.token();
    app.advance(Duration::from_secs(60));
    change(&app, &session, NEW).await;
    let second = app.mail("email_changed", "thief@example.com").await.token();
    undo(&app, &first).await.expect(StatusCode::NO_CONTENT);
    undo(&app, &second)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn an_administrator_changes_an_address_and_the_old_one_is_told() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let id = app.register("ada").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "email": NEW, "email_verified": true }))
        .answer()
        .await
        .expect(StatusCode::OK);
    let notice = app.mail("email_changed", OLD).await;
    assert!(notice.links().is_empty());
    assert!(app.mails_of("verify_email", NEW).await.is_empty());
}
