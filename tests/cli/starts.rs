//! What a start waits for, what it leaves alone, and whose its files are.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use crate::process::{Service, reason, run, run_with_input, stderr, vestibule};
use crate::{PASSWORD, QUICK, SECRET, expect_code, folder, mode};

/// A start of which the log is read up to a line with these words.
fn start_until(folder: &Path, settings: &[(&str, &str)], words: &str) -> Child {
    let all = [settings, &[("PORT", "0"), ("LOG_FORMAT", "json")]].concat();
    let mut child = vestibule(folder, &["serve"], &all).spawn().expect("starts");
    let mut log = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains(words) {
        let read = log.read_line(&mut text).expect("reads");
        assert!(read > 0, "{words}: {text}{}", errors(&mut child));
    }
    // The rest of the log has to go somewhere.
    std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    child
}

fn errors(child: &mut Child) -> String {
    let mut errors = String::new();
    let _ = child
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut errors);
    errors
}

fn stop(mut child: Child, signal: &str) -> ExitStatus {
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.expect("the kill command").success());
    child.wait().expect("ends")
}

/// As the first process of a container too, which no signal ends by itself.
#[test]
fn a_start_that_waits_for_a_lock_says_so_and_can_be_stopped() {
    crate::sqlite_only!("the lock is on the file");
    for signal in ["-TERM", "-INT"] {
        let folder = folder();
        let file = File::create(folder.path().join("app.db")).expect("makes");
        file.lock().expect("locks");
        let child = start_until(folder.path(), &[], "waiting for the lock of ./app.db");
        let status = stop(child, signal);
        // Not ended by the signal: it was heard.
        assert_eq!(status.code(), Some(0), "{status}");
    }
}

/// To read a pipe would wait for its other end, and nothing would say so.
#[test]
fn a_pipe_in_the_place_of_a_file_is_refused() {
    crate::sqlite_only!("a key is kept beside the file");
    for (pipe, setting, value) in [
        (".env", "LOG_LEVEL", "info"),
        ("key", "SECRET_KEY_FILE", "key"),
        ("app.db.key", "LOG_LEVEL", "info"),
        ("en.toml", "MAIL_TEMPLATES_DIR", "."),
        ("ca.pem", "SMTP_URL", "smtp://mail.example.com?ca=ca.pem"),
    ] {
        let folder = folder();
        let made = Command::new("mkfifo")
            .arg(folder.path().join(pipe))
            .status();
        assert!(made.expect("the mkfifo command").success());
        let settings = [
            ("PORT", "0"),
            ("PUBLIC_URL", "http://localhost"),
            (setting, value),
        ];
        for command in ["serve", "check-config"] {
            let output = run(folder.path(), &[command], &settings);
            expect_code(&output, 2);
            let said = stderr(&output);
            assert!(said.contains(pipe) && said.contains("not a file"), "{said}");
        }
    }
}

#[test]
fn a_key_beside_the_database_that_cannot_be_read_is_not_blamed_on_a_setting() {
    crate::sqlite_only!("a key is kept beside the file");
    let folder = folder();
    let key = folder.path().join("app.db.key");
    let refused = || {
        let output = run(folder.path(), &["serve"], &[("PORT", "0")]);
        expect_code(&output, 2);
        let said = reason(&output);
        assert!(said.starts_with("SECRET_KEY: unset, and "), "{said}");
        assert!(said.contains("app.db.key"), "{said}");
    };
    fs::create_dir(&key).expect("makes");
    refused();
    fs::remove_dir(&key).expect("removes");
    fs::write(&key, b"\xff\xfe").expect("writes");
    refused();
}

#[test]
fn a_start_waits_for_a_database_that_another_program_has_locked_and_says_so() {
    crate::sqlite_only!("the lock is on the file");
    let folder = folder();
    let locked = rusqlite::Connection::open(folder.path().join("app.db")).expect("opens");
    locked.execute_batch("BEGIN EXCLUSIVE").expect("locks");
    let child = start_until(folder.path(), &[], "which another program has locked");
    drop(locked);
    let key = folder.path().join("app.db.key");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(40);
    while !key.exists() {
        assert!(std::time::Instant::now() < until, "it does not start");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(stop(child, "-TERM").code(), Some(0));
}

#[test]
fn clients_are_refused_while_a_start_waits() {
    crate::sqlite_only!("the lock is on the file");
    let folder = folder();
    let file = File::create(folder.path().join("app.db")).expect("makes");
    file.lock().expect("locks");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let address = free.local_addr().expect("an address");
    drop(free);
    let port = address.port().to_string();
    let mut all = vestibule(
        folder.path(),
        &["serve"],
        &[("PORT", &port), ("LOG_FORMAT", "json")],
    );
    let mut child = all.spawn().expect("starts");
    let log = BufReader::new(child.stdout.take().expect("a pipe"));
    let waits = |line: &String| line.contains("waiting for the lock");
    let mut lines = log.lines().map_while(Result::ok);
    assert!(lines.any(|line| waits(&line)), "it does not wait");
    let refused = std::net::TcpStream::connect(address).expect_err("nothing listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let _ = child.kill();
    child.wait().expect("ends");
}

#[test]
fn a_start_that_waits_for_its_database_says_so_and_can_be_stopped() {
    let folder = folder();
    let settings = [
        ("DATABASE_URL", "postgresql://ada:s3cr3t@127.0.0.1:1/x"),
        ("SECRET_KEY", SECRET),
    ];
    let child = start_until(folder.path(), &settings, "127.0.0.1:1: error connecting");
    assert_eq!(stop(child, "-TERM").code(), Some(0));
    for command in [&["serve", "--port", "0"][..], &["migrate"]] {
        let settings = [&settings[..], &[("DATABASE_WAIT_SECONDS", "0")]].concat();
        let gave_up = run(folder.path(), command, &settings);
        expect_code(&gave_up, 1);
        let line = reason(&gave_up);
        assert!(line.starts_with("DATABASE_URL: "), "{line}");
        assert!(
            line.contains("127.0.0.1:1: ") && line.contains("refused"),
            "{line}"
        );
        assert!(!line.contains("s3cr3t"), "{line}");
    }
}

#[test]
fn the_database_of_another_application_is_left_alone() {
    crate::sqlite_only!("tests of the store try PostgreSQL");
    for wal in [false, true] {
        let folder = folder();
        let path = folder.path().join("app.db");
        let other = rusqlite::Connection::open(&path).expect("opens");
        if wal {
            other
                .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
                .expect("sets");
        }
        other
            .execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY)")
            .expect("creates");
        drop(other);
        let before = fs::read(&path).expect("reads");
        let admin = [
            "create-admin",
            "--email",
            "root@example.com",
            "--username",
            "root",
        ];
        for command in [
            &["serve", "--port", "0"][..],
            &["migrate"],
            &["migrate", "--dry-run"],
            &admin,
        ] {
            let refused = run(
                folder.path(),
                command,
                &[QUICK, ("ADMIN_PASSWORD", PASSWORD)],
            );
            expect_code(&refused, 1);
            let line = reason(&refused);
            assert!(
                line.contains("app.db: the database of another application: it has \"users\""),
                "{line}"
            );
            assert_eq!(fs::read(&path).expect("reads"), before, "{command:?}");
            assert_eq!(
                fs::read_dir(folder.path()).expect("lists").count(),
                1,
                "{command:?}"
            );
        }
    }
}

#[test]
fn a_file_that_is_no_database_is_named() {
    crate::sqlite_only!("a server has no file");
    let folder = folder();
    fs::write(
        folder.path().join("app.db"),
        "no database at all ".repeat(100),
    )
    .expect("writes");
    for command in [
        &["serve", "--port", "0"][..],
        &["migrate"],
        &["migrate", "--dry-run"],
    ] {
        let line = stderr(&run(folder.path(), command, &[]));
        assert!(
            line.contains("./app.db: file is not a database"),
            "{command:?}: {line}"
        );
    }
}

/// Commands are run by root where the service is not.
#[tokio::test]
async fn what_root_makes_belongs_to_the_owner_of_the_folder() {
    crate::sqlite_only!("a server keeps its own files");
    const OWNER: u32 = 54_321;
    let folder = folder();
    if fs::metadata(folder.path()).expect("there").uid() != 0 {
        return;
    }
    chown(folder.path(), Some(OWNER), Some(OWNER)).expect("gives");
    let admin = [
        "create-admin",
        "--email",
        "root@example.com",
        "--username",
        "root",
    ];
    expect_code(
        &run_with_input(folder.path(), &admin, &[QUICK], PASSWORD),
        0,
    );
    expect_code(&run(folder.path(), &["backup", "copy.db"], &[QUICK]), 0);
    expect_code(
        &run(
            folder.path(),
            &["send-test-mail", "a@example.com"],
            &[QUICK],
        ),
        0,
    );
    let service = Service::start(folder.path(), &[QUICK]);
    expect_owner(folder.path(), OWNER);
    service.kill();
    expect_code(&run(folder.path(), &["backup", "again.db"], &[QUICK]), 0);
    expect_owner(folder.path(), OWNER);
    expect_code(
        &run(folder.path(), &["restore", "copy.db", "--force"], &[QUICK]),
        0,
    );
    expect_owner(folder.path(), OWNER);
}

#[track_caller]
fn expect_owner(folder: &Path, owner: u32) {
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("an entry").path();
        let metadata = fs::metadata(&path).expect("there");
        assert_eq!(
            (metadata.uid(), metadata.gid()),
            (owner, owner),
            "{}",
            path.display()
        );
        if metadata.is_dir() {
            expect_owner(&path, owner);
        }
    }
}

/// ASVS 13.3.2, 16.4.2.
#[tokio::test]
async fn secrets_that_others_may_read_are_warned_of() {
    crate::sqlite_only!("a server keeps its own files");
    let folder = folder();
    expect_code(
        &run(folder.path(), &["send-test-mail", "a@example.com"], &[]),
        0,
    );
    let service = Service::start(folder.path(), &[QUICK]);
    assert!(!service.has_logged("is open to"));
    service.kill();
    let open = |name: &str, bits: u32| {
        let path = folder.path().join(name);
        assert_eq!(mode(&path) & 0o077, 0, "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("opens");
    };
    for (name, bits) in [
        ("app.db", 0o644),
        ("app.db-wal", 0o604),
        ("app.db.key", 0o640),
        ("outbox", 0o755),
    ] {
        open(name, bits);
    }
    fs::create_dir(folder.path().join("backups")).expect("makes");
    fs::write(folder.path().join("backups/vestibule-1.db"), "").expect("writes");
    fs::write(
        folder.path().join(".env"),
        "SMTP_URL=smtp://a:s3cr3t@mail.test\n",
    )
    .expect("writes");
    for name in ["backups/vestibule-1.db", ".env"] {
        let path = folder.path().join(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("opens");
    }
    let settings = [
        QUICK,
        ("BACKUP_DIR", "backups"),
        ("MAIL_FROM", "a@example.com"),
    ];
    let checked = stderr(&run(folder.path(), &["check-config"], &settings));
    for warning in [
        "warning: ./app.db is open to other users of this machine: chmod 600",
        "warning: ./app.db-wal is open to other users",
        "warning: ./app.db.key is open to its group: chmod 600",
        "warning: backups/vestibule-1.db is open to other users",
        "warning: .env is open to other users",
    ] {
        assert!(checked.contains(warning), "{warning}: {checked}");
    }
    fs::remove_file(folder.path().join(".env")).expect("deletes");
    let checked = stderr(&run(folder.path(), &["check-config"], &settings));
    assert!(
        checked.contains("warning: ./outbox is open to other users of this machine: chmod 700"),
        "{checked}"
    );
    let service = Service::start(folder.path(), &settings);
    assert!(service.has_logged("./app.db is open to other users"));
    assert!(service.has_logged("./app.db.key is open to its group"));
}
