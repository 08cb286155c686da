//! The limit of failed password checks by account (`RATE_LIMIT_LOGIN_ACCOUNT`). ASVS 6.3.1.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::store::db::Value;

use crate::records;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, TestApp};

/// With a limit of three in fifteen minutes one comes back after five.
const INTERVAL: Duration = Duration::from_secs(5 * 60);

async fn spawn() -> TestApp {
    TestApp::spawn_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "3/15m"),
    ])
    .await
}

async fn fail(app: &TestApp, name: &str) {
    app.try_login(name, OTHER_PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
}

#[track_caller]
fn expect_throttled(answer: Answer) {
    assert_eq!(answer.header("retry-after"), "300");
    answer.expect_problem(429, "account_throttled");
}

#[tokio::test]
async fn the_fourth_failure_in_a_row_is_throttled() {
    let app = spawn().await;
    app.register("ada").await;
    for _ in 0..3 {
        fail(&app, "ada").await;
    }
    let before = app.services.passwords.hashes_done();
    expect_throttled(app.try_login("ada", OTHER_PASSWORD).await);
    expect_throttled(app.try_login("ada", PASSWORD).await);
    let hashed = app.services.passwords.hashes_done() - before;
    assert_eq!(hashed, 0, "what is throttled costs nothing");
    app.register("bob").await;
    app.login("bob").await;
}

/// DESIGN §6: nothing tells an unknown account from a known one.
#[tokio::test]
async fn unknown_names_are_throttled_in_the_same_way() {
    let app = spawn().await;
    app.register("ada").await;
    for _ in 0..3 {
        fail(&app, "ada").await;
    }
    let known = app.try_login("ada", OTHER_PASSWORD).await;
    for name in ["nobody", "nobody@example.com", "' OR 1=1 --"] {
        for _ in 0..3 {
            fail(&app, name).await;
        }
        let unknown = app.try_login(name, OTHER_PASSWORD).await;
        assert_eq!(unknown.json()["detail"], known.json()["detail"]);
        expect_throttled(unknown);
    }
}

/// DESIGN §6: never keyed by raw input.
#[tokio::test]
async fn all_spellings_of_a_name_count_together() {
    let app = spawn().await;
    app.register("ada").await;
    for names in [
        ["ada", "ADA", "aDa", "Ada"],
        [
            "ada@example.com",
            "ADA@example.com",
            "ａｄａ@example.com",
            "ada@EXAMPLE.COM",
        ],
        [
            "no@example.com",
            "NO@example.com",
            "ｎｏ@EXAMPLE.com",
            "no@EXAMPLE.com",
        ],
    ] {
        for name in &names[..3] {
            fail(&app, name).await;
        }
        for name in names {
            expect_throttled(app.try_login(name, PASSWORD).await);
        }
    }
}

#[tokio::test]
async fn what_was_typed_is_not_stored() {
    let app = spawn().await;
    let typed = "my-password-by-mistake";
    fail(&app, typed).await;
    let sql = "SELECT max(length(subject)) FROM throttles";
    let length = records::count(&app, sql, &[]).await;
    assert!(length > 0, "nothing is stored");
    // No function that looks for bytes is known to every engine.
    for at in 1..=length {
        let starts = app.services.db.scan(async move |tx| {
            let sql = format!("SELECT 1 FROM throttles WHERE substr(subject, {at}, 5) = ?1");
            let values = [Value::Bytes(&typed.as_bytes()[..5])];
            tx.query_opt(&sql, &values, |_| Ok(())).await
        });
        assert_eq!(starts.await.expect("reads"), None);
    }
}

#[tokio::test]
async fn a_success_clears_the_failures() {
    let app = spawn().await;
    app.register("ada").await;
    for _ in 0..3 {
        fail(&app, "ada").await;
        fail(&app, "ada").await;
        app.login("ada").await;
    }
    for _ in 0..3 {
        fail(&app, "ada").await;
    }
    expect_throttled(app.try_login("ada", PASSWORD).await);
}

#[tokio::test]
async fn one_attempt_comes_back_at_a_time() {
    let app = spawn().await;
    app.register("ada").await;
    for _ in 0..3 {
        fail(&app, "ada").await;
    }
    app.advance(INTERVAL - Duration::from_secs(1));
    app.try_login("ada", PASSWORD)
        .await
        .expect_problem(429, "account_throttled");
    app.advance(Duration::from_secs(1));
    fail(&app, "ada").await;
    expect_throttled(app.try_login("ada", PASSWORD).await);
    app.advance(INTERVAL);
    app.login("ada").await;
    for _ in 0..3 {
        fail(&app, "ben").await;
    }
    app.advance(3 * INTERVAL);
    for _ in 0..3 {
        fail(&app, "ben").await;
    }
    expect_throttled(app.try_login("ben", PASSWORD).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_made_side_by_side_count_as_well() {
    let app = spawn().await;
    app.register("ada").await;
    let before = app.services.passwords.hashes_done();
    let guesses = (0..50).map(|_| app.try_login("ada", OTHER_PASSWORD));
    let answers = join_all(guesses).await;
    let checked = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::BAD_REQUEST);
    assert_eq!(checked.count(), 3);
    let throttled = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.count(), 47);
    assert_eq!(app.services.passwords.hashes_done() - before, 3);
}

/// A stolen access token is no way round the limit.
#[tokio::test]
async fn every_place_that_checks_the_password_in_a_session_counts() {
    let app = spawn().await;
    let session = app.user("ada").await;
    let change = |current: &str| {
        let body = json!({ "current_password": current, "new_password": OTHER_PASSWORD });
        app.put("/users/me/password")
            .bearer_auth(&session.access)
            .json(&body)
            .answer()
    };
    let want_address = |current: &str| {
        let body = json!({ "current_password": current, "new_email": "new@example.com" });
        app.post("/users/me/email")
            .bearer_auth(&session.access)
            .json(&body)
            .answer()
    };
    let reauthenticate = |password: &str| {
        app.post("/auth/reauthenticate")
            .bearer_auth(&session.access)
            .json(&json!({ "password": password }))
            .answer()
    };
    for answer in [
        want_address("wrong").await,
        change("wrong").await,
        reauthenticate("wrong").await,
    ] {
        answer.expect_problem(401, "invalid_credentials");
    }
    expect_throttled(want_address(PASSWORD).await);
    expect_throttled(change(PASSWORD).await);
    expect_throttled(reauthenticate(PASSWORD).await);
    assert!(app.is_alive(&session).await, "a session goes on");
    app.refresh(&session.refresh).await.expect(StatusCode::OK);

    app.advance(INTERVAL);
    reauthenticate(PASSWORD).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_limit_can_be_switched_off() {
    let app = TestApp::spawn_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "off"),
    ])
    .await;
    app.register("ada").await;
    for _ in 0..15 {
        fail(&app, "ada").await;
    }
    app.login("ada").await;
}

/// The limit is on failures: of many right logins at one moment none is refused.
#[tokio::test]
async fn right_logins_beside_each_other_all_succeed() {
    let app = spawn().await;
    app.register("ada").await;
    let logins = (0..30).map(|_| app.try_login("ada", PASSWORD));
    for answer in join_all(logins).await {
        answer.expect(StatusCode::OK);
    }
}

/// What is wrong with a new password, or with a scope, is no failed check of the current one.
#[tokio::test]
async fn a_right_password_counts_as_no_failure_whatever_else_is_wrong() {
    let app = spawn().await;
    let session = app.user("ada").await;
    for _ in 0..5 {
        app.put("/users/me/password")
            .bearer_auth(&session.access)
            .json(&json!({ "current_password": PASSWORD, "new_password": "password1" }))
            .answer()
            .await
            .expect_invalid(&[("new_password", "too_weak")]);
        app.post("/auth/token")
            .form(&[
                ("username", "ada"),
                ("password", PASSWORD),
                ("scope", "users:write"),
            ])
            .answer()
            .await
            .expect_oauth_error("invalid_scope");
    }
    app.login("ada").await;
}
