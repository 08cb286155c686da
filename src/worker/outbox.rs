//! Sends what is in the outbox. Several mails at a time while the mail server can be reached; one at a time, with growing
//! pauses, while it cannot: a server that is away is no mail's fault, and costs none of them a try. Those that the server keeps
//! waiting do not hold up the others.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::{JoinError, JoinSet};

use crate::clock::Timestamp;
use crate::domain::email::outbox::{self, Outcome};
use crate::domain::{self, Services};
use crate::mail::CONNECTIONS;

/// Mails sent at a time, each over a connection of its own.
const SENDERS: usize = 4;

/// How long a mail counts among them. One that the server still has not answered then leaves its place to others,
const PATIENCE: Duration = Duration::from_secs(30);

/// up to so many.
const MOST: usize = CONNECTIONS;

/// How often to look, besides when told to: mails fall due, and other instances may have died over one.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longest pause after being told that there is something to send, in milliseconds. It is by chance: what a mail costs to send
/// is not to be seen in how long the next request takes.
const BREATH_MS: u64 = 64;

/// Pause while the server cannot be reached; each is twice the one before,
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Sends mails until the outbox is closed, and then to their end those that it has begun: one that is broken off may have
/// been taken, and would be sent again.
pub async fn run(services: Arc<Services>) {
    let mut line = Line::new();
    let mut sending = JoinSet::new();
    loop {
        if services.outbox.is_closed() && sending.is_empty() {
            return;
        }
        while !services.outbox.is_closed() && line.has_room(services.now()) {
            match outbox::claim(&services).await {
                Ok(Some(claim)) => {
                    let services = services.clone();
                    let begun = services.now();
                    let task =
                        sending.spawn(async move { outbox::deliver(&services, claim).await });
                    line.begin(task.id(), begun);
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(error = %error, "the outbox cannot be read; it is tried again");
                    break;
                }
            }
        }
        tokio::select! {
            // What has become of mails is known before others are taken.
            biased;
            Some(done) = sending.join_next_with_id() => {
                line.note_end(done.map_err(|error| (error.id(), error)));
            }
            () = services.outbox.woken() => {
                // Where there is more to do anyway, one mail more or less does not show.
                if sending.is_empty() {
                    let breath = u64::from_le_bytes(services.ids.bytes()) % BREATH_MS;
                    tokio::time::sleep(Duration::from_millis(breath)).await;
                    // A call in the meantime counts, too.
                    let _ = services.outbox.woken().now_or_never();
                }
            }
            () = tokio::time::sleep(LOOK_EVERY) => (),
        }
    }
}

/// What became of a task.
type Ended<Task> = Result<(Task, domain::Result<Outcome>), (Task, JoinError)>;

/// The mails under way, by the tasks that send them, and whether the mail server can be reached, as far as is known.
#[derive(Debug)]
struct Line<Task> {
    /// When each was begun.
    under_way: HashMap<Task, Timestamp>,
    /// Since when the server cannot be reached, in tries.
    failures: u32,
    /// When to try next.
    closed_until: Option<Timestamp>,
}

impl<Task: Eq + Hash> Line<Task> {
    fn new() -> Self {
        Self {
            under_way: HashMap::new(),
            failures: 0,
            closed_until: None,
        }
    }

    fn has_room(&self, now: Timestamp) -> bool {
        let begun = self.under_way.values();
        let fresh = begun.filter(|begun| now.since(**begun) < PATIENCE).count();
        let is_room = match self.closed_until {
            None => fresh < SENDERS,
            Some(until) => fresh == 0 && until <= now,
        };
        is_room && self.under_way.len() < MOST
    }

    fn begin(&mut self, task: Task, now: Timestamp) {
        self.under_way.insert(task, now);
    }

    fn end(&mut self, task: &Task) {
        self.under_way.remove(task);
    }

    /// Notes how a task has ended that sent a mail.
    fn note_end(&mut self, done: Ended<Task>) {
        match done {
            Ok((task, outcome)) => {
                self.end(&task);
                match outcome {
                    Ok(outcome) => self.note(outcome),
                    Err(error) => {
                        tracing::warn!(error = %error, "what became of a mail is not on record; it is tried again");
                    }
                }
            }
            Err((task, error)) => {
                self.end(&task);
                tracing::error!(error = %error, "sending a mail broke off");
            }
        }
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
                (self.failures, self.closed_until) = (0, None);
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

    /// With mails under way that were begun at these moments.
    fn line(begun: &[i64]) -> Line<usize> {
        let mut line = Line::new();
        for (task, second) in begun.iter().enumerate() {
            line.begin(task, at(*second));
        }
        line
    }

    #[test]
    fn a_server_that_is_away_is_asked_by_one_mail_at_a_time_and_less_and_less_often() {
        let mut line = line(&[0, 0, 0]);
        assert!(line.has_room(at(0)));
        line.begin(3, at(0));
        assert!(!line.has_room(at(0)));
        for task in 0..4 {
            line.end(&task);
            // The others that were under way tell nothing new.
            line.note(away(at(0)));
        }
        assert!(!line.has_room(at(4)) && line.has_room(at(5)));
        line.begin(4, at(5));
        assert!(!line.has_room(at(5)));
        line.end(&4);
        line.note(away(at(5)));
        assert!(!line.has_room(at(14)) && line.has_room(at(15)));
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
        assert!(line.has_room(until));
    }

    #[test]
    fn mails_that_the_server_does_not_answer_leave_their_places_to_others() {
        let mut line = line(&[0, 0, 0, 0]);
        assert!(!line.has_room(at(29)) && line.has_room(at(30)));
        for task in 4..8 {
            line.begin(task, at(30));
        }
        assert!(!line.has_room(at(30)) && line.has_room(at(60)));
        for task in 8..MOST {
            line.begin(task, at(60));
        }
        assert!(!line.has_room(at(1000)), "some servers allow few");
        line.end(&0);
        assert!(line.has_room(at(1000)));
    }

    /// The one that finds out whether the server is back may be one that it keeps waiting.
    #[test]
    fn one_mail_does_not_hold_up_the_others_for_long() {
        let mut line = line(&[]);
        line.note(away(at(0)));
        assert!(line.has_room(at(5)));
        line.begin(0, at(5));
        assert!(!line.has_room(at(34)) && line.has_room(at(35)));
        line.begin(1, at(35));
        assert!(!line.has_room(at(64)) && line.has_room(at(65)));
    }

    /// A pause begins with the failure, however long it takes until it is known here.
    #[test]
    fn a_pause_counts_from_the_failure() {
        let mut line = line(&[]);
        line.note(away(at(0)));
        line.note(away(at(60)));
        assert!(!line.has_room(at(69)) && line.has_room(at(70)));
    }
}
