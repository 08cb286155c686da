//! The password engine: worker threads that hash with bcrypt, several passwords in lockstep on each. Answers a job,
//! refuses it at once, or drops it when its caller has gone; it knows neither users nor hash formats.
//!
//! Batching is continuous: between two steps (some 75 µs) finished hashes leave their lanes and waiting jobs join, so
//! that nobody waits for a batch to fill or to end.

#![expect(
    clippy::disallowed_methods,
    reason = "the engine measures how long its steps take"
)]

mod admission;
mod calls;
mod class;
mod job;
mod pace;
mod prefixes;
mod queue;
mod refusals;
mod reputation;
mod settings;
mod shared;
mod stats;
mod task;
#[cfg(test)]
mod tests;
mod turns;
mod worker;

pub use job::{EngineError, Job, Priority};
pub use pace::Speed;
pub use stats::{BUCKET_MS, EngineSnapshot, Histogram};

use calls::Pending;
use shared::{Place, Shared};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use worker::Worker;

pub use self::settings::EngineSettings;
use super::caller::{Caller, ClientKey};
use super::lanes::{Digest, MAX_LANES};

/// The running engine. Stops when dropped.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the worker threads and does not wait for them.
    ///
    /// # Errors
    /// When a setting is out of range, or the system gives no more threads.
    pub fn start(settings: EngineSettings) -> io::Result<Self> {
        check(&settings)?;
        let engine = Self {
            shared: Arc::new(Shared::new(settings)),
            threads: Mutex::new(Vec::with_capacity(settings.threads + 1)),
        };
        for index in 0..settings.threads {
            let worker = Worker::new(index, Arc::clone(&engine.shared));
            let thread = std::thread::Builder::new()
                .name(format!("hash-{index}"))
                .spawn(move || worker.run())?;
            engine.lock_threads().push(thread);
        }
        let shared = Arc::clone(&engine.shared);
        let thread = std::thread::Builder::new()
            .name("hash-calls".to_owned())
            .spawn(move || calls::serve(&shared))?;
        engine.lock_threads().push(thread);
        Ok(engine)
    }

    /// Hashes one password. Dropping the future takes the job out of the queue, or out of its lane before the next step.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] and [`EngineError::CostTooHigh`] at once and without hashing; [`EngineError::Failed`]
    /// and [`EngineError::Stopped`] as they happen.
    pub async fn digest(&self, job: Job) -> Result<Digest, EngineError> {
        let (answer, place) = Place::queue(&self.shared, job)?;
        let result = answer.await.unwrap_or_else(|_| Err(self.shared.lost()));
        place.answered();
        result
    }

    /// Does other work that costs processor time, admitted as hashes are and one call at a time. `work` is told whether
    /// its answer is still wanted, and should end soon when it is not. Dropping the future takes it out of the queue.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`] at once; [`EngineError::Failed`] when `work` panics; [`EngineError::Stopped`].
    pub async fn run<T: Send + 'static>(
        &self,
        caller: Caller,
        work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, receiver) = oneshot::channel();
        let place = Place::queue_call(&self.shared, caller, Box::new(Pending { work, answer }))?;
        let result = receiver.await.unwrap_or_else(|_| Err(self.shared.lost()));
        place.answered();
        result
    }

    /// Counts a check that a caller in `network` has had, which decides on the turns of strangers there.
    pub fn record(&self, network: ClientKey, is_right: bool) {
        self.shared.record(network, is_right);
    }

    /// The engine's counters.
    pub fn snapshot(&self) -> EngineSnapshot {
        self.shared.snapshot()
    }

    /// The speed that was measured at the start. Blocks for the few milliseconds that the measurement takes.
    pub fn reference(&self) -> Speed {
        *self.shared.reference.wait()
    }

    /// Stops the threads; jobs that are not done get [`EngineError::Stopped`]. Waits for the steps in progress (under
    /// a millisecond).
    pub fn stop(&self) {
        self.shared.stop();
        for thread in self.lock_threads().drain(..) {
            // A worker catches its panics, and there is nobody to tell.
            drop(thread.join());
        }
    }

    fn lock_threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

fn check(settings: &EngineSettings) -> io::Result<()> {
    let invalid = |message| Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    if settings.threads == 0 {
        return invalid("hash threads: found 0, expected 1 or more".to_owned());
    }
    if !(1..=MAX_LANES).contains(&settings.lanes) {
        let found = settings.lanes;
        return invalid(format!(
            "hash lanes: found {found}, expected 1 to {MAX_LANES}"
        ));
    }
    // bcrypt's format has two digits for the cost, and its loop counter 32 bits.
    if settings.max_cost > 31 || settings.reference_cost > 31 {
        let found = settings.max_cost.max(settings.reference_cost);
        return invalid(format!("bcrypt cost: found {found}, expected at most 31"));
    }
    Ok(())
}
