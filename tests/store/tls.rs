//! Encryption of connections to PostgreSQL, by the `sslmode` of libpq: who is trusted, and what is refused.

use vestibule::config::DatabaseUrl;
use vestibule::store::db::{Db, Error, Result};

use crate::certificates::{authority, certificate};
use crate::postgres::Server;
use crate::process::{reason, run};

/// Opens the database as the service does; gives whether its connection is encrypted.
fn is_encrypted(url: &str) -> Result<bool> {
    let url = DatabaseUrl::parse(url).expect("a URL");
    Db::migrate(&url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let db = Db::open(&url)?;
        let mut tx = db.read().await?;
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let ssl = tx.query_opt(sql, &[], |row| row.get(0)).await?;
        Ok(ssl.expect("a row"))
    })
}

#[track_caller]
fn expect_refused(url: &str, why: &str) {
    match is_encrypted(url) {
        Err(Error::Unavailable(message)) => {
            assert!(message.contains(why), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
        other => panic!("{url}: {other:?}"),
    }
}

/// ASVS 12.3.1, 12.3.2, 12.3.4.
#[test]
#[ignore = "starts a PostgreSQL server"]
fn certificates_count_as_far_as_the_mode_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority(folder.path(), "ca").display().to_string();
    let stranger = authority(folder.path(), "stranger").display().to_string();
    let (certificate, key) = certificate(folder.path(), "ca", "server", "DNS:localhost");
    let server = Server::start_with_tls(&certificate, &key);
    let by_address = server.create_database();
    assert!(by_address.contains("@127.0.0.1:"), "{by_address}");
    let by_name = by_address.replace("@127.0.0.1:", "@localhost:");

    for (url, parameters) in [
        (&by_name, format!("sslmode=verify-full&sslrootcert={ca}")),
        (&by_address, format!("sslmode=verify-ca&sslrootcert={ca}")),
        // As in libpq: named certificates are used.
        (&by_address, format!("sslmode=require&sslrootcert={ca}")),
        (&by_address, "sslmode=require".to_owned()),
        (&by_address, "sslmode=prefer".to_owned()),
    ] {
        let url = format!("{url}?{parameters}");
        assert!(is_encrypted(&url).expect("connects"), "{url}");
    }
    let plain = format!("{by_address}?sslmode=disable");
    assert!(!is_encrypted(&plain).expect("connects"));

    let wrong_host = format!("{by_address}?sslmode=verify-full&sslrootcert={ca}");
    expect_refused(&wrong_host, "not valid for name");
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("{by_name}?sslmode={mode}&sslrootcert={stranger}");
        expect_refused(&url, "invalid peer certificate");
    }
    // Nobody whom this machine trusts has signed it.
    expect_refused(&format!("{by_name}?sslmode=verify-full"), "");
    let missing = folder.path().join("missing.pem");
    let url = format!(
        "{by_name}?sslmode=verify-full&sslrootcert={}",
        missing.display()
    );
    expect_refused(&url, "missing.pem");
    let no_certificate = format!(
        "{by_name}?sslmode=verify-full&sslrootcert={}",
        key.display()
    );
    expect_refused(&no_certificate, "sslrootcert");
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_certificate_may_be_for_an_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = authority(folder.path(), "ca").display().to_string();
    let (certificate, key) = certificate(folder.path(), "ca", "server", "IP:127.0.0.1");
    let server = Server::start_with_tls(&certificate, &key);
    let url = format!(
        "{}?sslmode=verify-full&sslrootcert={ca}",
        server.create_database()
    );
    assert!(is_encrypted(&url).expect("connects"));
    expect_refused(
        &url.replace("@127.0.0.1:", "@localhost:"),
        "not valid for name",
    );
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_server_without_encryption_is_enough_only_where_none_is_asked_for() {
    let server = Server::start();
    let url = server.create_database();
    for parameters in ["", "?sslmode=prefer", "?sslmode=disable"] {
        assert!(!is_encrypted(&format!("{url}{parameters}")).expect("connects"));
    }
    let folder = tempfile::tempdir().expect("a folder");
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = format!("{url}?sslmode={mode}");
        for command in ["serve", "migrate"] {
            let key = "test-only-2f6c81d05b7a4e93-9d40c7e18a36f5b2";
            let settings = [
                ("DATABASE_URL", url.as_str()),
                ("SECRET_KEY", key),
                ("PORT", "0"),
            ];
            let output = run(folder.path(), &[command], &settings);
            assert!(!output.status.success(), "{mode}");
            let line = reason(&output);
            assert!(line.starts_with("DATABASE_URL: "), "{line}");
            assert!(line.contains("server does not support TLS"), "{line}");
            assert!(!line.contains("p%40ss") && !line.contains("p@ss"), "{line}");
        }
    }
}
