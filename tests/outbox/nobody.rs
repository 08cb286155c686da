//! A mail to an address that nobody has: until the server takes mail, it waits as one to somebody does.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{set_stored_hash, stored_hash};
use crate::smtp::{At, Do, Gate};
use crate::support::{Send, TestApp};
use crate::{SmtpServer, until};
use crate::{all_sent, later, mail_check, put_off, request_reset, spawn, stored, tried_in_vain};

const ADA: &str = "ada@example.com";
const NOBODY: &str = "nobody@example.com";

/// A service whose mail server has sent Ada what it had for her, and is used now and then.
async fn with_ada() -> (TestApp, SmtpServer) {
    let (app, server) = spawn().await;
    app.register("ada").await;
    assert_eq!(all_sent(&app, &server).await.len(), 1);
    later(&app, Duration::from_secs(3600));
    (app, server)
}

/// What is told and stored while a mail to `email` waits for a server that is away: until it is back, or for a day.
async fn away(email: &str, is_for_ever: bool) -> Vec<(Value, Vec<i64>)> {
    let (app, mut server) = with_ada().await;
    server.stop().await;
    request_reset(&app, email).await;
    tried_in_vain(&app).await;
    let mut seen = Vec::new();
    for pause in [5, 10, 20] {
        later(&app, Duration::from_secs(pause));
        tried_in_vain(&app).await;
        // From the second failure on it is known that nothing else is being tried.
        if pause > 5 {
            let tries = stored(&app).await.iter().map(|mail| mail.tries).collect();
            seen.push((mail_check(&app).await, tries));
        }
    }
    if is_for_ever {
        later(&app, Duration::from_secs(24 * 3600));
        let is_given_up = async || stored(&app).await[0].due_at.is_none();
        until("it is not given up", is_given_up).await;
    } else {
        server.start_again().await;
        later(&app, Duration::from_secs(60));
        all_sent(&app, &server).await;
    }
    seen.push((mail_check(&app).await, Vec::new()));
    seen
}

#[tokio::test]
async fn it_waits_for_a_server_that_is_away() {
    let seen = away(NOBODY, false).await;
    let ages: Vec<_> = seen
        .iter()
        .map(|(check, _)| check["oldest_waiting_seconds"].as_i64())
        .collect();
    assert_eq!(ages, [Some(15), Some(35), None]);
    assert_eq!(seen, away(ADA, false).await);
}

#[tokio::test]
async fn it_is_given_up_as_others_are() {
    let seen = away(NOBODY, true).await;
    assert_eq!(seen.last().expect("the end").0["given_up"], 1);
    assert_eq!(seen, away(ADA, true).await);
}

/// The server takes nobody's mail now: that is no matter of the recipient.
#[tokio::test]
async fn it_is_tried_again_where_the_server_puts_off_everybody() {
    for email in [NOBODY, ADA] {
        let (app, server) = with_ada().await;
        server.next(1, At::Sender, Do::Reply("451 4.3.2 Not now"));
        request_reset(&app, email).await;
        until("it is not tried", async || server.faults() == 0).await;
        put_off(&app, 0, Duration::ZERO).await;
        server.next(1, At::Sender, Do::Reply("550 5.7.1 Not you"));
        later(&app, Duration::from_secs(5));
        until("it is not tried", async || server.faults() == 0).await;
        // That was no try.
        put_off(&app, 0, Duration::ZERO).await;
        later(&app, Duration::from_secs(10));
        all_sent(&app, &server).await;
    }
}

#[tokio::test]
async fn nothing_is_sent_and_the_connection_stays_of_use() {
    let (app, server) = spawn().await;
    for _ in 0..3 {
        request_reset(&app, NOBODY).await;
        assert!(all_sent(&app, &server).await.is_empty());
        later(&app, Duration::from_secs(3600));
    }
    app.register("ada").await;
    assert_eq!(all_sent(&app, &server).await.len(), 1);
    assert_eq!(server.connections(), 1);
}

/// A mail to set a password, whose reader has got one by another way meanwhile.
#[tokio::test]
async fn what_is_out_of_date_is_not_sent() {
    let (app, mut server) = spawn().await;
    let admin = app.admin("root").await;
    all_sent(&app, &server).await;
    server.stop().await;
    let before = server.mails().len();
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&json!({ "email": ADA, "username": "ada" }))
        .answer()
        .await
        .expect(StatusCode::CREATED);
    // Once it is known that the server is away, nothing is being composed before its time.
    for pause in [5, 15] {
        later(&app, Duration::from_secs(pause));
        tried_in_vain(&app).await;
    }
    let hash = stored_hash(&app, "root").await.expect("a password");
    set_stored_hash(&app, "ada", &hash).await;
    server.start_again().await;
    later(&app, Duration::from_secs(60));
    assert_eq!(all_sent(&app, &server).await.len(), before);
}

/// One to somebody is on its way for as long as the server takes to answer; one to nobody is not.
#[tokio::test]
async fn what_is_on_its_way_is_not_told_of_before_that_takes_long() {
    let (app, server) = with_ada().await;
    let gate = Gate::new();
    server.next(1, At::Message, Do::Wait(gate.clone()));
    request_reset(&app, ADA).await;
    gate.reached_by(1).await;
    let told = async || mail_check(&app).await["oldest_waiting_seconds"].as_i64();
    assert_eq!(told().await, None);
    app.advance(Duration::from_millis(4_999));
    assert_eq!(told().await, None);
    app.advance(Duration::from_millis(1));
    assert_eq!(told().await, Some(5));
    gate.open();
    all_sent(&app, &server).await;
    assert_eq!(told().await, None);
}
