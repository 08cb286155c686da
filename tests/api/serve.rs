//! Connections: slow clients are cut off, and a stop lets requests finish.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::process::Service;
use crate::raw::Connection;
use crate::support::{PASSWORD, Send, TestApp};

/// Time that the service gives for headers and for a body, and some more for a busy machine.
const CUT_OFF: Duration = Duration::from_secs(20);

const GET: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n";

/// A client that sends one header line after the other keeps its place no longer than one that sends nothing.
#[tokio::test]
async fn slow_headers_are_cut_off() {
    let app = TestApp::spawn().await;
    let silent = Connection::open(&app).await;
    let mut trickling = Connection::open(&app).await;
    trickling.send(GET).await;
    let began = Instant::now();
    let mut lines = 0;
    while trickling.is_silent_for(Duration::from_secs(1)).await {
        trickling.send("x-more: y\r\n").await;
        lines += 1;
        assert!(began.elapsed() < CUT_OFF, "still open after {lines} lines");
    }
    let reply = trickling.read_to_end().await;
    assert!(reply.status.is_none_or(|status| status == 408), "{reply:?}");
    assert_eq!(silent.read_to_end().await.status, None);
    assert!(
        began.elapsed() < CUT_OFF,
        "cut off after {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_slow_body_is_cut_off_with_a_problem() {
    let app = TestApp::spawn().await;
    let mut connection = Connection::open(&app).await;
    let began = Instant::now();
    let head = "POST /auth/register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    connection.send(head).await;
    while connection.is_silent_for(Duration::from_secs(1)).await {
        connection.send(" ").await;
        assert!(began.elapsed() < CUT_OFF, "still waiting for the body");
    }
    let reply = connection.read_to_end().await;
    assert_eq!(reply.status, Some(408), "{reply:?}");
    assert_eq!(reply.problem(), "request_timeout");
    assert!(
        began.elapsed() < CUT_OFF,
        "cut off after {:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_connection_serves_many_requests_one_after_the_other() {
    let app = TestApp::spawn().await;
    let mut connection = Connection::open(&app).await;
    connection
        .send(format!("{GET}\r\n{GET}\r\n{GET}connection: close\r\n\r\n"))
        .await;
    let reply = connection.read_to_end().await;
    assert_eq!(
        reply.body.matches("HTTP/1.1 200 OK").count(),
        2,
        "pipelined requests: {reply:?}"
    );
}

#[tokio::test]
async fn a_stop_lets_the_request_under_way_finish() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[("BCRYPT_COST", "12")]);
    let body = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    let client = reqwest::Client::new();
    let registered = client
        .post(format!("{}/auth/register", service.url))
        .json(&body)
        .send()
        .await;
    assert_eq!(registered.expect("an answer").status(), StatusCode::CREATED);

    let mut idle = Connection::to(&service.url).await;
    idle.send(format!("{GET}\r\n")).await;
    idle.wait_for("200 OK").await;
    let mut login = Connection::to(&service.url).await;
    let form = format!("username=ada&password={}", PASSWORD.replace(' ', "+"));
    let head = format!(
        "POST /auth/token HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n",
        form.len()
    );
    login.send(head).await;
    // The service asks for the body: from here on the request is under way.
    login.wait_for("100 Continue").await;
    service.ask_to_stop();
    idle.wait_for_end().await;
    login.send(form).await;
    let reply = login.read_to_end().await;
    assert_eq!(reply.status, Some(200), "{reply:?}");
    assert!(reply.body.contains("access_token"), "{reply:?}");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(
        log.contains("every request under way was finished"),
        "{log}"
    );
}

#[tokio::test]
async fn a_stop_does_not_wait_longer_than_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[("SHUTDOWN_TIMEOUT_SECONDS", "1")]);
    let mut stuck = Connection::to(&service.url).await;
    stuck.send("POST /auth/register HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n").await;
    stuck.wait_for("100 Continue").await;
    let began = Instant::now();
    service.ask_to_stop();
    let (status, log) = service.wait();
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "stopped after {:?}",
        began.elapsed()
    );
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("cut off"), "{log}");
}

/// The threads that serve do not outlive the service: here the process goes on.
#[tokio::test]
async fn a_stop_closes_the_connections_that_it_cuts_off() {
    let app = TestApp::spawn_with(&[("SHUTDOWN_TIMEOUT_SECONDS", "0")]).await;
    let mut stuck = Connection::open(&app).await;
    stuck.send("POST /auth/register HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n").await;
    stuck.wait_for("100 Continue").await;
    drop(app);
    assert_eq!(stuck.read_to_end().await.status, None, "an answer");
}

#[tokio::test]
async fn many_clients_at_once_are_all_served() {
    let app = TestApp::spawn().await;
    let requests = (0..200).map(|_| app.get("/readyz").answer());
    for answer in futures_util::future::join_all(requests).await {
        answer.expect(StatusCode::OK);
    }
}
