//! A mail server that is away.

use std::time::Duration;

use reqwest::StatusCode;

use crate::smtp::{At, Do, Gate};
use crate::support::Send;
use crate::{all_sent, assert_each_once, later, mail_check, spawn, stored, tried_in_vain, until};

const USERS: usize = 200;

#[tokio::test]
async fn what_waits_for_a_server_that_is_away_costs_no_try_and_arrives_once() {
    let (app, mut server) = spawn().await;
    server.stop().await;
    for number in 0..USERS {
        app.register(&format!("ada-{number}")).await;
    }
    tried_in_vain(&app).await;
    for pause in [5, 10, 20, 40] {
        let pause = Duration::from_secs(pause);
        later(&app, pause);
        tried_in_vain(&app).await;
        let stored = stored(&app).await;
        assert_eq!(stored.len(), USERS);
        // From the second failure on it is known that nothing else is being tried.
        let is_known = pause > Duration::from_secs(5);
        assert!(
            !is_known || stored.iter().all(|mail| mail.tries == 0),
            "{stored:?}"
        );
    }
    let check = mail_check(&app).await;
    assert_eq!(check["oldest_waiting_seconds"], 75);
    assert_eq!(check["given_up"], 0);
    let session = app.login("ada-0").await;
    let me = app.get("/users/me").bearer_auth(&session.access);
    me.answer().await.expect(StatusCode::OK);

    server.start_again().await;
    later(&app, Duration::from_secs(60));
    assert_each_once(&all_sent(&app, &server).await, USERS);
    let check = mail_check(&app).await;
    assert!(check["oldest_waiting_seconds"].is_null(), "{check}");
}

/// By then nobody wants it.
#[tokio::test]
async fn what_has_waited_for_a_day_is_given_up() {
    let (app, mut server) = spawn().await;
    server.stop().await;
    app.register("ada").await;
    tried_in_vain(&app).await;
    later(&app, Duration::from_secs(24 * 3600));
    let is_given_up = async || stored(&app).await[0].due_at.is_none();
    until("it is not given up", is_given_up).await;
    server.start_again().await;
    app.register("ben").await;
    later(&app, Duration::from_secs(60));
    let has_arrived = async || server.mails().len() == 1 && stored(&app).await.len() == 1;
    until("nothing arrives", has_arrived).await;
    assert_eq!(server.mails()[0].to, ["ben@example.com"]);
    assert_eq!(mail_check(&app).await["given_up"], 1);
}

/// A server may take its time over some mails. They leave their places to others, after half a minute.
#[tokio::test]
async fn mails_that_are_not_answered_do_not_hold_up_the_others() {
    let (app, server) = spawn().await;
    let gate = Gate::new();
    server.next(4, At::Message, Do::Wait(gate.clone()));
    for number in 0..4 {
        app.register(&format!("ada-{number}")).await;
    }
    gate.reached_by(4).await;
    for number in 0..8 {
        app.register(&format!("ben-{number}")).await;
    }
    assert!(server.mails().is_empty());
    later(&app, Duration::from_secs(30));
    until("they are held up", async || server.mails().len() == 8).await;
    gate.open();
    assert_each_once(&all_sent(&app, &server).await, 12);
}
