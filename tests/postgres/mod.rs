//! A PostgreSQL server of a test's own, from the programs that this machine has: in a temporary folder, on a free port,
//! gone with the test. Nothing here knows of the service.
//!
//! Tests that start one are `#[ignore]`d, so that `cargo test` needs no PostgreSQL.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod programs;
mod session;
mod watch;

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use uuid::Uuid;

use self::programs::Programs;
pub use self::session::Session;
use self::watch::Watch;

/// Time for a start or a stop; far more than either takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The password of every role, as it is and as a URL spells it: it must be decoded to be any good.
pub const PASSWORD: &str = "p@ss word/%";
pub const PASSWORD_IN_A_URL: &str = "p%40ss%20word%2F%25";

/// The owner of the server.
const SUPERUSER: &str = "postgres";
/// Whom the service connects as. He owns his databases, and may do nothing else.
const ROLE: &str = "vestibule";

/// Ports that the system gives to no client, so that a stopped server finds its own free when it is started again.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("max_connections", "400"),
    // Nobody needs the data of a test after the machine has lost its power.
    ("fsync", "off"),
    ("full_page_writes", "off"),
];

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Connections are closed, transactions undone, everything is written (SIGINT).
    Fast,
    /// At once; the next start recovers (SIGQUIT).
    Immediate,
}

/// A running server.
pub struct Server {
    folder: PathBuf,
    programs: Programs,
    port: u16,
    process: Option<Child>,
    // Deletes the folder.
    watch: Watch,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with these settings besides or instead of the usual ones, as in `postgresql.conf`.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let server = Self::prepare();
        server.initialise();
        server.configure(settings);
        server.first_start()
    }

    /// A server that speaks TLS to those who ask for it, with this certificate and its key (PEM).
    pub fn start_with_tls(certificate: &Path, key: &Path) -> Self {
        let server = Self::prepare();
        server.initialise();
        for (from, name) in [(certificate, "server.crt"), (key, "server.key")] {
            let to = server.data().join(name);
            fs::copy(from, &to).expect("copies");
            fs::set_permissions(&to, Permissions::from_mode(0o600)).expect("is ours");
            server.programs.hand_over(&to);
        }
        server.configure(&[("ssl", "on")]);
        server.first_start()
    }

    /// Another server that follows this one and can be read meanwhile. It makes a promise only when it is named:
    /// `primary.set("synchronous_standby_names", name)`.
    pub fn standby(&self, name: &str) -> Self {
        let mut standby = Self::prepare();
        let source = format!(
            "host=127.0.0.1 port={} user={SUPERUSER} application_name={name}",
            self.port
        );
        standby.programs.run("pg_basebackup", |command| {
            command
                .env("PGPASSWORD", PASSWORD)
                .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
                .args(["--dbname", &source, "--pgdata"])
                .arg(standby.data())
        });
        standby.start_on_a_free_port();
        standby
    }

    /// An empty folder, watched over.
    fn prepare() -> Self {
        let folder = tempfile::tempdir().expect("a folder").keep();
        let is_root = folder.metadata().expect("a folder").uid() == 0;
        let watch = Watch::over(&folder);
        let programs = Programs::find(is_root);
        programs.hand_over(&folder);
        Self {
            folder,
            programs,
            port: 0,
            process: None,
            watch,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn initialise(&self) {
        let password = self.folder.join("password");
        fs::write(&password, PASSWORD).expect("writes");
        self.programs.hand_over(&password);
        // Text sorts by the rules of a language unless told otherwise, as it does on most servers.
        let locale: &[&str] = if self.programs.version() >= 15 {
            &["--locale-provider=icu", "--icu-locale=en-US"]
        } else {
            &[]
        };
        self.programs.run("initdb", |command| {
            command
                .args(["--username", SUPERUSER, "--auth=scram-sha-256"])
                .args(["--encoding=UTF8", "--locale=C", "--no-sync"])
                .args(locale)
                .arg("--pwfile")
                .arg(&password)
                .arg("--pgdata")
                .arg(self.data())
        });
        self.configure(SETTINGS);
    }

    /// Adds to the settings that the next start reads; the last one counts.
    fn configure(&self, settings: &[(&str, &str)]) {
        let path = self.data().join("postgresql.conf");
        let mut text = fs::read_to_string(&path).expect("reads");
        for (name, value) in settings {
            text.push_str(&format!("{name} = '{value}'\n"));
        }
        fs::write(&path, text).expect("writes");
    }

    fn first_start(mut self) -> Self {
        self.start_on_a_free_port();
        let sql = format!("CREATE ROLE {ROLE} LOGIN CREATEDB PASSWORD '{PASSWORD}'");
        self.superuser("postgres").run(&sql);
        self
    }

    fn start_on_a_free_port(&mut self) {
        let started = (0..10).any(|_| {
            self.port = free_port();
            match self.launch() {
                Ok(()) => true,
                // Somebody was quicker.
                Err(log) if log.contains("could not bind") => false,
                Err(log) => panic!("PostgreSQL does not start:\n{log}"),
            }
        });
        assert!(started, "no free port:\n{}", self.log());
    }

    /// Starts the server and waits until it can be asked. Fails with its log.
    fn launch(&mut self) -> Result<(), String> {
        let log = File::create(self.folder.join("log")).expect("creates");
        let mut child = self
            .programs
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-p")
            .arg(self.port.to_string())
            .arg("-k")
            .arg(&self.folder)
            .stdout(log.try_clone().expect("a descriptor"))
            .stderr(log)
            .spawn()
            .expect("starts");
        self.watch.runs(child.id());
        let until = Instant::now() + PATIENCE;
        while !self.is_ready(child.id()) {
            if child.try_wait().expect("waits").is_some() {
                self.watch.stopped();
                return Err(self.log());
            }
            if Instant::now() > until {
                self.process = Some(child);
                return Err(format!("not ready after {PATIENCE:?}\n{}", self.log()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(child);
        Ok(())
    }

    /// The server writes its process id on the first line of this file and its state on the eighth.
    fn is_ready(&self, pid: u32) -> bool {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        lines.first() == Some(&pid.to_string().as_str()) && lines.get(7) == Some(&"ready")
    }

    /// What the server has logged since it was started last.
    pub fn log(&self) -> String {
        let log = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Stops the server and waits until it has ended.
    pub fn stop(&mut self, how: Stop) {
        let signal = match how {
            Stop::Fast => "-INT",
            Stop::Immediate => "-QUIT",
        };
        self.end(signal);
    }

    /// Ends the server as a crash would (SIGKILL). Its connections end as soon as they notice.
    pub fn kill(&mut self) {
        self.end("-KILL");
    }

    fn end(&mut self, signal: &str) {
        assert!(self.process.is_some(), "the server runs");
        if let Err(log) = self.try_end(signal) {
            panic!("PostgreSQL does not stop:\n{log}");
        }
    }

    /// Sends a signal and waits for the end that follows. Fails with the server's log.
    fn try_end(&mut self, signal: &str) -> Result<(), String> {
        let Some(process) = &mut self.process else {
            return Ok(());
        };
        let pid = process.id().to_string();
        let _ = Command::new("kill").args([signal, &pid]).status();
        let until = Instant::now() + PATIENCE;
        while !matches!(process.try_wait(), Ok(Some(_))) {
            if Instant::now() > until {
                return Err(self.log());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = None;
        self.watch.stopped();
        Ok(())
    }

    /// Starts the server that was stopped or killed, on its data and its port.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        let until = Instant::now() + PATIENCE;
        while let Err(log) = self.launch() {
            // What served connections outlives a killed server for a moment.
            let will_pass = log.contains("still in use") || log.contains("could not bind");
            assert!(
                will_pass && Instant::now() < until,
                "PostgreSQL does not start:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Starts the server that was stopped or killed as one that can be read and takes no writes: a primary that another
    /// one has followed.
    pub fn start_again_as_standby(&mut self) {
        let signal = self.data().join("standby.signal");
        fs::write(&signal, "").expect("writes");
        self.programs.hand_over(&signal);
        self.start_again();
    }

    /// Makes a standby the server that is written to; waits until it is.
    pub fn promote(&self) {
        let promoted = self.superuser("postgres").value("SELECT pg_promote()");
        assert_eq!(promoted, "t", "{}", self.log());
    }

    /// Changes a setting of the running server that needs no restart.
    pub fn set(&self, name: &str, value: &str) {
        let session = self.superuser("postgres");
        session.run(&format!("ALTER SYSTEM SET {name} = '{value}'"));
        session.run("SELECT pg_reload_conf()");
        // The server reads its settings when it comes to it. A new connection has what it has.
        let until = Instant::now() + PATIENCE;
        let now = || self.superuser("postgres").value(&format!("SHOW {name}"));
        while now() != value {
            assert!(Instant::now() < until, "{name} is {}, not {value}", now());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// An empty database that belongs to the service's role; gives its URL.
    pub fn create_database(&self) -> String {
        self.url_of(&create_database(&self.url(), "template0"))
    }

    /// The server's own database, for the service's role: a place to create others from.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// A database, for the service's role.
    pub fn url_of(&self, database: &str) -> String {
        url(ROLE, &[self], database)
    }

    /// A database that is on each of these servers, for the service's role.
    pub fn url_of_any(servers: &[&Self], database: &str) -> String {
        url(ROLE, servers, database)
    }

    /// A connection that may do anything, to the database of this name.
    pub fn superuser(&self, database: &str) -> Session {
        Session::open(&url(SUPERUSER, &[self], database))
            .unwrap_or_else(|error| panic!("{error:?}\n{}", self.log()))
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where everything of it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that does not stop is left to the watch.
        let _ = self.try_end("-QUIT");
    }
}

fn url(role: &str, servers: &[&Server], database: &str) -> String {
    let hosts = servers
        .iter()
        .map(|server| format!("127.0.0.1:{}", server.port));
    let hosts: Vec<String> = hosts.collect();
    let hosts = hosts.join(",");
    format!("postgresql://{role}:{PASSWORD_IN_A_URL}@{hosts}/{database}")
}

/// Creates a database with a name of its own as a copy of `template`, by way of any other one of the server.
pub fn create_database(url: &str, template: &str) -> String {
    let name = format!("test_{}", Uuid::now_v7().simple());
    let session = Session::open(url).unwrap_or_else(|error| panic!("no PostgreSQL: {error:?}"));
    let until = Instant::now() + PATIENCE;
    let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
    while let Err(error) = session.try_run(&sql) {
        // A connection to the template that was closed just now is there for a moment.
        let in_use = tokio_postgres::error::SqlState::OBJECT_IN_USE;
        assert!(
            error.code() == Some(&in_use) && Instant::now() < until,
            "{sql}: {error:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    name
}

/// A port that nobody listens on, from those that no client is given.
fn free_port() -> u16 {
    let drawn = Uuid::now_v7().as_u128() % u128::from(PORTS.end - PORTS.start);
    let start = PORTS.start + u16::try_from(drawn).expect("a port");
    (start..PORTS.end)
        .chain(PORTS)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}
