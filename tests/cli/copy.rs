//! `copy`: an instance moves to another database, and those who were logged in do not notice.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use rusqlite::Connection;
use serde_json::json;

use crate::backup::register;
use crate::postgres::Server;
use crate::process::{Service, reason, run, stderr, stdout, vestibule};
use crate::{QUICK, SECRET, expect_code, folder, mode};

const SOURCE: (&str, &str) = ("DATABASE_URL", "sqlite:///source.db");

/// Enough for a copy to be interrupted several times.
const MANY: i64 = 300_000;

fn copy_of<'a>(from: &'a str, to: &'a str) -> [&'a str; 5] {
    ["copy", "--from", from, "--to", to]
}

fn open(folder: &Path, file: &str) -> Connection {
    let database = Connection::open(folder.join(file)).expect("opens");
    let patience = Duration::from_secs(10);
    database.busy_timeout(patience).expect("is set");
    database
}

/// Makes `source.db` with that many users.
fn fill(folder: &Path, users: i64) {
    expect_code(&run(folder, &["migrate"], &[SOURCE]), 0);
    let source = open(folder, "source.db");
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
         INSERT INTO users SELECT randomblob(16), i, i, i, i, 'Somebody', NULL, 0, 1, i, i, NULL, NULL, NULL FROM n";
    source.execute(sql, [users]).expect("inserts");
}

/// How many users there are; none where there is no schema yet.
fn users(folder: &Path, file: &str) -> i64 {
    let count = open(folder, file).query_row("SELECT count(*) FROM users", [], |row| row.get(0));
    count.unwrap_or(0)
}

#[track_caller]
fn expect_one_line(folder: &Path, arguments: &[&str], code: i32, words: &[&str]) {
    let output = run(folder, arguments, &[]);
    expect_code(&output, code);
    let error = stderr(&output);
    assert_eq!(error.lines().count(), 1, "{error}");
    for word in words {
        assert!(error.contains(word), "{word} is not in {error}");
    }
}

async fn refresh(url: &str, token: &str) -> (StatusCode, serde_json::Value) {
    let request = Client::new().post(format!("{url}/auth/refresh"));
    let answer = request.json(&json!({ "refresh_token": token })).send();
    let answer = answer.await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// Logs in as `ada`; gives an access token and a refresh token.
async fn log_in(url: &str) -> (String, String) {
    let form = [("username", "ada"), ("password", crate::PASSWORD)];
    let request = Client::new().post(format!("{url}/auth/token")).form(&form);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let tokens: serde_json::Value = answer.json().await.expect("JSON");
    let token = |name: &str| tokens[name].as_str().expect("a token").to_owned();
    (token("access_token"), token("refresh_token"))
}

/// Whether both tokens still work; gives the next refresh token.
async fn expect_logged_in(url: &str, (access, refresh): &(String, String)) -> String {
    let request = Client::new().get(format!("{url}/users/me"));
    let answer = request.bearer_auth(access).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    let (status, tokens) = self::refresh(url, refresh).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    tokens["refresh_token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[tokio::test]
async fn an_instance_moves_to_another_file_with_its_sessions() {
    let folder = folder();
    let service = Service::start(folder.path(), &[QUICK, SOURCE, ("SECRET_KEY", SECRET)]);
    register(&service.url, "ada").await;
    let tokens = log_in(&service.url).await;
    service.stop();

    let places = copy_of("sqlite:///source.db", "sqlite:///target.db");
    let output = run(folder.path(), &places, &[]);
    expect_code(&output, 0);
    let told = stdout(&output);
    for words in ["users ", "1 row ", "the same on both sides", "SECRET_KEY"] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
    let target = folder.path().join("target.db");
    assert_eq!(mode(&target) & 0o077, 0, "it is its owner's alone");

    let target = ("DATABASE_URL", "sqlite:///target.db");
    let service = Service::start(folder.path(), &[QUICK, target, ("SECRET_KEY", SECRET)]);
    expect_logged_in(&service.url, &tokens).await;
    service.stop();
    expect_one_line(folder.path(), &places, 1, &["not empty", "users"]);
}

#[test]
fn what_cannot_be_copied_is_told_in_one_line() {
    let folder = folder();
    fill(folder.path(), 1);
    let here = folder.path();
    let (source, fresh) = ("sqlite:///source.db", "sqlite:///fresh.db");
    for (from, to, code, words) in [
        ("sqlite::memory:", fresh, 2, &["--from", "memory"][..]),
        (source, "sqlite://", 2, &["--to", "memory"]),
        (source, "sqlite:///./source.db", 2, &["same database"]),
        (
            source,
            "mysql://root:geheim@db/x",
            2,
            &["--to", "********", "postgresql://"],
        ),
        ("sqlite:///missing.db", fresh, 1, &["--from", "missing.db"]),
        (
            source,
            "sqlite:///missing/app.db",
            1,
            &["--to", "missing/app.db"],
        ),
    ] {
        expect_one_line(here, &copy_of(from, to), code, words);
    }
    let wrong = run(here, &copy_of(source, "mysql://root:geheim@db/x"), &[]);
    assert!(!stderr(&wrong).contains("geheim"), "{}", stderr(&wrong));
    // A source is not written to, not even to bring it up to date.
    std::fs::write(here.join("empty.db"), "").expect("writes");
    let words = &["--from", "vestibule migrate"];
    expect_one_line(here, &copy_of("sqlite:///empty.db", fresh), 1, words);
    assert!(!here.join("missing.db").exists() && !here.join("fresh.db").exists());
    // Neither database may be left to chance.
    expect_code(&run(here, &["copy", "--from", source], &[SOURCE]), 2);
    expect_code(&run(here, &["copy", "--to", fresh], &[SOURCE]), 2);
}

/// A command line can be read by every user of the machine.
#[test]
fn passwords_need_not_stand_on_the_command_line() {
    let folder = folder();
    fill(folder.path(), 3);
    let places = [
        ("COPY_FROM", "sqlite:///source.db"),
        ("COPY_TO", "sqlite:///target.db"),
    ];
    expect_code(&run(folder.path(), &["copy"], &places), 0);
    assert_eq!(users(folder.path(), "target.db"), 3);
    let secret = ("COPY_TO", "postgresql://ada:geheim@db/x");
    let help = run(folder.path(), &["copy", "--help"], &[secret]);
    assert!(stdout(&help).contains("COPY_TO") && !stdout(&help).contains("geheim"));
}

#[test]
fn an_interrupted_copy_is_not_served_and_goes_on_when_run_again() {
    let folder = folder();
    fill(folder.path(), MANY);
    let places = copy_of("sqlite:///source.db", "sqlite:///target.db");
    let mut there = 0;
    for signal in ["-INT", "-KILL"] {
        let mut child = vestibule(folder.path(), &places, &[])
            .spawn()
            .expect("starts");
        let until = Instant::now() + Duration::from_secs(60);
        // Whoever looks at a file before it has its journal is in the way of the one who makes it.
        let log = folder.path().join("target.db-wal");
        while !log.exists() || users(folder.path(), "target.db") <= there {
            assert!(Instant::now() < until, "nothing is copied");
        }
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("the kill command").success());
        let status = child.wait().expect("ends");
        assert!(!status.success(), "{status}");
        there = users(folder.path(), "target.db");
        assert!(0 < there && there < MANY, "{there}");
    }
    let target = ("DATABASE_URL", "sqlite:///target.db");
    let admin = [
        "create-admin",
        "--email",
        "a@example.com",
        "--username",
        "root",
    ];
    for command in [&["serve"][..], &admin] {
        let password = ("ADMIN_PASSWORD", crate::PASSWORD);
        let settings = [
            QUICK,
            target,
            ("SECRET_KEY", SECRET),
            ("PORT", "0"),
            password,
        ];
        let output = run(folder.path(), command, &settings);
        expect_code(&output, 1);
        assert_eq!(
            reason(&output),
            "DATABASE_URL: a copy into this database was not finished: run `vestibule copy` again"
        );
    }
    let output = run(folder.path(), &places, &[]);
    expect_code(&output, 0);
    let told = format!("{there} of them by an earlier run");
    assert!(stdout(&output).contains(&told), "{}", stdout(&output));
    assert_eq!(users(folder.path(), "target.db"), MANY);
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn an_instance_moves_to_postgresql_and_back_with_its_sessions() {
    let server = Server::start();
    let folder = folder();
    // As at the first start, which makes a key.
    let service = Service::start(folder.path(), &[QUICK, SOURCE]);
    register(&service.url, "ada").await;
    let mut tokens = log_in(&service.url).await;
    service.stop();

    let url = server.create_database();
    let there = run(folder.path(), &copy_of("sqlite:///source.db", &url), &[]);
    expect_code(&there, 0);
    let told = format!("{}{}", stdout(&there), stderr(&there));
    assert!(
        told.contains("********@127.0.0.1") && told.contains("source.db.key"),
        "{told}"
    );
    assert!(!told.contains(crate::postgres::PASSWORD_IN_A_URL), "{told}");
    let key = std::fs::read_to_string(folder.path().join("source.db.key")).expect("reads");
    let settings = [
        QUICK,
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", key.trim()),
    ];
    let service = Service::start(folder.path(), &settings);
    tokens.1 = expect_logged_in(&service.url, &tokens).await;
    register(&service.url, "grace").await;
    service.stop();

    let back = run(folder.path(), &copy_of(&url, "sqlite:///back.db"), &[]);
    expect_code(&back, 0);
    let settings = [
        QUICK,
        ("DATABASE_URL", "sqlite:///back.db"),
        ("SECRET_KEY", key.trim()),
    ];
    let service = Service::start(folder.path(), &settings);
    expect_logged_in(&service.url, &tokens).await;
    service.stop();
    assert_eq!(users(folder.path(), "back.db"), 2);
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn text_that_postgresql_cannot_store_is_named_and_nothing_is_lost() {
    let server = Server::start();
    let folder = folder();
    fill(folder.path(), 5000);
    let source = open(folder.path(), "source.db");
    let sql = "UPDATE users SET full_name = 'a' || char(0) || 'b' \
         WHERE id = (SELECT id FROM users ORDER BY id LIMIT 1 OFFSET 3000) RETURNING hex(id)";
    let id: String = source
        .query_row(sql, [], |row| row.get(0))
        .expect("changes");
    let id = uuid::Uuid::try_parse(&id).expect("an id").to_string();
    let url = server.create_database();
    let places = copy_of("sqlite:///source.db", &url);
    let output = run(folder.path(), &places, &[]);
    expect_code(&output, 1);
    let error = stderr(&output);
    for word in ["users", "full_name", &id, "NUL"] {
        assert!(error.contains(word), "{word} is not in {error}");
    }
    source
        .execute(
            "UPDATE users SET full_name = 'ab' WHERE full_name LIKE 'a%'",
            [],
        )
        .expect("changes");
    let output = run(folder.path(), &places, &[]);
    expect_code(&output, 0);
    let told = stdout(&output);
    assert!(
        told.contains("5000 rows") && told.contains(" of them by an earlier run"),
        "{told}"
    );
}

/// The name of the server tells nothing of which one it is.
#[test]
#[ignore = "starts a PostgreSQL server"]
fn one_server_with_two_names_is_one_database() {
    let server = Server::start();
    let folder = folder();
    let url = server.create_database();
    expect_code(
        &run(
            folder.path(),
            &["migrate"],
            &[("DATABASE_URL", &url), ("SECRET_KEY", SECRET)],
        ),
        0,
    );
    let other = url.replace("127.0.0.1", "localhost");
    let output = run(folder.path(), &copy_of(&url, &other), &[]);
    expect_code(&output, 2);
    assert!(
        stderr(&output).contains("same database"),
        "{}",
        stderr(&output)
    );
}
