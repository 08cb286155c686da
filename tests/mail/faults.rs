//! Whose fault it was, and that nothing is sent twice without need.

use vestibule::mail::SendError;

use crate::smtp::{At, Do, SmtpServer};
use crate::{assert_temporary, assert_unreachable, failure, letter, mailer, send, taken};

const UNKNOWN: Do = Do::Reply("550 5.1.1 <ada@example.org>: no such user");
const FULL: Do = Do::Reply("552 5.2.2 Mailbox full");
const SPAM: Do = Do::Reply("554 5.7.1 Looks like spam");
const CLOSING: Do = Do::Reply("421 4.3.2 Closing, too many mails");

#[tokio::test]
async fn a_server_that_is_away_is_nobodys_fault_and_comes_back() {
    let mut server = SmtpServer::start().await;
    server.stop().await;
    let mailer = mailer(&server.url());
    let error = failure(&mailer, &letter(1)).await;
    let place = server.url().replace("smtp://", "");
    let message = format!("{place}: Connection refused (os error 111)");
    assert_eq!(error, SendError::Unreachable(message));
    server.start_again().await;
    send(&mailer, 1).await;
    assert_eq!(taken(&server).len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_want_us_is_nobodys_fault() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    let place = server.url().replace("smtp://", "");
    for (greeting, told) in [
        (Do::Close, "it gave no whole answer in SMTP"),
        (Do::Reply("421 4.3.2 Busy"), "421 4.3.2 Busy"),
        (Do::Reply("554 5.7.1 Go away"), "554 5.7.1 Go away"),
        (
            Do::Reply("this is not SMTP"),
            "it gave no whole answer in SMTP",
        ),
    ] {
        server.next(1, At::Connection, greeting);
        let error = failure(&mailer, &letter(1)).await;
        assert_eq!(error, SendError::Unreachable(format!("{place}: {told}")));
    }
    send(&mailer, 1).await;
}

#[tokio::test]
async fn a_refused_sender_is_the_same_for_every_mail() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    for refusal in [
        "530 5.7.0 Authentication required",
        "550 5.7.1 Not your address",
        "553 5.1.8 No such domain",
    ] {
        server.next(1, At::Sender, Do::Reply(refusal));
        let error = failure(&mailer, &letter(1)).await;
        assert_eq!(error, SendError::Unreachable(refusal.to_owned()));
    }
}

#[tokio::test]
async fn a_greylisted_mail_passes_the_second_time() {
    let server = SmtpServer::start().await;
    server.greylist();
    let mailer = mailer(&server.url());
    assert_temporary(&failure(&mailer, &letter(1)).await);
    send(&mailer, 1).await;
    send(&mailer, 2).await;
    assert_eq!((taken(&server).len(), server.connections()), (2, 1));
}

#[tokio::test]
async fn a_refusal_is_told_with_what_the_server_said_and_the_connection_goes_on() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    for (at, answer, is_address) in [
        (At::Recipient, UNKNOWN, true),
        (At::Recipient, FULL, false),
        (At::Recipient, SPAM, false),
        (At::Data, SPAM, false),
        (At::Message, FULL, false),
        (At::Message, SPAM, false),
        (At::Message, UNKNOWN, true),
    ] {
        let Do::Reply(said) = answer else {
            panic!("an answer")
        };
        server.next(1, at, answer);
        let message = said.to_owned();
        let expected = SendError::Refused {
            message,
            is_address,
        };
        assert_eq!(failure(&mailer, &letter(1)).await, expected, "{at:?}");
    }
    send(&mailer, 2).await;
    assert_eq!((taken(&server).len(), server.connections()), (1, 1));
}

#[tokio::test]
async fn for_now_is_not_for_ever() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    // Before there is a recipient it is for all mails, and no fault of this one.
    let later = "451 4.3.0 Try again later";
    server.next(1, At::Sender, Do::Reply(later));
    let error = failure(&mailer, &letter(1)).await;
    assert_eq!(error, SendError::Unreachable(later.to_owned()));
    for at in [At::Recipient, At::Data, At::Message] {
        server.next(1, at, Do::Reply("451 4.3.0 Try again later"));
        let error = failure(&mailer, &letter(1)).await;
        assert_eq!(
            error,
            SendError::Temporary("451 4.3.0 Try again later".to_owned()),
            "{at:?}"
        );
    }
    send(&mailer, 1).await;
    assert_eq!(taken(&server).len(), 1);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_has_carried_nothing() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    server.next(1, At::Middle, Do::Close);
    assert_temporary(&failure(&mailer, &letter(1)).await);
    assert_eq!(taken(&server).len(), 0);
    send(&mailer, 1).await;
    assert_eq!(taken(&server).len(), 1);
}

/// Here nobody can know; the Message-ID tells the reader's mail program that it is one mail.
#[tokio::test]
async fn a_mail_whose_answer_was_lost_is_not_sent_again_by_itself() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    send(&mailer, 1).await;
    server.next(1, At::Message, Do::Close);
    assert_temporary(&failure(&mailer, &letter(2)).await);
    assert_eq!(taken(&server).len(), 2);
    send(&mailer, 2).await;
    let taken = taken(&server);
    assert_eq!(taken[1], taken[2]);
}

#[tokio::test]
async fn a_connection_that_has_gone_stale_fails_no_mail() {
    let mut server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    send(&mailer, 1).await;
    server.stop().await;
    server.start_again().await;
    send(&mailer, 2).await;
    assert_eq!((taken(&server).len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_connection_that_carries_no_more_mails_fails_none_either() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    send(&mailer, 0).await;
    for (number, at, what) in [
        (1, At::Sender, CLOSING),
        (2, At::Sender, Do::Close),
        (3, At::Recipient, CLOSING),
        (4, At::Data, Do::Close),
        (5, At::Message, CLOSING),
    ] {
        server.next(1, at, what);
        send(&mailer, number).await;
        assert_eq!(server.connections(), number as usize + 1, "{at:?}");
    }
    let mut taken = taken(&server);
    taken.dedup();
    assert_eq!(taken.len(), 6);
}

#[tokio::test]
async fn a_fresh_connection_is_tried_once() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    server.next(1, At::Sender, CLOSING);
    assert_unreachable(&failure(&mailer, &letter(1)).await);
    assert_eq!(server.connections(), 1);
    server.next(1, At::Sender, Do::Close);
    assert_unreachable(&failure(&mailer, &letter(1)).await);
    assert_eq!((server.connections(), taken(&server).len()), (2, 0));
}

#[tokio::test]
async fn what_a_server_says_becomes_one_line() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    let answer = "550-5.7.1 We do not like you.\r\n550-5.7.1 See our site.\r\n550 5.7.1 Bye.";
    server.next(1, At::Recipient, Do::Reply(answer));
    let SendError::Refused {
        message,
        is_address,
    } = failure(&mailer, &letter(1)).await
    else {
        panic!("not refused");
    };
    assert!(
        !is_address && message.starts_with("550 5.7.1 We do not like you."),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
}
