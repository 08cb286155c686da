//! TLS: both versions of HTTP, and a certificate that is replaced while the service runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::Service;

/// Far longer than the service needs to see that a file was replaced.
const PATIENCE: Duration = Duration::from_secs(40);

/// Makes a certificate for 127.0.0.1 that signs itself.
fn make_certificate(folder: &Path, days: &str) {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            days,
        ])
        .args([
            "-subj",
            "/CN=vestibule test",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .expect("this test needs the openssl command");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// What curl makes of a URL: HTTP version and status on a line of their own, headers, body.
async fn curl(folder: &Path, arguments: &[&str], url: String) -> (bool, String) {
    let mut command = Command::new("curl");
    command
        .args([
            "--silent",
            "--show-error",
            "--include",
            "--cacert",
            "cert.pem",
            "--max-time",
            "30",
        ])
        .args(["--write-out", "\n%{http_version} %{http_code}"])
        .args(arguments)
        .arg(url)
        .current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output
        .await
        .expect("runs")
        .expect("this test needs the curl command");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).to_lowercase(),
    )
}

/// ASVS 12.1.1: TLS 1.2 and 1.3, and nothing older. ASVS 12.2.1.
#[tokio::test]
async fn tls_speaks_both_versions_of_http_and_asks_to_be_used_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    make_certificate(folder.path(), "90");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let settings = [("TLS_CERT", path("cert.pem")), ("TLS_KEY", path("key.pem"))];
    let service = Service::start(
        folder.path(),
        &[("TLS_CERT", &settings[0].1), ("TLS_KEY", &settings[1].1)],
    );
    assert!(service.url.starts_with("https://"), "{}", service.url);
    let url = |path: &str| format!("{}{path}", service.url);
    for (arguments, expected) in [
        (&["--http2"][..], "\n2 200"),
        (&["--http1.1"], "\n1.1 200"),
        (&["--tlsv1.2", "--tls-max", "1.2"], "200"),
        (&["--tlsv1.3"], "200"),
    ] {
        let (succeeded, text) = curl(folder.path(), arguments, url("/healthz")).await;
        assert!(
            succeeded && text.ends_with(expected),
            "{arguments:?}: {text}"
        );
        assert!(
            text.contains("strict-transport-security: max-age="),
            "{text}"
        );
        assert!(text.contains("x-request-id: "), "{text}");
    }
    let old = [
        "--tlsv1.0",
        "--tls-max",
        "1.1",
        "--ciphers",
        "DEFAULT@SECLEVEL=0",
    ];
    let (succeeded, text) = curl(folder.path(), &old, url("/healthz")).await;
    assert!(!succeeded, "{text}");
    let (_, problem) = curl(
        folder.path(),
        &["--http2", "--data", "{}"],
        url("/auth/register"),
    )
    .await;
    assert!(
        problem.contains("\"unsupported_media_type\"") && problem.ends_with("\n2 415"),
        "{problem}"
    );
    let plain = url("/healthz").replace("https://", "http://");
    let (succeeded, text) = curl(folder.path(), &[], plain).await;
    assert!(!succeeded, "plain HTTP on a TLS port: {text}");
    service.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cert.pem"), "nonsense").expect("writes");
    for (settings, named) in [
        (
            &[("TLS_CERT", "missing.pem"), ("TLS_KEY", "key.pem")][..],
            "TLS_CERT: found missing.pem",
        ),
        (
            &[("TLS_CERT", "cert.pem"), ("TLS_KEY", "missing.pem")],
            "TLS_",
        ),
        (&[("TLS_CERT", "cert.pem")], "TLS_KEY"),
        (&[("TLS_KEY", "key.pem")], "TLS_CERT"),
    ] {
        let output = crate::process::run(folder.path(), &["serve"], settings);
        let line = crate::process::stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(line.contains(named) && line.lines().count() == 1, "{line}");
    }
}

/// HTTP/2 has no header for it: the connection says itself that it ends.
#[tokio::test]
async fn a_connection_refused_for_its_rate_ends_in_http_2_as_well() {
    let folder = tempfile::tempdir().expect("a folder");
    make_certificate(folder.path(), "90");
    let settings = [
        ("TLS_CERT", "cert.pem"),
        ("TLS_KEY", "key.pem"),
        ("RATE_LIMIT_IP", "2/1h"),
    ];
    let service = Service::start(folder.path(), &settings);
    let url = format!("{}/nothing", service.url);
    let report = "\nreport %{http_version} %{http_code} %{num_connects}\n";
    let mut arguments = vec!["--http2", "--write-out", report];
    arguments.extend([url.as_str(); 9]);
    let (_, text) = curl(folder.path(), &arguments, url.clone()).await;
    let reports: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("report "))
        .collect();
    // A new connection only after the first that was refused. A request may overtake the news that its connection ends.
    assert_eq!(reports[..3], ["2 404 1", "2 404 0", "2 429 0"], "{text}");
    assert!(reports[3..].contains(&"2 429 1"), "{text}");
    service.stop();
}

/// A folder in it with a certificate, of which `cert.pem` is what clients trust.
fn certificate_in(folder: &Path, name: &str, days: &str) -> PathBuf {
    let inner = folder.join(name);
    std::fs::create_dir(&inner).expect("makes");
    make_certificate(&inner, days);
    inner
}

/// A service with the certificate that `current` leads to.
fn serve_current(folder: &Path) -> Service {
    let path = |name: &str| folder.join("current").join(name).display().to_string();
    Service::start(
        folder,
        &[
            ("TLS_CERT", &path("cert.pem")),
            ("TLS_KEY", &path("key.pem")),
        ],
    )
}

/// Lets `current` lead elsewhere at one moment, as Kubernetes and certbot do.
fn point_current_at(folder: &Path, target: &Path) {
    let new = folder.join("new");
    std::os::unix::fs::symlink(target, &new).expect("links");
    std::fs::rename(new, folder.join("current")).expect("renames");
}

async fn is_trusted(folder: &Path, service: &Service) -> bool {
    let url = format!("{}/healthz", service.url);
    curl(folder, &[], url).await.0
}

async fn wait_until_logged(service: &Service, words: &str) {
    let began = Instant::now();
    while !service.has_logged(words) {
        assert!(began.elapsed() < PATIENCE, "{words:?} is not in the log");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn hang_up(service: &Service) {
    let status = Command::new("kill")
        .args(["-HUP", &service.pid().to_string()])
        .status();
    assert!(status.expect("the kill command").success());
}

#[tokio::test]
async fn a_replaced_certificate_is_used_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, second) = (
        certificate_in(folder.path(), "first", "90"),
        certificate_in(folder.path(), "second", "10"),
    );
    point_current_at(folder.path(), &first);
    let service = serve_current(folder.path());
    assert!(is_trusted(&first, &service).await);
    assert!(!is_trusted(&second, &service).await);

    point_current_at(folder.path(), &second);
    wait_until_logged(&service, "read TLS_CERT and TLS_KEY again").await;
    assert!(is_trusted(&second, &service).await);
    assert!(!is_trusted(&first, &service).await);
    wait_until_logged(&service, "the certificate expires in 9 days").await;
    service.stop();
}

#[tokio::test]
async fn a_broken_certificate_leaves_the_one_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = certificate_in(folder.path(), "first", "90");
    let second = certificate_in(folder.path(), "second", "90");
    point_current_at(folder.path(), &first);
    let service = serve_current(folder.path());
    // A key of another certificate, a file that is cut off, and none at all.
    let trusted = tempfile::tempdir().expect("a folder");
    std::fs::copy(first.join("cert.pem"), trusted.path().join("cert.pem")).expect("copies");
    std::fs::copy(second.join("key.pem"), first.join("key.pem")).expect("copies");
    wait_until_logged(&service, "does not belong to the certificate").await;
    assert!(is_trusted(trusted.path(), &service).await);
    std::fs::write(first.join("cert.pem"), "-----BEGIN CERT").expect("writes");
    hang_up(&service);
    wait_until_logged(&service, "allowed: a PEM file with a certificate chain").await;
    std::fs::remove_file(first.join("cert.pem")).expect("removes");
    wait_until_logged(&service, "No such file").await;
    assert!(is_trusted(trusted.path(), &service).await);

    point_current_at(folder.path(), &second);
    wait_until_logged(&service, "read TLS_CERT and TLS_KEY again").await;
    assert!(is_trusted(&second, &service).await);
    let log = service.stop();
    let errors = log.lines().filter(|line| line.contains("\"ERROR\""));
    assert_eq!(errors.count(), 3, "each is told once: {log}");
}

#[tokio::test]
async fn sighup_reads_the_certificate_again_and_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = Service::start(folder.path(), &[]);
    hang_up(&plain);
    wait_until_logged(&plain, "SIGHUP").await;
    let answer = reqwest::get(format!("{}/healthz", plain.url)).await;
    assert!(answer.expect("an answer").status().is_success());
    plain.stop();

    let first = certificate_in(folder.path(), "first", "90");
    point_current_at(folder.path(), &first);
    let service = serve_current(folder.path());
    hang_up(&service);
    wait_until_logged(&service, "read TLS_CERT and TLS_KEY again").await;
    assert!(is_trusted(&first, &service).await);
    service.stop();
}

#[test]
fn a_pair_that_does_not_fit_is_told_at_the_start_and_by_check_config() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (
        certificate_in(folder.path(), "one", "90"),
        certificate_in(folder.path(), "other", "5"),
    );
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("reads");
    let chain = [read(other.join("cert.pem")), read(one.join("cert.pem"))].concat();
    std::fs::write(folder.path().join("chain.pem"), chain).expect("writes");
    let encrypted = read(one.join("key.pem")).replace("PRIVATE", "ENCRYPTED PRIVATE");
    std::fs::write(folder.path().join("encrypted.pem"), encrypted).expect("writes");
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    std::fs::write(folder.path().join("legacy.pem"), legacy).expect("writes");
    let damaged = "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n";
    std::fs::write(folder.path().join("damaged.pem"), damaged).expect("writes");
    let marked = format!("\u{feff}{}", read(one.join("cert.pem")));
    std::fs::write(folder.path().join("marked.pem"), marked).expect("writes");
    for (certificate, key, said) in [
        (
            "one/key.pem",
            "one/cert.pem",
            "TLS_CERT and TLS_KEY are swapped",
        ),
        (
            "one/cert.pem",
            "other/key.pem",
            "does not belong to the certificate",
        ),
        ("chain.pem", "one/key.pem", "is not the first"),
        (
            "one/cert.pem",
            "one/cert.pem",
            "a certificate and no private key",
        ),
        (
            "one/key.pem",
            "one/key.pem",
            "a private key and no certificate",
        ),
        (
            "one/cert.pem",
            "encrypted.pem",
            "a private key that is encrypted",
        ),
        (
            "one/cert.pem",
            "legacy.pem",
            "a private key that is encrypted",
        ),
        (
            "one/cert.pem",
            "damaged.pem",
            "a private key that is damaged, or that TLS cannot use",
        ),
        // It is read.
        (
            "marked.pem",
            "other/key.pem",
            "does not belong to the certificate",
        ),
    ] {
        let settings = [("TLS_CERT", certificate), ("TLS_KEY", key), ("PORT", "0")];
        for (command, is_told) in [("serve", "TLS_"), ("check-config", "problem: TLS_")] {
            let output = crate::process::run(folder.path(), &[command], &settings);
            let said_so = crate::process::stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{said_so}");
            let line = said_so.lines().find(|line| line.contains(said));
            assert!(line.is_some_and(|line| line.contains(is_told)), "{said_so}");
        }
    }
    let settings = [("TLS_CERT", "other/cert.pem"), ("TLS_KEY", "other/key.pem")];
    let output = crate::process::run(folder.path(), &["check-config"], &settings);
    let warnings = crate::process::stderr(&output);
    assert!(output.status.success(), "{warnings}");
    assert!(
        warnings.contains("warning: TLS_CERT: the certificate expires in 4 days"),
        "{warnings}"
    );
}
