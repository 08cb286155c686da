//! `restore`: only a sound backup, only while nobody has the database open, and nothing is lost by it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use rusqlite::Connection;

use crate::backup::{damage, names, register, users};
use crate::process::{Service, run, stderr, stdout, vestibule};
use crate::{PASSWORD, QUICK, expect_code, folder, log_in, mode};

/// A folder whose database has these users, with the file `copy.db`, a backup of it.
async fn backed_up(usernames: &[&str]) -> tempfile::TempDir {
    let folder = folder();
    let service = Service::start(folder.path(), &[QUICK]);
    for username in usernames {
        register(&service.url, username).await;
    }
    expect_code(&run(folder.path(), &["backup", "copy.db"], &[QUICK]), 0);
    service.stop();
    folder
}

#[track_caller]
pub fn expect_line(output: &std::process::Output, code: i32, words: &str) {
    expect_code(output, code);
    let line = stderr(output);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(words), "{line}");
}

/// The names of the former database and of what belongs to it.
fn former(folder: &Path) -> Vec<String> {
    let mut names = names(folder);
    names.retain(|name| name.contains("before-restore"));
    names
}

#[tokio::test]
async fn a_backup_becomes_the_database_of_another_machine() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let first = backed_up(&["root"]).await;
    let second = folder();
    fs::copy(first.path().join("copy.db"), second.path().join("copy.db")).expect("copies");
    let output = run(second.path(), &["restore", "copy.db"], &[QUICK]);
    expect_code(&output, 0);
    assert!(
        stdout(&output).starts_with("Restored copy.db: 1 user, "),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).contains("no secret key in ./app.db.key"),
        "{}",
        stdout(&output)
    );
    assert_eq!(names(second.path()), ["app.db", "copy.db"]);
    assert_eq!(mode(&second.path().join("app.db")), 0o600);

    let key = |folder: &Path| folder.join("app.db.key");
    fs::copy(key(first.path()), key(second.path())).expect("copies");
    let service = Service::start(second.path(), &[QUICK]);
    assert_eq!(log_in(&service.url, PASSWORD).await.0, StatusCode::OK);
    service.stop();
}

#[tokio::test]
async fn a_database_is_replaced_only_by_force_and_kept() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    // What came after the backup stands in the log: the service was killed.
    let service = Service::start(folder.path(), &[QUICK]);
    register(&service.url, "later").await;
    service.kill();
    assert!(folder.path().join("app.db-wal").exists());

    let refused = run(folder.path(), &["restore", "copy.db"], &[]);
    expect_line(&refused, 1, "app.db exists already");
    assert!(stderr(&refused).contains("--force"), "{}", stderr(&refused));

    let forced = run(folder.path(), &["restore", "copy.db", "--force"], &[]);
    expect_code(&forced, 0);
    let kept = former(folder.path());
    assert_eq!(kept.len(), 1, "one file, with its log in it: {kept:?}");
    assert!(stdout(&forced).contains(&kept[0]), "{}", stdout(&forced));
    assert!(
        !stdout(&forced).contains("secret key"),
        "{}",
        stdout(&forced)
    );
    assert_eq!(
        names(folder.path()),
        ["app.db", &kept[0], "app.db.key", "copy.db"],
        "no log of the former database is left for the new one"
    );
    assert_eq!(users(&folder.path().join(&kept[0])), ["later", "root"]);
    let service = Service::start(folder.path(), &[QUICK]);
    assert_eq!(log_in(&service.url, PASSWORD).await.0, StatusCode::OK);
    service.stop();
    assert_eq!(users(&folder.path().join("app.db")), ["root"]);
}

#[tokio::test]
async fn nothing_is_restored_while_the_service_runs() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let service = Service::start(folder.path(), &[QUICK]);
    let restore = ["restore", "copy.db", "--force"];
    expect_line(&run(folder.path(), &restore, &[]), 1, "stop the service");
    register(&service.url, "later").await;
    service.stop();
    assert_eq!(users(&folder.path().join("app.db")), ["later", "root"]);
    assert!(former(folder.path()).is_empty());

    // A database that is damaged is in use no less.
    let service = Service::start(folder.path(), &[QUICK]);
    overwrite_header(&folder.path().join("app.db"));
    expect_line(&run(folder.path(), &restore, &[]), 1, "stop the service");
    service.kill();
    expect_code(&run(folder.path(), &restore, &[]), 0);
    assert_eq!(users(&folder.path().join("app.db")), ["root"]);
    assert!(!former(folder.path()).is_empty());
}

/// Either the restore comes first and the service has the backup, or the service does and the restore is refused. In
/// neither case does the service write to a file that is not the database any more.
#[tokio::test]
async fn a_restore_and_a_start_at_one_moment_do_not_mix() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&[]).await;
    let mut before = Vec::new();
    for round in 0..30 {
        let restore = ["restore", "copy.db", "--force"];
        let restoring = vestibule(folder.path(), &restore, &[]).spawn();
        // The start falls into another moment of the restore each time.
        std::thread::sleep(Duration::from_millis(round));
        let service = Service::start(folder.path(), &[QUICK]);
        let restored = restoring.expect("starts").wait_with_output();
        let restored = restored.expect("ends");
        let name = format!("user{round:02}");
        register(&service.url, &name).await;
        service.kill();
        if restored.status.success() {
            before.clear();
        } else {
            expect_line(&restored, 1, "is in use");
        }
        before.push(name);
        assert_eq!(
            users(&folder.path().join("app.db")),
            before,
            "round {round}"
        );
        for former in former(folder.path()) {
            fs::remove_file(folder.path().join(former)).expect("deletes");
        }
    }
}

#[tokio::test]
async fn a_database_that_is_no_more_is_kept_with_all_that_is_left_of_it() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let service = Service::start(folder.path(), &[QUICK]);
    register(&service.url, "later").await;
    service.kill();
    // Without its file, a log would be taken for that of the next one.
    fs::remove_file(folder.path().join("app.db")).expect("deletes");
    let log = fs::read(folder.path().join("app.db-wal")).expect("reads");
    expect_line(
        &run(folder.path(), &["restore", "copy.db"], &[]),
        1,
        "app.db-wal exists already",
    );
    expect_code(
        &run(folder.path(), &["restore", "copy.db", "--force"], &[]),
        0,
    );
    let kept = former(folder.path());
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].ends_with("-wal"), "{kept:?}");
    assert_eq!(fs::read(folder.path().join(&kept[0])).expect("reads"), log);
    assert_eq!(users(&folder.path().join("app.db")), ["root"]);
}

#[tokio::test]
async fn what_is_no_sound_backup_is_refused_and_nothing_touched() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let path = |name: &str| folder.path().join(name);
    let changed = |name: &str, sql: &str| {
        fs::copy(path("copy.db"), path(name)).expect("copies");
        let database = Connection::open(path(name)).expect("opens");
        database.execute_batch(sql).expect("changes");
    };
    fs::write(path("garbage.db"), "This is not a database. ".repeat(1000)).expect("writes");
    fs::write(path("empty.db"), "").expect("writes");
    fs::copy(path("copy.db"), path("damaged.db")).expect("copies");
    damage(&path("damaged.db"));
    let whole = fs::read(path("copy.db")).expect("reads");
    fs::write(path("half.db"), &whole[..whole.len() / 2]).expect("writes");
    changed(
        "newer.db",
        "INSERT INTO vestibule_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '', '0')",
    );
    changed("orphan.db", "PRAGMA foreign_keys = off; DELETE FROM users");
    changed(
        "foreign.db",
        "UPDATE vestibule_schema_history SET name = 'initial'",
    );
    changed("other.db", "DROP TABLE vestibule_schema_history");
    let database = fs::read(path("app.db")).expect("reads");
    let before = names(folder.path());
    for (name, words) in [
        ("missing.db", "there is no file missing.db"),
        ("garbage.db", "garbage.db: no SQLite database"),
        ("empty.db", "empty.db: no database of Vestibule"),
        ("damaged.db", "damaged.db: damaged: "),
        ("half.db", "half.db: damaged: "),
        ("newer.db", "newer.db: the database has migration 999"),
        ("orphan.db", "orphan.db: damaged: "),
        ("foreign.db", "foreign.db: no database of Vestibule"),
        ("other.db", "other.db: no database of Vestibule"),
    ] {
        expect_line(
            &run(folder.path(), &["restore", name, "--force"], &[]),
            1,
            words,
        );
        assert_eq!(names(folder.path()), before, "{name}");
        assert_eq!(fs::read(path("app.db")).expect("reads"), database, "{name}");
    }
    for itself in ["app.db", "./app.db"] {
        expect_line(
            &run(folder.path(), &["restore", itself, "--force"], &[]),
            2,
            "is the database itself",
        );
    }
}

/// Whoever can put a file in a backup's place could otherwise make every new user an administrator.
#[tokio::test]
async fn a_backup_that_holds_more_than_rows_is_refused() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let path = |name: &str| folder.path().join(name);
    let database = fs::read(path("app.db")).expect("reads");
    let rewrite = |from: &str, to: &str| {
        format!(
            "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}'); \
             PRAGMA writable_schema = off"
        )
    };
    for (sql, words) in [
        (
            "CREATE TRIGGER promote AFTER INSERT ON users BEGIN \
             INSERT INTO user_roles SELECT new.id, id FROM roles; END"
                .to_owned(),
            "the trigger \"promote\" was not made",
        ),
        ("CREATE VIEW spy AS SELECT * FROM users".to_owned(), "the view \"spy\" was not made"),
        ("CREATE TABLE more (id INTEGER)".to_owned(), "table \"more\" was not made"),
        (
            "CREATE INDEX slow ON users (abs(random()) > 1)".replace("abs(random()) > 1", "length(email)"),
            "the index \"slow\" was not made",
        ),
        ("CREATE VIRTUAL TABLE words USING fts5(text)".to_owned(), "was not made"),
        (
            "ALTER TABLE users ADD COLUMN trick TEXT GENERATED ALWAYS AS (upper(email)) VIRTUAL".to_owned(),
            "the table \"users\" is not as Vestibule made it",
        ),
        ("DROP INDEX sessions_user_id".to_owned(), "the index \"sessions_user_id\" is missing"),
        (
            rewrite("is_active", "IS_active"),
            "is not as Vestibule made it",
        ),
        (
            "DELETE FROM vestibule_schema_history WHERE version = 2".to_owned(),
            "migrations of Vestibule are missing",
        ),
        (
            "DROP TABLE vestibule_schema_history; CREATE TABLE vestibule_schema_history (version, name, applied_on, checksum); \
             INSERT INTO vestibule_schema_history VALUES (1, 'accounts', '', '')"
                .to_owned(),
            "no database of Vestibule",
        ),
    ] {
        fs::copy(path("copy.db"), path("bad.db")).expect("copies");
        let bad = Connection::open(path("bad.db")).expect("opens");
        bad.execute_batch(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        drop(bad);
        let before = names(folder.path());
        let refused = run(folder.path(), &["restore", "bad.db", "--force"], &[]);
        expect_line(&refused, 1, "bad.db: ");
        assert!(stderr(&refused).contains(words), "{sql}: {}", stderr(&refused));
        assert_eq!(names(folder.path()), before, "{sql}");
        assert_eq!(fs::read(path("app.db")).expect("reads"), database, "{sql}");
    }
    // Numbers for the planner are nothing that acts.
    let good = Connection::open(path("copy.db")).expect("opens");
    good.execute_batch("ANALYZE").expect("runs");
    // A backup of the time when the history had another name.
    good.execute_batch("ALTER TABLE vestibule_schema_history RENAME TO refinery_schema_history")
        .expect("runs");
    drop(good);
    expect_code(
        &run(folder.path(), &["restore", "copy.db", "--force"], &[]),
        0,
    );
}

/// A file that was put in place by other means than `restore`.
#[tokio::test]
async fn nothing_starts_on_a_file_with_a_trigger() {
    crate::sqlite_only!("only files come from elsewhere");
    for (sql, name) in [
        (
            "CREATE TRIGGER promote AFTER INSERT ON users BEGIN SELECT 1; END",
            "promote",
        ),
        ("CREATE VIEW spy AS SELECT 1", "spy"),
        ("CREATE VIRTUAL TABLE words USING fts5(text)", "words"),
    ] {
        let folder = folder();
        expect_code(&run(folder.path(), &["migrate"], &[]), 0);
        let file = Connection::open(folder.path().join("app.db")).expect("opens");
        file.execute_batch(sql).expect("runs");
        drop(file);
        let copy = [
            "copy",
            "--from",
            "sqlite:///app.db",
            "--to",
            "sqlite:///other.db",
        ];
        for command in [
            &["serve", "--port", "0"][..],
            &["migrate"],
            &["migrate", "--dry-run"],
            &copy,
        ] {
            let refused = run(folder.path(), command, &[QUICK]);
            expect_code(&refused, 1);
            let told = stderr(&refused);
            assert!(
                told.contains(name) && told.contains("was not made by Vestibule"),
                "{command:?}: {told}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_starts_on_a_changed_table_and_an_index_more_is_told() {
    crate::sqlite_only!("the schema of a file");
    for (sql, name) in [
        (
            "ALTER TABLE users ADD COLUMN spy TEXT AS (username)",
            "users",
        ),
        (
            "ALTER TABLE users ADD COLUMN extra TEXT DEFAULT 'x'",
            "users",
        ),
        ("CREATE TABLE notes (text TEXT)", "notes"),
        (
            "PRAGMA writable_schema = ON; \
             UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'users'",
            "users",
        ),
    ] {
        let folder = folder();
        expect_code(&run(folder.path(), &["migrate"], &[]), 0);
        let file = Connection::open(folder.path().join("app.db")).expect("opens");
        file.execute_batch(sql).expect("runs");
        drop(file);
        for command in [&["serve", "--port", "0"][..], &["migrate"]] {
            let refused = run(folder.path(), command, &[QUICK]);
            expect_code(&refused, 1);
            let told = stderr(&refused);
            assert!(
                told.contains("app.db: ") && told.contains(name),
                "{command:?}: {told}"
            );
        }
    }
    let folder = folder();
    expect_code(&run(folder.path(), &["migrate"], &[]), 0);
    let file = Connection::open(folder.path().join("app.db")).expect("opens");
    let sql = "CREATE INDEX mine ON users (created_at)";
    file.execute_batch(sql).expect("runs");
    drop(file);
    let log = Service::start(folder.path(), &[QUICK]).stop();
    assert!(log.contains("index \\\"mine\\\""), "{log}");
}

/// A backup made before the last update of the program.
#[tokio::test]
async fn an_older_backup_is_brought_up_to_date() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let copy = folder.path().join("copy.db");
    let newer = folder.path().join("newer.db");
    fs::rename(&copy, &newer).expect("moves");
    let older = Connection::open(&copy).expect("opens");
    older
        .execute_batch(concat!(
            include_str!("../../sql/sqlite/V0001__accounts.sql"),
            include_str!("../../sql/sqlite/V0002__audit.sql"),
        ))
        .expect("is the schema of that time");
    let attach = format!("ATTACH '{}' AS newer", newer.display());
    older.execute_batch(&attach).expect("attaches");
    let history: String = older
        .query_row(
            "SELECT sql FROM newer.sqlite_schema WHERE name = 'vestibule_schema_history'",
            [],
            |row| row.get(0),
        )
        .expect("has a history");
    older
        .execute_batch(&format!(
            "{history}; INSERT INTO vestibule_schema_history \
             SELECT * FROM newer.vestibule_schema_history WHERE version < 3"
        ))
        .expect("changes");
    drop(older);
    let output = run(folder.path(), &["restore", "copy.db", "--force"], &[]);
    expect_code(&output, 0);
    assert!(
        stdout(&output).contains("ran V0003__login_throttles\n"),
        "{}",
        stdout(&output)
    );
    let again = run(folder.path(), &["migrate"], &[]);
    assert_eq!(stdout(&again), "The schema is up to date.\n");
}

/// SQLite keeps its log where a link leads to, and so it must be with a restore.
#[tokio::test]
async fn a_link_to_the_database_stays_one() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let elsewhere = self::folder();
    let real = elsewhere.path().join("real.db");
    fs::rename(folder.path().join("app.db"), &real).expect("moves");
    std::os::unix::fs::symlink(&real, folder.path().join("app.db")).expect("links");
    expect_code(
        &run(folder.path(), &["restore", "copy.db", "--force"], &[]),
        0,
    );
    let link = fs::symlink_metadata(folder.path().join("app.db")).expect("there");
    assert!(link.is_symlink());
    assert_eq!(names(elsewhere.path()).len(), 2, "the former is beside it");
    assert_eq!(users(&real), ["root"]);
}

fn overwrite_header(file: &Path) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new()
        .write(true)
        .open(file)
        .expect("opens");
    file.write_all_at(&[0x55; 100], 0).expect("writes");
}

/// A backup that takes a while to copy.
fn enlarge(file: &Path) {
    let connection = Connection::open(file).expect("opens");
    let sql = "CREATE TABLE filler (bytes BLOB); \
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
        INSERT INTO filler SELECT zeroblob(1000000) FROM n; DROP TABLE filler";
    connection.execute_batch(sql).expect("runs");
}

#[tokio::test]
async fn a_stopped_command_leaves_no_unfinished_file() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    enlarge(&folder.path().join("copy.db"));
    let is_partial = |name: &String| name.contains(".partial");
    for (signal, code) in [("-TERM", 143), ("-INT", 130)] {
        // On a busy machine the signal may come too late.
        let was_stopped = (0..10).any(|_| {
            let restore = ["restore", "copy.db", "--force"];
            let restoring = vestibule(folder.path(), &restore, &[]).spawn();
            let mut child = restoring.expect("starts");
            while child.try_wait().expect("waits").is_none()
                && !names(folder.path()).iter().any(is_partial)
            {}
            let pid = child.id().to_string();
            let sent = std::process::Command::new("kill")
                .args([signal, &pid])
                .stderr(std::process::Stdio::null())
                .status();
            sent.expect("the kill command");
            let status = child.wait().expect("ends");
            let left = names(folder.path());
            assert!(!left.iter().any(is_partial), "{left:?}");
            status.code() == Some(code)
        });
        assert!(was_stopped, "{signal}");
    }
    assert_eq!(users(&folder.path().join("app.db")), ["root"]);
}

#[tokio::test]
async fn unfinished_files_of_killed_processes_are_deleted() {
    crate::sqlite_only!("PostgreSQL has tools of its own for backups");
    let folder = backed_up(&["root"]).await;
    let file = |name: &str| folder.path().join(name);
    for name in [
        "app.db.4000001.partial",
        "app.db.4000001.partial-journal",
        "new.db.4000001.partial",
    ] {
        fs::write(file(name), "x").expect("writes");
    }
    // One that is being made, and one of another name.
    let busy = fs::File::create(file("new.db.4000002.partial")).expect("makes");
    busy.lock().expect("locks");
    fs::write(file("mine.partial"), "x").expect("writes");
    expect_code(&run(folder.path(), &["backup", "new.db"], &[]), 0);
    expect_code(
        &run(folder.path(), &["restore", "copy.db", "--force"], &[]),
        0,
    );
    let mut left = names(folder.path());
    left.retain(|name| name.contains(".partial"));
    assert_eq!(left, ["mine.partial", "new.db.4000002.partial"]);
}
