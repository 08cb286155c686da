//! The PostgreSQL servers that tests start: what the tests that lean on them take for granted.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

mod postgres;

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use postgres::{Server, Session, Stop};

/// Tells `a_server_until_killed` that it was started for this.
const HOLDER: &str = "HOLDS_A_SERVER";

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_server_gives_databases_to_a_role_that_may_do_nothing_else() {
    let server = Server::start();
    let (one, other) = (server.create_database(), server.create_database());
    assert_ne!(one, other);
    let session = Session::open(&one).expect("opens");
    session.run(
        "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('b'), ('B'), ('a'), (NULL)",
    );
    let sorted = session.run("SELECT text FROM notes WHERE text IS NOT NULL ORDER BY text");
    let sorted: Vec<_> = sorted.into_iter().flatten().flatten().collect();
    assert_eq!(sorted, ["a", "b", "B"], "by the rules of a language");
    assert_eq!(
        session.run("SELECT text FROM notes WHERE text IS NULL"),
        [[None]]
    );
    assert_eq!(
        session.value("SELECT current_setting('is_superuser')"),
        "off"
    );
    assert_eq!(session.value("SELECT current_setting('fsync')"), "off");
    let elsewhere = Session::open(&other).expect("opens");
    assert!(elsewhere.try_run("SELECT * FROM notes").is_err());
    let stranger = one.replace("vestibule:", "vestibule:no");
    assert!(Session::open(&stranger).is_err(), "the password counts");
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_server_is_stopped_killed_and_started_again_on_its_port_and_data() {
    let mut server = Server::start_with(&[("work_mem", "2MB")]);
    let url = server.create_database();
    let session = Session::open(&url).expect("opens");
    session.run("CREATE TABLE notes (text TEXT)");
    assert_eq!(session.value("SHOW work_mem"), "2MB");
    for (number, end) in [
        Server::kill,
        |server: &mut Server| server.stop(Stop::Fast),
        |server: &mut Server| server.stop(Stop::Immediate),
    ]
    .into_iter()
    .enumerate()
    {
        let session = Session::open(&url).expect("opens");
        session.run("INSERT INTO notes VALUES ('kept')");
        session.run("BEGIN; INSERT INTO notes VALUES ('lost')");
        end(&mut server);
        // After a crash as soon as its process notices.
        eventually("the session ends", || session.try_run("SELECT 1").is_err());
        assert!(Session::open(&url).is_err());
        server.start_again();
        let session = Session::open(&url).expect("opens");
        let rows = session.run("SELECT text FROM notes");
        assert_eq!(rows, vec![[Some("kept".to_owned())]; number + 1]);
    }
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_standby_has_what_was_acknowledged_and_takes_over() {
    let mut primary = Server::start();
    let url = primary.create_database();
    let name = url.rsplit('/').next().expect("a name");
    let standby = primary.standby("second");
    primary.set("synchronous_standby_names", "second");
    let sql = "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'second'";
    let superuser = primary.superuser("postgres");
    eventually("synchronous", || {
        superuser.run(sql) == [[Some("sync".to_owned())]]
    });
    drop(superuser);
    let session = Session::open(&url).expect("opens");
    session.run("CREATE TABLE notes (text TEXT)");
    session.run("INSERT INTO notes VALUES ('acknowledged')");
    primary.kill();

    let session = Session::open(&standby.url_of(name)).expect("opens");
    let refused = session.try_run("INSERT INTO notes VALUES ('too early')");
    let refused = refused.expect_err("a standby is read only");
    assert_eq!(
        refused.code(),
        Some(&tokio_postgres::error::SqlState::READ_ONLY_SQL_TRANSACTION)
    );
    standby.promote();
    let any = Server::url_of_any(&[&primary, &standby], name);
    let session = Session::open(&format!("{any}?target_session_attrs=read-write")).expect("opens");
    session.run("INSERT INTO notes VALUES ('later')");
    assert_eq!(session.value("SELECT count(*) FROM notes"), "2");
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_server_speaks_tls_with_the_certificate_it_is_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-nodes"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", "/CN=vestibule test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder.path())
        .output()
        .expect("this test needs the openssl command");
    assert!(made.status.success());
    let certificate = folder.path().join("cert.pem");
    let server = Server::start_with_tls(&certificate, &folder.path().join("key.pem"));
    let mut openssl = Command::new("openssl");
    let answer = openssl
        .args(["s_client", "-starttls", "postgres", "-verify_return_error"])
        .args(["-connect", &format!("127.0.0.1:{}", server.port())])
        .arg("-CAfile")
        .arg(&certificate)
        .stdin(Stdio::null())
        .output()
        .expect("runs");
    assert!(answer.status.success(), "{answer:?}");
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_test_leaves_no_server_behind_not_even_when_it_is_killed() {
    let program = std::env::current_exe().expect("this program");
    let mut test = Command::new(program)
        .args([
            "--exact",
            "a_server_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(HOLDER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(test.stdout.take().expect("a pipe")).lines();
    let found = lines.map_while(Result::ok).find_map(|line| {
        let (_, told) = line.split_once("holding ")?;
        let (port, folder) = told.split_once(' ')?;
        Some((port.parse::<u16>().ok()?, folder.to_owned()))
    });
    let (port, folder) = found.expect("a server");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert!(Path::new(&folder).exists());
    test.kill().expect("kills");
    test.wait().expect("ends");
    eventually("the folder is deleted", || !Path::new(&folder).exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());

    let server = Server::start();
    let (port, folder) = (server.port(), server.folder().to_owned());
    drop(server);
    assert!(!folder.exists());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// No test but what the one above kills.
#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_server_until_killed() {
    if std::env::var_os(HOLDER).is_some() {
        let server = Server::start();
        println!("holding {} {}", server.port(), server.folder().display());
        std::thread::sleep(Duration::from_secs(60));
    }
}
