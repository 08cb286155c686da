//! Mails that a server does not take: tried again with growing pauses, and given up in the end or at once.

use std::time::Duration;

use vestibule::domain::expiry::clean_up;

use crate::records::{column, event, events, execute};
use crate::smtp::{At, Do, SmtpServer};
use crate::support::TestApp;
use crate::{later, mail_check, put_off, request_reset, spawn, stored, until};

const NOT_NOW: Do = Do::Reply("451 4.3.0 Not now");
pub const UNKNOWN: Do = Do::Reply("550 5.1.1 <ada@example.com>: no such user");
const SPAM: Do = Do::Reply("554 5.7.1 Looks like spam");

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Sends a mail to somebody else. Mails are taken in the order in which they fall due, so whatever was due before has been
/// tried when that one has arrived.
async fn let_others_pass(app: &TestApp, server: &SmtpServer, name: &str) {
    let before = stored(app).await.len();
    app.register(name).await;
    let address = format!("{name}@example.com");
    let has_arrived = async || {
        let mut mails = server.mails().into_iter();
        mails.any(|mail| mail.to == [address.as_str()]) && stored(app).await.len() <= before
    };
    until("nothing arrives", has_arrived).await;
}

async fn given_up(app: &TestApp) {
    let is_given_up = async || stored(app).await.iter().all(|mail| mail.due_at.is_none());
    until("it is not given up", is_given_up).await;
}

/// Whether a server has refused the user's address.
pub async fn is_marked(app: &TestApp) -> bool {
    let sql = "SELECT email_refused_at FROM users WHERE username = ?1";
    let marks: Vec<Option<i64>> = column(app, sql, &["ada"]).await;
    marks[0].is_some()
}

#[track_caller]
fn assert_nothing_for_ada(server: &SmtpServer) {
    let mails = server.mails();
    assert!(mails.iter().all(|mail| mail.to != ["ada@example.com"]));
}

#[tokio::test]
async fn a_mail_is_tried_ten_times_with_growing_pauses_and_given_up() {
    let (app, server) = spawn().await;
    let begun = app.services.now();
    server.next(1, At::Recipient, NOT_NOW);
    app.register("ada").await;
    for tries in 1..10 {
        let pause = Duration::from_secs(5 * 2_u64.pow(tries - 1));
        put_off(&app, tries.into(), pause).await;
        later(&app, pause - Duration::from_millis(1));
        let_others_pass(&app, &server, &format!("ben-{tries}")).await;
        assert_eq!(stored(&app).await[0].tries, i64::from(tries));
        assert_eq!(mail_check(&app).await["given_up"], 0);
        server.next(1, At::Recipient, NOT_NOW);
        later(&app, Duration::from_millis(1));
    }
    given_up(&app).await;
    assert_eq!(stored(&app).await[0].tries, 10);
    let check = mail_check(&app).await;
    assert_eq!(check["given_up"], 1);
    assert!(check["oldest_waiting_seconds"].is_null(), "{check}");

    let age = app.services.now().since(begun);
    later(&app, WEEK - age - Duration::from_millis(1));
    let_others_pass(&app, &server, "cyd").await;
    assert_nothing_for_ada(&server);
    clean_up(&app.services).await.expect("cleans up");
    assert_eq!(mail_check(&app).await["given_up"], 1);
    app.advance(Duration::from_millis(1));
    clean_up(&app.services).await.expect("cleans up");
    assert_eq!(mail_check(&app).await["given_up"], 0);
    assert!(stored(&app).await.is_empty());
}

#[tokio::test]
async fn an_address_that_does_not_exist_is_marked_until_a_mail_reaches_it() {
    let (app, server) = spawn().await;
    server.next(1, At::Recipient, UNKNOWN);
    let ada = app.register("ada").await;
    given_up(&app).await;
    until("no mark", async || is_marked(&app).await).await;
    let event = event(&app, "email.refused").await;
    assert_eq!(event.outcome, "failure");
    assert_eq!(
        event.target_id.map(|id| id.to_string()).as_deref(),
        ada["id"].as_str()
    );
    assert_eq!(mail_check(&app).await["given_up"], 1);
    assert_eq!(stored(&app).await[0].tries, 1);
    let_others_pass(&app, &server, "ben").await;
    assert_nothing_for_ada(&server);

    request_reset(&app, "ada@example.com").await;
    until("the mark stays", async || !is_marked(&app).await).await;
    assert_eq!(server.mails().len(), 2);
}

#[tokio::test]
async fn a_mail_refused_for_its_looks_says_nothing_of_its_address() {
    let (app, server) = spawn().await;
    server.next(1, At::Message, SPAM);
    app.register("ada").await;
    given_up(&app).await;
    let_others_pass(&app, &server, "ben").await;
    assert_nothing_for_ada(&server);
    assert_eq!(mail_check(&app).await["given_up"], 1);
    assert!(!is_marked(&app).await);
    assert!(events(&app, "email.refused").await.is_empty());
}

/// Whatever a mail does to whoever begins to send it, a crash for one, it does not do for ever.
#[tokio::test]
async fn a_mail_that_was_begun_ten_times_without_an_end_is_given_up() {
    let (app, server) = spawn().await;
    app.register("ada").await;
    until("it is not sent", async || server.mails().len() == 1).await;
    let sql = "INSERT INTO mails (id, kind, user_id, recipient, facts, created_at, due_at, attempts) \
               SELECT id, 'password_reset', id, email, '{}', 0, 0, 10 FROM users WHERE username = ?1";
    execute(&app, sql, &["ada"]).await;
    app.services.outbox.wake();
    let is_given_up = async || {
        let mails = stored(&app).await;
        mails.len() == 1 && mails[0].due_at.is_none()
    };
    until("it is not given up", is_given_up).await;
    assert_eq!(server.mails().len(), 1);
}
