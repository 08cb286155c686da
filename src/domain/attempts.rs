//! Password checks under way, by account. Each has taken one of the attempts that an account has; when none is left,
//! whoever comes next waits for a check to end before being refused: it may succeed and give all attempts back. So many
//! right logins at one moment all succeed, and many guesses at one moment are no more than the limit allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use super::password_check::Subject;

/// The checks under way.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<Subject, Checks>>);

/// Those of one account.
#[derive(Default)]
struct Checks {
    under_way: usize,
    ended: Arc<Notify>,
}

/// A check under way, until it is dropped.
pub struct Attempt {
    attempts: Arc<Attempts>,
    subject: Subject,
}

impl Attempts {
    /// Notes that a check has begun. To be called in the unit of work that took its attempt, so that whoever finds none
    /// left sees it.
    pub fn begin(self: &Arc<Self>, subject: &Subject) -> Attempt {
        self.lock().entry(subject.clone()).or_default().under_way += 1;
        Attempt {
            attempts: self.clone(),
            subject: subject.clone(),
        }
    }

    /// Done when one of the account's checks has ended; `None` when none is under way.
    pub fn next_end(&self, subject: &Subject) -> Option<OwnedNotified> {
        self.lock()
            .get(subject)
            .map(|checks| checks.ended.clone().notified_owned())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Checks>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Whose it is.
    pub fn subject(&self) -> &Subject {
        &self.subject
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    #[tokio::test]
    async fn an_end_is_told_to_whoever_waits() {
        let attempts = Arc::new(Attempts::default());
        let subject = Subject::user(UserId(uuid::Uuid::nil()));
        assert!(attempts.next_end(&subject).is_none());
        let (one, other) = (attempts.begin(&subject), attempts.begin(&subject));
        let end = attempts.next_end(&subject).expect("two are under way");
        drop(one);
        end.await;
        assert!(attempts.next_end(&subject).is_some());
        drop(other);
        assert!(attempts.next_end(&subject).is_none());
        assert!(attempts.lock().is_empty());
    }
}
