//! Refusals that have been seen and are not on record yet: bounded, whatever arrives.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::audit::Event;

/// Subjects told apart each minute. Failures of further ones are counted by kind alone.
const MAX_SUBJECTS: usize = 256;

/// Events that wait to be written, while the database is away too. Failures beyond that are counted.
pub(super) const MAX_WAITING: usize = MAX_SUBJECTS * (EACH as usize + 1);

/// Failures of one kind and subject that are events each minute. The rest is counted.
const EACH: u64 = 10;

/// What was seen, and what waits to be written.
#[derive(Default)]
pub struct Refusals {
    pub(super) state: Mutex<State>,
    pub(super) noted: Notify,
    /// Held while events are written: what was noted before a call is on disk after it, also where another call wrote it.
    pub(super) writing: tokio::sync::Mutex<()>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) minute: u64,
    pub(super) seen: HashMap<(&'static str, Vec<u8>), Seen>,
    /// Failures that there was no place for, by kind.
    pub(super) beyond: HashMap<&'static str, u64>,
    pub(super) waiting: Vec<Event>,
}

/// Failures of one kind and subject in this minute.
pub(super) struct Seen {
    pub(super) first: Event,
    pub(super) count: u64,
    pub(super) untold: u64,
}

impl Refusals {
    /// Waits until there is something to write.
    pub async fn noted(&self) {
        self.noted.notified().await;
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is a new event to write.
    pub(super) fn note(
        &mut self,
        action: &'static str,
        subject: &[u8],
        event: impl FnOnce() -> Event,
    ) -> bool {
        let key = (action, subject.to_vec());
        let is_known = self.seen.contains_key(&key);
        if self.waiting.len() >= MAX_WAITING || (!is_known && self.seen.len() >= MAX_SUBJECTS) {
            *self.beyond.entry(action).or_default() += 1;
            return false;
        }
        match self.seen.get_mut(&key) {
            Some(seen) if seen.count >= EACH => {
                seen.untold += 1;
                false
            }
            Some(seen) => {
                seen.count += 1;
                self.waiting.push(event());
                true
            }
            None => {
                let first = event();
                self.waiting.push(first.clone());
                let seen = Seen {
                    first,
                    count: 1,
                    untold: 0,
                };
                self.seen.insert(key, seen);
                true
            }
        }
    }
}
