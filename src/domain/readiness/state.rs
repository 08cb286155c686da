//! What was found last, and the look that is under way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::Result;

/// What waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingMail {
    /// Age of the oldest mail, when that has waited for 5 seconds or more.
    pub oldest_age: Option<Duration>,
    /// How many could not be delivered.
    pub given_up: i64,
}

/// What was found last, and the look that is under way.
#[derive(Default)]
pub struct Readiness(Mutex<State>);

#[derive(Default)]
pub(super) struct State {
    pub(super) last: Option<Found>,
    pub(super) look: Option<Look>,
    /// Commits that had failed by the last look.
    pub(super) failed_commits: u64,
}

/// What was found, and when (monotonic).
#[derive(Clone)]
pub(super) struct Found {
    pub(super) at: Duration,
    pub(super) outcome: Result<WaitingMail>,
}

/// A look that began at a moment. Its channel is closed when it has ended, in whatever way.
#[derive(Clone)]
pub(super) struct Look {
    pub(super) since: Duration,
    pub(super) ended: watch::Receiver<()>,
}

impl Readiness {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether commits have failed since this was asked last.
    pub(super) fn has_failed(&self, failed_commits: u64) -> bool {
        let before = std::mem::replace(&mut self.state().failed_commits, failed_commits);
        failed_commits > before
    }
}
