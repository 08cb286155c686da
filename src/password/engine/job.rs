//! What callers give the engine and what they get back.

use std::time::Duration;
use zeroize::Zeroizing;

use crate::password::caller::Caller;

/// One password to hash.
pub struct Job {
    /// The password as received; bcrypt looks at its first 72 bytes. Wiped when the job ends, in whatever way.
    pub password: Zeroizing<Vec<u8>>,
    /// The 16 bytes of the stored hash, or fresh random ones.
    pub salt: [u8; 16],
    /// bcrypt's cost: the hash takes 2^cost steps.
    pub cost: u32,
    /// The job takes the steps of this cost if its own is lower, so that the time does not tell the cost of a hash.
    pub padded_to: u32,
    /// Whose turn the job takes.
    pub caller: Caller,
    /// Whether a person waits for it.
    pub priority: Priority,
}

impl Job {
    /// The steps that the job takes in its lane, those after its digest included.
    pub(super) fn steps(&self) -> u64 {
        1 << self.cost.max(self.padded_to)
    }

    /// The steps that the job takes after its digest.
    pub(super) fn padding(&self) -> u64 {
        self.steps() - (1 << self.cost)
    }
}

/// Who waits for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A person waits: log-in, registration, change of password.
    Interactive,
    /// Nobody waits: a rehash at a higher cost. Runs only in lanes that would stay empty, and gives its lane back when
    /// a person needs it.
    Background,
}

/// Why a password was not hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The wait would have been longer than `max_wait`: the job was not queued, or gave its place to a caller who has
    /// less waiting.
    #[error("too many passwords wait to be hashed; there should be room in {retry_after:?}")]
    Overloaded {
        /// The time until a job like this one should be let in, if nothing else arrives.
        retry_after: Duration,
    },
    /// The stored hash asks for more work than this server does for one password.
    #[error("bcrypt cost {cost} is above the allowed {max}")]
    CostTooHigh {
        /// The cost asked for.
        cost: u32,
        /// The highest cost allowed.
        max: u32,
    },
    /// The worker thread panicked while this job was in one of its lanes.
    #[error("the hashing thread failed")]
    Failed,
    /// The engine was shut down before the job was done.
    #[error("the password engine has stopped")]
    Stopped,
}
