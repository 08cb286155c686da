//! One hashing thread: takes jobs from the queue into its lanes, steps them, answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::Instant;
use zeroize::Zeroizing;

use super::job::{EngineError, Priority};
use super::queue::Slot;
use super::shared::{Load, Shared, State};
use super::task::{Task, Work};
use crate::password::lanes::Lanes;

/// How far hashing stands back behind the threads that serve requests (`nice`).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

pub(super) struct Worker {
    index: usize,
    shared: Arc<Shared>,
    lanes: Lanes,
    /// The jobs in the lanes, in the lanes' order.
    running: Vec<Task>,
    /// Jobs taken from the queue that join the lanes once the lock is released.
    arrivals: Vec<Task>,
    /// Whether lanes were left since the lock was last held, so that this worker's load there is too high.
    load_changed: bool,
}

impl Worker {
    pub fn new(index: usize, shared: Arc<Shared>) -> Self {
        let lanes = shared.settings.lanes;
        Self {
            index,
            shared,
            lanes: Lanes::new(),
            running: Vec::with_capacity(lanes),
            arrivals: Vec::with_capacity(lanes),
            load_changed: false,
        }
    }

    /// The thread: works until the engine stops. A panic costs the jobs in the lanes, not the thread.
    pub fn run(mut self) {
        stand_back();
        if self.index == 0 {
            let shared = &self.shared;
            shared
                .reference
                .get_or_init(|| shared.pace.measure(shared.settings.reference_cost));
        }
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            self.fail_all();
        }
    }

    /// Returns when the engine stops.
    fn serve(&mut self) {
        loop {
            let look = self.running.is_empty()
                || self.load_changed
                || self.shared.worth_a_look(self.load());
            if look && !self.take_jobs() {
                return;
            }
            self.step();
            self.settle();
        }
    }

    /// Fills the lanes from the queue, and waits for a job if there is nothing else to do. Returns whether to go on:
    /// false once the engine stops.
    fn take_jobs(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        loop {
            if state.stopped {
                return false;
            }
            self.fill(&mut state);
            if !self.running.is_empty() || !self.arrivals.is_empty() {
                break;
            }
            state = shared
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        for mut task in self.arrivals.drain(..) {
            // Calls have a queue and a thread of their own.
            let Work::Hash(hash) = &mut task.work else {
                continue;
            };
            match hash.state.take() {
                Some(state) => self.lanes.resume(&state),
                None => self.lanes.join(&hash.password, &hash.salt),
            }
            // The lane has all it needs of the password.
            hash.password = Zeroizing::default();
            self.running.push(task);
        }
        true
    }

    /// Takes what this worker may take into `arrivals`.
    fn fill(&mut self, state: &mut State) {
        state.loads[self.index] = self.load();
        self.load_changed = false;
        while let Some(mut task) = self.next_task(state) {
            if task.started.is_none() {
                let now = Instant::now();
                task.started = Some(now);
                if task.priority == Priority::Interactive {
                    self.shared.counters.wait.add(now - task.arrived);
                }
            }
            #[cfg(test)]
            state.hooks.taken.push(task.caller.network);
            self.arrivals.push(task);
            state.loads[self.index] = self.load();
        }
        self.publish_steps_left();
        self.shared.publish(state);
    }

    /// The next job for this worker. A person's job gets a lane from a background job when there is no other.
    fn next_task(&mut self, state: &mut State) -> Option<Task> {
        #[cfg(test)]
        if state.hooks.held {
            return None;
        }
        let load = self.load();
        let room = load.busy() < self.shared.settings.lanes;
        let people = state.queue.interactive();
        if people > 0 {
            if !state.may_take(self.index, people) || !(room || self.park(state)) {
                return None;
            }
            return state.queue.take_interactive();
        }
        let background = state.queue.background();
        if room && state.may_take(self.index, background) {
            return state.queue.take_background();
        }
        None
    }

    /// Puts one background job back into the queue, with the state it has reached. Returns whether there was one.
    fn park(&mut self, state: &mut State) -> bool {
        let background = |task: &Task| task.priority == Priority::Background;
        let Some(lane) = self.running.iter().position(background) else {
            return false;
        };
        let mut task = self.running.swap_remove(lane);
        let reached = self.lanes.detach(lane);
        if let Work::Hash(hash) = &mut task.work {
            hash.state = Some(reached);
        }
        state.queue.push(&Slot::Background, task);
        true
    }

    fn step(&mut self) {
        #[cfg(test)]
        if std::mem::take(&mut self.shared.lock().hooks.panic) {
            panic!("as the test asked");
        }
        let start = Instant::now();
        self.lanes.step();
        let busy = self.lanes.busy() as u64;
        self.shared.counters.steps.fetch_add(busy, Relaxed);
        self.shared.pace.record(self.lanes.busy(), start.elapsed());
        for task in &mut self.running {
            task.steps_left -= 1;
        }
    }

    /// Answers finished jobs, and drops those whose caller has gone.
    fn settle(&mut self) {
        let counters = &self.shared.counters;
        // From the last to the first, because the last lane moves into the place of one that leaves.
        for lane in (0..self.running.len()).rev() {
            let task = &mut self.running[lane];
            let Work::Hash(hash) = &mut task.work else {
                continue;
            };
            if task.steps_left == hash.padding {
                hash.digest = Some(self.lanes.digest(lane));
            }
            let is_gone = hash.answer.is_closed();
            if task.steps_left > 0 && !is_gone {
                continue;
            }
            let task = self.running.swap_remove(lane);
            self.lanes.leave(lane);
            if task.steps_left > 0 {
                counters.cancelled.fetch_add(1, Relaxed);
                if task.marks_its_network() {
                    // It has cost as much as a failure. Or else guesses would be free for a flood that hangs up.
                    self.shared.record(task.caller.network, false);
                }
            } else {
                counters.done.fetch_add(1, Relaxed);
                if let Some(started) = task.started {
                    counters.hash.add(started.elapsed());
                }
                task.finish();
            }
            self.load_changed = true;
        }
        self.publish_steps_left();
    }

    fn fail_all(&mut self) {
        self.lanes.clear();
        let lost = self.running.drain(..).chain(self.arrivals.drain(..));
        for task in lost {
            self.shared.counters.failed.fetch_add(1, Relaxed);
            task.fail(EngineError::Failed);
        }
        self.load_changed = true;
        self.publish_steps_left();
    }

    fn load(&self) -> Load {
        let tasks = self.running.iter().chain(&self.arrivals);
        let interactive = tasks
            .filter(|task| task.priority == Priority::Interactive)
            .count();
        Load {
            interactive,
            background: self.running.len() + self.arrivals.len() - interactive,
        }
    }

    fn publish_steps_left(&self) {
        let tasks = self.running.iter().chain(&self.arrivals);
        let steps = tasks
            .filter(|task| task.priority == Priority::Interactive)
            .map(|task| task.steps_left)
            .sum();
        self.shared.steps_left[self.index].store(steps, Relaxed);
    }
}

/// Lowers the calling thread's priority. Only Linux gives each thread a niceness of its own; elsewhere it belongs to the
/// process, whose request threads must not stand back.
pub(super) fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        // Refused by some sandboxes; the engine then competes as an equal.
        let _refused = rustix::process::setpriority_process(None, NICENESS);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    #[test]
    fn only_the_calling_thread_stands_back() {
        let before = getpriority_process(None).unwrap();
        let there = std::thread::spawn(|| {
            super::stand_back();
            getpriority_process(None).unwrap()
        });
        assert_eq!(there.join().unwrap(), super::NICENESS.max(before));
        assert_eq!(getpriority_process(None).unwrap(), before);
    }
}
