//! TLS: whom we trust, and that nothing goes without it where it is asked for.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::rustls::ServerConfig;
use vestibule::mail::MailError;

use crate::certificates::{authority, certificate};
use crate::smtp::{At, Do, Setup, SmtpServer, Tls, tls};
use crate::{assert_unreachable, failure, letter, mailer, send, try_mailer};

/// Who signs, and a server's certificate for `host`.
struct Certified {
    _folder: tempfile::TempDir,
    authority: PathBuf,
    config: Arc<ServerConfig>,
}

fn certified(host: &str) -> Certified {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = authority(folder.path(), "authority");
    let (certificate, key) = certificate(folder.path(), "authority", "server", host);
    Certified {
        config: tls(&certificate, &key),
        authority,
        _folder: folder,
    }
}

async fn server(tls: Tls) -> SmtpServer {
    SmtpServer::start_as(Setup {
        tls,
        ..Setup::default()
    })
    .await
}

/// Whether the mail went encrypted.
async fn is_encrypted(server: &SmtpServer, url: &str) -> bool {
    send(&mailer(url), 1).await;
    server.wait_for(1).await.remove(0).is_encrypted
}

#[tokio::test]
async fn starttls_with_a_certificate_that_we_trust() {
    let certified = certified("IP:127.0.0.1");
    let server = server(Tls::Start(certified.config.clone())).await;
    let url = format!(
        "{}?tls=required&ca={}",
        server.url(),
        certified.authority.display()
    );
    assert!(is_encrypted(&server, &url).await);
}

/// An attacker on the way appends to the answer, so that it is taken for the server's answer inside TLS.
#[tokio::test]
async fn what_is_sent_before_tls_is_not_read_inside_it() {
    let certified = certified("IP:127.0.0.1");
    for injected in [
        "220 2.0.0 Go ahead\r\n250 injected",
        "220 2.0.0 Go ahead\r\n250-injected\r\n250 AUTH PLAIN LOGIN",
        "220-2.0.0 Go\r\n220 2.0.0 ahead\r\n250",
    ] {
        for tls in ["required", "opportunistic"] {
            let server = server(Tls::Start(certified.config.clone())).await;
            server.next(1, At::StartTls, Do::Reply(injected));
            let url = format!(
                "{}?tls={tls}&ca={}",
                server.url(),
                certified.authority.display()
            );
            let mailer = mailer(&url);
            let error = failure(&mailer, &letter(1)).await;
            assert_unreachable(&error);
            let told = error.to_string();
            assert!(told.contains("behind the answer to STARTTLS"), "{told}");
            assert!(server.mails().is_empty());
            send(&mailer, 1).await;
            assert!(server.wait_for(1).await.remove(0).is_encrypted);
        }
    }
}

#[tokio::test]
async fn tls_from_the_first_byte_on() {
    let certified = certified("IP:127.0.0.1");
    let server = server(Tls::Implicit(certified.config.clone())).await;
    let url = format!(
        "smtps://{}?ca={}",
        server.address,
        certified.authority.display()
    );
    assert!(is_encrypted(&server, &url).await);
}

/// ASVS 12.3.1.
#[tokio::test]
async fn nothing_goes_without_tls_where_it_is_required() {
    let server = server(Tls::None).await;
    let url = format!("{}?tls=required", server.url());
    let told = failure(&mailer(&url), &letter(1)).await.to_string();
    assert!(
        told.ends_with(": STARTTLS is not supported on this server"),
        "{told}"
    );
    let url = format!("smtps://{}", server.address);
    let told = failure(&mailer(&url), &letter(1)).await.to_string();
    assert!(told.contains("what it says is not TLS"), "{told}");
    assert_eq!(server.mails().len(), 0);
}

/// ASVS 12.3.2.
#[tokio::test]
async fn nobody_whom_we_do_not_trust_gets_a_mail() {
    let ours = certified("IP:127.0.0.1");
    let others = certified("IP:127.0.0.1");
    let elsewhere = certified("DNS:mail.example.com");
    let unknown = "its certificate is of no known authority (?ca=/path.pem adds one)";
    let other = "its certificate is for another name than the one in SMTP_URL";
    for (config, authority, why) in [
        (&ours.config, None, unknown),
        (&ours.config, Some(&others.authority), "its certificate"),
        (&elsewhere.config, Some(&elsewhere.authority), other),
    ] {
        let ca = authority.map_or(String::new(), |path| format!("&ca={}", path.display()));
        let start = server(Tls::Start(config.clone())).await;
        let url = format!("{}?tls=required{ca}", start.url());
        let error = failure(&mailer(&url), &letter(1)).await;
        assert_unreachable(&error);
        assert!(error.to_string().contains(why), "{error}");
        let implicit = server(Tls::Implicit(config.clone())).await;
        let url = format!("smtps://{}?tls=required{ca}", implicit.address);
        let error = failure(&mailer(&url), &letter(1)).await;
        assert_unreachable(&error);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!((start.mails().len(), implicit.mails().len()), (0, 0));
    }
}

#[tokio::test]
async fn on_this_machine_tls_is_taken_where_it_is_offered_from_anybody() {
    let certified = certified("DNS:snakeoil");
    let offers = server(Tls::Start(certified.config.clone())).await;
    assert!(is_encrypted(&offers, &offers.url()).await);
    let plain = server(Tls::None).await;
    assert!(!is_encrypted(&plain, &plain.url()).await);
}

#[tokio::test]
async fn without_tls_means_without() {
    let certified = certified("IP:127.0.0.1");
    let server = server(Tls::Start(certified.config.clone())).await;
    assert!(!is_encrypted(&server, &format!("{}?tls=none", server.url())).await);
}

#[tokio::test]
async fn a_file_of_certificates_that_is_none_is_found_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let [empty, broken] = ["empty.pem", "broken.pem"].map(|name| folder.path().join(name));
    std::fs::write(&empty, "no certificates\n").expect("writes");
    std::fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n",
    )
    .expect("writes");
    for path in [empty, broken, folder.path().join("none.pem")] {
        let url = format!("smtps://mail.example.com?ca={}", path.display());
        let error = try_mailer(&[("SMTP_URL", &url)])
            .err()
            .expect("cannot be used");
        assert!(matches!(error, MailError::Authority { .. }), "{error}");
        assert!(error.to_string().starts_with("SMTP_URL: ca="), "{error}");
    }
}
