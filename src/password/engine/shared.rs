//! What the front door and the workers share: the queue and the loads under one lock, and atomics that tell a busy
//! worker whether the lock is worth taking.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::sync::oneshot;

use super::EngineSettings;
use super::admission::{self, Refused};
use super::job::{EngineError, Job, Priority};
use super::pace::{CallPace, Pace, Speed};
use super::queue::{Queue, Slot};
use super::reputation::Reputation;
use super::stats::{Counters, EngineSnapshot};
use super::task::{Call, Hash, Task, Ticket, Work};
use crate::password::caller::{Caller, ClientKey};
use crate::password::lanes::Digest;

type Answer = oneshot::Receiver<Result<Digest, EngineError>>;

/// One engine's state.
pub(super) struct Shared {
    pub settings: EngineSettings,
    pub pace: Pace,
    pub call_pace: CallPace,
    pub counters: Counters,
    pub reference: OnceLock<Speed>,
    state: Mutex<State>,
    /// Idle workers wait here for a job or the end.
    pub wake: Condvar,
    /// The thread for calls waits here.
    pub wake_calls: Condvar,
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
    /// Calls that wait, each of one step.
    pub calls: Queue,
    /// Whether a call is under way.
    pub calling: bool,
    pub reputation: Reputation,
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
            call_pace: CallPace::new(),
            counters: Counters::default(),
            reference: OnceLock::new(),
            state: Mutex::new(State {
                queue: Queue::default(),
                calls: Queue::default(),
                calling: false,
                reputation: Reputation::new(Instant::now()),
                loads: vec![Load::default(); settings.threads],
                stopped: false,
                next_ticket: 0,
                #[cfg(test)]
                hooks: super::tests::Hooks::default(),
            }),
            wake: Condvar::new(),
            wake_calls: Condvar::new(),
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
        state.calls.clear();
        self.publish(&state);
        drop(state);
        self.wake.notify_all();
        self.wake_calls.notify_all();
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
            steps_done: self.counters.steps.load(Relaxed),
            calls_queued: state.calls.interactive(),
            refused: self.counters.refused.load(Relaxed),
            cancelled: self.counters.cancelled.load(Relaxed),
            failed: self.counters.failed.load(Relaxed),
            wait: self.counters.wait.read(),
            hash: self.counters.hash.read(),
        }
    }

    /// Counts a check that a caller in `network` has had.
    pub fn record(&self, network: ClientKey, is_right: bool) {
        let mut state = self.lock();
        state.reputation.record(network, is_right, Instant::now());
    }

    fn admit(&self, job: Job) -> Result<(Answer, Ticket, Slot), EngineError> {
        let max = self.settings.max_cost;
        if job.cost > max {
            self.counters.refused.fetch_add(1, Relaxed);
            let cost = job.cost;
            return Err(EngineError::CostTooHigh { cost, max });
        }
        let (caller, priority) = (job.caller, job.priority);
        let (steps, padding) = (job.steps(), job.padding());
        let (answer, receiver) = oneshot::channel();
        let work = Work::Hash(Box::new(Hash {
            password: job.password,
            salt: job.salt,
            padding,
            digest: None,
            state: None,
            answer,
        }));
        let mut state = self.lock();
        let busy: usize = state.loads.iter().map(|load| load.interactive).sum();
        let lanes = self.settings.threads * self.settings.lanes;
        let load = admission::Load {
            max_wait: self.settings.max_wait,
            has_room: state.queue.interactive() + busy < lanes,
            in_progress: self
                .steps_left
                .iter()
                .map(|steps| steps.load(Relaxed))
                .sum(),
            time_for: &|work| self.pace.time_for(work),
        };
        let (ticket, slot) = self.offer(
            &mut state,
            Kind::Hash,
            (caller, priority, work, steps),
            &load,
        )?;
        self.publish(&state);
        drop(state);
        self.wake.notify_one();
        Ok((receiver, ticket, slot))
    }

    fn admit_call(
        &self,
        caller: Caller,
        call: Box<dyn Call>,
    ) -> Result<(Ticket, Slot), EngineError> {
        let mut state = self.lock();
        let load = admission::Load {
            max_wait: self.settings.max_wait,
            has_room: !state.calling && state.calls.interactive() == 0,
            in_progress: u64::from(state.calling),
            time_for: &|calls| self.call_pace.time_for(calls),
        };
        let place = self.offer(
            &mut state,
            Kind::Call,
            (caller, Priority::Interactive, Work::Call(call), 1),
            &load,
        )?;
        drop(state);
        self.wake_calls.notify_one();
        Ok(place)
    }

    /// Offers work to a queue, and answers those that have to leave for it.
    fn offer(
        &self,
        state: &mut State,
        kind: Kind,
        (caller, priority, work, steps): (Caller, Priority, Work, u64),
        load: &admission::Load<'_>,
    ) -> Result<(Ticket, Slot), EngineError> {
        if state.stopped {
            return Err(EngineError::Stopped);
        }
        let now = Instant::now();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        let task = Task {
            ticket,
            caller,
            priority,
            work,
            arrived: now,
            started: None,
            steps_left: steps,
        };
        let slot = admission::slot(&state.reputation, &caller, priority, now);
        let queue = match kind {
            Kind::Hash => &mut state.queue,
            Kind::Call => &mut state.calls,
        };
        let refused = admission::offer(queue, &mut state.reputation, &slot, task, load, now);
        let mut own = None;
        for Refused { task, retry_after } in refused {
            self.counters.refused.fetch_add(1, Relaxed);
            let error = EngineError::Overloaded { retry_after };
            if task.ticket == ticket {
                own = Some(error);
            } else {
                task.fail(error);
            }
        }
        own.map_or(Ok((ticket, slot)), Err)
    }

    fn withdraw(&self, place: &Place<'_>) {
        let mut state = self.lock();
        let queue = match place.of {
            Kind::Hash => &mut state.queue,
            Kind::Call => &mut state.calls,
        };
        let withdrawn = queue.withdraw(place.ticket, &place.slot);
        if let Some(task) = withdrawn.as_ref().filter(|task| task.marks_its_network()) {
            state.reputation.leave(task.caller.network, Instant::now());
        }
        self.publish(&state);
        drop(state);
        if withdrawn.is_some() {
            self.counters.cancelled.fetch_add(1, Relaxed);
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Hash,
    Call,
}

/// A caller's place in the queue. Dropped before the answer, it takes the job out; a job that already has a lane is found
/// gone by its worker, which sees the closed channel.
pub(super) struct Place<'a> {
    shared: &'a Shared,
    ticket: Ticket,
    slot: Slot,
    of: Kind,
    answered: bool,
}

impl<'a> Place<'a> {
    /// Lets the job in or refuses it.
    pub fn queue(shared: &'a Shared, job: Job) -> Result<(Answer, Self), EngineError> {
        let (answer, ticket, slot) = shared.admit(job)?;
        let place = Self {
            shared,
            ticket,
            slot,
            of: Kind::Hash,
            answered: false,
        };
        Ok((answer, place))
    }

    /// Lets the call in or refuses it.
    pub fn queue_call(
        shared: &'a Shared,
        caller: Caller,
        call: Box<dyn Call>,
    ) -> Result<Self, EngineError> {
        let (ticket, slot) = shared.admit_call(caller, call)?;
        Ok(Self {
            shared,
            ticket,
            slot,
            of: Kind::Call,
            answered: false,
        })
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
