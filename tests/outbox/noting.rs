//! A mail that was sent while the database could not be told so, and one that is taken twice.

use std::time::Duration;

use vestibule::domain::email::outbox;
use vestibule::domain::email::outbox::Outcome;

use crate::given_up::{UNKNOWN, is_marked};
use crate::smtp::{At, Do, Gate, SmtpServer};
use crate::support::TestApp;
use crate::{all_sent, assert_each_once, database, later, request_reset, spawn, stored, until};

/// From now on no mail can be deleted from the outbox.
fn keep_mails(app: &TestApp) {
    if database::on_postgresql() {
        app.database.session().run(
            "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$; \
             CREATE TRIGGER keep BEFORE DELETE ON mails FOR EACH ROW EXECUTE FUNCTION keep()",
        );
    } else {
        // The service's connections run no triggers, but they do check references.
        let file = rusqlite::Connection::open(app.database.file()).expect("opens");
        let sql = "CREATE TABLE keep (mail BLOB REFERENCES mails (id)); \
                   INSERT INTO keep SELECT id FROM mails";
        file.execute_batch(sql).expect("a table");
    }
}

fn let_mails_go(app: &TestApp) {
    if database::on_postgresql() {
        app.database.session().run("DROP TRIGGER keep ON mails");
    } else {
        let file = rusqlite::Connection::open(app.database.file()).expect("opens");
        file.execute_batch("DROP TABLE keep").expect("goes");
    }
}

/// Its lease ends meanwhile, so that it is taken again.
#[tokio::test]
async fn it_is_not_sent_again_by_who_has_sent_it() {
    let (app, server) = spawn().await;
    let gate = Gate::new();
    server.next(1, At::Message, Do::Wait(gate.clone()));
    app.register("ada").await;
    gate.reached_by(1).await;
    keep_mails(&app);
    gate.open();
    server.wait_for(1).await;
    for tries in 2..=12 {
        later(&app, Duration::from_secs(31));
        let is_taken = async || stored(&app).await[0].tries == tries;
        until("it is not taken again", is_taken).await;
    }
    assert_eq!(server.mails().len(), 1);
    let_mails_go(&app);
    assert_each_once(&all_sent(&app, &server).await, 1);
}

/// Whom the mail has reached is not forgotten while it cannot be noted.
#[tokio::test]
async fn an_address_that_is_reached_after_all_loses_its_mark_also_later() {
    let (app, server) = spawn().await;
    server.next(1, At::Recipient, UNKNOWN);
    app.register("ada").await;
    until("no mark", async || is_marked(&app).await).await;
    let gate = Gate::new();
    server.next(1, At::Message, Do::Wait(gate.clone()));
    request_reset(&app, "ada@example.com").await;
    gate.reached_by(1).await;
    keep_mails(&app);
    gate.open();
    server.wait_for(1).await;
    later(&app, Duration::from_secs(31));
    let is_taken = async || stored(&app).await.iter().any(|mail| mail.tries == 2);
    until("it is not taken again", is_taken).await;
    assert!(is_marked(&app).await);
    let_mails_go(&app);
    until("the mark stays", async || !is_marked(&app).await).await;
    assert_eq!(server.mails().len(), 1);
}

/// While a server thinks about a mail the database may be away for longer than the lease. That is no reason to send it again.
#[tokio::test]
async fn it_is_not_taken_from_oneself_while_the_server_has_not_answered() {
    let (app, server) = spawn().await;
    let gate = Gate::new();
    server.next(1, At::Message, Do::Wait(gate.clone()));
    app.register("ada").await;
    gate.reached_by(1).await;
    for tries in 2..=4 {
        later(&app, Duration::from_secs(31));
        let is_taken = async || stored(&app).await[0].tries == tries;
        until("it is not taken again", is_taken).await;
    }
    gate.open();
    assert_each_once(&all_sent(&app, &server).await, 1);
}

/// It falls due again, and is taken again, in the moment in which its letter is made or its failure is noted.
#[tokio::test]
async fn a_mail_taken_again_by_its_sender_is_still_sent() {
    let (app, server) = spawn().await;
    app.services.outbox.close();
    app.register("ada").await;
    let claim = outbox::claim(&app.services).await.expect("reads");
    let claim = claim.expect("is due");
    app.advance(Duration::from_secs(31));
    let (again, sent) = tokio::join!(
        outbox::claim(&app.services),
        outbox::deliver(&app.services, claim)
    );
    assert!(again.expect("reads").is_none());
    assert_eq!(sent.expect("delivers"), Outcome::Reached);
    assert_each_once(&all_sent(&app, &server).await, 1);
}

/// Another instance on the same database, that sends nothing by itself.
async fn twin(app: &TestApp, server: &SmtpServer) -> TestApp {
    let settings = [
        ("DATABASE_URL", app.database.url()),
        ("SMTP_URL", &server.url()),
    ];
    let twin = TestApp::spawn_with(&settings).await;
    twin.services.outbox.close();
    twin
}

/// Whoever is so slow that his lease ends leaves the mail to the next, and the last of them finds that it has gone.
#[tokio::test]
async fn it_is_sent_once_by_two_who_have_taken_it() {
    for is_first_first in [true, false] {
        let (app, server) = spawn().await;
        let twin = twin(&app, &server).await;
        app.services.outbox.close();
        app.register("ada").await;
        let mut claims = Vec::new();
        for services in [&app.services, &twin.services] {
            let claim = outbox::claim(services).await.expect("reads");
            claims.push((services, claim.expect("is due")));
            twin.advance(Duration::from_secs(31));
        }
        if is_first_first {
            claims.reverse();
        }
        while let Some((services, claim)) = claims.pop() {
            outbox::deliver(services, claim).await.expect("delivers");
        }
        assert_each_once(&all_sent(&app, &server).await, 1);
    }
}

/// What a server says to whoever has lost the mail meanwhile is of no account: it is another's to send.
#[tokio::test]
async fn who_has_lost_it_neither_puts_it_off_nor_gives_it_up() {
    for failure in ["451 4.3.0 Try again later", "554 5.7.1 Looks like spam"] {
        let (app, server) = spawn().await;
        let twin = twin(&app, &server).await;
        let services = app.services.clone();
        services.outbox.close();
        app.register("ada").await;
        let gate = Gate::new();
        server.next(1, At::Recipient, Do::Wait(gate.clone()));
        server.next(1, At::Message, Do::Reply(failure));
        let slow = outbox::claim(&services).await.expect("reads");
        let delivering = {
            let services = services.clone();
            tokio::spawn(async move { outbox::deliver(&services, slow.expect("is due")).await })
        };
        gate.reached_by(1).await;
        twin.advance(Duration::from_secs(31));
        let next = outbox::claim(&twin.services).await.expect("reads");
        let taken = stored(&app).await;
        gate.open();
        let outcome = delivering.await.expect("ends").expect("is noted");
        assert_eq!(outcome, Outcome::Reached);
        assert_eq!(stored(&app).await, taken, "{failure}");
        outbox::deliver(&twin.services, next.expect("is due"))
            .await
            .expect("delivers");
        assert_each_once(&all_sent(&app, &server).await, 1);
    }
}
