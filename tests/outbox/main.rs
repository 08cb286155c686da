//! The whole service and a mail server: every mail arrives once, whatever the server, the network or another instance does
//! meanwhile, and no request waits for it.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

#[path = "../database/mod.rs"]
mod database;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
#[path = "../api/records.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod records;
#[path = "../support/smtp/mod.rs"]
mod smtp;
#[path = "../support/mod.rs"]
mod support;

mod arrival;
mod at_rest;
mod given_up;
mod instances;
mod many;
mod nobody;
mod noting;
mod outage;
mod retries;
mod spent;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use vestibule::clock::Timestamp;
use vestibule::domain::readiness;
use vestibule::store::db::{self, Db};

use smtp::{Mail, SmtpServer};
use support::{Answer, Send, TestApp};

/// Longest wait for what has to come: many times what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a test looks.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A mail that waits or was given up, as it is stored.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    tries: i64,
    /// `None`: given up.
    due_at: Option<Timestamp>,
}

/// A service that sends its mails to a server of its own.
async fn spawn() -> (TestApp, SmtpServer) {
    let server = SmtpServer::start().await;
    let app = TestApp::spawn_with(&[("SMTP_URL", &server.url())]).await;
    (app, server)
}

/// Moves the clock; whatever has fallen due by then is tried.
fn later(app: &TestApp, by: Duration) {
    app.advance(by);
    app.services.outbox.wake();
}

/// What is stored, the oldest first.
async fn stored(app: &TestApp) -> Vec<Stored> {
    stored_in(&app.services.db).await
}

async fn stored_in(db: &Db) -> Vec<Stored> {
    let read = async move |tx: &mut db::Tx<'_>| {
        let sql = "SELECT attempts, due_at FROM mails ORDER BY created_at, id";
        tx.query_all(sql, &[], |row| {
            Ok(Stored {
                tries: row.get(0)?,
                due_at: row.get(1)?,
            })
        })
        .await
    };
    db.scan(read).await.expect("reads")
}

/// Waits until it holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until the only mail has been tried so often, and is to be tried again after `pause`.
async fn put_off(app: &TestApp, tries: i64, pause: Duration) {
    let due_at = Some(app.services.now().plus(pause));
    let expected = [Stored { tries, due_at }];
    until("it is not put off", async || stored(app).await == expected).await;
}

/// Waits until a mail has been tried at this moment of the service's clock, in vain, and none is being tried. One that has just
/// been written looks as if it had.
async fn tried_in_vain(app: &TestApp) {
    let now = app.services.now();
    let was_tried = async || {
        let stored = stored(app).await;
        stored.iter().any(|mail| mail.due_at == Some(now))
            && stored.iter().all(|mail| mail.due_at <= Some(now))
    };
    until("no mail is tried", was_tried).await;
}

/// Waits until nothing is stored any more, and gives what has arrived.
async fn all_sent(app: &TestApp, server: &SmtpServer) -> Vec<Mail> {
    let is_empty = async || stored(app).await.is_empty();
    until("mails are not sent", is_empty).await;
    server.mails()
}

/// Fails unless these are so many mails, to as many people, each of them once.
#[track_caller]
fn assert_each_once(mails: &[Mail], count: usize) {
    let ids = by_id(mails);
    let recipients: std::collections::BTreeSet<_> = mails.iter().map(|mail| &mail.to).collect();
    assert_eq!((mails.len(), ids.len()), (count, count));
    assert_eq!(recipients.len(), count);
}

/// The mails of each Message-ID.
fn by_id(mails: &[Mail]) -> BTreeMap<String, Vec<&Mail>> {
    let mut found: BTreeMap<String, Vec<&Mail>> = BTreeMap::new();
    for mail in mails {
        let id = mail.header("Message-ID").expect("an id");
        found.entry(id).or_default().push(mail);
    }
    found
}

/// The link of a mail that brings one.
#[track_caller]
fn link(mail: &Mail) -> String {
    mail.link().expect("a link")
}

/// The token of its link.
#[track_caller]
fn token(mail: &Mail) -> String {
    let link = link(mail);
    let (_, token) = link.split_once("token=").expect("a token");
    token.to_owned()
}

/// What `/readyz` tells of mail, once it looks again.
async fn mail_check(app: &TestApp) -> Value {
    let waiting = readiness::look(&app.services).await.expect("ready");
    json!({
        "oldest_waiting_seconds": waiting.oldest_age.map(|age| age.as_secs()),
        "given_up": waiting.given_up,
    })
}

async fn request_reset(app: &TestApp, email: &str) {
    let request = app.post("/auth/password-reset/request");
    let answer = request.json(&json!({ "email": email })).answer().await;
    answer.expect(StatusCode::ACCEPTED);
}

async fn verify(app: &TestApp, token: &str) -> Answer {
    let request = app.post("/auth/verify-email");
    request.json(&json!({ "token": token })).answer().await
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn everything_on_postgresql() {
    database::everything_on_postgresql();
}
