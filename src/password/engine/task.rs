//! A job on its way through the engine, with the way to answer it.

use std::time::Instant;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::job::{EngineError, Priority};
use crate::password::caller::Caller;
use crate::password::lanes::{Digest, LaneState};

/// A job's number, in order of arrival.
pub(super) type Ticket = u64;

/// A job with the way to answer it.
pub(super) struct Task {
    pub ticket: Ticket,
    pub caller: Caller,
    pub priority: Priority,
    pub work: Work,
    pub arrived: Instant,
    /// When it first got a lane.
    pub started: Option<Instant>,
    pub steps_left: u64,
}

/// What is to be done.
pub(super) enum Work {
    Hash(Box<Hash>),
    /// Something else that costs processor time. It answers by itself.
    Call(Box<dyn Call>),
}

/// One bcrypt hash under way.
pub(super) struct Hash {
    /// Empty once the lane has it.
    pub password: Zeroizing<Vec<u8>>,
    pub salt: [u8; 16],
    /// Steps that are left when the digest is due.
    pub padding: u64,
    pub digest: Option<Digest>,
    /// Its state, if it had a lane before and gave it back.
    pub state: Option<Box<LaneState>>,
    pub answer: oneshot::Sender<Result<Digest, EngineError>>,
}

/// Work that is no hash.
pub(super) trait Call: Send {
    /// Does the work and answers.
    fn run(self: Box<Self>);
    /// Answers without doing it.
    fn fail(self: Box<Self>, error: EngineError);
    /// Whether the caller has gone.
    fn is_abandoned(&self) -> bool;
}

impl Task {
    /// Whether its end says something about the network of its caller.
    pub fn marks_its_network(&self) -> bool {
        self.priority == Priority::Interactive && !self.caller.standing.is_shown()
    }

    /// Answers with the digest.
    pub fn finish(self) {
        if let Work::Hash(hash) = self.work {
            // Fails if the caller has just gone, who then needs no answer.
            drop(hash.answer.send(hash.digest.ok_or(EngineError::Failed)));
        }
    }

    /// Ends the job with an error.
    pub fn fail(self, error: EngineError) {
        match self.work {
            Work::Hash(hash) => drop(hash.answer.send(Err(error))),
            Work::Call(call) => call.fail(error),
        }
    }
}
