//! `backup`: a copy of a database that is being written to, whole and by itself.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use rusqlite::Connection;
use serde_json::json;

use crate::process::{Service, run, stderr, stdout};
use crate::{PASSWORD, QUICK, expect_code, folder, mode};

const UNLIMITED: (&str, &str) = ("RATE_LIMIT_ENABLED", "false");

/// Usernames in a database file.
pub fn users(file: &Path) -> Vec<String> {
    let database = Connection::open(file).expect("opens");
    let mut statement = database
        .prepare("SELECT username FROM users ORDER BY username")
        .expect("a table");
    let names = statement.query_map([], |row| row.get(0)).expect("reads");
    names.collect::<Result<_, _>>().expect("reads")
}

pub async fn register(url: &str, username: &str) {
    let body = json!({ "email": format!("{username}@example.com"), "username": username, "password": PASSWORD });
    let request = Client::new().post(format!("{url}/auth/register"));
    let answer = request.json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::CREATED);
}

pub fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("lists");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    // Mails of the service that ran there.
    names.retain(|name| name != "outbox");
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_whole_and_holds_all_that_was_acknowledged_before() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = folder();
    let backups = self::folder();
    let service = Service::start(folder.path(), &[QUICK, UNLIMITED]);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (url, acknowledged) = (service.url.clone(), acknowledged.clone());
            tokio::spawn(async move {
                for number in 0.. {
                    let name = format!("writer-{writer}-{number}");
                    register(&url, &name).await;
                    acknowledged.lock().expect("no panic").push(name);
                }
            })
        })
        .collect();
    for round in 0..5 {
        let enough = 20 * (round + 1);
        while acknowledged.lock().expect("no panic").len() < enough {
            assert!(writers.iter().all(|writer| !writer.is_finished()));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let before = acknowledged.lock().expect("no panic").clone();
        let file = backups.path().join(format!("{round}.db"));
        let argument = file.display().to_string();
        let place = folder.path().to_owned();
        let made =
            tokio::task::spawn_blocking(move || run(&place, &["backup", &argument], &[QUICK]));
        let made = made.await.expect("runs");
        expect_code(&made, 0);
        let found = users(&file);
        for name in &before {
            assert!(found.contains(name), "{name} is not in backup {round}");
        }
        let told = format!("{}: {} users", file.display(), found.len());
        assert!(stdout(&made).contains(&told), "{}", stdout(&made));
        assert!(stdout(&made).contains("app.db.key"), "{}", stdout(&made));
        assert_eq!(mode(&file), 0o600);
    }
    for writer in writers {
        writer.abort();
    }
    assert_eq!(
        names(backups.path()),
        ["0.db", "1.db", "2.db", "3.db", "4.db"],
        "each is one file"
    );
    let copy = Connection::open(backups.path().join("4.db")).expect("opens");
    let pragma = |name: &str| -> String {
        copy.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .expect("reads")
    };
    assert_eq!(pragma("journal_mode"), "delete");
    assert_eq!(pragma("integrity_check"), "ok");
    service.stop();
}

#[test]
fn a_file_that_exists_is_never_overwritten() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = folder();
    expect_code(&run(folder.path(), &["migrate"], &[]), 0);
    let file = folder.path().join("mine");
    fs::write(&file, "precious").expect("writes");
    let output = run(folder.path(), &["backup", "mine"], &[]);
    expect_code(&output, 1);
    assert_eq!(
        stderr(&output),
        "vestibule: mine exists already, and is not overwritten\n"
    );
    assert_eq!(fs::read_to_string(&file).expect("reads"), "precious");
    expect_code(&run(folder.path(), &["backup", "app.db"], &[]), 1);
    assert!(users(&folder.path().join("app.db")).is_empty());
}

#[test]
fn where_there_is_nothing_to_back_up_nothing_is_made() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = folder();
    let output = run(folder.path(), &["backup", "copy.db"], &[]);
    expect_code(&output, 1);
    assert_eq!(stderr(&output), "vestibule: there is no file ./app.db\n");
    let memory = [("DATABASE_URL", "sqlite::memory:")];
    let output = run(folder.path(), &["backup", "copy.db"], &memory);
    expect_code(&output, 2);
    assert!(stderr(&output).contains("memory"), "{}", stderr(&output));
    assert!(
        names(folder.path()).is_empty(),
        "{:?}",
        names(folder.path())
    );

    expect_code(&run(folder.path(), &["migrate"], &[]), 0);
    let output = run(folder.path(), &["backup", "missing/copy.db"], &[]);
    expect_code(&output, 1);
    assert!(
        stderr(&output).contains("missing/copy.db"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_damaged_database_makes_no_backup() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = folder();
    expect_code(&run(folder.path(), &["migrate"], &[]), 0);
    damage(&folder.path().join("app.db"));
    let output = run(folder.path(), &["backup", "copy.db"], &[]);
    expect_code(&output, 1);
    assert!(
        stderr(&output).starts_with("vestibule: ./app.db: damaged: "),
        "{}",
        stderr(&output)
    );
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    let mut left = names(folder.path());
    left.retain(|name| !name.starts_with("app.db"));
    assert!(left.is_empty(), "{left:?}");
}

/// A power cut leaves what was committed in the log; a backup has it, too.
#[tokio::test]
async fn a_backup_of_a_killed_service_has_what_stands_in_its_log() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = folder();
    let service = Service::start(folder.path(), &[QUICK]);
    register(&service.url, "ada").await;
    service.kill();
    assert!(folder.path().join("app.db-wal").exists());
    expect_code(&run(folder.path(), &["backup", "copy.db"], &[]), 0);
    assert_eq!(users(&folder.path().join("copy.db")), ["ada"]);
}

/// Overwrites pages after the first.
pub fn damage(file: &Path) {
    let mut bytes = fs::read(file).expect("reads");
    let page = 4096;
    assert!(bytes.len() > 4 * page, "{} bytes", bytes.len());
    bytes[2 * page..4 * page].fill(0x55);
    fs::write(file, bytes).expect("writes");
}
