//! A server that does not take a mail at the first try.

use std::time::Duration;

use reqwest::StatusCode;

use crate::smtp::{At, Do, SmtpServer};
use crate::support::TestApp;
use crate::{all_sent, assert_each_once, by_id, later, link, put_off, token, verify};
use crate::{request_reset, spawn, stored, until};

const PAUSE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_server_that_asks_us_to_come_back_is_tried_again() {
    let (app, server) = spawn().await;
    server.greylist();
    app.register("ada").await;
    put_off(&app, 1, PAUSE).await;
    assert!(server.mails().is_empty());
    later(&app, PAUSE);
    assert_each_once(&all_sent(&app, &server).await, 1);
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_of_a_mail_is_made_again() {
    let (app, server) = spawn().await;
    server.next(1, At::Middle, Do::Close);
    app.register("ada").await;
    put_off(&app, 1, PAUSE).await;
    later(&app, PAUSE);
    let mails = all_sent(&app, &server).await;
    assert_each_once(&mails, 1);
    let verified = verify(&app, &token(&mails[0])).await;
    verified.expect(StatusCode::NO_CONTENT);
}

/// It may come twice: whether the server took it cannot be known, and twice is better than never. Then it is the same mail,
/// which mail programs may show once, and either link works.
#[tokio::test]
async fn a_mail_whose_answer_is_lost_may_come_twice_but_is_the_same() {
    let (app, server) = spawn().await;
    server.next(1, At::Message, Do::Close);
    app.register("ada").await;
    put_off(&app, 1, PAUSE).await;
    later(&app, PAUSE);
    let mails = all_sent(&app, &server).await;
    assert_eq!((mails.len(), by_id(&mails).len()), (2, 1));
    assert_eq!(link(&mails[0]), link(&mails[1]));
}

#[tokio::test]
async fn a_busy_server_costs_no_try() {
    let (app, server) = spawn().await;
    let busy = Do::Reply("421 4.3.2 Too busy");
    server.next(1, At::Connection, busy);
    app.register("ada").await;
    let was_tried = async || server.connections() == 1 && stored(&app).await[0].tries == 0;
    until("it is not tried", was_tried).await;
    assert!(server.mails().is_empty());
    later(&app, PAUSE);
    assert_each_once(&all_sent(&app, &server).await, 1);
}

/// A connection that was kept, and on which the server wants no more mails, costs no try either.
#[tokio::test]
async fn a_server_that_wants_a_new_connection_gets_one_at_once() {
    let (app, server) = spawn().await;
    app.register("ada").await;
    all_sent(&app, &server).await;
    server.next(1, At::Sender, Do::Reply("421 4.7.0 Enough on this one"));
    app.register("ben").await;
    assert_each_once(&all_sent(&app, &server).await, 2);
    assert_eq!(server.connections(), 2);
}

/// However often it is tried, a mail that was asked for is one.
#[tokio::test]
async fn a_mail_that_is_tried_again_is_counted_once() {
    let server = SmtpServer::start().await;
    let settings = [("SMTP_URL", &*server.url()), ("RATE_LIMIT_ENABLED", "true")];
    let app = TestApp::spawn_with(&settings).await;
    app.register("ada").await;
    all_sent(&app, &server).await;
    server.next(1, At::Recipient, Do::Reply("451 4.3.0 Not now"));
    for _ in 0..2 {
        request_reset(&app, "ada@example.com").await;
    }
    put_off(&app, 1, PAUSE).await;
    later(&app, PAUSE);
    assert_eq!(all_sent(&app, &server).await.len(), 2);
}
