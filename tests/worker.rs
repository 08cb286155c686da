//! Background jobs: backups at regular times, on a clock that moves when told.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

mod database;
mod postgres;
mod process;
mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use process::{Service, reason, run, stderr};
use support::TestApp;
use vestibule::clock::{Clock, Timestamp};
use vestibule::config::Backups;
use vestibule::worker::backup::turn;

const HOUR: Duration = Duration::from_secs(3600);

fn hourly(folder: &Path, keep: usize) -> Backups {
    Backups {
        folder: folder.to_owned(),
        interval: HOUR,
        keep,
    }
}

fn name(at: Timestamp) -> String {
    format!("vestibule-{}.db", at.compact())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("lists");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn users(file: &Path) -> i64 {
    let backup = rusqlite::Connection::open(file).expect("opens");
    let count = backup.query_row("SELECT count(*) FROM users", [], |row| row.get(0));
    count.expect("counts")
}

#[tokio::test]
async fn a_backup_is_made_when_it_is_due_and_the_oldest_go() {
    let app = TestApp::spawn().await;
    let folder = tempfile::tempdir().expect("a folder");
    let backups = hourly(folder.path(), 2);
    let start = app.clock.now();
    app.register("ada").await;
    // None was ever made: it is due at once.
    let next = turn(&app.services, &backups).await.expect("works");
    assert_eq!(next, start.plus(HOUR));
    assert_eq!(names(folder.path()), [name(start)]);
    assert_eq!(users(&folder.path().join(name(start))), 1);

    app.advance(HOUR - Duration::from_secs(1));
    app.register("bob").await;
    let again = turn(&app.services, &backups).await.expect("works");
    assert_eq!(again.seconds(), start.plus(HOUR).seconds());
    assert_eq!(names(folder.path()), [name(start)], "not due yet");

    app.advance(Duration::from_secs(1));
    let second = app.clock.now();
    turn(&app.services, &backups).await.expect("works");
    assert_eq!(names(folder.path()), [name(start), name(second)]);
    assert_eq!(users(&folder.path().join(name(second))), 2);

    app.advance(HOUR);
    let third = app.clock.now();
    turn(&app.services, &backups).await.expect("works");
    assert_eq!(names(folder.path()), [name(second), name(third)]);
}

#[tokio::test]
async fn the_age_of_the_newest_tells_whether_a_turn_was_missed() {
    let app = TestApp::spawn().await;
    let now = app.clock.now();
    for (age, is_due) in [
        (Duration::from_secs(60), false),
        (HOUR - Duration::from_secs(1), false),
        (HOUR + Duration::from_secs(1), true),
        (30 * HOUR, true),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let earlier = name(now.minus(age));
        fs::write(folder.path().join(&earlier), "an earlier one").expect("writes");
        turn(&app.services, &hourly(folder.path(), 5))
            .await
            .expect("works");
        let expected = if is_due {
            vec![earlier, name(now)]
        } else {
            vec![earlier]
        };
        assert_eq!(names(folder.path()), expected, "{age:?}");
    }
}

#[tokio::test]
async fn only_its_own_files_count_and_are_deleted() {
    let app = TestApp::spawn().await;
    let folder = tempfile::tempdir().expect("a folder");
    let now = app.clock.now();
    let (old, young) = (now.minus(30 * HOUR), now.minus(HOUR));
    let others = [
        "app.db".to_owned(),
        "notes.txt".to_owned(),
        format!("vestibule-{}.db.gz", old.compact()),
        format!("my-vestibule-{}.db", old.compact()),
        "vestibule-2020.db".to_owned(),
        "vestibule-20201301T000000Z.db".to_owned(),
        // One that another service may be at work on, and one made by a clock that was wrong.
        format!("vestibule-{}.db.7.partial", young.compact()),
        name(now.plus(100 * HOUR)),
    ];
    let own = [
        name(old),
        name(now.minus(20 * HOUR)),
        format!("vestibule-{}.db.7.partial", old.compact()),
        format!("vestibule-{}.db.7.partial-journal", old.compact()),
    ];
    for name in others.iter().chain(&own) {
        fs::write(folder.path().join(name), "x").expect("writes");
    }
    turn(&app.services, &hourly(folder.path(), 1))
        .await
        .expect("works");
    let mut expected = others.to_vec();
    expected.push(name(now));
    expected.sort();
    assert_eq!(names(folder.path()), expected);
}

#[tokio::test]
async fn a_failure_deletes_nothing_and_the_next_turn_tries_again() {
    let app = TestApp::spawn().await;
    let folder = tempfile::tempdir().expect("a folder");
    let backups = hourly(folder.path(), 1);
    let earlier = name(app.clock.now().minus(2 * HOUR));
    fs::write(folder.path().join(&earlier), "an earlier one").expect("writes");
    // Something stands where the copy would.
    let in_the_way = name(app.clock.now());
    let draft = format!("{in_the_way}.{}.partial", std::process::id());
    fs::create_dir_all(folder.path().join(&draft).join("full")).expect("creates");
    let failed = turn(&app.services, &backups).await.expect_err("fails");
    assert!(failed.to_string().contains(&in_the_way), "{failed}");
    assert_eq!(names(folder.path()), [earlier, draft.clone()]);
    fs::remove_dir_all(folder.path().join(&draft)).expect("deletes");
    turn(&app.services, &backups).await.expect("works again");
    assert_eq!(names(folder.path()), [in_the_way]);

    fs::remove_dir_all(folder.path()).expect("deletes");
    let failed = turn(&app.services, &backups).await.expect_err("fails");
    let path = folder.path().display().to_string();
    assert!(failed.to_string().contains(&path), "{failed}");
    fs::create_dir(folder.path()).expect("creates");
    turn(&app.services, &backups).await.expect("works again");
}

/// Waits for what the program does by itself a moment after its start.
fn wait_for(what: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(40);
    while !what() {
        assert!(Instant::now() < until, "it does not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_service_makes_up_for_a_missed_backup_at_its_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let backups = folder.path().join("backups");
    fs::create_dir(&backups).expect("creates");
    let settings = [("BCRYPT_COST", "4"), ("BACKUP_DIR", "backups")];
    let finished = |count: usize| {
        let names = names(&backups);
        names.len() == count && names.iter().all(|name| name.ends_with(".db"))
    };
    let service = Service::start(folder.path(), &settings);
    wait_for(|| finished(1));
    let log = service.stop();
    assert!(log.contains("made a backup"), "{log}");
    assert_eq!(users(&backups.join(&names(&backups)[0])), 0);
    // It is young: the next start has nothing to make up for.
    let log = Service::start(folder.path(), &settings).stop();
    assert!(!log.contains("backup"), "{log}");
    assert!(finished(1));
}

#[test]
fn a_backup_that_fails_is_told_loudly_and_the_service_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &["migrate"], &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    // Only a backup looks for this.
    let database = rusqlite::Connection::open(folder.path().join("app.db")).expect("opens");
    database
        .execute_batch("PRAGMA foreign_keys = off; INSERT INTO user_roles (user_id, role_name) VALUES (x'00', 'user')")
        .expect("writes");
    drop(database);
    fs::create_dir(folder.path().join("backups")).expect("creates");
    let settings = [("BCRYPT_COST", "4"), ("BACKUP_DIR", "backups")];
    let service = Service::start(folder.path(), &settings);
    wait_for(|| service.has_logged("BACKUP FAILED"));
    let log = service.stop();
    let line = log.lines().find(|line| line.contains("BACKUP FAILED"));
    let line = line.expect("logged");
    assert!(line.contains("\"level\":\"ERROR\""), "{line}");
    assert!(line.contains("user_roles"), "{line}");
    assert!(names(&folder.path().join("backups")).is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("writes");
    for wrong in ["missing", "file"] {
        let output = run(
            folder.path(),
            &["serve"],
            &[("PORT", "0"), ("BACKUP_DIR", wrong)],
        );
        assert_eq!(output.status.code(), Some(2));
        let line = reason(&output);
        let start = format!("BACKUP_DIR: found {wrong}: ");
        assert!(
            line.starts_with(&start) && line.contains("; allowed: "),
            "{line}"
        );
        assert!(!folder.path().join("missing").exists());
    }
}
