//! Users in the hands of administrators: create, get, change, delete. The list and roles have files of their own.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, event, events, stored_hash, user_who_may};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const NOBODY: &str = "/users/0190163d-8694-739b-aea5-966c26f8ad91";

pub async fn create(app: &TestApp, actor: &Session, body: &Value) -> Answer {
    app.post("/users")
        .bearer_auth(&actor.access)
        .json(body)
        .answer()
        .await
}

async fn get(app: &TestApp, actor: &Session, path: &str) -> Answer {
    app.get(path).bearer_auth(&actor.access).answer().await
}

pub async fn patch(app: &TestApp, actor: &Session, path: &str, body: Value) -> Answer {
    app.patch(path)
        .bearer_auth(&actor.access)
        .json(&body)
        .answer()
        .await
}

pub async fn delete(app: &TestApp, actor: &Session, path: &str) -> Answer {
    app.delete(path).bearer_auth(&actor.access).answer().await
}

pub fn path_of(user: &Value) -> String {
    format!("/users/{}", records::id(user))
}

fn new_user(field: &str, value: impl Into<Value>) -> Value {
    let mut body = json!({ "email": "ada@example.com", "username": "ada" });
    body[field] = value.into();
    body
}

#[tokio::test]
async fn an_administrator_creates_a_user_who_logs_in() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let body = json!({
        "email": "Ada@example.com",
        "username": "Ada",
        "password": PASSWORD,
        "full_name": "Ada Lovelace",
        "email_verified": true,
        "roles": ["user", "admin"],
    });
    let answer = create(&app, &admin, &body).await;
    let location = answer.header("location").to_owned();
    let user = answer.expect(StatusCode::CREATED);
    assert_eq!(location, path_of(&user));
    assert_eq!(user["email"], "Ada@example.com");
    assert_eq!(user["full_name"], "Ada Lovelace");
    assert_eq!(user["email_verified"], true);
    assert_eq!(user["roles"], json!(["admin", "user"]));
    let seen = get(&app, &admin, &location).await.expect(StatusCode::OK);
    assert_eq!(seen, user);
    let session = app.login("ada").await;
    get(&app, &session, "/users").await.expect(StatusCode::OK);

    let event = event(&app, "user.created").await;
    assert_eq!(event.target_id, Some(records::id(&user)));
    assert!(event.actor_id.is_some() && event.actor_id != event.target_id);
    assert!(event.session_id.is_some());
}

#[tokio::test]
async fn a_user_created_without_password_cannot_log_in() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let body = json!({ "email": "ada@example.com", "username": "ada" });
    let user = create(&app, &admin, &body)
        .await
        .expect(StatusCode::CREATED);
    assert_eq!(user["roles"], json!(["user"]));
    assert_eq!(user["email_verified"], false);
    assert_eq!(user["full_name"], Value::Null);
    assert_eq!(stored_hash(&app, "ada").await, None);
    for password in ["", "null", PASSWORD] {
        let status = app.try_login("ada", password).await.status;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn what_is_taken_is_not_created_twice() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    app.register("ada").await;
    for (email, username, code) in [
        ("ADA@example.com", "other", "email_taken"),
        ("ａda@example.com", "other", "email_taken"),
        ("other@example.com", "ADA", "username_taken"),
    ] {
        let body = json!({ "email": email, "username": username });
        create(&app, &admin, &body).await.expect_problem(409, code);
    }
    assert!(events(&app, "user.created").await.is_empty());
}

#[tokio::test]
async fn each_field_of_a_new_user_is_checked() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (field, value, code) in [
        ("email", json!("ada"), "invalid_format"),
        ("username", json!("a b c"), "invalid_format"),
        ("password", json!("1234567"), "too_short"),
        ("password", json!("password"), "too_weak"),
        ("full_name", json!("\0"), "invalid_format"),
        ("email_verified", json!("yes"), "invalid_type"),
        ("roles", json!("admin"), "invalid_type"),
        ("id", json!(NOBODY), "unknown_field"),
        ("is_active", json!(false), "unknown_field"),
        ("mfa_enabled", json!(false), "unknown_field"),
    ] {
        create(&app, &admin, &new_user(field, value))
            .await
            .expect_invalid(&[(field, code)]);
    }
    create(&app, &admin, &new_user("roles", json!(["user", 1])))
        .await
        .expect_invalid(&[("roles[1]", "invalid_type")]);
    create(&app, &admin, &new_user("roles", json!(["user", "\0", "x"])))
        .await
        .expect_invalid(&[("roles[1]", "unknown_role")]);
    let count = records::count(&app, "SELECT count(*) FROM users", &[]).await;
    assert_eq!(count, 1);
}

#[tokio::test]
async fn an_id_that_is_nobodys_is_not_found() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    get(&app, &admin, NOBODY)
        .await
        .expect_problem(404, "not_found");
    patch(&app, &admin, NOBODY, json!({ "is_active": true }))
        .await
        .expect_problem(404, "not_found");
    delete(&app, &admin, NOBODY)
        .await
        .expect_problem(404, "not_found");
    for id in ["x", "1", "%00", "'%20OR%201=1%20--", "me2", "..%2f..%2fetc"] {
        let path = format!("/users/{id}");
        for answer in [
            get(&app, &admin, &path).await,
            patch(&app, &admin, &path, json!({})).await,
            delete(&app, &admin, &path).await,
        ] {
            let body = answer.expect_problem(400, "malformed_request");
            assert_eq!(body["errors"][0]["field"], "id", "{body}");
        }
    }
}

#[tokio::test]
async fn an_administrator_changes_a_user() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let user = app.register("ada").await;
    app.advance(Duration::from_secs(1));
    let change = json!({ "username": "Countess", "full_name": "Ada", "email_verified": true });
    let changed = patch(&app, &admin, &path_of(&user), change)
        .await
        .expect(StatusCode::OK);
    assert_eq!(changed["username"], "Countess");
    assert_eq!(changed["full_name"], "Ada");
    assert_eq!(changed["email_verified"], true);
    assert_eq!(changed["email"], user["email"]);
    assert_eq!(changed["updated_at"], "2027-01-15T08:00:01.000Z");
    let change = json!({ "full_name": null });
    let changed = patch(&app, &admin, &path_of(&user), change)
        .await
        .expect(StatusCode::OK);
    assert_eq!(changed["full_name"], Value::Null);
    assert_eq!(changed["username"], "Countess");

    let events = events(&app, "user.changed").await;
    assert_eq!(events.len(), 2);
    assert!(
        events
            .iter()
            .all(|event| event.target_id == Some(records::id(&user)))
    );
    assert!(!format!("{events:?}").contains("Countess"));
}

#[tokio::test]
async fn a_new_address_is_unverified() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    let change = async |body: Value| {
        let user = patch(&app, &admin, &path, body).await;
        let user = user.expect(StatusCode::OK);
        (user["email"].clone(), user["email_verified"].clone())
    };
    let verified = change(json!({ "email_verified": true })).await;
    assert_eq!(verified, (json!("ada@example.com"), json!(true)));
    let respelled = change(json!({ "email": "Ada@example.com" })).await;
    assert_eq!(respelled, (json!("Ada@example.com"), json!(true)));
    let moved = change(json!({ "email": "countess@example.com" })).await;
    assert_eq!(moved, (json!("countess@example.com"), json!(false)));
    let vouched = json!({ "email": "lovelace@example.com", "email_verified": true });
    assert_eq!(
        change(vouched).await,
        (json!("lovelace@example.com"), json!(true))
    );
    app.login("LOVELACE@example.com").await;
    app.try_login("ada@example.com", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
}

#[tokio::test]
async fn what_is_taken_stays_with_its_owner() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    app.register("bob").await;
    for (change, code) in [
        (json!({ "email": "BOB@example.com" }), "email_taken"),
        (json!({ "username": "BOB" }), "username_taken"),
        (
            json!({ "full_name": "x", "email": "bob@EXAMPLE.com" }),
            "email_taken",
        ),
    ] {
        patch(&app, &admin, &path, change)
            .await
            .expect_problem(409, code);
    }
    let user = get(&app, &admin, &path).await.expect(StatusCode::OK);
    assert_eq!(user["full_name"], Value::Null);
    assert!(events(&app, "user.changed").await.is_empty());
}

#[tokio::test]
async fn each_field_of_a_change_is_checked() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    for (field, value, code) in [
        ("email", json!("ada"), "invalid_format"),
        ("username", json!("x"), "too_short"),
        ("full_name", json!("a\n"), "invalid_format"),
        ("is_active", json!(1), "invalid_type"),
        ("email_verified", json!("true"), "invalid_type"),
        ("password", json!(OTHER_PASSWORD), "unknown_field"),
        ("roles", json!(["admin"]), "unknown_field"),
        ("id", json!(NOBODY), "unknown_field"),
    ] {
        patch(&app, &admin, &path, json!({ field: value }))
            .await
            .expect_invalid(&[(field, code)]);
    }
    patch(&app, &admin, &path, json!([]))
        .await
        .expect_problem(400, "malformed_request");
    app.patch(&path)
        .bearer_auth(&admin.access)
        .body("{}")
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_disabled_user_is_out_until_enabled() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    let disabled = patch(&app, &admin, &path, json!({ "is_active": false }))
        .await
        .expect(StatusCode::OK);
    assert_eq!(disabled["is_active"], false);
    assert_eq!(event(&app, "user.changed").await.data["is_active"], false);
    app.try_login("ada", PASSWORD)
        .await
        .expect_problem(403, "account_disabled");
    patch(&app, &admin, &path, json!({ "is_active": true }))
        .await
        .expect(StatusCode::OK);
    app.login("ada").await;
}

#[tokio::test]
async fn a_deleted_user_is_gone_and_leaves_ids_only() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let user = app.register("ada").await;
    app.login("ada").await;
    delete(&app, &admin, &path_of(&user))
        .await
        .expect(StatusCode::NO_CONTENT);
    get(&app, &admin, &path_of(&user))
        .await
        .expect_problem(404, "not_found");
    delete(&app, &admin, &path_of(&user))
        .await
        .expect_problem(404, "not_found");
    app.try_login("ada", PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");

    let deleted = event(&app, "user.deleted").await;
    assert_eq!(deleted.target_id, Some(records::id(&user)));
    assert!(deleted.actor_id.is_some() && deleted.actor_id != deleted.target_id);
    assert_eq!(deleted.ip.as_deref(), Some("127.0.0.1"), "the deleter's");
    let registered = event(&app, "user.registered").await;
    assert_eq!(registered.target_id, Some(records::id(&user)));
    assert_eq!(registered.ip, None);
    app.register("ada").await;
}

/// ASVS 8.2.1: each operation asks for its own permission, and for no other.
#[tokio::test]
async fn each_operation_needs_its_permission() {
    let app = TestApp::spawn().await;
    let user = app.register("ada").await;
    let path = path_of(&user);
    let reader = user_who_may(
        &app,
        "reader",
        &["users:read", "roles:write", "sessions:write"],
    )
    .await;
    get(&app, &reader, &path).await.expect(StatusCode::OK);
    for refused in [
        create(&app, &reader, &new_user("email", "x@example.com")).await,
        patch(&app, &reader, &path, json!({ "full_name": "x" })).await,
        delete(&app, &reader, &path).await,
    ] {
        refused.expect_problem(403, "permission_denied");
    }
    let writer = user_who_may(&app, "writer", &["users:write"]).await;
    get(&app, &writer, &path)
        .await
        .expect_problem(403, "permission_denied");
    let body = json!({ "email": "new@example.com", "username": "new" });
    create(&app, &writer, &body)
        .await
        .expect(StatusCode::CREATED);
    patch(&app, &writer, &path, json!({ "full_name": "x" }))
        .await
        .expect(StatusCode::OK);
    delete(&app, &writer, &path)
        .await
        .expect(StatusCode::NO_CONTENT);
}

/// ASVS 8.2.2: without permission nobody learns whether an id is somebody's.
#[tokio::test]
async fn a_plain_user_cannot_tell_who_exists() {
    let app = TestApp::spawn().await;
    let other = app.register("bob").await;
    let session = app.user("ada").await;
    for path in [path_of(&other).as_str(), NOBODY] {
        for refused in [
            get(&app, &session, path).await,
            patch(&app, &session, path, json!({ "full_name": "x" })).await,
            delete(&app, &session, path).await,
        ] {
            refused.expect_problem(403, "permission_denied");
        }
    }
}

/// An administrator's unlocked screen is no way round the password. ASVS 7.5.1.
#[tokio::test]
async fn ones_own_username_and_account_need_a_fresh_password_here_too() {
    let app = TestApp::spawn().await;
    app.admin("other").await;
    let admin = app.admin("root").await;
    let me = get(&app, &admin, "/users/me").await.expect(StatusCode::OK);
    let path = path_of(&me);
    let new_name = json!({ "username": "root-2" });
    app.advance(Duration::from_secs(15 * 60));
    patch(&app, &admin, &path, new_name.clone())
        .await
        .expect_problem(401, "insufficient_user_authentication");
    delete(&app, &admin, &path)
        .await
        .expect_problem(401, "insufficient_user_authentication");
    patch(&app, &admin, &path, json!({ "full_name": "Root" }))
        .await
        .expect(StatusCode::OK);

    let fresh = app.login("root").await;
    patch(&app, &fresh, &path, new_name)
        .await
        .expect(StatusCode::OK);
    delete(&app, &fresh, &path)
        .await
        .expect(StatusCode::NO_CONTENT);
}
