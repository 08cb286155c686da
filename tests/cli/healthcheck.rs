//! `healthcheck`: 0 when the service is well, 1 and one line when it is not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::process::{Service, run, stderr};
use crate::{QUICK, expect_code, folder};

fn port(url: &str) -> String {
    url.rsplit(':').next().expect("a port").to_owned()
}

#[track_caller]
fn expect_ill(output: &Output, words: &str) {
    expect_code(output, 1);
    let line = stderr(output);
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.starts_with("vestibule: unhealthy: http"), "{line}");
    assert!(line.contains(words), "{line}");
}

/// A service that answers each request with `answer`, and gives what it was asked.
fn answering(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("an address").port();
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).expect("reads");
        stream.write_all(answer.as_bytes()).expect("writes");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (port.to_string(), asked)
}

#[test]
fn a_service_that_runs_is_well_and_one_that_was_stopped_is_not() {
    let folder = folder();
    for host in ["127.0.0.1", "0.0.0.0"] {
        let service = Service::start(folder.path(), &[QUICK, ("HOST", host)]);
        let port = port(&service.url);
        let settings = [("HOST", host), ("PORT", port.as_str())];
        for arguments in [&["healthcheck"][..], &["healthcheck", "--ready"]] {
            let output = run(folder.path(), arguments, &settings);
            expect_code(&output, 0);
            assert_eq!(stderr(&output), "");
        }
        service.stop();
        expect_ill(&run(folder.path(), &["healthcheck"], &settings), "refused");
    }
}

#[test]
fn a_service_that_hangs_or_answers_something_else_is_not_well() {
    let folder = folder();
    let silent = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = silent.local_addr().expect("an address").port().to_string();
    let begun = Instant::now();
    let output = run(
        folder.path(),
        &["healthcheck", "--timeout", "1s"],
        &[("PORT", &port)],
    );
    expect_ill(&output, "no answer in 1s");
    assert!(begun.elapsed() < Duration::from_secs(20));

    for (answer, words) in [
        (
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "/readyz: answered 503",
        ),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", "not HTTP"),
        ("HTTP/1.1", "eof"),
    ] {
        let (port, asked) = answering(answer);
        let output = run(
            folder.path(),
            &["healthcheck", "--ready"],
            &[("PORT", &port)],
        );
        expect_ill(&output, words);
        let asked = asked.join().expect("a request");
        assert!(asked.starts_with("GET /readyz HTTP/1.1\r\n"), "{asked}");
        assert!(
            asked.contains(&format!("Host: 127.0.0.1:{port}\r\n")),
            "{asked}"
        );
    }
}

/// Docker knows the exit codes 0 and 1 alone.
#[test]
fn settings_that_tell_nothing_are_a_failure() {
    let folder = folder();
    let none = run(folder.path(), &["healthcheck"], &[("PORT", "0")]);
    expect_ill(&none, "PORT=0");
    let bad = run(folder.path(), &["healthcheck"], &[("PORT", "http")]);
    expect_code(&bad, 1);
    assert!(stderr(&bad).contains("PORT: found"), "{}", stderr(&bad));
}

#[test]
fn a_service_with_tls_is_asked_over_tls() {
    let folder = folder();
    make_certificate(folder.path());
    let tls = [("TLS_CERT", "cert.pem"), ("TLS_KEY", "key.pem")];
    let service = Service::start(folder.path(), &[QUICK, tls[0], tls[1]]);
    let port = port(&service.url);
    let settings = [tls[0], tls[1], ("PORT", port.as_str())];
    expect_code(&run(folder.path(), &["healthcheck"], &settings), 0);
    expect_ill(
        &run(folder.path(), &["healthcheck"], &[("PORT", &port)]),
        "/healthz: ",
    );
    service.stop();
}

fn make_certificate(folder: &Path) {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "1", "-subj", "/CN=accounts.example.com"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .expect("this test needs the openssl command");
    assert!(output.status.success(), "{}", stderr(&output));
}
