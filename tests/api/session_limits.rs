//! How long a session lives at most, and how many one user has.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::records::{self, events};
use crate::support::{PASSWORD, Send, Session, TestApp};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// ASVS 7.3.2.
#[tokio::test]
async fn a_session_ends_however_often_it_is_refreshed() {
    let settings = [
        ("SESSION_MAX_AGE_DAYS", "3"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "2"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    app.register("ada").await;
    let body = app.try_login("ada", PASSWORD).await.expect(StatusCode::OK);
    assert_eq!(
        (&body["expires_in"], &body["refresh_expires_in"]),
        (&json!(1800), &json!(172_800))
    );
    let mut session = Session::of(&body);

    app.advance(2 * DAY - SECOND);
    let body = app.refresh(&session.refresh).await.expect(StatusCode::OK);
    assert_eq!(
        body["refresh_expires_in"], 86_401,
        "no longer than the session"
    );
    session = Session::of(&body);

    // Giving the password again does not prolong it, either.
    app.advance(DAY - 599 * SECOND);
    session = Session::of(&app.refresh(&session.refresh).await.expect(StatusCode::OK));
    let request = app
        .post("/auth/reauthenticate")
        .bearer_auth(&session.access);
    let answer = request
        .json(&json!({ "password": PASSWORD }))
        .answer()
        .await;
    let body = answer.expect(StatusCode::OK);
    assert_eq!(
        (&body["expires_in"], &body["refresh_expires_in"]),
        (&json!(600), &json!(600))
    );
    session = Session::of(&body);

    app.advance(599 * SECOND);
    assert!(app.is_alive(&session).await);
    let last = app.refresh(&session.refresh).await.expect(StatusCode::OK);
    assert_eq!(
        (&last["expires_in"], &last["refresh_expires_in"]),
        (&json!(1), &json!(1))
    );
    app.advance(SECOND);
    let last = Session::of(&last);
    assert!(!app.is_alive(&last).await);
    let body = app.refresh(&last.refresh).await;
    let body = body.expect_problem(401, "invalid_refresh_token");
    assert_eq!(
        body["detail"],
        "The session has reached its maximum age. Log in again."
    );
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &last.refresh),
    ];
    let answer = app.post("/auth/token").form(&form).answer().await;
    let description = answer.json()["error_description"].clone();
    assert_eq!(
        description,
        "The session has reached its maximum age. Log in again."
    );
    answer.expect_oauth_error("invalid_grant");
    assert!(app.is_alive(&app.login("ada").await).await);
}

/// An earlier release knows no absolute end, and may have let a session live on.
#[tokio::test]
async fn a_session_of_an_earlier_release_ends_as_well() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let sql = "UPDATE sessions SET created_at = created_at - 2592000000 WHERE scope = ?1";
    records::execute(&app, sql, &[""]).await;
    assert!(!app.is_alive(&session).await);
    app.refresh(&session.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_session_not_used_for_longest() {
    let app = TestApp::spawn_with(&[("SESSION_MAX_PER_USER", "3")]).await;
    let bystander = app.user("bob").await;
    app.register("ada").await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        app.advance(SECOND);
        sessions.push(app.login("ada").await);
    }
    app.advance(SECOND);
    // The first is the one used last.
    sessions[0] = Session::of(
        &app.refresh(&sessions[0].refresh)
            .await
            .expect(StatusCode::OK),
    );
    assert!(
        events(&app, "login.succeeded")
            .await
            .iter()
            .all(|event| event.data == json!({ "method": "password" }))
    );
    for (ended, lives) in [(1, [0, 2, 3]), (2, [0, 3, 4])] {
        app.advance(SECOND);
        sessions.push(app.login("ada").await);
        assert!(!app.is_alive(&sessions[ended]).await);
        app.refresh(&sessions[ended].refresh)
            .await
            .expect_problem(401, "invalid_refresh_token");
        for index in lives {
            assert!(app.is_alive(&sessions[index]).await, "{index}");
        }
    }
    assert!(app.is_alive(&bystander).await);
    let told = events(&app, "login.succeeded").await;
    let data = json!({ "method": "password", "sessions_ended": 1 });
    let told = told.iter().filter(|event| event.data == data);
    assert_eq!(told.count(), 2);
}

/// What has ended or expired takes no place.
#[tokio::test]
async fn sessions_that_are_over_do_not_count() {
    let app = TestApp::spawn_with(&[("SESSION_MAX_PER_USER", "2")]).await;
    app.register("ada").await;
    let first = app.login("ada").await;
    for _ in 0..3 {
        let other = app.login("ada").await;
        let request = app.post("/auth/logout").bearer_auth(&other.access);
        request.answer().await.expect(StatusCode::NO_CONTENT);
    }
    assert!(app.is_alive(&first).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_at_one_moment_leave_no_more_than_the_limit() {
    let app = TestApp::spawn_with(&[("SESSION_MAX_PER_USER", "4")]).await;
    app.register("ada").await;
    let logins = join_all((0..20).map(|_| app.try_login("ada", PASSWORD))).await;
    let mut alive = 0;
    for login in logins {
        let session = Session::of(&login.expect(StatusCode::OK));
        alive += usize::from(app.is_alive(&session).await);
    }
    assert_eq!(alive, 4);
    assert!(
        app.is_alive(&app.login("ada").await).await,
        "the newest lives"
    );
}
