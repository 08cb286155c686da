//! Health and readiness.

use reqwest::StatusCode;

use crate::support::{Send, TestApp};

#[tokio::test]
async fn a_running_service_is_healthy_and_ready() {
    let app = TestApp::spawn().await;
    let body = app.get("/healthz").answer().await.expect(StatusCode::OK);
    assert_eq!(body["status"], "ok");
    let body = app.get("/readyz").answer().await.expect(StatusCode::OK);
    assert_eq!(body["checks"]["database"], "ok");
}
