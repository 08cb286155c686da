//! Work that is no hash and yet costs processor time, such as judging a password. One thread does it, one call after the
//! other, and it waits in turns and by class as hashes do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

use super::job::EngineError;
use super::shared::Shared;
use super::task::{Call, Work};
use super::worker::stand_back;

/// A closure with the way to answer it. It is told whether the answer is still wanted.
pub(super) struct Pending<W, T> {
    pub work: W,
    pub answer: oneshot::Sender<Result<T, EngineError>>,
}

impl<W, T> Call for Pending<W, T>
where
    W: FnOnce(&dyn Fn() -> bool) -> T + Send,
    T: Send,
{
    fn run(self: Box<Self>) {
        let Self { work, answer } = *self;
        let is_wanted = || !answer.is_closed();
        let done = catch_unwind(AssertUnwindSafe(|| work(&is_wanted)));
        // Fails if the caller has just gone, who then needs no answer.
        drop(answer.send(done.map_err(|_| EngineError::Failed)));
    }

    fn fail(self: Box<Self>, error: EngineError) {
        drop(self.answer.send(Err(error)));
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }
}

/// The thread: does calls until the engine stops.
pub(super) fn serve(shared: &Arc<Shared>) {
    stand_back();
    let mut state = shared.lock();
    loop {
        if state.stopped {
            return;
        }
        let Some(task) = state.calls.take_interactive() else {
            state = shared
                .wake_calls
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        state.calling = true;
        drop(state);
        if let Work::Call(call) = task.work {
            if call.is_abandoned() {
                shared.counters.cancelled.fetch_add(1, Relaxed);
            } else {
                let start = Instant::now();
                call.run();
                shared.call_pace.record(start.elapsed());
            }
        }
        state = shared.lock();
        state.calling = false;
    }
}
