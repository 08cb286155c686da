//! The own account: profile and farewell. The password has `account_password.rs`.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vestibule::domain::expiry::clean_up;

use crate::records::{self, event, events};
use crate::support::{Answer, Send, Session, TestApp};

async fn me(app: &TestApp, session: &Session) -> Value {
    app.get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect(StatusCode::OK)
}

async fn send(app: &TestApp, method: Method, session: &Session, body: Value) -> Answer {
    app.request(method, "/users/me")
        .bearer_auth(&session.access)
        .json(&body)
        .answer()
        .await
}

async fn delete(app: &TestApp, session: &Session) -> Answer {
    app.delete("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
}

#[tokio::test]
async fn a_user_sees_his_own_account() {
    let app = TestApp::spawn().await;
    let registered = app.register("ada").await;
    let session = app.login("ada").await;
    app.user("bob").await;
    let answer = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let seen = answer.expect(StatusCode::OK);
    let mut expected = registered;
    expected["last_login_at"] = seen["created_at"].clone();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_user_replaces_his_profile() {
    let app = TestApp::spawn().await;
    let before = app.register("ada").await;
    let session = app.login("ada").await;
    app.advance(Duration::from_millis(1500));
    let body = json!({ "username": "Countess", "full_name": "Ada Lovelace" });
    let user = send(&app, Method::PUT, &session, body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(user["username"], "Countess");
    assert_eq!(user["full_name"], "Ada Lovelace");
    assert_eq!(user["email"], before["email"]);
    assert_eq!(user["created_at"], before["created_at"]);
    assert_eq!(user["updated_at"], "2027-01-15T08:00:01.500Z");
    assert_eq!(me(&app, &session).await, user);

    let body = json!({ "username": "Countess" });
    let user = send(&app, Method::PUT, &session, body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(user["full_name"], Value::Null, "what is left out goes");
    app.login("countess").await;
    app.try_login("ada", crate::support::PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
}

#[tokio::test]
async fn a_user_changes_parts_of_his_profile() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let change = async |body: Value| {
        let answer = send(&app, Method::PATCH, &session, body).await;
        let user = answer.expect(StatusCode::OK);
        (user["username"].clone(), user["full_name"].clone())
    };
    let (name, lovelace) = (json!("ada"), json!("Ada 李 Lovelace"));
    assert_eq!(
        change(json!({ "full_name": lovelace })).await,
        (name.clone(), lovelace.clone())
    );
    assert_eq!(change(json!({})).await, (name, lovelace.clone()));
    assert_eq!(
        change(json!({ "username": "ADA" })).await,
        (json!("ADA"), lovelace)
    );
    assert_eq!(
        change(json!({ "full_name": null })).await,
        (json!("ADA"), Value::Null)
    );
    assert_eq!(
        change(json!({ "full_name": " " })).await,
        (json!("ADA"), Value::Null)
    );
}

#[tokio::test]
async fn a_change_of_the_profile_is_put_on_record() {
    let app = TestApp::spawn().await;
    let id = records::id(&app.register("ada").await);
    let session = app.login("ada").await;
    send(
        &app,
        Method::PATCH,
        &session,
        json!({ "username": "countess" }),
    )
    .await
    .expect(StatusCode::OK);
    let event = event(&app, "user.profile_changed").await;
    assert_eq!((event.actor_id, event.target_id), (Some(id), Some(id)));
    assert_eq!(event.outcome, "success");
    assert!(event.session_id.is_some());
    assert!(!event.data.to_string().contains("countess"));
}

#[tokio::test]
async fn a_taken_username_stays_with_its_owner() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.register("bob").await;
    for method in [Method::PUT, Method::PATCH] {
        send(&app, method, &session, json!({ "username": "BOB" }))
            .await
            .expect_problem(409, "username_taken");
    }
    assert_eq!(me(&app, &session).await["username"], "ada");
    assert!(events(&app, "user.profile_changed").await.is_empty());
}

/// ASVS 8.2.3: a profile has two fields, and the account whose it is comes from the token alone.
#[tokio::test]
async fn a_profile_takes_no_other_fields() {
    let app = TestApp::spawn().await;
    let other = app.register("bob").await;
    let session = app.user("ada").await;
    let before = me(&app, &session).await;
    for (field, value) in [
        ("id", other["id"].clone()),
        ("user_id", other["id"].clone()),
        ("email", json!("new@example.com")),
        ("email_verified", json!(true)),
        ("is_active", json!(true)),
        ("roles", json!(["admin"])),
        ("password", json!("x")),
    ] {
        for method in [Method::PUT, Method::PATCH] {
            let mut body = json!({ "username": "countess" });
            body[field] = value.clone();
            send(&app, method, &session, body)
                .await
                .expect_invalid(&[(field, "unknown_field")]);
        }
    }
    assert_eq!(me(&app, &session).await, before);
}

#[tokio::test]
async fn each_field_of_a_profile_is_checked() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let before = me(&app, &session).await;
    for method in [Method::PUT, Method::PATCH] {
        for (field, value, code) in [
            ("username", json!("ab"), "too_short"),
            ("username", json!("a".repeat(33)), "too_long"),
            ("username", json!("bob@example.com"), "invalid_format"),
            ("username", json!("ada\0"), "invalid_format"),
            ("username", json!(1), "invalid_type"),
            ("full_name", json!("a".repeat(201)), "too_long"),
            ("full_name", json!("a\u{1b}[31m"), "invalid_format"),
            ("full_name", json!(["Ada"]), "invalid_type"),
        ] {
            let mut body = json!({ "username": "ada" });
            body[field] = value;
            send(&app, method.clone(), &session, body)
                .await
                .expect_invalid(&[(field, code)]);
        }
        send(&app, method.clone(), &session, json!("x"))
            .await
            .expect_problem(400, "malformed_request");
        app.request(method, "/users/me")
            .bearer_auth(&session.access)
            .form(&[("username", "ada")])
            .answer()
            .await
            .expect_problem(415, "unsupported_media_type");
    }
    send(&app, Method::PUT, &session, json!({ "full_name": "Ada" }))
        .await
        .expect_invalid(&[("username", "required")]);
    assert_eq!(me(&app, &session).await, before);
}

#[tokio::test]
async fn a_deleted_account_is_gone() {
    let app = TestApp::spawn().await;
    let first = app.register("ada").await;
    let (session, other) = (app.login("ada").await, app.login("ada").await);
    let bystander = app.user("bob").await;
    delete(&app, &session).await.expect(StatusCode::NO_CONTENT);

    for ended in [&session, &other] {
        assert!(!app.is_alive(ended).await);
        app.refresh(&ended.refresh)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    app.try_login("ada", crate::support::PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
    assert!(app.is_alive(&bystander).await);
    let again = app.register("ada").await;
    assert_ne!(again["id"], first["id"], "an id is never given again");
}

/// Of a deleted account ids alone are kept, in the audit log.
#[tokio::test]
async fn of_a_deleted_account_no_personal_data_is_kept() {
    let app = TestApp::spawn().await;
    let id = records::id(&app.register("ada").await);
    app.try_login("ada", "wrong").await;
    let login = app
        .post("/auth/token")
        .header("user-agent", "ada's telephone")
        .form(&[("username", "ada"), ("password", crate::support::PASSWORD)])
        .answer()
        .await;
    let session = Session::of(&login.expect(StatusCode::OK));
    send(
        &app,
        Method::PATCH,
        &session,
        json!({ "full_name": "Ada Lovelace" }),
    )
    .await
    .expect(StatusCode::OK);
    delete(&app, &session).await.expect(StatusCode::NO_CONTENT);

    // Who failed to log in is not known. That is kept for a while.
    assert!(event(&app, "login.failed").await.ip.is_some());
    app.advance(Duration::from_secs(90 * 86_400));
    clean_up(&app.services).await.expect("cleans up");
    for action in [
        "user.registered",
        "login.failed",
        "login.succeeded",
        "user.profile_changed",
        "user.deleted",
    ] {
        let event = event(&app, action).await;
        assert_eq!(event.target_id, Some(id), "{action}");
        assert_eq!((event.ip, event.user_agent), (None, None), "{action}");
        assert!(!event.data.to_string().contains("ada"), "{action}");
    }
    for table in [
        "SELECT count(*) FROM users",
        "SELECT count(*) FROM user_roles",
        "SELECT count(*) FROM sessions",
    ] {
        assert_eq!(records::count(&app, table, &[]).await, 0, "{table}");
    }
}

/// ASVS 7.5.3, 10.3.4.
#[tokio::test]
async fn deletion_needs_a_login_or_reauthentication_less_than_ten_minutes_ago() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.advance(Duration::from_secs(600));
    delete(&app, &session)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    assert!(app.is_alive(&session).await);

    let other = app.login("ada").await;
    delete(&app, &session)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    app.advance(Duration::from_millis(599_999));
    delete(&app, &other).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::spawn().await;
    let first = app.admin("first").await;
    delete(&app, &first).await.expect_problem(409, "last_admin");
    assert!(app.is_alive(&first).await);
    assert!(events(&app, "user.deleted").await.is_empty());

    let second = app.admin("second").await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username = ?1";
    records::execute(&app, sql, &["second"]).await;
    delete(&app, &first).await.expect_problem(409, "last_admin");

    let sql = "UPDATE users SET is_active = TRUE WHERE username = ?1";
    records::execute(&app, sql, &["second"]).await;
    delete(&app, &first).await.expect(StatusCode::NO_CONTENT);
    delete(&app, &second)
        .await
        .expect_problem(409, "last_admin");
}

#[tokio::test]
async fn null_is_not_the_same_as_absent() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let patch = async |body: serde_json::Value| {
        app.patch("/users/me")
            .bearer_auth(&session.access)
            .json(&body)
            .answer()
            .await
    };
    patch(json!({ "username": null }))
        .await
        .expect_invalid(&[("username", "invalid_type")]);
    let before = patch(json!({ "full_name": null }))
        .await
        .expect(StatusCode::OK);
    app.advance(Duration::from_secs(60));
    let after = patch(json!({})).await.expect(StatusCode::OK);
    assert_eq!(after, before, "nothing to change changes nothing");
}
