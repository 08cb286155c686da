//! Starting the service: with bad settings, with none, and what its log must not hold.

use std::fs;
use std::process::Stdio;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::postgres;
use crate::process::{Service, run, stderr, stdout, vestibule};
use crate::{PASSWORD, QUICK, SECRET, expect_code, folder, log_in, mode};

#[test]
fn a_bad_setting_stops_the_start_with_one_line() {
    for (name, value, allowed) in [
        ("PORT", "http", "a port from 0 to 65535"),
        ("BCRYPT_COST", "99", "a whole number from 4 to 31"),
        ("RATE_LIMIT_IP", "many", "N/period"),
        ("DATABASE_URL", "mysql://localhost/app", "sqlite:///"),
        ("CORS_ORIGINS", "*.example.com", "origins"),
        ("VESTIBULE_LOG_LEVEL", "loud", "error, warn, info"),
        ("VESTIBULE_HOST", "x86_64-conda-linux-gnu", "an IP address"),
        ("VESTIBULE_PROT", "8000", "--help"),
    ] {
        let folder = folder();
        let output = run(folder.path(), &["serve"], &[(name, value)]);
        expect_code(&output, 2);
        let line = stderr(&output);
        assert_eq!(line.lines().count(), 1, "{line}");
        let bare = name.trim_start_matches("VESTIBULE_");
        assert!(line.contains(bare) && line.contains(allowed), "{line}");
        assert!(line.contains(value) || bare == "PROT", "{line}");
        assert_eq!(stdout(&output), "");
        assert_eq!(
            fs::read_dir(folder.path()).expect("lists").count(),
            0,
            "nothing was begun"
        );
    }
}

#[test]
fn an_address_that_is_taken_stops_the_start_with_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = taken.local_addr().expect("an address");
    let port = address.port().to_string();
    for (settings, name) in [
        ([("PORT", port.as_str()), QUICK], "HOST, PORT"),
        (
            [("METRICS_ADDR", &address.to_string()), ("PORT", "0")],
            "METRICS_ADDR",
        ),
    ] {
        let folder = folder();
        let output = run(folder.path(), &["serve"], &settings);
        expect_code(&output, 1);
        let line = stderr(&output);
        let expected = format!("{name}: cannot listen on {address}");
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.contains(&expected), "{line}");
        assert!(
            name == "METRICS_ADDR" || line.contains("such as PORT="),
            "{line}"
        );
        let left: Vec<_> = fs::read_dir(folder.path()).expect("lists").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn signals_of_log_rotators_are_ignored_and_sigquit_stops_in_order() {
    let folder = folder();
    let service = Service::start(folder.path(), &[QUICK]);
    for signal in ["-USR1", "-USR2", "-ALRM"] {
        service.signal(signal);
    }
    service.signal("-QUIT");
    let (status, log) = service.wait();
    assert!(status.success(), "{status}: {log}");
    assert!(
        log.contains("every request under way was finished"),
        "{log}"
    );
}

#[test]
fn metrics_are_not_served_where_the_service_is() {
    for (host, metrics) in [
        ("127.0.0.1", "127.0.0.1:8017"),
        ("0.0.0.0", "127.0.0.1:8017"),
        ("127.0.0.1", "[::]:8017"),
        ("::ffff:127.0.0.1", "127.0.0.1:8017"),
    ] {
        let settings = [("HOST", host), ("PORT", "8017"), ("METRICS_ADDR", metrics)];
        for command in ["serve", "check-config"] {
            let folder = folder();
            let output = run(folder.path(), &[command], &settings);
            expect_code(&output, 2);
            let told = stderr(&output);
            let expected = format!("METRICS_ADDR: found {metrics}, which HOST and PORT take");
            assert!(told.contains(&expected), "{command}: {told}");
            let left: Vec<_> = fs::read_dir(folder.path()).expect("lists").collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }
}

/// Of two starts with one address at one moment, one serves, and the other has made nothing.
#[test]
fn a_start_that_loses_its_address_to_another_leaves_nothing() {
    crate::sqlite_only!("what is made is looked for in the folder");
    for _ in 0..4 {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let port = free.local_addr().expect("an address").port().to_string();
        drop(free);
        let folders = [folder(), folder()];
        let mut starts: Vec<_> = folders
            .iter()
            .map(|folder| {
                let settings = [("PORT", port.as_str()), QUICK];
                let mut command = vestibule(folder.path(), &["serve"], &settings);
                command.stdout(Stdio::null()).stderr(Stdio::null());
                command.spawn().expect("starts")
            })
            .collect();
        let lost = loop {
            let ended =
                |start: &mut std::process::Child| start.try_wait().expect("waits").is_some();
            if let Some(lost) = starts.iter_mut().position(ended) {
                break lost;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        let left: Vec<_> = fs::read_dir(folders[lost].path()).expect("lists").collect();
        for start in &mut starts {
            let _ = start.kill();
            start.wait().expect("ends");
        }
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_flag_is_a_setting_and_an_unknown_one_is_refused() {
    let folder = folder();
    let output = run(
        folder.path(),
        &["serve", "--port", "http"],
        &[("PORT", "8000")],
    );
    expect_code(&output, 2);
    assert!(
        stderr(&output).contains("PORT: found \"http\""),
        "{}",
        stderr(&output)
    );
    expect_code(&run(folder.path(), &["serve", "--prot", "1"], &[]), 2);
    for (typed, hint) in [("sevre", "similar"), ("nope", "Commands: serve, migrate, ")] {
        let output = run(folder.path(), &[typed], &[]);
        expect_code(&output, 2);
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
    }
    let help = run(folder.path(), &["serve", "--help"], &[]);
    expect_code(&help, 0);
    for setting in vestibule::config::catalogue() {
        assert!(
            stdout(&help).contains(setting.name),
            "{} is not in the help",
            setting.name
        );
    }
}

/// ASVS 11.4.4, 13.3.1.
#[test]
fn a_weak_secret_is_refused_and_not_repeated() {
    let folder = folder();
    for (key, words) in [
        ("changeme", "a placeholder"),
        (
            "your-secret-key-your-secret-key-your-secret-key",
            "a placeholder",
        ),
        ("tooshort", "a key of 8 characters"),
        (
            "correcthorsecorrecthorsecorrecthorse",
            "a key that does not look random and can be guessed",
        ),
        (
            "Dies ist ein sehr langer geheimer Schluessel fuer alles",
            "a key that does not look random and can be guessed",
        ),
    ] {
        let output = run(folder.path(), &["serve"], &[("SECRET_KEY", key)]);
        expect_code(&output, 2);
        let line = stderr(&output);
        let expected = format!("vestibule: SECRET_KEY: found {words}");
        assert!(line.starts_with(&expected), "{line}");
        assert!(!line.contains(key), "{line}");
    }
}

#[test]
fn a_port_in_use_and_a_folder_that_is_missing_are_told_in_one_line() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = run(folder.path(), &["serve"], &[("PORT", &port)]);
    expect_code(&output, 1);
    assert!(
        stderr(&output).contains("PORT") && stderr(&output).contains(&port),
        "{}",
        stderr(&output)
    );
    let nowhere = run(
        folder.path(),
        &["serve"],
        &[("DATABASE_URL", "sqlite:///missing/app.db"), ("PORT", "0")],
    );
    expect_code(&nowhere, 1);
    assert_eq!(stderr(&nowhere).lines().count(), 1, "{}", stderr(&nowhere));
    assert!(
        stderr(&nowhere).contains("DATABASE_URL"),
        "{}",
        stderr(&nowhere)
    );
    assert!(
        stderr(&nowhere).contains("missing/app.db: there is no folder missing"),
        "{}",
        stderr(&nowhere)
    );
}

#[tokio::test]
async fn the_first_start_needs_nothing_and_says_what_it_made() {
    crate::sqlite_only!("a database that others share must exist, and so must the key");
    let folder = folder();
    let service = Service::start(folder.path(), &[]);
    let (database, key) = (
        folder.path().join("app.db"),
        folder.path().join("app.db.key"),
    );
    assert_eq!(mode(&key), 0o600, "the key is its owner's alone");
    assert_eq!(
        mode(&database) & 0o077,
        0,
        "the database is its owner's alone: {:o}",
        mode(&database)
    );
    let made = fs::read_to_string(&key).expect("reads");
    assert!(made.trim().len() >= 64, "256 bits");
    let log = service.stop();
    assert!(log.contains("app.db.key"), "{log}");
    assert!(log.contains("/docs"), "{log}");
    assert!(!log.contains(made.trim()), "the key is in the log");

    let second = Service::start(folder.path(), &[]).stop();
    assert!(!second.contains("app.db.key"), "{second}");
    assert_eq!(fs::read_to_string(&key).expect("reads"), made);
}

/// ASVS 16.2.5: credentials are not logged, not even at the level that logs everything.
#[tokio::test]
async fn no_secret_is_ever_logged() {
    let folder = folder();
    let settings = [
        QUICK,
        ("SECRET_KEY", SECRET),
        ("LOG_LEVEL", "trace"),
        ("LOG_FORMAT", "json"),
    ];
    let service = Service::start(folder.path(), &settings);
    let client = Client::new();
    let url = |path: &str| format!("{}{path}", service.url);
    let body = json!({ "email": "root@example.com", "username": "root", "password": PASSWORD, "full_name": "Ada Lovelace" });
    let registered = client
        .post(url("/auth/register"))
        .json(&body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(registered.status(), StatusCode::CREATED);
    let wrong = "a wrong password that stays secret";
    assert_eq!(log_in(&service.url, wrong).await.0, StatusCode::BAD_REQUEST);
    let (_, token) = log_in(&service.url, PASSWORD).await;
    let text = |token: &Value, name: &str| token[name].as_str().expect("a token").to_owned();
    let (access, refresh) = (text(&token, "access_token"), text(&token, "refresh_token"));
    let body = json!({ "refresh_token": refresh });
    let refreshed = client
        .post(url("/auth/refresh"))
        .json(&body)
        .send()
        .await
        .expect("an answer");
    let refreshed: Value = refreshed.json().await.expect("JSON");
    let new_password = "seven purple elephants dancing";
    let body = json!({ "current_password": PASSWORD, "new_password": new_password });
    let changed = client
        .put(url("/users/me/password"))
        .bearer_auth(&access)
        .json(&body)
        .send()
        .await;
    assert_eq!(changed.expect("an answer").status(), StatusCode::OK);
    let broken = client
        .post(url("/auth/register"))
        .header("content-type", "application/json");
    broken
        .body("{\"password\":\"broken secret body\"")
        .send()
        .await
        .expect("an answer");
    let revoked = client
        .post(url("/auth/revoke"))
        .form(&[("token", &refresh)])
        .send()
        .await;
    assert_eq!(revoked.expect("an answer").status(), StatusCode::OK);

    let log = service.stop();
    assert!(log.lines().count() > 7, "{log}");
    let hashed = ["$2b$", "bcrypt-sha256"].map(str::to_owned);
    let secrets = [
        PASSWORD,
        wrong,
        new_password,
        "broken secret body",
        SECRET,
        postgres::PASSWORD,
        postgres::PASSWORD_IN_A_URL,
    ];
    let secrets = secrets.map(str::to_owned);
    let tokens = [
        access,
        refresh,
        text(&refreshed, "access_token"),
        text(&refreshed, "refresh_token"),
    ];
    for secret in secrets.iter().chain(&tokens).chain(&hashed) {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} is in the log: {lines:?}");
    }
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(entry["level"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn few_open_files_keep_no_client_out() {
    let folder = folder();
    let service = Service::start_with_open_files(folder.path(), 300);
    let address = service.url.trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..320 {
        held.push(std::net::TcpStream::connect(&address).expect("connects"));
    }
    let ready = format!("{}/readyz", service.url);
    let answer = Client::new().get(ready).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{}", answer.status());
    drop(held);
    let log = service.stop();
    assert!(
        log.contains("the system allows 300 open files only"),
        "{log}"
    );
    assert!(!log.contains("cannot accept connections"), "{log}");
}

/// What cannot be opened is named, with what to do.
#[test]
fn what_is_no_database_is_named() {
    let folder = folder();
    fs::create_dir(folder.path().join("sub")).expect("makes");
    for (url, path) in [
        ("sqlite:////dev/null", "/dev/null"),
        ("sqlite:///sub", "sub"),
    ] {
        for command in [&["serve", "--port", "0"][..], &["migrate"]] {
            let output = run(folder.path(), command, &[("DATABASE_URL", url)]);
            expect_code(&output, 1);
            let told = stderr(&output);
            assert!(told.contains(&format!("{path}: not a file")), "{told}");
        }
    }
    let settings = [("DATABASE_URL", "sqlite:///app.db")];
    let output = run(folder.path(), &["restore", "sub"], &settings);
    expect_code(&output, 1);
    let told = stderr(&output);
    assert!(told.contains("sub: not a file"), "{told}");

    // Something that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = silent.local_addr().expect("an address");
    let url = format!("postgresql://ada:secret@{address}/x?sslmode=disable");
    let settings = [
        ("DATABASE_URL", &*url),
        ("SECRET_KEY", SECRET),
        ("DATABASE_WAIT_SECONDS", "1"),
    ];
    let output = run(folder.path(), &["migrate"], &settings);
    expect_code(&output, 1);
    let told = stderr(&output);
    assert!(
        told.contains(&format!("{address}: the server does not answer")),
        "{told}"
    );
}
