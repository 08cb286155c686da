//! Mails handed over to a mail server that works, and to one that fails in every way.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../support/smtp/mod.rs"]
mod smtp;

mod encryption;
mod faults;
mod handover;
mod login;
mod patience;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use vestibule::clock::Timestamp;
use vestibule::config::{Settings, Source};
use vestibule::mail::{Kind, Letter, MailError, Mailer, SendError, Sent, Values};
use vestibule::text::Texts;

use smtp::SmtpServer;

const LINK: &str = "https://accounts.example.com/reset#0123456789abcdef";

/// What sends mails with these settings.
fn try_mailer(pairs: &[(&str, &str)]) -> Result<Mailer, MailError> {
    let settings = Settings::read(&mut Source::of(pairs)).expect("valid").mail;
    let texts = Arc::new(Texts::load(&settings).expect("loads"));
    Mailer::new(&settings, Some("accounts.example.com"), texts)
}

fn mailer(url: &str) -> Mailer {
    try_mailer(&[("SMTP_URL", url)]).expect("can be used")
}

/// A letter to somebody, told from others by `number`.
fn letter(number: u128) -> Letter {
    Letter {
        id: Uuid::from_u128(number),
        kind: Kind::PasswordReset,
        language: None,
        to: "ada@example.org".to_owned(),
        at: Timestamp::from_seconds(1_772_500_980),
        values: Values {
            username: Some("ada".to_owned()),
            link: Some(LINK.to_owned()),
            valid_for: Some(Duration::from_secs(1800)),
            ..Values::default()
        },
    }
}

/// Sends it; gives what was in the way.
async fn failure(mailer: &Mailer, letter: &Letter) -> SendError {
    mailer.send(letter).await.expect_err("is not sent")
}

#[track_caller]
fn assert_unreachable(error: &SendError) {
    assert!(matches!(error, SendError::Unreachable(_)), "{error:?}");
}

#[track_caller]
fn assert_temporary(error: &SendError) {
    assert!(matches!(error, SendError::Temporary(_)), "{error:?}");
}

async fn send(mailer: &Mailer, number: u128) {
    assert_eq!(mailer.send(&letter(number)).await, Ok(Sent::Smtp));
}

/// The Message-IDs of what the server has taken.
fn taken(server: &SmtpServer) -> Vec<String> {
    let mails = server.mails();
    mails
        .iter()
        .map(|mail| mail.header("Message-ID").expect("has one"))
        .collect()
}
