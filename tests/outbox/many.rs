//! Very many mails behind a server that is away.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use vestibule::domain::email::outbox;
use vestibule::ids::{MailId, UserId};
use vestibule::store::db::Tx;
use vestibule::store::mails::{self, NewMail};

use crate::support::{Send, TestApp};
use crate::{by_id, later, mail_check, spawn, until};

const MAILS: usize = 10_000;
const AT_A_TIME: usize = 500;

/// Stores resets of somebody's password.
async fn store(app: &TestApp, user_id: UserId) {
    for _ in 0..MAILS / AT_A_TIME {
        let ids: Vec<MailId> = (0..AT_A_TIME)
            .map(|_| MailId::new(&app.services.ids))
            .collect();
        let at = app.services.now();
        let insert = async move |tx: &mut Tx<'_>| {
            for id in &ids {
                let mail = NewMail {
                    id: *id,
                    kind: "password_reset",
                    user_id: Some(user_id),
                    recipient: "ada@example.com",
                    facts: "{}",
                    at,
                };
                mails::insert(tx, &mail).await?;
            }
            Ok::<_, vestibule::store::db::Error>(())
        };
        app.services.db.write(insert).await.expect("stores");
    }
}

async fn is_idle(app: &TestApp) -> bool {
    let waiting = outbox::waiting(&app.services).await.expect("reads");
    waiting.oldest.is_none()
}

/// Logs in and looks, so many times. Prints how long the slowest took.
async fn use_it(app: &TestApp, when: &str, times: usize) {
    let mut slowest = Duration::ZERO;
    for _ in 0..times {
        let begun = Instant::now();
        let session = app.login("ada").await;
        let me = app.get("/users/me").bearer_auth(&session.access);
        me.answer().await.expect(StatusCode::OK);
        slowest = slowest.max(begun.elapsed());
    }
    println!("{when}: {times} times logged in, {slowest:.1?} at most");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "sends ten thousand mails"]
async fn ten_thousand_mails_wait_in_nobodys_way_and_arrive_once() {
    let (app, mut server) = spawn().await;
    let ada = app.register("ada").await;
    until("the first is not sent", async || is_idle(&app).await).await;
    server.stop().await;
    let id = ada["id"].as_str().expect("an id").parse().expect("a UUID");
    store(&app, UserId(id)).await;
    for _ in 0..10 {
        later(&app, Duration::from_secs(5));
        use_it(&app, "while the server is away", 5).await;
    }
    assert_eq!(mail_check(&app).await["oldest_waiting_seconds"], 50);

    server.start_again().await;
    later(&app, Duration::from_secs(60));
    let begun = Instant::now();
    use_it(&app, "while they are sent", 50).await;
    let patience = Duration::from_secs(600);
    while !is_idle(&app).await {
        assert!(begun.elapsed() < patience, "{} sent", server.mails().len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{MAILS} mails sent in {:.1?}", begun.elapsed());
    let mails = server.mails();
    assert_eq!((mails.len(), by_id(&mails).len()), (MAILS + 1, MAILS + 1));
    assert_eq!(mail_check(&app).await["given_up"], 0);
}
