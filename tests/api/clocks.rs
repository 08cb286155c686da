//! A clock that is set while the service runs, and one that differs from the database's.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use vestibule::domain::clocks::compare;

use crate::database::on_postgresql;
use crate::support::{PASSWORD, Send, Session, TestApp};

const HOUR: i64 = 3_600_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Neither the step nor its end frees the account, nor does it hold it up for longer.
#[tokio::test]
async fn a_lockout_lasts_its_time_whatever_the_clock_is_set_to() {
    let settings = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "3/15m"),
    ];
    for steps in [
        [HOUR, -HOUR],
        [-HOUR, 0],
        [HOUR, 0],
        [-24 * HOUR, 48 * HOUR],
    ] {
        let app = TestApp::spawn_with(&settings).await;
        app.register("ada").await;
        for _ in 0..3 {
            app.try_login("ada", "wrong")
                .await
                .expect_oauth_error("invalid_grant");
        }
        for step in steps {
            app.clock.set_by(step);
            let refused = app.try_login("ada", PASSWORD).await;
            let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
            assert!(seconds <= 300, "{steps:?}: {seconds}");
            refused.expect_problem(429, "account_throttled");
        }
        app.advance(5 * MINUTE);
        app.login("ada").await;
    }
}

#[tokio::test]
async fn a_session_survives_a_clock_that_is_set_back() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.clock.set_by(-HOUR);
    // The token is from the future. A refresh gives one from now.
    assert!(!app.is_alive(&session).await);
    let session = Session::of(&app.refresh(&session.refresh).await.expect(StatusCode::OK));
    assert!(app.is_alive(&session).await);
    // The age of the last authentication is unknown now.
    let delete = |session: &Session| app.delete("/users/me").bearer_auth(&session.access);
    let refused = delete(&session).answer().await;
    refused.expect_problem(401, "insufficient_user_authentication");
    let again = app
        .post("/auth/reauthenticate")
        .bearer_auth(&session.access);
    let again = again.json(&json!({ "password": PASSWORD })).answer().await;
    let session = Session::of(&again.expect(StatusCode::OK));
    delete(&session)
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
}

/// The test's clock stands in another year than the server's.
#[tokio::test]
async fn a_clock_that_differs_from_the_databases_is_noticed() {
    let app = TestApp::spawn().await;
    let difference = compare(&app.services).await.expect("asks");
    assert_eq!(difference.is_some(), on_postgresql());
}
