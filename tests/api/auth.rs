//! Logout, revocation, introspection, reauthentication. Registration, login, and refresh have files of their own.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, event, events, user_who_may};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

async fn logout(app: &TestApp, session: &Session, query: &str) -> Answer {
    app.post(&format!("/auth/logout{query}"))
        .bearer_auth(&session.access)
        .answer()
        .await
}

async fn expect_ended(app: &TestApp, session: &Session) {
    assert!(!app.is_alive(session).await);
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

/// Three sessions of one user and one of another.
async fn sessions(app: &TestApp) -> [Session; 4] {
    let bystander = app.user("bob").await;
    let first = app.user("ada").await;
    [
        first,
        app.login("ada").await,
        app.login("ada").await,
        bystander,
    ]
}

/// ASVS 7.4.1.
#[tokio::test]
async fn logout_ends_the_session_of_the_token() {
    let app = TestApp::spawn().await;
    let [own, second, third, bystander] = sessions(&app).await;
    logout(&app, &own, "").await.expect(StatusCode::NO_CONTENT);
    expect_ended(&app, &own).await;
    logout(&app, &second, "?scope=current")
        .await
        .expect(StatusCode::NO_CONTENT);
    expect_ended(&app, &second).await;
    for session in [&third, &bystander] {
        assert!(app.is_alive(session).await);
    }
    logout(&app, &own, "")
        .await
        .expect_problem(401, "invalid_access_token");
}

#[tokio::test]
async fn logout_ends_the_other_sessions() {
    let app = TestApp::spawn().await;
    let [own, second, third, bystander] = sessions(&app).await;
    logout(&app, &own, "?scope=others")
        .await
        .expect(StatusCode::NO_CONTENT);
    expect_ended(&app, &second).await;
    expect_ended(&app, &third).await;
    for session in [&own, &bystander] {
        assert!(app.is_alive(session).await);
    }
}

#[tokio::test]
async fn logout_ends_all_sessions() {
    let app = TestApp::spawn().await;
    let [own, second, third, bystander] = sessions(&app).await;
    logout(&app, &own, "?scope=all")
        .await
        .expect(StatusCode::NO_CONTENT);
    for session in [&own, &second, &third] {
        expect_ended(&app, session).await;
    }
    assert!(app.is_alive(&bystander).await);
    let event = event(&app, "session.ended").await;
    assert_eq!(event.outcome, "success");
    assert_eq!(event.data, json!({ "scope": "all", "ended": 3 }));
}

#[tokio::test]
async fn logout_knows_three_scopes() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    for scope in ["everything", "ALL", "%00", "' OR 1=1 --"] {
        let body = logout(&app, &session, &format!("?scope={scope}"))
            .await
            .expect_problem(400, "malformed_request");
        assert_eq!(body["errors"][0]["field"], "scope", "{body}");
    }
    assert!(app.is_alive(&session).await);
}

async fn revoke(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/revoke")
        .form(&[("token", token), ("token_type_hint", "nonsense")])
        .answer()
        .await
}

/// RFC 7009: either token ends the session.
#[tokio::test]
async fn revoking_either_token_ends_the_session() {
    let app = TestApp::spawn().await;
    let [one, two, three, bystander] = sessions(&app).await;
    revoke(&app, &one.access).await.expect(StatusCode::OK);
    revoke(&app, &two.refresh).await.expect(StatusCode::OK);
    expect_ended(&app, &one).await;
    expect_ended(&app, &two).await;
    for session in [&three, &bystander] {
        assert!(app.is_alive(session).await);
    }
    revoke(&app, &one.access).await.expect(StatusCode::OK);
    let events = events(&app, "session.revoked").await;
    assert_eq!(events.len(), 2, "what is over is not ended again");
    assert!(events.iter().all(|event| event.target_id.is_some()));
}

/// A stolen refresh token can be revoked although its thief has used it.
#[tokio::test]
async fn revoking_a_replaced_token_ends_the_session() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    let second = Session::of(&app.refresh(&first.refresh).await.expect(StatusCode::OK));
    revoke(&app, &first.refresh).await.expect(StatusCode::OK);
    expect_ended(&app, &second).await;
}

/// RFC 7009 §2.2.
#[tokio::test]
async fn revoking_a_token_that_means_nothing_is_no_error() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let changed = format!("{}A", session.access);
    for token in ["x", "vrt1_", "a.b.c", "' OR 1=1 --", "\0", changed.as_str()] {
        let answer = revoke(&app, token).await;
        assert_eq!(answer.header("content-type"), "application/json");
        let body = answer.expect(StatusCode::OK);
        assert_eq!(body, json!({ "status": "revoked" }));
    }
    assert!(app.is_alive(&session).await);
}

#[tokio::test]
async fn revocation_needs_a_form_with_a_token() {
    let app = TestApp::spawn().await;
    for form in [
        vec![],
        vec![("token", "")],
        vec![("token", "a"), ("token", "b")],
    ] {
        app.post("/auth/revoke")
            .form(&form)
            .answer()
            .await
            .expect_oauth_error("invalid_request");
    }
    app.post("/auth/revoke")
        .json(&json!({ "token": "x" }))
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
}

async fn introspect(app: &TestApp, asker: &Session, token: &str) -> Value {
    app.post("/auth/introspect")
        .bearer_auth(&asker.access)
        .form(&[("token", token)])
        .answer()
        .await
        .expect(StatusCode::OK)
}

/// RFC 7662 §2.2.
#[tokio::test]
async fn introspection_tells_what_a_good_token_says() {
    let app = TestApp::spawn().await;
    let asker = user_who_may(&app, "asker", &["tokens:introspect"]).await;
    let user = app.register("ada").await;
    let session = app.login("ada").await;

    let access = introspect(&app, &asker, &session.access).await;
    assert_eq!(
        access,
        json!({
            "active": true,
            "scope": "account",
            "username": "ada",
            "token_type": "Bearer",
            "token_use": "access_token",
            "exp": 1_800_001_800,
            "iat": 1_800_000_000,
            "nbf": 1_800_000_000,
            "sub": user["id"],
            "aud": access["aud"],
            "iss": access["iss"],
            "jti": access["jti"],
            "sid": access["sid"],
        })
    );
    let refresh = introspect(&app, &asker, &session.refresh).await;
    assert_eq!(
        refresh,
        json!({
            "active": true,
            "scope": "account",
            "username": "ada",
            "token_use": "refresh_token",
            "exp": 1_800_604_800,
            "sub": user["id"],
            "sid": access["sid"],
        })
    );
}

#[tokio::test]
async fn of_any_other_token_introspection_says_that_it_is_not_active() {
    let app = TestApp::spawn().await;
    let asker = app.admin("root").await;
    let replaced = app.user("ada").await;
    app.refresh(&replaced.refresh).await.expect(StatusCode::OK);
    let ended = app.login("ada").await;
    logout(&app, &ended, "")
        .await
        .expect(StatusCode::NO_CONTENT);
    let inactive = json!({ "active": false });
    for token in [
        "x",
        "\0",
        "' OR 1=1 --",
        &replaced.refresh,
        &ended.access,
        &ended.refresh,
    ] {
        assert_eq!(introspect(&app, &asker, token).await, inactive, "{token}");
    }
    assert_eq!(
        introspect(&app, &asker, &replaced.access).await["active"],
        true
    );
    app.advance(Duration::from_secs(30 * 60));
    let asker = app.login("root").await;
    assert_eq!(introspect(&app, &asker, &replaced.access).await, inactive);
}

/// RFC 7662 §2.1: a caller without the permission learns nothing.
#[tokio::test]
async fn introspection_needs_its_permission() {
    let app = TestApp::spawn().await;
    let session = user_who_may(&app, "ada", &["users:read", "audit:read"]).await;
    let ask = |access: &str| {
        app.post("/auth/introspect")
            .bearer_auth(access)
            .form(&[("token", &session.access)])
            .answer()
    };
    ask(&session.access)
        .await
        .expect_problem(403, "permission_denied");
    ask("x").await.expect_problem(401, "invalid_access_token");
    let admin = app.admin("root").await;
    app.post("/auth/introspect")
        .bearer_auth(&admin.access)
        .form(&[("x", "y")])
        .answer()
        .await
        .expect_oauth_error("invalid_request");
}

async fn reauthenticate(app: &TestApp, session: &Session, body: Value) -> Answer {
    app.post("/auth/reauthenticate")
        .bearer_auth(&session.access)
        .json(&body)
        .answer()
        .await
}

/// ASVS 7.2.4, 7.5.3.
#[tokio::test]
async fn giving_the_password_again_renews_the_session() {
    let app = TestApp::spawn().await;
    let id = records::id(&app.register("ada").await);
    let session = app.login("ada").await;
    app.advance(Duration::from_secs(15 * 60));
    app.delete("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect_problem(401, "insufficient_user_authentication");

    let answer = reauthenticate(&app, &session, json!({ "password": PASSWORD })).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.expect(StatusCode::OK);
    let fresh = Session::of(&body);
    assert_eq!(body["expires_in"], 1800);
    assert_ne!(
        fresh.refresh, session.refresh,
        "the refresh token is replaced"
    );
    let event = event(&app, "session.reauthenticated").await;
    assert_eq!((event.actor_id, event.target_id), (Some(id), Some(id)));

    // Older tokens of the session, of which a thief may have copies, are refused.
    app.delete("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect_problem(401, "invalid_access_token");
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    app.delete("/users/me")
        .bearer_auth(&fresh.access)
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_refresh_is_no_reauthentication() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.advance(Duration::from_secs(15 * 60));
    let fresh = Session::of(&app.refresh(&session.refresh).await.expect(StatusCode::OK));
    app.delete("/users/me")
        .bearer_auth(&fresh.access)
        .answer()
        .await
        .expect_problem(401, "insufficient_user_authentication");
}

#[tokio::test]
async fn reauthentication_needs_the_right_password() {
    let app = TestApp::spawn().await;
    let id = records::id(&app.register("ada").await);
    let session = app.login("ada").await;
    for wrong in ["", "\0", OTHER_PASSWORD, "CORRECT HORSE BATTERY STAPLE"] {
        reauthenticate(&app, &session, json!({ "password": wrong }))
            .await
            .expect_problem(401, "invalid_credentials");
    }
    reauthenticate(&app, &session, json!({}))
        .await
        .expect_invalid(&[("password", "required")]);
    reauthenticate(&app, &session, json!({ "password": 1, "user_id": id }))
        .await
        .expect_invalid(&[("password", "invalid_type"), ("user_id", "unknown_field")]);
    let failures = events(&app, "password.check_failed").await;
    assert_eq!(failures.len(), 4);
    assert!(failures.iter().all(|event| event.actor_id == Some(id)));
    assert!(failures.iter().all(|event| event.outcome == "failure"));
    assert!(app.is_alive(&session).await);
}

/// A refresh token from before does not become fresh with the session, not even within the grace of a refresh. A tab that
/// still holds it does not end the session. ASVS 7.2.4.
#[tokio::test]
async fn the_refresh_token_from_before_is_refused_and_ends_nothing() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.advance(Duration::from_secs(15 * 60));
    let session = Session::of(&app.refresh(&session.refresh).await.expect(StatusCode::OK));
    let answer = reauthenticate(&app, &session, json!({ "password": PASSWORD })).await;
    let fresh = Session::of(&answer.expect(StatusCode::OK));
    for _ in 0..2 {
        app.refresh(&session.refresh)
            .await
            .expect_problem(401, "invalid_refresh_token");
        app.advance(Duration::from_secs(60));
    }
    assert!(app.is_alive(&fresh).await);
    app.refresh(&fresh.refresh).await.expect(StatusCode::OK);
}
