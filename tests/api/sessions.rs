//! The life of a session: refresh and its rotation, expiry, and the changes that end it.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, event, events};
use crate::support::{OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(10);
const ACCESS_LIFETIME: Duration = Duration::from_secs(30 * 60);
const REFRESH_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

async fn refreshed(app: &TestApp, token: &str) -> Session {
    Session::of(&app.refresh(token).await.expect(StatusCode::OK))
}

#[tokio::test]
async fn a_refresh_gives_a_successor_in_the_same_session() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    app.advance(SECOND);

    let answer = app.refresh(&first.refresh).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.expect(StatusCode::OK);
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 1800);
    assert_eq!(body["refresh_expires_in"], 604_800);
    assert_eq!(body["scope"], "account");

    let second = Session::of(&body);
    assert_ne!(second.refresh, first.refresh);
    assert_ne!(second.access, first.access);
    assert!(app.is_alive(&second).await);
    let third = refreshed(&app, &second.refresh).await;
    assert!(app.is_alive(&third).await);
    let sessions = records::count(&app, "SELECT count(*) FROM sessions", &[]).await;
    assert_eq!(sessions, 1);
}

/// A lost answer, or two tabs that refresh at one moment, must not log anybody out.
#[tokio::test]
async fn within_the_grace_the_replaced_token_gets_the_current_one_again() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    let second = refreshed(&app, &first.refresh).await;
    for _ in 0..2 {
        app.advance(GRACE / 2);
        let again = refreshed(&app, &first.refresh).await;
        assert_eq!(again.refresh, second.refresh);
        assert!(app.is_alive(&again).await);
    }
    assert!(
        events(&app, "session.refresh_token_reused")
            .await
            .is_empty()
    );
}

/// ASVS 10.4.5.
#[tokio::test]
async fn a_replaced_token_after_the_grace_ends_the_session() {
    let app = TestApp::spawn().await;
    let user = app.register("ada").await;
    let (first, other) = (app.login("ada").await, app.login("ada").await);
    let second = refreshed(&app, &first.refresh).await;
    app.advance(GRACE + Duration::from_millis(1));

    app.refresh(&first.refresh)
        .await
        .expect_problem(401, "refresh_token_reused");
    assert!(!app.is_alive(&second).await);
    app.refresh(&second.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert!(app.is_alive(&other).await, "another login is not touched");

    let event = event(&app, "session.refresh_token_reused").await;
    assert_eq!(event.outcome, "failure");
    assert_eq!(event.target_id, Some(records::id(&user)));
    assert!(event.session_id.is_some());
}

/// The grace is for the token before the current one, not for any that is young.
#[tokio::test]
async fn the_token_before_the_last_ends_the_session_within_the_grace() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    let second = refreshed(&app, &first.refresh).await;
    let third = refreshed(&app, &second.refresh).await;
    app.refresh(&first.refresh)
        .await
        .expect_problem(401, "refresh_token_reused");
    assert!(!app.is_alive(&third).await);
}

#[tokio::test]
async fn the_refresh_grant_rotates_and_notices_reuse_as_well() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    let grant = |token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        app.post("/auth/token").form(&form).answer()
    };
    let second = Session::of(&grant(&first.refresh).await.expect(StatusCode::OK));
    assert!(app.is_alive(&second).await);
    app.advance(GRACE + SECOND);
    grant(&first.refresh)
        .await
        .expect_oauth_error("invalid_grant");
    assert!(!app.is_alive(&second).await);
    grant(&second.refresh)
        .await
        .expect_oauth_error("invalid_grant");
}

#[tokio::test]
async fn a_refresh_needs_a_token_that_was_made_here() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let cut = &session.refresh[..session.refresh.len() - 1];
    let long = format!("{}A", session.refresh);
    for token in [
        "",
        "x",
        "vrt1_",
        "' OR 1=1 --",
        "\0",
        "🦀",
        cut,
        long.as_str(),
        session.access.as_str(),
    ] {
        app.refresh(token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    assert!(app.is_alive(&session).await);
}

#[tokio::test]
async fn a_refresh_wants_one_field_of_text() {
    let app = TestApp::spawn().await;
    let send = |body: Value| app.post("/auth/refresh").json(&body).answer();
    send(json!({}))
        .await
        .expect_invalid(&[("refresh_token", "required")]);
    send(json!({ "refresh_token": 1 }))
        .await
        .expect_invalid(&[("refresh_token", "invalid_type")]);
    send(json!({ "refresh_token": null }))
        .await
        .expect_invalid(&[("refresh_token", "invalid_type")]);
    send(json!({ "refresh_token": "x", "user_id": "y" }))
        .await
        .expect_invalid(&[("user_id", "unknown_field")]);
    send(json!([]))
        .await
        .expect_problem(400, "malformed_request");
    app.post("/auth/refresh")
        .form(&[("refresh_token", "x")])
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
}

/// ASVS 9.2.1.
#[tokio::test]
async fn an_access_token_expires_to_the_second() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.advance(ACCESS_LIFETIME - SECOND);
    assert!(app.is_alive(&session).await);
    app.advance(SECOND);
    let answer = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await;
    assert!(
        answer
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    answer.expect_problem(401, "invalid_access_token");
    let fresh = refreshed(&app, &session.refresh).await;
    assert!(app.is_alive(&fresh).await);
}

/// ASVS 7.3.1.
#[tokio::test]
async fn an_unused_refresh_token_expires_to_the_second() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let (used, unused) = (app.login("ada").await, app.login("ada").await);
    app.advance(REFRESH_LIFETIME - SECOND);
    let used = refreshed(&app, &used.refresh).await;
    app.advance(SECOND);
    app.refresh(&unused.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert!(app.is_alive(&used).await, "a refresh prolongs its session");
}

#[tokio::test]
async fn lifetimes_are_settings() {
    let settings = [
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "1"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "1"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    app.register("ada").await;
    let body = app.try_login("ada", PASSWORD).await.expect(StatusCode::OK);
    assert_eq!(body["expires_in"], 60);
    assert_eq!(body["refresh_expires_in"], 86_400);
    let session = Session::of(&body);
    app.advance(Duration::from_secs(60));
    assert!(!app.is_alive(&session).await);
    app.advance(Duration::from_secs(86_400 - 60));
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

/// ASVS 7.4.3.
#[tokio::test]
async fn a_password_change_ends_all_sessions_but_its_own() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let (own, other) = (app.login("ada").await, app.login("ada").await);
    let bystander = app.user("bob").await;
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let change = app.put("/users/me/password").bearer_auth(&own.access);
    let answer = change.json(&body).answer().await;
    let changed = Session::of(&answer.expect(StatusCode::OK));

    // Its own tokens from before are refused, too: there may be copies.
    for ended in [&other, &own] {
        assert!(!app.is_alive(ended).await);
        app.refresh(&ended.refresh)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    assert!(app.is_alive(&changed).await);
    refreshed(&app, &changed.refresh).await;
    assert!(app.is_alive(&bystander).await);
    refreshed(&app, &bystander.refresh).await;
    assert_eq!(
        event(&app, "password.changed").await.data["sessions_ended"],
        1
    );
}

/// ASVS 7.4.2.
#[tokio::test]
async fn disabling_ends_all_sessions_of_the_user() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let user = app.register("ada").await;
    let (one, two) = (app.login("ada").await, app.login("ada").await);
    let bystander = app.user("bob").await;
    let set_active = |is_active: bool| {
        app.patch(&format!("/users/{}", records::id(&user)))
            .bearer_auth(&admin.access)
            .json(&json!({ "is_active": is_active }))
            .answer()
    };
    set_active(false).await.expect(StatusCode::OK);
    for session in [&one, &two] {
        assert!(!app.is_alive(session).await);
        app.refresh(&session.refresh)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    assert!(app.is_alive(&bystander).await);

    set_active(true).await.expect(StatusCode::OK);
    assert!(!app.is_alive(&one).await, "enabling revives no session");
    assert!(app.is_alive(&app.login("ada").await).await);
}

/// DESIGN §5: a disabled user is out at once, by every way of disabling.
#[tokio::test]
async fn a_session_of_a_disabled_user_is_of_no_use() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username = ?1";
    records::execute(&app, sql, &["ada"]).await;
    assert!(!app.is_alive(&session).await);
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

/// ASVS 7.4.2.
#[tokio::test]
async fn deletion_ends_all_sessions_of_the_user() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let user = app.register("ada").await;
    let session = app.login("ada").await;
    app.delete(&format!("/users/{}", records::id(&user)))
        .bearer_auth(&admin.access)
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(!app.is_alive(&session).await);
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert!(app.is_alive(&admin).await);
}

/// What a user may do is asked of the database, not of the token. ASVS 8.3.2.
#[tokio::test]
async fn a_role_taken_away_counts_at_once() {
    let app = TestApp::spawn().await;
    app.admin("root").await;
    let second = app.admin("boss").await;
    let list = || app.get("/users").bearer_auth(&second.access).answer();
    list().await.expect(StatusCode::OK);
    let sql = "DELETE FROM user_roles WHERE role_name = 'admin' AND user_id = (SELECT id FROM users WHERE username = ?1)";
    records::execute(&app, sql, &["boss"]).await;
    list().await.expect_problem(403, "permission_denied");
}
