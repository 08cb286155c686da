//! Password checks under way, by what they hold attempts of. Each check has taken its attempts beforehand. When none is left,
//! the next request waits for a check to end before it is refused, because that check may succeed and give all attempts back.
//! So many right logins at one moment all succeed, and many guesses at one moment are no more than the limit allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// The checks under way.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<Subject, Checks>>);

/// Those of one account.
#[derive(Default)]
struct Checks {
    under_way: usize,
    /// Requests that wait for one of them to end.
    waiting: usize,
    ended: Arc<Notify>,
}

/// Requests that may wait at one account. More are told to come back: each end wakes all of them.
const MAX_WAITING: usize = 64;

/// See [`Attempts::next_end`].
pub enum NextEnd {
    NoneUnderWay,
    At(End),
    TooManyWait,
}

/// The end of a check.
pub struct End {
    ended: OwnedNotified,
    _waiting: Waiting,
}

impl End {
    /// Waits for it.
    pub async fn wait(self) {
        self.ended.await;
    }
}

/// A place among those who wait, until it is dropped.
struct Waiting {
    attempts: Arc<Attempts>,
    subject: Subject,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // With the last check its account is forgotten, and perhaps met again: then there is less to count down.
        if let Some(checks) = self.attempts.lock().get_mut(&self.subject) {
            checks.waiting = checks.waiting.saturating_sub(1);
        }
    }
}

/// A check under way, until it is dropped.
pub struct Attempt {
    attempts: Arc<Attempts>,
    subject: Subject,
}

impl Attempts {
    /// Notes that a check has begun. To be called in the unit of work that took its attempt, so that whoever finds none
    /// left sees it. Harmless where the unit is run again or undone: what it gave is dropped, and the check with it.
    pub fn begin(self: &Arc<Self>, subject: &Subject) -> Attempt {
        self.lock().entry(subject.clone()).or_default().under_way += 1;
        Attempt {
            attempts: self.clone(),
            subject: subject.clone(),
        }
    }

    /// When one of the account's checks ends.
    pub fn next_end(self: &Arc<Self>, subject: &Subject) -> NextEnd {
        match self.lock().get_mut(subject) {
            None => NextEnd::NoneUnderWay,
            Some(checks) if checks.waiting >= MAX_WAITING => NextEnd::TooManyWait,
            Some(checks) => {
                checks.waiting += 1;
                NextEnd::At(End {
                    ended: checks.ended.clone().notified_owned(),
                    _waiting: Waiting {
                        attempts: self.clone(),
                        subject: subject.clone(),
                    },
                })
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Checks>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut all = self.attempts.lock();
        if let Some(checks) = all.get_mut(&self.subject) {
            checks.under_way -= 1;
            checks.ended.notify_waiters();
            if checks.under_way == 0 {
                all.remove(&self.subject);
            }
        }
    }
}

/// What failures are counted by. Never raw input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(pub(super) Vec<u8>);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_is_told_to_whoever_waits() {
        let attempts = Arc::new(Attempts::default());
        let subject = Subject::for_tests();
        let is_idle = || matches!(attempts.next_end(&subject), NextEnd::NoneUnderWay);
        assert!(is_idle());
        let (one, other) = (attempts.begin(&subject), attempts.begin(&subject));
        let NextEnd::At(end) = attempts.next_end(&subject) else {
            panic!("two are under way");
        };
        drop(one);
        end.wait().await;
        assert!(!is_idle());
        drop(other);
        assert!(is_idle());
        assert!(attempts.lock().is_empty());
    }

    #[test]
    fn a_crowd_is_sent_away() {
        let attempts = Arc::new(Attempts::default());
        let subject = Subject::for_tests();
        let _check = attempts.begin(&subject);
        let waiting: Vec<NextEnd> = (0..MAX_WAITING)
            .map(|_| attempts.next_end(&subject))
            .collect();
        assert!(matches!(attempts.next_end(&subject), NextEnd::TooManyWait));
        drop(waiting);
        assert!(matches!(attempts.next_end(&subject), NextEnd::At(_)));
    }
}
