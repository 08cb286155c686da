//! What the log says of requests and of failed logins, and that filters can read it.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::Service;
use crate::raw::Connection;
use crate::support::PASSWORD;

/// Settings of a service that hears of clients by a proxy, which the tests are.
const BEHIND_A_PROXY: &[(&str, &str)] = &[("BCRYPT_COST", "4"), ("TRUSTED_PROXIES", "127.0.0.1")];

/// ASVS 16.2.1, 16.2.4.
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
async fn a_made_up_method_does_not_set_the_length_of_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let service = Service::start(folder.path(), &[("BCRYPT_COST", "4")]);
    let method = "X".repeat(9000);
    for path in ["/users/me", "/nowhere"] {
        let mut connection = Connection::to(&service.url).await;
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: made-up\r\n\r\n");
        connection.send(&request).await;
        connection.wait_for("HTTP/1.1 4").await;
    }
    let log = service.stop();
    let lines = log.lines().filter(|line| line.contains("made-up"));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 2, "{log}");
    for line in lines {
        assert!(line.contains("\"_OTHER\"") && line.len() < 500, "{line}");
    }
}

/// Every way in which a proof of identity fails, from 203.0.113.9.
async fn fail_to_log_in(service: &Service) {
    let client = reqwest::Client::new();
    let post = |path: &str| {
        let request = client.post(format!("{}{path}", service.url));
        request.header("x-forwarded-for", "198.51.100.1, 203.0.113.9")
    };
    let body = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    let registered = post("/auth/register").json(&body).send().await;
    assert_eq!(registered.expect("an answer").status(), StatusCode::CREATED);
    let log_in = async |username: &str, password: &str| {
        let form = [("username", username), ("password", password)];
        let answer = post("/auth/token").form(&form).send().await;
        answer.expect("an answer")
    };
    for (username, password) in [
        ("ada", "wrong"),
        ("nobody", "wrong"),
        ("x client.ip=192.0.2.66 \n WARN", "wrong"),
    ] {
        let status = log_in(username, password).await.status();
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let token: Value = log_in("ada", PASSWORD).await.json().await.expect("JSON");
    let access = token["access_token"].as_str().expect("a token");
    let wrong =
        json!({ "password": "wrong", "current_password": "wrong", "new_password": PASSWORD });
    let answer = post("/auth/reauthenticate")
        .bearer_auth(access)
        .json(&json!({ "password": wrong["password"] }))
        .send()
        .await;
    assert_eq!(
        answer.expect("an answer").status(),
        StatusCode::UNAUTHORIZED
    );
    let asked = post("/auth/email-login/request")
        .json(&json!({ "email": "ada@example.com" }))
        .send()
        .await;
    let asked: Value = asked.expect("an answer").json().await.expect("JSON");
    let code = json!({ "handle": asked["handle"], "code": "123456" });
    let answer = post("/auth/email-login").json(&code).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_failed_login_is_one_warning_with_address_and_reason_and_no_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = BEHIND_A_PROXY.to_vec();
    let outbox = folder.path().join("mails");
    std::fs::create_dir(&outbox).expect("makes");
    let outbox = outbox.display().to_string();
    settings.extend([
        ("EMAIL_LOGIN_ENABLED", "true"),
        ("MAIL_OUTBOX_DIR", &outbox),
    ]);
    let service = Service::start(folder.path(), &settings);
    fail_to_log_in(&service).await;
    let log = service.stop();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let failed = lines
        .iter()
        .filter(|line| line["message"] == "login failed");
    let failed: Vec<&Value> = failed.collect();
    let reasons: Vec<&str> = failed
        .iter()
        .map(|line| line["reason"].as_str().expect("a reason"))
        .collect();
    assert_eq!(
        reasons,
        [
            "wrong_password",
            "wrong_password",
            "wrong_password",
            "wrong_password",
            "wrong_code"
        ],
        "{log}"
    );
    for line in &failed {
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["client.ip"], "203.0.113.9");
    }
    let requests = lines.iter().filter(|line| line["message"] == "request");
    let addresses: Vec<&Value> = requests.map(|line| &line["client.ip"]).collect();
    assert_eq!(addresses, vec!["203.0.113.9"; 8], "{log}");
    for name in ["ada", "nobody", "192.0.2.66"] {
        assert!(!log.contains(name), "{name} is in the log: {log}");
    }
}

/// The filter and the jail that docs/operations/logging.md shows.
fn filter() -> (Vec<regex::Regex>, String) {
    let page = include_str!("../../docs/operations/logging.md");
    let expressions = page
        .lines()
        .map(|line| line.trim_start_matches("failregex = ").trim())
        .filter(|line| line.starts_with('^'))
        .map(|expression| {
            // What fail2ban makes of it.
            let address = r"(?P<host>[0-9a-f.:]+)";
            regex::Regex::new(&expression.replace("<ADDR>", address)).expect("a regex")
        });
    (expressions.collect(), page.to_owned())
}

#[tokio::test]
async fn the_fail2ban_filter_of_the_documentation_finds_the_address_in_both_forms() {
    let (expressions, page) = filter();
    assert_eq!(expressions.len(), 2, "{page}");
    let mut matched = [false; 2];
    for format in ["text", "json"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = BEHIND_A_PROXY.to_vec();
        settings.push(("LOG_FORMAT", format));
        let service = Service::start(folder.path(), &settings);
        let mut connection = Connection::to(&service.url).await;
        for (form, agent) in [
            ("username=ada&password=wrong", "x"),
            (
                "username=%0A2026-01-01T00:00:00Z++WARN+login+failed+client.ip=192.0.2.66&password=x",
                "WARN login failed client.ip=192.0.2.66",
            ),
        ] {
            let request = format!(
                "POST /auth/token HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 2001:db8::7\r\nuser-agent: {agent}\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
                form.len()
            );
            connection.send(request).await;
            connection.wait_for("invalid_grant").await;
            connection.forget();
        }
        let log = service.stop();
        let mut addresses = Vec::new();
        for line in log.lines() {
            for (expression, matched) in expressions.iter().zip(&mut matched) {
                if let Some(found) = expression.captures(line) {
                    addresses.push(found["host"].to_owned());
                    *matched = true;
                }
            }
        }
        assert_eq!(addresses, ["2001:db8::7"; 2], "{log}");
    }
    assert_eq!(matched, [true; 2], "one for each form");
}

/// Every few seconds somebody looks whether the service is well; that it is fills no log.
#[tokio::test]
async fn probes_that_succeed_are_logged_at_debug_alone() {
    for (level, expected) in [("info", 0), ("debug", 3)] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = [("BCRYPT_COST", "4"), ("LOG_LEVEL", level)];
        let service = Service::start(folder.path(), &settings);
        for path in ["/healthz", "/readyz", "/metrics"] {
            let answer = reqwest::get(format!("{}{path}", service.url)).await;
            assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
        }
        let client = reqwest::Client::new();
        let wrong = client.post(format!("{}/healthz", service.url)).send().await;
        assert_eq!(
            wrong.expect("an answer").status(),
            StatusCode::METHOD_NOT_ALLOWED
        );
        let log = service.stop();
        let requests = log.lines().filter(|line| line.contains("\"http.route\""));
        assert_eq!(requests.count(), expected + 1, "{log}");
    }
}
