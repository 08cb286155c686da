//! The command line, as an operator types it.

mod process;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use process::{Service, run, run_with_input, stderr, stdout};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery staple";
const SECRET: &str = "5f1c0e7a9b3d48e2a6c4f0b8d7e19a23";
const QUICK: (&str, &str) = ("BCRYPT_COST", "4");
const ADMIN: &[&str] = &[
    "create-admin",
    "--email",
    "root@example.com",
    "--username",
    "root",
];

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[track_caller]
fn expect_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        stdout(output),
        stderr(output)
    );
}

async fn log_in(url: &str, password: &str) -> (StatusCode, Value) {
    let form = [("username", "root"), ("password", password)];
    let answer = Client::new()
        .post(format!("{url}/auth/token"))
        .form(&form)
        .send()
        .await
        .expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[test]
fn a_bad_setting_stops_the_start_with_one_line() {
    for (name, value, allowed) in [
        ("PORT", "http", "a port from 0 to 65535"),
        ("BCRYPT_COST", "99", "a whole number from 4 to 31"),
        ("RATE_LIMIT_IP", "many", "N/period"),
        ("DATABASE_URL", "mysql://localhost/app", "sqlite:///"),
        ("CORS_ORIGINS", "*.example.com", "origins"),
        ("LOG_LEVEL", "loud", "error, warn, info"),
        ("VESTIBULE_PROT", "8000", "--help"),
    ] {
        let folder = folder();
        let output = run(folder.path(), &["serve"], &[(name, value)]);
        expect_code(&output, 2);
        let line = stderr(&output);
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(line.contains(name) && line.contains(allowed), "{line}");
        assert!(
            line.contains(value) || name.starts_with("VESTIBULE_"),
            "{line}"
        );
        assert_eq!(stdout(&output), "");
        assert_eq!(
            fs::read_dir(folder.path()).expect("lists").count(),
            0,
            "nothing was begun"
        );
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
    expect_code(&run(folder.path(), &["sevre"], &[]), 2);
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

#[test]
fn a_weak_secret_is_refused_and_not_repeated() {
    let folder = folder();
    for key in [
        "changeme",
        "your-secret-key-your-secret-key-your-secret-key",
    ] {
        let output = run(folder.path(), &["serve"], &[("SECRET_KEY", key)]);
        expect_code(&output, 2);
        let line = stderr(&output);
        assert!(line.starts_with("vestibule: SECRET_KEY: found"), "{line}");
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
        &[
            ("DATABASE_URL", "sqlite:///missing/app.db"),
            ("SECRET_KEY", SECRET),
        ],
    );
    expect_code(&nowhere, 1);
    assert_eq!(stderr(&nowhere).lines().count(), 1, "{}", stderr(&nowhere));
    assert!(
        stderr(&nowhere).contains("DATABASE_URL"),
        "{}",
        stderr(&nowhere)
    );
    assert!(
        stderr(&nowhere).contains("missing/app.db"),
        "{}",
        stderr(&nowhere)
    );
}

#[test]
fn check_config_shows_what_is_in_force_and_every_problem() {
    let folder = folder();
    fs::write(
        folder.path().join(".env"),
        "LOG_LEVEL=debug\nHOST=0.0.0.0\n",
    )
    .expect("writes");
    let good = run(
        folder.path(),
        &["check-config", "--port", "9000"],
        &[("SECRET_KEY", SECRET), ("HOST", "127.0.0.9")],
    );
    expect_code(&good, 0);
    let text = stdout(&good);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default()
    };
    for (name, value, origin) in [
        ("PORT ", "9000", "(flag)"),
        ("HOST ", "127.0.0.9", "(environment)"),
        ("LOG_LEVEL ", "debug", "(.env)"),
        ("BCRYPT_COST ", "12", "(default)"),
    ] {
        assert!(
            line(name).contains(value) && line(name).contains(origin),
            "{text}"
        );
    }
    assert!(
        !text.contains(SECRET) && !stderr(&good).contains(SECRET),
        "{text}"
    );
    assert!(line("SECRET_KEY ").contains("***"), "{text}");

    let bad = run(
        folder.path(),
        &["check-config"],
        &[
            ("PORT", "x"),
            ("BCRYPT_COST", "1"),
            ("VESTIBULE_NOTHING", "1"),
        ],
    );
    expect_code(&bad, 2);
    for name in ["PORT", "BCRYPT_COST", "VESTIBULE_NOTHING"] {
        assert!(
            stderr(&bad).contains(&format!("problem: {name}: found")),
            "{}",
            stderr(&bad)
        );
    }
    assert!(
        !folder.path().join("app.db").exists(),
        "looking changes nothing"
    );
}

#[test]
fn migrate_says_what_it_does_and_a_dry_run_does_nothing() {
    let folder = folder();
    let dry = run(folder.path(), &["migrate", "--dry-run"], &[]);
    expect_code(&dry, 0);
    assert!(
        stdout(&dry).starts_with("would run V0001__accounts\n"),
        "{}",
        stdout(&dry)
    );
    assert!(!folder.path().join("app.db").exists());

    let real = run(folder.path(), &["migrate"], &[]);
    expect_code(&real, 0);
    assert_eq!(stdout(&real), stdout(&dry).replace("would run", "ran"));
    for arguments in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let again = run(folder.path(), arguments, &[]);
        expect_code(&again, 0);
        assert_eq!(stdout(&again), "The schema is up to date.\n");
    }
}

#[test]
fn openapi_writes_and_checks_the_specification() {
    let folder = folder();
    expect_code(&run(folder.path(), &["openapi", "--check"], &[]), 1);
    expect_code(&run(folder.path(), &["openapi"], &[]), 0);
    let path = folder.path().join("openapi.json");
    let written = fs::read_to_string(&path).expect("written");
    assert_eq!(written, vestibule::api::document());
    expect_code(&run(folder.path(), &["openapi", "--check"], &[]), 0);
    let printed = run(folder.path(), &["openapi", "-"], &[]);
    assert_eq!(stdout(&printed), written);

    fs::write(&path, written.replacen("Vestibule", "Vestibul", 1)).expect("writes");
    let drifted = run(folder.path(), &["openapi", "--check"], &[]);
    expect_code(&drifted, 1);
    assert!(
        stderr(&drifted).contains("openapi.json"),
        "{}",
        stderr(&drifted)
    );
    expect_code(
        &run(
            folder.path(),
            &["openapi", "--check", "elsewhere.json"],
            &[],
        ),
        1,
    );
}

#[tokio::test]
async fn an_administrator_is_made_with_a_password_from_standard_input() {
    let folder = folder();
    let output = run_with_input(folder.path(), ADMIN, &[QUICK], &format!("{PASSWORD}\n"));
    expect_code(&output, 0);
    assert!(stdout(&output).contains("root"), "{}", stdout(&output));
    assert!(!stdout(&output).contains(PASSWORD) && !stderr(&output).contains(PASSWORD));

    let service = Service::start(folder.path(), &[QUICK]);
    let (status, token) = log_in(&service.url, PASSWORD).await;
    assert_eq!(status, StatusCode::OK, "{token}");
    let request = Client::new().get(format!("{}/users", service.url));
    let answer = request
        .bearer_auth(token["access_token"].as_str().expect("a token"))
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    let log = service.stop();
    assert!(
        !log.contains("create-admin"),
        "there is an administrator: {log}"
    );
}

#[tokio::test]
async fn an_administrator_is_made_with_a_password_from_the_environment_while_the_service_runs() {
    let folder = folder();
    let service = Service::start(folder.path(), &[QUICK]);
    let (status, _) = log_in(&service.url, PASSWORD).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let output = run(folder.path(), ADMIN, &[QUICK, ("ADMIN_PASSWORD", PASSWORD)]);
    expect_code(&output, 0);
    let (status, _) = log_in(&service.url, PASSWORD).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        service.stop().contains("vestibule create-admin"),
        "the first start says how"
    );
}

#[test]
fn a_weak_password_and_a_taken_address_are_refused() {
    let folder = folder();
    for weak in ["", "short", "password1234", "root@example.com"] {
        let output = run(folder.path(), ADMIN, &[QUICK, ("ADMIN_PASSWORD", weak)]);
        expect_code(&output, 2);
        assert!(stderr(&output).contains("password"), "{}", stderr(&output));
    }
    expect_code(
        &run(folder.path(), ADMIN, &[QUICK, ("ADMIN_PASSWORD", PASSWORD)]),
        0,
    );
    let again = [
        "create-admin",
        "--email",
        "ROOT@example.com",
        "--username",
        "other",
    ];
    let output = run(
        folder.path(),
        &again,
        &[QUICK, ("ADMIN_PASSWORD", PASSWORD)],
    );
    expect_code(&output, 1);
    assert!(
        stderr(&output).to_lowercase().contains("mail"),
        "{}",
        stderr(&output)
    );
    let again = [
        "create-admin",
        "--email",
        "other@example.com",
        "--username",
        "Root",
    ];
    expect_code(
        &run(
            folder.path(),
            &again,
            &[QUICK, ("ADMIN_PASSWORD", PASSWORD)],
        ),
        1,
    );
    let bad = ["create-admin", "--email", "nonsense", "--username", "a b"];
    let output = run(folder.path(), &bad, &[QUICK, ("ADMIN_PASSWORD", PASSWORD)]);
    expect_code(&output, 2);
    assert!(
        stderr(&output).contains("--email") && stderr(&output).contains("--username"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_password_is_never_taken_from_the_command_line() {
    let folder = folder();
    for flag in ["--password", "--admin-password", "-p"] {
        let arguments = [ADMIN, &[flag, PASSWORD]].concat();
        let output = run_with_input(folder.path(), &arguments, &[QUICK], "\n");
        expect_code(&output, 2);
        assert!(!folder.path().join("app.db").exists());
    }
    let positional = [ADMIN, &[PASSWORD]].concat();
    expect_code(
        &run_with_input(folder.path(), &positional, &[QUICK], "\n"),
        2,
    );
}

#[tokio::test]
async fn the_first_start_needs_nothing_and_says_what_it_made() {
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
    assert_eq!(changed.expect("an answer").status(), StatusCode::NO_CONTENT);
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
    let secrets = [PASSWORD, wrong, new_password, "broken secret body", SECRET].map(str::to_owned);
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
