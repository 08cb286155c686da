//! Metrics: where they are, and what they tell.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::{Answer, Send, TestApp};

/// The value of a metric without labels.
fn value(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then(|| value.parse().expect("a number"))
    })
}

async fn metrics(app: &TestApp) -> String {
    let Answer { status, text, .. } = app.get("/metrics").answer().await;
    assert_eq!(status, StatusCode::OK);
    text
}

/// A service whose mail server is away.
async fn without_mail_server(settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![("SMTP_URL", "smtp://127.0.0.1:1?tls=none")];
    all.extend(settings);
    TestApp::spawn_with(&all).await
}

#[tokio::test]
async fn they_are_served_with_the_api_to_whoever_may_reach_it() {
    let app = TestApp::spawn().await;
    let answer = app.get("/metrics").answer().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.headers["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        answer.text.contains(&format!(
            "vestibule_build_info{{version=\"{version}\"}} 1\n"
        )),
        "{}",
        answer.text
    );
    assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    assert_eq!(value(&answer.text, "vestibule_database_up"), Some(1.0));
    app.post("/metrics")
        .answer()
        .await
        .expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn with_an_address_of_their_own_they_are_there_alone() {
    let app = TestApp::spawn_with(&[("METRICS_ADDR", "127.0.0.1:0")]).await;
    app.get("/metrics")
        .answer()
        .await
        .expect_problem(404, "not_found");
    let url = app.metrics_url.clone().expect("an address");
    let answer = app.client.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.expect("text");
    assert_eq!(value(&text, "vestibule_database_up"), Some(1.0));
    // Nothing else is there.
    let other = url.replace("/metrics", "/users/me");
    let answer = app.client.get(&other).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn they_can_be_switched_off() {
    let app = TestApp::spawn_with(&[("METRICS_ADDR", "off")]).await;
    assert_eq!(app.metrics_url, None);
    app.get("/metrics")
        .answer()
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn they_have_no_parameters() {
    let app = TestApp::spawn().await;
    app.get("/metrics?x=1")
        .answer()
        .await
        .expect_invalid(&[("x", "unknown_field")]);
    let app = TestApp::spawn_with(&[("METRICS_ADDR", "127.0.0.1:0")]).await;
    let url = app.metrics_url.clone().expect("an address") + "?x=1";
    let answer = app.client.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn they_tell_the_age_of_the_oldest_mail_that_waits() {
    let app = without_mail_server(&[]).await;
    let age = "vestibule_mail_oldest_waiting_age_seconds";
    assert_eq!(value(&metrics(&app).await, age), Some(0.0));
    app.register("ada").await;
    app.advance(Duration::from_millis(4_999));
    assert_eq!(value(&metrics(&app).await, age), Some(0.0));
    app.advance(Duration::from_millis(85_001));
    let text = metrics(&app).await;
    assert_eq!(value(&text, age), Some(90.0));
    assert_eq!(value(&text, "vestibule_mail_given_up"), Some(0.0));
}

#[tokio::test]
async fn they_tell_what_the_password_engine_does() {
    let app = TestApp::spawn().await;
    let hashes = "vestibule_password_hashes_total";
    let before = value(&metrics(&app).await, hashes).expect("told");
    app.register("ada").await;
    let text = metrics(&app).await;
    assert_eq!(value(&text, hashes), Some(before + 1.0));
    assert!(value(&text, "vestibule_password_lanes") >= Some(1.0));
    for name in ["queued", "refused_total", "cancelled_total"] {
        let name = format!("vestibule_password_{name}");
        assert_eq!(value(&text, &name), Some(0.0), "{name}");
    }
}

/// Whoever can read them must not learn from them whose addresses have accounts.
#[tokio::test]
async fn they_tell_nobody_whether_there_is_an_account() {
    let told = async |email: &str| {
        let app = without_mail_server(&[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;
        app.admin("ada").await;
        let before = metrics(&app).await;
        for path in ["/auth/password-reset/request", "/auth/verify-email/request"] {
            let request = app.post(path).json(&json!({ "email": email }));
            request.answer().await.expect(StatusCode::ACCEPTED);
        }
        app.try_login(email, "not her password").await;
        let after = metrics(&app).await;
        assert_ne!(before, after);
        let counted = |text: &str| value(text, "vestibule_password_hashes_total").expect("told");
        let difference = counted(&after) - counted(&before);
        // A lane is given back a moment after the answer.
        let varies = ["hashes_total", "lanes_busy"];
        let rest = after
            .lines()
            .filter(|line| !varies.iter().any(|name| line.contains(name)));
        (
            difference as u64,
            rest.map(str::to_owned).collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        told("ada@example.com").await,
        told("nobody@example.com").await
    );
}

/// The oldest of them gets no answer any more, the others do.
#[tokio::test]
async fn their_own_address_holds_few_connections() {
    let app = TestApp::spawn_with(&[("METRICS_ADDR", "127.0.0.1:0")]).await;
    let url = app.metrics_url.clone().expect("an address");
    let address = url.trim_start_matches("http://");
    let address = address.trim_end_matches("/metrics").to_owned();
    let mut held = Vec::new();
    for _ in 0..65 {
        held.push(TcpStream::connect(&address).await.expect("connects"));
    }
    // A newcomer is served all the same.
    let answer = app.client.get(&url).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let mut oldest = held.remove(0);
    // Half of the time after which a connection without a request is closed anyway.
    let end = tokio::time::timeout(Duration::from_secs(5), oldest.read(&mut [0; 1])).await;
    assert!(
        matches!(end, Ok(Ok(0) | Err(_))),
        "it is not closed: {end:?}"
    );
}
