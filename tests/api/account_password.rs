//! `PUT /users/me/password`. What it does to sessions is in `sessions.rs`.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, event, events, remove_stored_hash, stored_hash};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

async fn put(app: &TestApp, session: &Session, body: Value) -> Answer {
    app.put("/users/me/password")
        .bearer_auth(&session.access)
        .json(&body)
        .answer()
        .await
}

async fn change(app: &TestApp, session: &Session, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    put(app, session, body).await
}

/// The session as it goes on after a change.
async fn changed(app: &TestApp, session: &Session, current: &str, new: &str) -> Session {
    let answer = change(app, session, current, new).await;
    Session::of(&answer.expect(StatusCode::OK))
}

/// ASVS 6.2.2, 6.2.3.
#[tokio::test]
async fn the_new_password_takes_the_place_of_the_old() {
    let app = TestApp::spawn().await;
    let id = records::id(&app.register("ada").await);
    let session = app.login("ada").await;
    app.advance(Duration::from_secs(1));
    let session = changed(&app, &session, PASSWORD, OTHER_PASSWORD).await;
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    app.try_login("ada", OTHER_PASSWORD)
        .await
        .expect(StatusCode::OK);
    let me = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect(StatusCode::OK);
    assert_eq!(me["updated_at"], "2027-01-15T08:00:01.000Z");
    let event = event(&app, "password.changed").await;
    assert_eq!((event.actor_id, event.target_id), (Some(id), Some(id)));
    assert_eq!(event.outcome, "success");
}

/// ASVS 6.2.3.
#[tokio::test]
async fn a_wrong_current_password_changes_nothing() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let (session, other) = (app.login("ada").await, app.login("ada").await);
    let hash = stored_hash(&app, "ada").await;
    for wrong in ["", "\0", "wrong", OTHER_PASSWORD] {
        change(&app, &session, wrong, OTHER_PASSWORD)
            .await
            .expect_problem(401, "invalid_credentials");
    }
    assert_eq!(stored_hash(&app, "ada").await, hash);
    assert!(app.is_alive(&session).await && app.is_alive(&other).await);
    assert_eq!(events(&app, "password.check_failed").await.len(), 4);
    assert!(events(&app, "password.changed").await.is_empty());
}

#[tokio::test]
async fn the_new_password_is_another_one() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    change(&app, &session, PASSWORD, PASSWORD)
        .await
        .expect_invalid(&[("new_password", "same_as_current")]);
    change(&app, &session, OTHER_PASSWORD, OTHER_PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
}

/// ASVS 6.2.4, 6.2.11.
#[tokio::test]
async fn the_new_password_is_hard_to_guess() {
    let app = TestApp::spawn().await;
    app.register("gracehopper").await;
    let session = app.login("gracehopper").await;
    for weak in [
        "football",
        "12345678",
        "gracehopper1",
        "gracehopper@example.com",
    ] {
        let answer = change(&app, &session, PASSWORD, weak).await;
        assert!(!answer.text.contains(weak), "the answer quotes it");
        answer.expect_invalid(&[("new_password", "too_weak")]);
    }
    app.login("gracehopper").await;
}

#[tokio::test]
async fn each_field_of_a_change_is_checked() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    for (new, code) in [
        ("1234567".to_owned(), "too_short"),
        ("x".repeat(257), "too_long"),
        (format!("{OTHER_PASSWORD}\0"), "invalid_format"),
    ] {
        change(&app, &session, PASSWORD, &new)
            .await
            .expect_invalid(&[("new_password", code)]);
    }
    put(&app, &session, json!({})).await.expect_invalid(&[
        ("current_password", "required"),
        ("new_password", "required"),
    ]);
    put(
        &app,
        &session,
        json!({ "current_password": 1, "new_password": null, "username": "bob" }),
    )
    .await
    .expect_invalid(&[
        ("current_password", "invalid_type"),
        ("new_password", "invalid_type"),
        ("username", "unknown_field"),
    ]);
    put(&app, &session, json!([]))
        .await
        .expect_problem(400, "malformed_request");
    app.put("/users/me/password")
        .bearer_auth(&session.access)
        .body("x")
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
    app.login("ada").await;
}

/// DESIGN §6: nothing of a long password is cut, by a change either. ASVS 6.2.8.
#[tokio::test]
async fn a_password_is_changed_to_exactly_what_was_sent() {
    let app = TestApp::spawn().await;
    let mut session = app.user("ada").await;
    let long = "kolibri opal traverse seven elephants ".repeat(3);
    let unicode = "北京烤鸭 caf\u{e9} ist köstlich 🦀".to_owned();
    let spaces = "  spaces around kolibri opal  ".to_owned();
    let mut current = PASSWORD.to_owned();
    for new in [long, unicode, spaces] {
        session = changed(&app, &session, &current, &new).await;
        let cut: String = new.chars().take(new.chars().count() - 1).collect();
        for other in [
            cut,
            format!("{new}x"),
            new.trim().to_owned(),
            new.replace('\u{e9}', "e\u{301}"),
        ] {
            if other != new {
                app.try_login("ada", &other)
                    .await
                    .expect_oauth_error("invalid_grant");
            }
        }
        app.try_login("ada", &new).await.expect(StatusCode::OK);
        current = new;
    }
}

/// A long password that starts like the current one is another password.
#[tokio::test]
async fn what_comes_after_72_bytes_makes_another_password() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let start = "kolibri opal traverse seven elephants ".repeat(2);
    let (one, other) = (format!("{start}one"), format!("{start}other"));
    let session = changed(&app, &session, PASSWORD, &one).await;
    change(&app, &session, &other, OTHER_PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    changed(&app, &session, &one, &other).await;
    app.try_login("ada", &one)
        .await
        .expect_oauth_error("invalid_grant");
}

#[tokio::test]
async fn an_account_without_password_has_none_to_change() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    remove_stored_hash(&app, "ada").await;
    change(&app, &session, "", OTHER_PASSWORD)
        .await
        .expect_problem(401, "invalid_credentials");
    assert_eq!(stored_hash(&app, "ada").await, None);
}
