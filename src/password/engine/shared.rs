//! What the front door and the workers share: the queue and the loads under one lock, and atomics that tell a busy
//! worker whether the lock is worth taking.

use super::EngineSettings;
use super::admission;
use super::job::{EngineError, Job, Priority};
use super::pace::{Pace, Speed};
use super::queue::{Queue, Task, Ticket};
use super::stats::{Counters, EngineSnapshot};
use crate::password::caller::ClientKey;
use crate::password::lanes::Digest;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

type Answer = oneshot::Receiver<Result<Digest, EngineError>>;

/// One engine's state.
pub(super) struct Shared {
    pub settings: EngineSettings,
    pub pace: Pace,
    pub counters: Counters,
    pub reference: OnceLock<Speed>,
    state: Mutex<State>,
    /// Idle workers wait here for a job or the end.
    pub wake: Condvar,
    /// Copies of the queue's lengths and of `stopped`, for workers that look without the lock between two steps.
    interactive_waiting: AtomicUsize,
    background_waiting: AtomicUsize,
    stopping: AtomicBool,
    /// Steps left of the interactive jobs in each worker's lanes.
    pub steps_left: Vec<AtomicU64>,
}

/// What the lock guards.
pub(super) struct State {
    pub queue: Queue,
    /// Busy lanes of each worker.
    pub loads: Vec<Load>,
    pub stopped: bool,
    next_ticket: Ticket,
    #[cfg(test)]
    pub hooks: super::tests::Hooks,
}

/// Busy lanes of one worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub interactive: usize,
    pub background: usize,
}

impl Load {
    pub fn busy(self) -> usize {
        self.interactive + self.background
    }
}

impl State {
    /// Whether `worker` may take one of `waiting` jobs: not while there are only as many as bring the less loaded
    /// workers up to its level.
    pub fn may_take(&self, worker: usize, waiting: usize) -> bool {
        let own = self.loads[worker].busy();
        let due_to_others: usize = self
            .loads
            .iter()
            .map(|load| own.saturating_sub(load.busy()))
            .sum();
        waiting > due_to_others
    }
}

impl Shared {
    pub fn new(settings: EngineSettings) -> Self {
        Self {
            settings,
            pace: Pace::new(settings.threads, settings.lanes),
            counters: Counters::default(),
            reference: OnceLock::new(),
            state: Mutex::new(State {
                queue: Queue::default(),
                loads: vec![Load::default(); settings.threads],
                stopped: false,
                next_ticket: 0,
                #[cfg(test)]
                hooks: super::tests::Hooks::default(),
            }),
            wake: Condvar::new(),
            interactive_waiting: AtomicUsize::new(0),
            background_waiting: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            steps_left: (0..settings.threads).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The lock. A panic while it was held leaves counts that are a job off at worst, so the engine goes on.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the copies of the queue's lengths; to be called before the lock is released.
    pub fn publish(&self, state: &State) {
        self.interactive_waiting
            .store(state.queue.interactive(), Relaxed);
        self.background_waiting
            .store(state.queue.background(), Relaxed);
    }

    /// Whether a worker with these lanes busy should take the lock and look.
    pub fn worth_a_look(&self, load: Load) -> bool {
        let room = load.busy() < self.settings.lanes;
        self.interactive_waiting.load(Relaxed) > 0 && (room || load.background > 0)
            || self.background_waiting.load(Relaxed) > 0 && room
            || self.stopping.load(Relaxed)
    }

    pub fn stop(&self) {
        let mut state = self.lock();
        state.stopped = true;
        // Before any job is dropped, so that its caller learns why.
        self.stopping.store(true, Relaxed);
        state.queue.clear();
        self.publish(&state);
        drop(state);
        self.wake.notify_all();
    }

    /// Why a job was dropped without an answer.
    pub fn lost(&self) -> EngineError {
        if self.stopping.load(Relaxed) {
            EngineError::Stopped
        } else {
            EngineError::Failed
        }
    }

    pub fn snapshot(&self) -> EngineSnapshot {
        let state = self.lock();
        EngineSnapshot {
            queued: state.queue.interactive(),
            background_queued: state.queue.background(),
            lanes_busy: state.loads.iter().map(|load| load.busy()).sum(),
            lanes_total: self.settings.threads * self.settings.lanes,
            hashes_done: self.counters.done.load(Relaxed),
            refused: self.counters.refused.load(Relaxed),
            cancelled: self.counters.cancelled.load(Relaxed),
            failed: self.counters.failed.load(Relaxed),
            wait: self.counters.wait.read(),
            hash: self.counters.hash.read(),
        }
    }

    fn admit(&self, job: Job) -> Result<(Answer, Ticket), EngineError> {
        let max = self.settings.max_cost;
        if job.cost > max {
            let cost = job.cost;
            return Err(EngineError::CostTooHigh { cost, max });
        }
        let mut state = self.lock();
        if state.stopped {
            return Err(EngineError::Stopped);
        }
        admission::check(self, &state, &job)?;
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let (answer, receiver) = oneshot::channel();
        state.queue.push(Task {
            ticket,
            steps_left: job.steps(),
            job,
            answer,
            arrived: Instant::now(),
            started: None,
            state: None,
        });
        self.publish(&state);
        drop(state);
        self.wake.notify_one();
        Ok((receiver, ticket))
    }

    fn withdraw(&self, place: &Place<'_>) {
        let mut state = self.lock();
        let withdrawn = state
            .queue
            .withdraw(place.ticket, place.client, place.priority);
        self.publish(&state);
        drop(state);
        if withdrawn.is_some() {
            self.counters.cancelled.fetch_add(1, Relaxed);
        }
    }
}

/// A caller's place in the queue. Dropped before the answer, it takes the job out; a job that already has a lane is found
/// gone by its worker, which sees the closed channel.
pub(super) struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket,
    client: ClientKey,
    priority: Priority,
    answered: bool,
}

impl<'a> Place<'a> {
    /// Lets the job in or refuses it.
    pub fn queue(shared: &'a Shared, job: Job) -> Result<(Answer, Self), EngineError> {
        let (client, priority) = (job.caller.network, job.priority);
        let (answer, ticket) = shared.admit(job).inspect_err(|error| {
            if *error != EngineError::Stopped {
                shared.counters.refused.fetch_add(1, Relaxed);
            }
        })?;
        let place = Self {
            shared,
            ticket,
            client,
            priority,
            answered: false,
        };
        Ok((answer, place))
    }

    /// The answer came; there is nothing to take out.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.shared.withdraw(self);
        }
    }
}
