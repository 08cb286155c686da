//! `POST /auth/token`: the password grant, what it tells and what it keeps to itself. The refresh grant is in
//! `sessions.rs`, the limit of failures in `auth_throttle.rs`, hashes of other forms in `auth_rehash.rs`.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::records::{self, event, events, remove_stored_hash, set_stored_hash, user_who_may};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

async fn token(app: &TestApp, form: &[(&str, &str)]) -> Answer {
    app.post("/auth/token").form(form).answer().await
}

async fn login_with_scope(app: &TestApp, username: &str, scope: &str) -> Answer {
    let form = [
        ("username", username),
        ("password", PASSWORD),
        ("scope", scope),
    ];
    token(app, &form).await
}

#[tokio::test]
async fn a_login_gives_a_token_pair() {
    let app = TestApp::spawn().await;
    let user = app.register("ada").await;
    app.advance(Duration::from_secs(1));
    let form = [
        ("grant_type", "password"),
        ("username", "ada"),
        ("password", PASSWORD),
        ("client_id", "ignored"),
        ("client_secret", "ignored"),
    ];
    let answer = token(&app, &form).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("pragma"), "no-cache");
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.expect(StatusCode::OK);
    assert_eq!(
        body,
        json!({
            "access_token": body["access_token"],
            "token_type": "bearer",
            "expires_in": 1800,
            "refresh_token": body["refresh_token"],
            "refresh_expires_in": 604_800,
            "scope": "account",
        })
    );
    let me = app
        .get("/users/me")
        .bearer_auth(Session::of(&body).access)
        .answer()
        .await
        .expect(StatusCode::OK);
    assert_eq!(me["id"], user["id"]);
    assert_eq!(me["last_login_at"], "2027-01-15T08:00:01.000Z");
}

/// ASVS 16.3.1.
#[tokio::test]
async fn logins_and_failed_logins_are_put_on_record() {
    let app = TestApp::spawn().await;
    let id = records::id(&app.register("ada").await);
    app.login("ada").await;
    let success = event(&app, "login.succeeded").await;
    assert_eq!((success.actor_id, success.target_id), (Some(id), Some(id)));
    assert_eq!(success.outcome, "success");
    assert!(success.session_id.is_some());
    assert_eq!(success.data, json!({ "method": "password" }));
    assert_eq!(success.ip.as_deref(), Some("127.0.0.1"));

    app.try_login("ada", OTHER_PASSWORD).await;
    let failure = event(&app, "login.failed").await;
    assert_eq!((failure.actor_id, failure.target_id), (None, Some(id)));
    assert_eq!(failure.outcome, "failure");

    app.try_login("nobody@example.com", OTHER_PASSWORD).await;
    let failures = events(&app, "login.failed").await;
    assert_eq!(failures.len(), 2);
    let unknown = failures.iter().find(|event| event.target_id.is_none());
    let told = format!("{unknown:?}");
    assert!(unknown.is_some() && !told.contains("nobody"), "{told}");
}

#[tokio::test]
async fn the_username_or_the_address_in_any_spelling_will_do() {
    let app = TestApp::spawn().await;
    app.register("Ada").await;
    for name in [
        "Ada",
        "ada",
        "ADA",
        "Ada@example.com",
        "ada@EXAMPLE.com",
        "ａｄａ@example.com",
    ] {
        app.login(name).await;
    }
}

#[tokio::test]
async fn each_login_is_a_session_of_its_own() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let (one, two) = (app.login("ada").await, app.login("ada").await);
    assert_ne!(one.access, two.access);
    assert_ne!(one.refresh, two.refresh);
    app.post("/auth/logout")
        .bearer_auth(&one.access)
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(app.is_alive(&two).await);
}

#[tokio::test]
async fn a_request_of_another_form_gets_an_oauth_error() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let (user, password) = (("username", "ada"), ("password", PASSWORD));
    for (form, error) in [
        (vec![], "invalid_request"),
        (vec![user], "invalid_request"),
        (vec![password], "invalid_request"),
        (vec![user, ("password", "")], "invalid_request"),
        (vec![user, user, password], "invalid_request"),
        (vec![("grant_type", "refresh_token")], "invalid_request"),
        (
            vec![("grant_type", "authorization_code"), user, password],
            "unsupported_grant_type",
        ),
        (
            vec![("grant_type", "PASSWORD"), user, password],
            "unsupported_grant_type",
        ),
        (
            vec![("grant_type", "refresh_token"), ("refresh_token", "x")],
            "invalid_grant",
        ),
    ] {
        token(&app, &form).await.expect_oauth_error(error);
    }
    app.post("/auth/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(b"username=%ff&password=x".to_vec())
        .answer()
        .await
        .expect_oauth_error("invalid_request");
    app.post("/auth/token")
        .json(&json!({ "username": "ada", "password": PASSWORD }))
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
    let large = "x".repeat(65 * 1024);
    token(&app, &[user, ("password", &large)])
        .await
        .expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn hostile_names_are_unknown_users() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let long = "a".repeat(10_000);
    for name in [
        "' OR 1=1 --",
        "ada' --",
        "%",
        "_da",
        "ada\0",
        "\0",
        "@",
        "@@@@",
        "ada@",
        "\u{202e}ada",
        "🦀",
        long.as_str(),
    ] {
        app.try_login(name, PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
    }
    let long = "x".repeat(10_000);
    for password in ["\0", "' OR 1=1 --", "🦀", long.as_str()] {
        app.try_login("ada", password)
            .await
            .expect_oauth_error("invalid_grant");
    }
}

/// Everything of an answer that a client can compare, but for what differs with every answer.
fn told(answer: &Answer) -> (StatusCode, Vec<String>, String) {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort_unstable();
    (answer.status, names, answer.text.clone())
}

/// DESIGN §6: an account's existence is not told. ASVS 6.3.8.
#[tokio::test]
async fn a_refused_login_tells_nothing_of_the_account() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    app.register("empty").await;
    remove_stored_hash(&app, "empty").await;
    app.register("broken").await;
    set_stored_hash(&app, "broken", "not a hash").await;
    let wrong = app.try_login("ada", OTHER_PASSWORD).await;
    for name in [
        "nobody",
        "nobody@example.com",
        "empty",
        "empty@example.com",
        "broken",
    ] {
        let other = app.try_login(name, OTHER_PASSWORD).await;
        assert_eq!(told(&other), told(&wrong), "{name}");
    }
    wrong.expect_oauth_error("invalid_grant");
}

/// DESIGN §6: nor by the time that it takes, of which the hashes are all. ASVS 6.3.8.
#[tokio::test]
async fn every_refused_login_costs_one_hash() {
    let app = TestApp::spawn().await;
    for name in ["ada", "empty", "disabled"] {
        app.register(name).await;
    }
    remove_stored_hash(&app, "empty").await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username = ?1";
    records::execute(&app, sql, &["disabled"]).await;
    let long = "kolibri opal traverse ".repeat(5);
    for name in [
        "ada",
        "nobody",
        "nobody@example.com",
        "@",
        "empty",
        "disabled",
    ] {
        for password in [OTHER_PASSWORD, long.as_str()] {
            let before = app.services.passwords.hashes_done();
            app.try_login(name, password)
                .await
                .expect_oauth_error("invalid_grant");
            assert_eq!(app.services.passwords.hashes_done() - before, 1, "{name}");
        }
    }
}

#[tokio::test]
async fn that_an_account_is_disabled_is_told_to_who_knows_its_password() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username = ?1";
    records::execute(&app, sql, &["ada"]).await;
    let unknown = app.try_login("nobody", PASSWORD).await;
    let wrong = app.try_login("ada", OTHER_PASSWORD).await;
    assert_eq!(told(&wrong), told(&unknown));
    let body = app
        .try_login("ada", PASSWORD)
        .await
        .expect_problem(403, "account_disabled");
    assert_eq!(body["error"], "account_disabled");
    let sessions = records::count(&app, "SELECT count(*) FROM sessions", &[]).await;
    assert_eq!(sessions, 0);
}

/// ASVS 10.3.2, 8.2.1.
#[tokio::test]
async fn a_scope_narrows_what_the_session_may_do() {
    let app = TestApp::spawn().await;
    user_who_may(&app, "ada", &["users:read", "audit:read"]).await;
    let list = async |answer: Answer| {
        let session = Session::of(&answer.expect(StatusCode::OK));
        app.get("/users").bearer_auth(session.access).answer().await
    };

    let whole = login_with_scope(&app, "ada", "").await;
    assert_eq!(whole.json()["scope"], "account audit:read users:read");
    list(whole).await.expect(StatusCode::OK);

    let narrow = login_with_scope(&app, "ada", "account").await;
    assert_eq!(narrow.json()["scope"], "account");
    let refresh = Session::of(&narrow.json()).refresh;
    list(narrow).await.expect_problem(403, "insufficient_scope");
    let refreshed = app.refresh(&refresh).await;
    assert_eq!(refreshed.json()["scope"], "account");
    list(refreshed)
        .await
        .expect_problem(403, "insufficient_scope");

    let exact = login_with_scope(&app, "ada", "users:read").await;
    assert_eq!(exact.json()["scope"], "users:read");
    list(exact).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn nobody_gets_a_scope_that_he_lacks() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for scope in ["users:read", "account users:write", "openid", "*", "\0"] {
        login_with_scope(&app, "ada", scope)
            .await
            .expect_oauth_error("invalid_scope");
    }
    let sessions = records::count(&app, "SELECT count(*) FROM sessions", &[]).await;
    assert_eq!(sessions, 0);
}

/// RFC 6749 §6: a refresh asks for no scope that the login did not get.
#[tokio::test]
async fn a_refresh_does_not_widen_the_scope() {
    let app = TestApp::spawn().await;
    user_who_may(&app, "ada", &["users:read"]).await;
    let narrow = login_with_scope(&app, "ada", "account").await;
    let session = Session::of(&narrow.expect(StatusCode::OK));
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", session.refresh.as_str()),
        ("scope", "account users:read"),
    ];
    token(&app, &form).await.expect_oauth_error("invalid_scope");
    assert!(app.is_alive(&session).await);
}

/// bcrypt repeats a short password with a NUL between.
#[tokio::test]
async fn a_password_repeated_with_a_nul_is_another_password() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for other in [format!("{PASSWORD}\0{PASSWORD}"), format!("{PASSWORD}\0")] {
        app.try_login("ada", &other)
            .await
            .expect_oauth_error("invalid_grant");
    }
}

/// RFC 6750 §3.1: the user may, this login may not.
#[tokio::test]
async fn a_scope_that_is_too_small_is_told_apart_from_a_missing_permission() {
    let app = TestApp::spawn().await;
    user_who_may(&app, "ada", &["users:read"]).await;
    let narrow = Session::of(
        &login_with_scope(&app, "ada", "account")
            .await
            .expect(StatusCode::OK),
    );
    let answer = app.get("/users").bearer_auth(&narrow.access).answer().await;
    assert_eq!(
        answer.header("www-authenticate"),
        r#"Bearer realm="vestibule", error="insufficient_scope", scope="users:read""#
    );
    answer.expect_problem(403, "insufficient_scope");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", narrow.refresh.as_str()),
        ("scope", "nonsense"),
    ];
    token(&app, &form).await.expect_oauth_error("invalid_scope");
}
