//! `POST /auth/password-reset`, the request for its mail, and links that administrators make.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{event, user_who_may};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const ADA: &str = "ada@example.com";

pub async fn request(app: &TestApp, email: &str) -> Answer {
    app.post("/auth/password-reset/request")
        .json(&json!({ "email": email }))
        .answer()
        .await
}

pub async fn reset(app: &TestApp, token: &str, new: &str) -> Answer {
    app.post("/auth/password-reset")
        .json(&json!({ "token": token, "new_password": new }))
        .answer()
        .await
}

/// ASVS 6.4.3, 7.4.3.
#[tokio::test]
async fn a_new_password_ends_all_sessions_and_is_told() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", ADA).await.token();
    reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(!app.is_alive(&session).await);
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    app.try_login("ada", OTHER_PASSWORD)
        .await
        .expect(StatusCode::OK);
    app.mail("password_changed", ADA).await;
    let event = event(&app, "password.reset").await;
    assert_eq!(event.data["sessions_ended"], 1);
    // A reset by a mailed link also verifies the address.
    let session = app.try_login("ada", OTHER_PASSWORD).await;
    let session = Session::of(&session.expect(StatusCode::OK));
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    assert_eq!(me["email_verified"], true);
}

#[tokio::test]
async fn a_token_is_good_for_half_an_hour_once() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    app.advance(Duration::from_secs(1));
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let mails = app.mails_of("password_reset", ADA).await;
    assert_eq!(mails.len(), 2);
    // A weak password does not use it up.
    reset(&app, &mails[0].token(), "password1")
        .await
        .expect_invalid(&[("new_password", "too_weak")]);
    reset(&app, &mails[0].token(), "ada@example.com")
        .await
        .expect_invalid(&[("new_password", "too_weak")]);
    reset(&app, &mails[0].token(), "short")
        .await
        .expect_invalid(&[("new_password", "too_short")]);
    reset(&app, &mails[0].token(), OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    for mail in &mails {
        // The other one goes with it.
        reset(&app, &mail.token(), PASSWORD)
            .await
            .expect_problem(400, "invalid_token");
    }
    app.advance(Duration::from_secs(1));
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", ADA).await.token();
    app.advance(Duration::from_secs(30 * 60));
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
}

#[tokio::test]
async fn of_many_at_one_moment_one_sets_the_password() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", ADA).await.token();
    let words = (0..10).map(|number| format!("purple elephants dancing {number}"));
    let words: Vec<String> = words.collect();
    let tries = words.iter().map(|new| reset(&app, &token, new));
    let answers = futures_util::future::join_all(tries).await;
    let mut winners = Vec::new();
    for (answer, new) in answers.into_iter().zip(&words) {
        if answer.status == StatusCode::NO_CONTENT {
            winners.push(new);
        } else {
            answer.expect_problem(400, "invalid_token");
        }
    }
    assert_eq!(winners.len(), 1);
    app.try_login("ada", winners[0])
        .await
        .expect(StatusCode::OK);
}

/// An unknown address is answered like a known one, and no mail is sent.
#[tokio::test]
async fn an_unknown_or_disabled_account_gets_no_mail_and_the_same_answer() {
    let app = TestApp::spawn().await;
    let id = app.register("ada").await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let admin = app.admin("root").await;
    let known = request(&app, ADA).await;
    app.mail("password_reset", ADA).await;
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "is_active": false }))
        .answer()
        .await
        .expect(StatusCode::OK);
    let before = app.mails().await.len();
    for email in [ADA, "nobody@example.com"] {
        let answer = request(&app, email).await;
        assert_eq!((answer.status, &answer.text), (known.status, &known.text));
        let names = |answer: &Answer| -> Vec<String> {
            answer.headers.keys().map(ToString::to_string).collect()
        };
        assert_eq!(names(&answer), names(&known));
    }
    assert_eq!(app.mails().await.len(), before);
    // Nor is a link from before of use to who was disabled.
    let token = app.mail("password_reset", ADA).await.token();
    reset(&app, &token, OTHER_PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
}

/// What folds into one address may be two mailboxes: the mail goes to the user's own spelling.
#[tokio::test]
async fn the_mail_goes_to_the_address_of_the_account_and_not_to_the_one_typed() {
    let app = TestApp::spawn().await;
    let body = json!({ "email": "Ada@Example.com", "username": "ada", "password": PASSWORD });
    let made = app.post("/auth/register").json(&body).answer().await;
    made.expect(StatusCode::CREATED);
    request(&app, "aDA@example.COM")
        .await
        .expect(StatusCode::ACCEPTED);
    let mails = app.mails().await;
    let mail = mails.iter().find(|mail| mail.kind == "password_reset");
    let local = mail
        .expect("a mail")
        .to
        .split_once('@')
        .expect("an @")
        .0
        .to_owned();
    assert_eq!(local, "Ada");
}

#[tokio::test]
async fn a_changed_password_takes_links_back() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    request(&app, ADA).await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", ADA).await.token();
    app.put("/users/me/password")
        .bearer_auth(&session.access)
        .json(&json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::OK);
    reset(&app, &token, PASSWORD)
        .await
        .expect_problem(400, "invalid_token");
}

async fn make(app: &TestApp, session: &Session, id: &str, further: &str) -> Answer {
    app.post(&format!("/users/{id}/password-reset{further}"))
        .bearer_auth(&session.access)
        .answer()
        .await
}

fn id_of(user: &Value) -> String {
    user["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn an_administrator_makes_a_link_or_has_it_mailed() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let id = id_of(&app.register("ada").await);
    let link = make(&app, &admin, &id, "").await.expect(StatusCode::OK);
    assert_eq!(link["expires_at"], "2027-01-15T08:30:00.000Z");
    let url = link["url"].as_str().expect("a URL");
    let (page, token) = url.split_once("?token=").expect("a token");
    assert_eq!(page, format!("{}/reset-password", app.url));
    reset(&app, token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    let session = app.try_login("ada", OTHER_PASSWORD).await;
    let session = Session::of(&session.expect(StatusCode::OK));
    // No mail was read.
    let me = app.get("/users/me").bearer_auth(&session.access);
    let me = me.answer().await.expect(StatusCode::OK);
    assert_eq!(me["email_verified"], false);

    app.advance(Duration::from_secs(1));
    let body = make(&app, &admin, &id, "/mail")
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(body, json!({ "status": "accepted" }));
    let token = app.mail("password_reset", ADA).await.token();
    reset(&app, &token, PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_link_is_made_by_who_may_and_for_who_may_less() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let ada = app.register("ada").await;
    let (id, session) = (id_of(&ada), app.login("ada").await);
    let path = format!("/users/{id}/password-reset");
    let answer = app.post(&path).answer().await;
    answer.expect_problem(401, "not_authenticated");
    make(&app, &session, &id, "")
        .await
        .expect_problem(403, "permission_denied");
    make(&app, &admin, "00000000-0000-7000-8000-000000000000", "")
        .await
        .expect_problem(404, "not_found");
    make(&app, &admin, "x", "")
        .await
        .expect_problem(400, "malformed_request");
    make(&app, &admin, "x", "/mail")
        .await
        .expect_problem(400, "malformed_request");
    make(
        &app,
        &admin,
        "00000000-0000-7000-8000-000000000000",
        "/mail",
    )
    .await
    .expect_problem(404, "not_found");

    // A user with users:write alone cannot take over an administrator's account.
    let helper = user_who_may(&app, "helper", &["users:write"]).await;
    let me = app.get("/users/me").bearer_auth(&admin.access);
    let root = id_of(&me.answer().await.expect(StatusCode::OK));
    make(&app, &helper, &root, "")
        .await
        .expect_problem(403, "permission_denied");
    make(&app, &helper, &root, "/mail")
        .await
        .expect_problem(403, "permission_denied");
    // Nor for their own account, long after the last authentication.
    app.advance(Duration::from_secs(600));
    make(&app, &admin, &root, "")
        .await
        .expect_problem(401, "insufficient_user_authentication");
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "is_active": false }))
        .answer()
        .await
        .expect(StatusCode::OK);
    for further in ["", "/mail"] {
        make(&app, &admin, &id, further)
            .await
            .expect_problem(403, "account_disabled");
    }
}

#[tokio::test]
async fn who_is_created_without_a_password_is_mailed_a_link_to_set_one() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let body = json!({ "email": ADA, "username": "ada" });
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&body)
        .answer()
        .await
        .expect(StatusCode::CREATED);
    let token = app.mail("set_password", ADA).await.token();
    app.advance(Duration::from_secs(71 * 3600));
    reset(&app, &token, PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

/// Whoever registers a stranger's address is not to greet him with a name that mail programs make a link of.
#[tokio::test]
async fn a_name_that_looks_like_an_address_greets_nobody_whose_address_is_not_proved() {
    let app = TestApp::spawn().await;
    app.post("/auth/register")
        .json(&json!({ "email": ADA, "username": "www.evil.example", "password": PASSWORD }))
        .answer()
        .await
        .expect(StatusCode::CREATED);
    for is_proved in [false, true] {
        app.advance(Duration::from_secs(1));
        request(&app, ADA).await.expect(StatusCode::ACCEPTED);
        let mail = app.mails_of("password_reset", ADA).await.pop();
        let mail = mail.expect("a mail");
        assert_eq!(mail.text.contains("www.evil.example"), is_proved);
        // The link proves the address.
        reset(&app, &mail.token(), OTHER_PASSWORD)
            .await
            .expect(StatusCode::NO_CONTENT);
    }
}
