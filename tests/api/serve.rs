//! Connections: slow clients are cut off, places are limited, a stop lets requests finish, TLS speaks both HTTP versions.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::Service;
use crate::raw::Connection;
use crate::support::{PASSWORD, Send, TestApp};

/// Time that the service gives for headers and for a body, and some more for a busy machine.
const CUT_OFF: Duration = Duration::from_secs(20);

/// Long enough for an answer that would come at once to have come.
const MOMENT: Duration = Duration::from_millis(300);

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
async fn a_client_too_many_waits_for_a_place() {
    let app = TestApp::spawn_with(&[("MAX_CONNECTIONS", "2")]).await;
    let request = format!("{GET}\r\n");
    let mut first = Connection::open(&app).await;
    let mut second = Connection::open(&app).await;
    for connection in [&mut first, &mut second] {
        connection.send(&request).await;
        connection.wait_for("200 OK").await;
    }
    let mut third = Connection::open(&app).await;
    third.send(format!("{GET}connection: close\r\n\r\n")).await;
    assert!(third.is_silent_for(MOMENT).await, "three at one time");
    drop(first);
    assert_eq!(third.read_to_end().await.status, Some(200));
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

/// Makes a certificate for 127.0.0.1 that signs itself.
fn make_certificate(folder: &Path) {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            "/CN=vestibule test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .expect("this test needs the openssl command");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What curl makes of a URL: HTTP version and status on a line of their own, headers, body.
async fn curl(folder: &Path, arguments: &[&str], url: String) -> (bool, String) {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--include",
            "--cacert",
            "cert.pem",
            "--max-time",
            "30",
        ])
        .args(["--write-out", "\n%{http_version} %{http_code}"])
        .args(arguments)
        .arg(url)
        .current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output
        .await
        .expect("runs")
        .expect("this test needs the curl command");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).to_lowercase(),
    )
}

/// ASVS 12.1.1: TLS 1.2 and 1.3, and nothing older.
#[tokio::test]
async fn tls_speaks_both_versions_of_http_and_asks_to_be_used_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    make_certificate(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let settings = [("TLS_CERT", path("cert.pem")), ("TLS_KEY", path("key.pem"))];
    let service = Service::start(
        folder.path(),
        &[("TLS_CERT", &settings[0].1), ("TLS_KEY", &settings[1].1)],
    );
    assert!(service.url.starts_with("https://"), "{}", service.url);
    let url = |path: &str| format!("{}{path}", service.url);
    for (arguments, expected) in [
        (&["--http2"][..], "\n2 200"),
        (&["--http1.1"], "\n1.1 200"),
        (&["--tlsv1.2", "--tls-max", "1.2"], "200"),
        (&["--tlsv1.3"], "200"),
    ] {
        let (succeeded, text) = curl(folder.path(), arguments, url("/healthz")).await;
        assert!(
            succeeded && text.ends_with(expected),
            "{arguments:?}: {text}"
        );
        assert!(
            text.contains("strict-transport-security: max-age="),
            "{text}"
        );
        assert!(text.contains("x-request-id: "), "{text}");
    }
    let old = [
        "--tlsv1.0",
        "--tls-max",
        "1.1",
        "--ciphers",
        "DEFAULT@SECLEVEL=0",
    ];
    let (succeeded, text) = curl(folder.path(), &old, url("/healthz")).await;
    assert!(!succeeded, "{text}");
    let (_, problem) = curl(
        folder.path(),
        &["--http2", "--data", "{}"],
        url("/auth/register"),
    )
    .await;
    assert!(
        problem.contains("\"unsupported_media_type\"") && problem.ends_with("\n2 415"),
        "{problem}"
    );
    let plain = url("/healthz").replace("https://", "http://");
    let (succeeded, text) = curl(folder.path(), &[], plain).await;
    assert!(!succeeded, "plain HTTP on a TLS port: {text}");
    service.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cert.pem"), "nonsense").expect("writes");
    for (settings, named) in [
        (
            &[("TLS_CERT", "missing.pem"), ("TLS_KEY", "key.pem")][..],
            "TLS_CERT: found missing.pem",
        ),
        (
            &[("TLS_CERT", "cert.pem"), ("TLS_KEY", "missing.pem")],
            "TLS_",
        ),
        (&[("TLS_CERT", "cert.pem")], "TLS_KEY"),
        (&[("TLS_KEY", "key.pem")], "TLS_CERT"),
    ] {
        let output = crate::process::run(folder.path(), &["serve"], settings);
        let line = crate::process::stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.contains(named) && line.lines().count() == 1, "{line}");
    }
}

#[tokio::test]
async fn the_access_log_tells_each_request_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[("BCRYPT_COST", "4")]);
    let client = reqwest::Client::new();
    let request = client
        .get(format!("{}/users/0190?q=secret", service.url))
        .header("x-request-id", "my-own-id");
    assert_eq!(
        request.send().await.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );
    let log = service.stop();
    let lines: Vec<Value> = log
        .lines()
        .filter(|line| line.contains("my-own-id"))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert_eq!(lines[0]["http.method"], "GET");
    assert_eq!(
        lines[0]["http.route"], "/users/{id}",
        "the template, not the path"
    );
    assert_eq!(lines[0]["http.status"], 401);
    assert!(lines[0]["duration.ms"].is_number(), "{}", lines[0]);
    assert!(!log.contains("q=secret"), "{log}");
}

#[tokio::test]
async fn many_clients_at_once_are_all_served() {
    let app = TestApp::spawn().await;
    let requests = (0..200).map(|_| app.get("/readyz").answer());
    for answer in futures_util::future::join_all(requests).await {
        answer.expect(StatusCode::OK);
    }
}
