//! A mail server that stays silent, and how long it is waited for. Time runs on its own where nobody has anything else to do.

use std::time::Duration;

use tokio::time::Instant;
use vestibule::mail::{Mailer, SendError};

use crate::smtp::{At, Do, Gate, Setup, SmtpServer};
use crate::{assert_temporary, assert_unreachable, failure, letter, mailer, send};

/// A silence: nobody opens the gate.
fn silent(server: &SmtpServer, at: At) -> Gate {
    let gate = Gate::new();
    server.next(1, at, Do::Wait(gate.clone()));
    gate
}

/// Lets time run as soon as the gate is reached, and gives what became of the mail, and when.
async fn outcome(mailer: &Mailer, gate: &Gate) -> (SendError, Duration) {
    let running = async {
        gate.reached_by(1).await;
        tokio::time::pause();
        Instant::now()
    };
    let letter = letter(1);
    let failing = async {
        let error = failure(mailer, &letter).await;
        (error, Instant::now())
    };
    let ((error, ended), begun) = tokio::join!(failing, running);
    tokio::time::resume();
    (error, ended - begun)
}

/// The clock runs until the gate is reached.
#[track_caller]
fn assert_waited(waited: Duration, seconds: u64) {
    let difference = waited.abs_diff(Duration::from_secs(seconds));
    assert!(difference < Duration::from_secs(5), "{waited:?}");
}

#[tokio::test]
async fn one_that_does_not_greet_is_away_after_a_minute() {
    let server = SmtpServer::start().await;
    let gate = silent(&server, At::Connection);
    let (error, waited) = outcome(&mailer(&server.url()), &gate).await;
    assert_unreachable(&error);
    assert!(
        error.to_string().ends_with("no answer within 60 s"),
        "{error}"
    );
    assert_waited(waited, 60);
}

#[tokio::test]
async fn one_that_does_not_let_us_in_is_away_after_a_minute() {
    let server = SmtpServer::start_as(Setup {
        login: Some(("vestibule", "secret")),
        ..Setup::default()
    })
    .await;
    let gate = silent(&server, At::Login);
    let url = server.url().replace("smtp://", "smtp://vestibule:secret@");
    let (error, waited) = outcome(&mailer(&url), &gate).await;
    assert_unreachable(&error);
    assert_waited(waited, 60);
}

#[tokio::test]
async fn one_that_falls_silent_in_between_is_left_after_a_minute() {
    for at in [At::Sender, At::Recipient, At::Data] {
        let server = SmtpServer::start().await;
        let mailer = mailer(&server.url());
        let gate = silent(&server, at);
        let (error, waited) = outcome(&mailer, &gate).await;
        match at {
            At::Sender => assert_unreachable(&error),
            _ => assert_temporary(&error),
        }
        assert_waited(waited, 60);
        // The connection on which it hangs is not used again.
        send(&mailer, 2).await;
        assert_eq!(server.connections(), 2, "{at:?}");
    }
}

/// It may have taken the message.
#[tokio::test]
async fn the_answer_to_a_message_is_waited_for_ten_minutes() {
    let server = SmtpServer::start().await;
    let gate = silent(&server, At::Message);
    let (error, waited) = outcome(&mailer(&server.url()), &gate).await;
    assert_temporary(&error);
    assert_waited(waited, 600);
    assert_eq!(server.connections(), 1);
}

/// Networks forget connections without telling.
#[tokio::test]
async fn a_connection_that_was_forgotten_is_replaced_after_ten_seconds() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    send(&mailer, 1).await;
    let gate = silent(&server, At::Sender);
    let sending = async {
        send(&mailer, 2).await;
        Instant::now()
    };
    let running = async {
        gate.reached_by(1).await;
        tokio::time::pause();
        let begun = Instant::now();
        tokio::time::sleep(Duration::from_secs(10)).await;
        tokio::time::resume();
        begun
    };
    let (ended, begun) = tokio::join!(sending, running);
    assert!(ended - begun < Duration::from_secs(15));
    assert_eq!((server.mails().len(), server.connections()), (2, 2));
}

#[tokio::test]
async fn a_connection_without_work_is_closed_after_half_a_minute() {
    let server = SmtpServer::start().await;
    let mailer = mailer(&server.url());
    for (pause, connections) in [(0, 1), (29, 1), (31, 2)] {
        tokio::time::pause();
        tokio::time::sleep(Duration::from_secs(pause)).await;
        tokio::time::resume();
        send(&mailer, 1).await;
        assert_eq!(server.connections(), connections, "after {pause} s");
    }
}
