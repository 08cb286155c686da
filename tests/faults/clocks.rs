//! Two instances whose clocks differ.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{PASSWORD, Send, Session, TestApp};
use crate::{SERVER, instance};

const SECOND: Duration = Duration::from_secs(1);

/// Two instances, of which the second is ahead.
async fn apart(skew: Duration) -> [TestApp; 2] {
    let url = SERVER.create_database();
    let instances = [instance(&url).await, instance(&url).await];
    instances[1].advance(skew);
    instances
}

async fn refreshed(app: &TestApp, token: &str) -> Session {
    Session::of(&app.refresh(token).await.expect(StatusCode::OK))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_session_goes_on_between_instances_whose_clocks_differ() {
    for skew in [SECOND / 5, 5 * SECOND, 30 * SECOND, 60 * SECOND] {
        let [behind, ahead] = apart(skew).await;
        behind.register("ada").await;
        for (one, other) in [(&behind, &ahead), (&ahead, &behind)] {
            let first = one.login("ada").await;
            assert!(other.is_alive(&first).await, "{skew:?}");
            let second = refreshed(one, &first.refresh).await;
            // The answer got lost, and the client tries again elsewhere.
            one.advance(5 * SECOND);
            other.advance(5 * SECOND);
            let again = refreshed(other, &first.refresh).await;
            assert_eq!(again.refresh, second.refresh, "{skew:?}");
            assert!(one.is_alive(&again).await && other.is_alive(&again).await);
            let third = refreshed(other, &again.refresh).await;
            assert!(one.is_alive(&third).await, "{skew:?}");
            let request = other
                .post("/auth/reauthenticate")
                .bearer_auth(&third.access);
            let answer = request
                .json(&json!({ "password": PASSWORD }))
                .answer()
                .await;
            let fresh = Session::of(&answer.expect(StatusCode::OK));
            assert!(!one.is_alive(&third).await, "{skew:?}");
            let logout = one
                .post("/auth/logout?scope=others")
                .bearer_auth(&fresh.access);
            logout.answer().await.expect(StatusCode::NO_CONTENT);
        }
    }
}

/// The leeway is for clocks, not for thieves: what comes later than both together ends the session. ASVS 10.4.5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_copy_at_another_instance_ends_the_session_once_the_leeway_is_over() {
    let [one, other] = apart(Duration::ZERO).await;
    let first = one.user("ada").await;
    let second = refreshed(&one, &first.refresh).await;
    one.advance(71 * SECOND);
    other.advance(71 * SECOND);
    other
        .refresh(&first.refresh)
        .await
        .expect_problem(401, "refresh_token_reused");
    assert!(!one.is_alive(&second).await);
}
