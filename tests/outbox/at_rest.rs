//! What the database holds of a mail: never what it carries, and nothing at all once it was sent. What in it cannot be read
//! is in nobody's way.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use rusqlite::types::ValueRef;
use serde_json::json;
use vestibule::clock::Timestamp;
use vestibule::config::DatabaseUrl;
use vestibule::domain::Services;
use vestibule::ids::{Ids, MailId};
use vestibule::store::db::{self, Db};
use vestibule::store::mails::{self, NewMail};

use crate::database;
use crate::process::Service;
use crate::smtp::{At, Do, SmtpServer};
use crate::support::{OTHER_PASSWORD, Send, TestApp};
use crate::{
    all_sent, later, link, put_off, request_reset, spawn, stored, token, tried_in_vain, until,
};

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All rows of all tables, bytes in hexadecimal.
fn dump(app: &TestApp) -> String {
    if database::on_postgresql() {
        return dump_of_postgresql(app);
    }
    let file = rusqlite::Connection::open(app.database.file()).expect("opens");
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let mut names = file.prepare(sql).expect("SQL");
    let names = names.query_map([], |row| row.get(0)).expect("reads");
    let names: Vec<String> = names.collect::<Result<_, _>>().expect("names");
    let mut text = String::new();
    for name in names {
        let mut table = file
            .prepare(&format!("SELECT * FROM \"{name}\""))
            .expect("SQL");
        let columns = table.column_count();
        let mut rows = table.query([]).expect("reads");
        while let Some(row) = rows.next().expect("reads") {
            for column in 0..columns {
                match row.get_ref(column).expect("a column") {
                    ValueRef::Text(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
                    ValueRef::Blob(bytes) => text.push_str(&hexadecimal(bytes)),
                    other => write!(text, "{other:?}").expect("writes"),
                }
                text.push('\n');
            }
        }
    }
    text
}

fn dump_of_postgresql(app: &TestApp) -> String {
    let session = app.database.session();
    let names = session.run("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()");
    let names = names.into_iter().flatten().flatten();
    let rows = names.flat_map(|name| session.run(&format!("SELECT t::text FROM \"{name}\" AS t")));
    let rows: Vec<String> = rows.flatten().flatten().collect();
    rows.join("\n")
}

/// What is in the files of the database, deleted rows and all.
fn files(app: &TestApp) -> Vec<u8> {
    if database::on_postgresql() {
        return Vec::new();
    }
    let file = app.database.file();
    let log = file.with_extension("db-wal");
    let read = [file, log].map(|path| std::fs::read(path).unwrap_or_default());
    read.concat()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn no_token_waits_in_the_database() {
    let (app, mut server) = spawn().await;
    app.register("ada").await;
    all_sent(&app, &server).await;
    server.stop().await;
    request_reset(&app, "ada@example.com").await;
    // Once it is known that the server is away, nothing is tried before its time.
    for pause in [5, 15] {
        later(&app, Duration::from_secs(pause));
        tried_in_vain(&app).await;
    }
    let mut dumps = vec![("waiting", dump(&app), files(&app))];
    server.next(1, At::Message, Do::Reply("451 4.3.0 Not now"));
    server.start_again().await;
    later(&app, Duration::from_secs(60));
    put_off(&app, 1, Duration::from_secs(5)).await;
    dumps.push(("tried", dump(&app), files(&app)));
    later(&app, Duration::from_secs(5));
    let mail = all_sent(&app, &server).await.remove(1);
    dumps.push(("sent", dump(&app), files(&app)));

    let (token, link) = (token(&mail), link(&mail));
    let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64url");
    for (when, tables, files) in &dumps {
        assert!(tables.contains("ada@example.com"), "{when}: no dump");
        for secret in [
            token.clone(),
            link.clone(),
            hexadecimal(&bytes),
            hexadecimal(token.as_bytes()),
        ] {
            assert!(!tables.contains(&secret), "{when}: a row holds {secret}");
        }
        for secret in [token.as_bytes(), link.as_bytes(), &bytes] {
            assert!(!has(files, secret), "{when}: the file holds the token");
        }
    }
    assert!(stored(&app).await.is_empty());
    let body = json!({ "token": token, "new_password": OTHER_PASSWORD });
    let reset = app.post("/auth/password-reset").json(&body).answer().await;
    reset.expect(StatusCode::NO_CONTENT);
}

/// Stores a mail as a newer or broken version might.
async fn store(db: &Db, ids: &Ids, at: Timestamp, kind: &'static str, facts: &'static str) {
    let id = MailId::new(ids);
    let insert = async move |tx: &mut db::Tx<'_>| {
        let mail = NewMail {
            id,
            kind,
            user_id: None,
            recipient: "ada@example.com",
            facts,
            at,
        };
        mails::insert(tx, &mail).await
    };
    db.write(insert).await.expect("stores");
}

async fn store_in(services: &Services, kind: &'static str, facts: &'static str) {
    store(&services.db, &services.ids, services.now(), kind, facts).await;
}

#[tokio::test]
async fn a_mail_that_cannot_be_read_is_dropped_and_stops_no_other() {
    let (app, server) = spawn().await;
    app.register("ada").await;
    all_sent(&app, &server).await;
    for (kind, facts) in [
        ("nonsense", "{}"),
        ("verify_email", "no JSON"),
        ("password_reset", r#"{"registration": 5}"#),
    ] {
        store_in(&app.services, kind, facts).await;
    }
    request_reset(&app, "ada@example.com").await;
    let mails = all_sent(&app, &server).await;
    assert_eq!(mails.len(), 2);
    token(&mails[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_cannot_be_read_is_told_of() {
    let server = SmtpServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite:///{}", folder.path().join("app.db").display());
    let url = database::url_in(folder.path()).unwrap_or(file);
    let url = DatabaseUrl::parse(&url).expect("a URL");
    let opened = std::thread::spawn(move || {
        Db::migrate(&url).expect("migrates");
        Db::open(&url).expect("opens")
    });
    let db = opened.join().expect("runs");
    let ids = Ids::new(
        std::sync::Arc::new(vestibule::clock::SystemClock::new()),
        std::sync::Arc::new(vestibule::ids::SystemRandom),
    );
    let long_ago = Timestamp::from_seconds(1_700_000_000);
    store(&db, &ids, long_ago, "nonsense", "{}").await;
    drop(db);
    let service = Service::start(folder.path(), &[("SMTP_URL", &server.url())]);
    let is_told = async || {
        service.has_logged("a mail that cannot be read is dropped")
            && service.has_logged("nonsense")
    };
    until("nothing is logged", is_told).await;
    assert!(server.mails().is_empty());
}
