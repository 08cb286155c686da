//! What arrives, and that nobody who asks for a mail waits for it.

use std::time::Duration;

use reqwest::StatusCode;

use crate::smtp::{At, Do, Gate};
use crate::support::TestApp;
use crate::{all_sent, assert_each_once, by_id, later, link, mail_check, put_off, request_reset};
use crate::{spawn, stored, token, verify};

#[tokio::test]
async fn a_registration_brings_one_mail_whose_link_works() {
    let (app, server) = spawn().await;
    app.register("ada").await;
    let mails = all_sent(&app, &server).await;
    assert_each_once(&mails, 1);
    assert_eq!(mails[0].to, ["ada@example.com"]);
    assert!(mails[0].html().contains(&token(&mails[0])));
    let verified = verify(&app, &token(&mails[0])).await;
    verified.expect(StatusCode::NO_CONTENT);
    let check = mail_check(&app).await;
    assert!(check["oldest_waiting_seconds"].is_null(), "{check}");
    assert_eq!(check["given_up"], 0);
}

/// The server keeps the mail of the first try without saying so: the test sees what both brought.
#[tokio::test]
async fn every_try_has_the_same_id_and_the_same_link() {
    let (app, server) = spawn().await;
    server.next(1, At::Message, Do::Close);
    app.register("ada").await;
    put_off(&app, 1, Duration::from_secs(5)).await;
    server.next(1, At::Message, Do::Reply("451 4.3.0 Try again later"));
    later(&app, Duration::from_secs(5));
    put_off(&app, 2, Duration::from_secs(10)).await;
    later(&app, Duration::from_secs(10));
    let mails = all_sent(&app, &server).await;
    assert_eq!((mails.len(), by_id(&mails).len()), (2, 1));
    assert_eq!(link(&mails[0]), link(&mails[1]));
    assert_eq!(mails[0].header("Date"), mails[1].header("Date"));
    let verified = verify(&app, &token(&mails[0])).await;
    verified.expect(StatusCode::NO_CONTENT);
}

/// Registers and asks for a reset while the mail server answers nobody.
async fn ask(app: &TestApp) {
    for number in 0..8 {
        app.register(&format!("ada-{number}")).await;
    }
    request_reset(app, "ada-0@example.com").await;
    app.login("ada-1").await;
}

#[tokio::test]
async fn no_request_waits_for_the_answer_to_a_mail() {
    let (app, server) = spawn().await;
    let gate = Gate::new();
    server.next(4, At::Message, Do::Wait(gate.clone()));
    ask(&app).await;
    gate.reached_by(4).await;
    assert!(server.mails().is_empty());
    assert_eq!(stored(&app).await.len(), 9);
    gate.open();
    let mails = all_sent(&app, &server).await;
    assert_eq!((mails.len(), by_id(&mails).len()), (9, 9));
}

#[tokio::test]
async fn no_request_waits_for_a_server_that_does_not_greet() {
    let (app, server) = spawn().await;
    let gate = Gate::new();
    server.next(4, At::Connection, Do::Wait(gate.clone()));
    ask(&app).await;
    gate.reached_by(4).await;
    assert_eq!(stored(&app).await.len(), 9);
    gate.open();
    let mails = all_sent(&app, &server).await;
    assert_eq!((mails.len(), by_id(&mails).len()), (9, 9));
}
