//! Which database a test gets. The same tests run on both engines: on SQLite as they are, and once more on PostgreSQL
//! when `TEST_DATABASE` says so.
//!
//! - unset: SQLite files.
//! - `postgresql`: a server of the test program's own. `TEST_DATABASE=postgresql cargo test --test api login`
//! - `postgresql://role:password@host:port/database`: that server; the role must be allowed to create databases.
//!
//! Each test binary has one `#[ignore]`d test that runs all the others on PostgreSQL: [`everything_on_postgresql`].

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use vestibule::config::DatabaseUrl;
use vestibule::store::db::Db;

use crate::postgres::{self, Server, Session};

const VARIABLE: &str = "TEST_DATABASE";
/// Only the tests whose names contain this are run on PostgreSQL.
const FILTER: &str = "TEST_FILTER";

/// The PostgreSQL server that this program's tests are for, if they are not for SQLite.
static SERVER: LazyLock<Option<Chosen>> = LazyLock::new(|| {
    let value = std::env::var(VARIABLE).unwrap_or_default();
    match value.as_str() {
        "" | "sqlite" => None,
        "postgresql" => {
            let server = Server::start();
            Some(Chosen {
                url: server.url(),
                _server: Some(server),
            })
        }
        url if url.starts_with("postgresql://") => Some(Chosen {
            url: value,
            _server: None,
        }),
        _ => panic!("{VARIABLE}: found {value:?}; allowed: postgresql, or postgresql://…"),
    }
});

struct Chosen {
    url: String,
    // Never dropped, as nothing static is: its watch stops it when this program ends.
    _server: Option<Server>,
}

/// A migrated database to copy: far quicker than migrating one for each test.
static TEMPLATE: LazyLock<String> = LazyLock::new(|| {
    let url = server().expect("on PostgreSQL");
    let name = postgres::create_database(url, "template0");
    let url = DatabaseUrl::parse(&named(url, &name)).expect("a URL");
    std::thread::spawn(move || Db::migrate(&url).map(drop))
        .join()
        .expect("runs")
        .expect("migrates");
    name
});

fn server() -> Option<&'static str> {
    SERVER.as_ref().map(|chosen| chosen.url.as_str())
}

pub fn on_postgresql() -> bool {
    server().is_some()
}

/// The URL of another database of the same server.
fn named(url: &str, database: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a path");
    format!("{server}/{database}")
}

/// Leaves a test that cannot be told of PostgreSQL, and says why.
#[macro_export]
macro_rules! sqlite_only {
    ($why:literal) => {
        if $crate::database::on_postgresql() {
            $crate::database::tell_skipped($why);
            return;
        }
    };
}

/// On standard error itself: what a test that succeeds prints is shown to nobody.
pub fn tell_skipped(why: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or_default();
    let _ = writeln!(std::io::stderr(), "skipped on PostgreSQL: {name}: {why}");
}

/// A database of a test's own, deleted with it.
pub struct TestDatabase {
    url: String,
    // An SQLite file is in it.
    folder: tempfile::TempDir,
}

impl TestDatabase {
    /// One without a schema. On SQLite it does not exist before it is opened.
    pub fn empty() -> Self {
        Self::from("template0")
    }

    /// One whose schema is up to date, where making it so takes time.
    pub fn migrated() -> Self {
        if on_postgresql() {
            Self::from(&TEMPLATE)
        } else {
            Self::empty()
        }
    }

    fn from(template: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = match server() {
            Some(server) => named(server, &postgres::create_database(server, template)),
            None => format!("sqlite:///{}", folder.path().join("test.db").display()),
        };
        Self { url, folder }
    }

    /// As in `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        assert!(!on_postgresql(), "there is no file");
        self.folder.path().join("test.db")
    }

    /// A connection behind the service's back, on PostgreSQL.
    pub fn session(&self) -> Session {
        Session::open(&self.url).expect("opens")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let (Some(server), Some((_, name))) = (server(), self.url.rsplit_once('/')) {
            // What cannot be dropped goes with the server.
            if let Ok(session) = Session::open(server) {
                let _ = session.try_run(&format!("DROP DATABASE {name} WITH (FORCE)"));
            }
        }
    }
}

/// The `DATABASE_URL` of a program that a test starts in this folder: `None` for the default, which is a file there. Each
/// folder has its own database, from the first start in it on.
pub fn url_in(folder: &Path) -> Option<String> {
    static OF_FOLDERS: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);
    let server = server()?;
    let mut folders = OF_FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    let url = folders
        .entry(folder.to_owned())
        .or_insert_with(|| named(server, &postgres::create_database(server, "template0")));
    Some(url.clone())
}

/// Runs the tests of this program again, on a PostgreSQL server made for it. Those that are `#[ignore]`d, as the caller is,
/// are left out.
pub fn everything_on_postgresql() {
    let server = Server::start();
    let mut tests = Command::new(std::env::current_exe().expect("this program"))
        .env(VARIABLE, server.url())
        .args(std::env::var_os(FILTER))
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    // Beside the lines of this program's own tests, which have the same names.
    let lines = BufReader::new(tests.stdout.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok).filter(|line| !line.is_empty()) {
        let _ = writeln!(std::io::stdout(), "on PostgreSQL: {line}");
    }
    let status = tests.wait().expect("ends");
    assert!(status.success(), "tests fail on PostgreSQL: {status}");
}
