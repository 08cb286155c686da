//! Sends what is in the outbox. Several mails at a time while the mail server can be reached; one at a time, with growing
//! pauses, while it cannot: a server that is away is no mail's fault, and costs none of them a try.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::domain::Services;
use crate::domain::outbox::{self, Outcome};

/// Mails sent at a time, each over a connection of its own.
const SENDERS: usize = 4;

/// How often to look, besides when told to: mails fall due, and other instances may have died over one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long the mail that finds out whether the server is back is waited for, before another one tries beside it: it may be the
/// one that the server has trouble with.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause while the server cannot be reached; each is twice the one before,
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends mails until the outbox is closed, and then to their end those that it has begun: one that is broken off may have
/// been taken, and would be sent again.
pub async fn run(services: Arc<Services>) {
    let mut line = Line::default();
    let mut sending = JoinSet::new();
    loop {
        if services.outbox.is_closed() && sending.is_empty() {
            return;
        }
        while !services.outbox.is_closed() && line.has_room(sending.len(), services.now()) {
            match outbox::claim(&services).await {
                Ok(Some(claim)) => {
                    line.begin(services.now());
                    let services = services.clone();
                    sending.spawn(async move { outbox::deliver(&services, claim).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(error = %error, "the outbox cannot be read; it is tried again");
                    break;
                }
            }
        }
        tokio::select! {
            Some(done) = sending.join_next() => match done {
                Ok(Ok(outcome)) => line.note(outcome),
                Ok(Err(error)) => {
                    tracing::warn!(error = %error, "what became of a mail is not on record; it is tried again");
                }
                Err(error) => tracing::error!(error = %error, "sending a mail broke off"),
            },
            () = services.outbox.woken() => (),
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

/// Whether the mail server can be reached, as far as is known.
#[derive(Debug, Default)]
struct Line {
    /// Since when it cannot be, in tries.
    failures: u32,
    /// When to try next.
    closed_until: Option<Timestamp>,
    /// When the last mail was begun.
    begun: Option<Timestamp>,
}

impl Line {
    fn has_room(&self, under_way: usize, now: Timestamp) -> bool {
        match self.closed_until {
            None => under_way < SENDERS,
            Some(until) => {
                let is_waited_for = self.begun.is_some_and(|begun| now.since(begun) < PATIENCE);
                until <= now && (under_way == 0 || under_way < SENDERS && !is_waited_for)
            }
        }
    }

    fn begin(&mut self, now: Timestamp) {
        self.begun = Some(now);
    }

    fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Unreachable(message, at) => {
                // Those that were under way when the first one failed tell nothing new.
                if self.closed_until.is_some_and(|until| until > at) {
                    return;
                }
                let pause = (FIRST_PAUSE * 2_u32.pow(self.failures.min(8))).min(LONGEST_PAUSE);
                self.failures += 1;
                self.closed_until = Some(at.plus(pause));
                tracing::error!(
                    again_in.seconds = pause.as_secs(),
                    error = message,
                    "NO MAIL CAN BE SENT; what waits is kept"
                );
            }
            Outcome::Untried => (),
            Outcome::Reached => {
                if self.failures > 0 {
                    tracing::info!("mail can be sent again");
                }
                *self = Self::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn away(at: Timestamp) -> Outcome {
        Outcome::Unreachable("refused".to_owned(), at)
    }

    #[test]
    fn a_server_that_is_away_is_asked_by_one_mail_at_a_time_and_less_and_less_often() {
        let mut line = Line::default();
        assert!(line.has_room(3, at(0)) && !line.has_room(4, at(0)));
        line.begin(at(0));
        line.note(away(at(0)));
        // The others that were under way.
        line.note(away(at(1)));
        assert!(!line.has_room(0, at(4)) && line.has_room(0, at(5)) && !line.has_room(1, at(5)));
        line.note(away(at(5)));
        assert!(!line.has_room(0, at(14)) && line.has_room(0, at(15)));
        for _ in 0..20 {
            let until = line.closed_until.expect("closed");
            line.note(away(until));
        }
        let until = line.closed_until.expect("closed");
        line.note(away(until));
        assert_eq!(line.closed_until, Some(until.plus(LONGEST_PAUSE)));
        // A mail that the server was not asked about tells nothing of it.
        line.note(Outcome::Untried);
        assert!(line.closed_until.is_some());
        line.note(Outcome::Reached);
        assert!(line.has_room(3, at(10_000)));
    }

    /// The one that finds out whether the server is back may be one that it keeps waiting.
    #[test]
    fn one_mail_does_not_hold_up_the_others_for_long() {
        let mut line = Line::default();
        line.note(away(at(0)));
        assert!(line.has_room(0, at(5)));
        line.begin(at(5));
        assert!(!line.has_room(1, at(64)) && line.has_room(1, at(65)));
        line.begin(at(65));
        assert!(!line.has_room(2, at(124)) && line.has_room(2, at(125)));
        assert!(!line.has_room(4, at(1000)));
    }

    /// A pause begins with the failure, however long it takes until it is known here.
    #[test]
    fn a_pause_counts_from_the_failure() {
        let mut line = Line::default();
        line.note(away(at(0)));
        line.note(away(at(60)));
        assert!(!line.has_room(0, at(69)) && line.has_room(0, at(70)));
    }
}
