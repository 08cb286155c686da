//! The log: what happens when nobody takes it, and in what form the last words of the service are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{run, stderr, stdout, vestibule};
use crate::{QUICK, SECRET, expect_code, folder};

/// Far longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// A service of whose log nothing more is read.
struct Unread {
    child: Child,
    log: Option<BufReader<ChildStdout>>,
    address: String,
}

impl Unread {
    fn start(folder: &std::path::Path) -> Self {
        let settings = [
            ("PORT", "0"),
            ("LOG_FORMAT", "json"),
            ("RATE_LIMIT_ENABLED", "false"),
            QUICK,
        ];
        let mut child = vestibule(folder, &["serve"], &settings)
            .spawn()
            .expect("starts");
        let mut log = BufReader::new(child.stdout.take().expect("a pipe"));
        let address = loop {
            let mut line = String::new();
            assert_ne!(log.read_line(&mut line).expect("reads"), 0, "it has ended");
            if let Some((_, rest)) = line.split_once("listening on http://") {
                break rest.split('"').next().expect("an address").to_owned();
            }
        };
        Self {
            child,
            log: Some(log),
            address,
        }
    }

    /// Sends as many requests, one after the other, and reads the answers.
    fn answers(&self, path: &str, count: usize) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("sets");
        let long = "x".repeat(120);
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nx-request-id: {long}\r\n\r\n");
        let last = request.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
        let mut writer = stream.try_clone().expect("clones");
        let writing = std::thread::spawn(move || {
            for _ in 1..count {
                writer.write_all(request.as_bytes()).expect("sends");
            }
            writer.write_all(last.as_bytes()).expect("sends");
        });
        let mut answers = String::new();
        stream.read_to_string(&mut answers).expect("answers");
        writing.join().expect("sends");
        answers
    }

    fn lines_lost(&self) -> u64 {
        let metrics = self.answers("/metrics", 1);
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix("vestibule_log_lines_lost_total "));
        value.expect("the metric").parse().expect("a number")
    }

    fn stop(mut self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.expect("the kill command").success());
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe takes 64 KiB, and the queue 4,096 lines.
#[test]
fn requests_and_a_stop_do_not_wait_for_a_log_that_nobody_reads() {
    let folder = folder();
    let service = Unread::start(folder.path());
    assert_eq!(service.lines_lost(), 0);
    let answers = service.answers("/nothing", 6_000);
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 6_000);
    assert!(service.lines_lost() > 500);
    service.stop();
}

#[test]
fn requests_and_a_stop_do_not_need_standard_output() {
    let folder = folder();
    let mut service = Unread::start(folder.path());
    service.log = None;
    let answers = service.answers("/nothing", 100);
    assert_eq!(answers.matches("HTTP/1.1 404").count(), 100);
    let began = Instant::now();
    while service.lines_lost() < 100 {
        assert!(began.elapsed() < PATIENCE, "not counted");
        std::thread::sleep(Duration::from_millis(10));
    }
    service.stop();
}

/// Whatever collects the log reads the reason of an end as it reads everything else.
#[test]
fn the_reason_why_the_service_ends_is_in_the_form_of_the_log() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = taken.local_addr().expect("an address").port().to_string();
    let free = ("PORT", "0");
    let nowhere = ("DATABASE_URL", "sqlite:///missing/app.db");
    let key = ("SECRET_KEY", SECRET);
    for (settings, code, named) in [
        (&[("PORT", port.as_str()), QUICK][..], 1, "PORT"),
        (&[free, nowhere, key], 1, "DATABASE_URL"),
        (
            &[("LOG_LEVEL", "off"), free, nowhere, key],
            1,
            "DATABASE_URL",
        ),
        (
            &[("LOG_FORMAT", "json"), ("PORT", "http")],
            2,
            "PORT: found",
        ),
        (
            &[("LOG_FORMAT", "json"), ("TLS_KEY", "key.pem")],
            2,
            "TLS_CERT",
        ),
    ] {
        let folder = folder();
        let output = run(folder.path(), &["serve"], settings);
        expect_code(&output, code);
        let said = stderr(&output);
        assert_eq!(said.lines().count(), 1, "{said}");
        let line: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("no JSON: {said}"));
        assert_eq!(line["level"], "ERROR");
        assert!(line["timestamp"].is_string(), "{said}");
        assert!(
            line["message"]
                .as_str()
                .is_some_and(|it| it.contains(named)),
            "{said}"
        );
        assert!(!stdout(&output).contains(named), "told once");
    }
    let folder = folder();
    let output = run(
        folder.path(),
        &["serve"],
        &[("LOG_FORMAT", "text"), free, nowhere, key],
    );
    expect_code(&output, 1);
    assert!(
        stderr(&output).contains(" ERROR DATABASE_URL: "),
        "{}",
        stderr(&output)
    );
}
