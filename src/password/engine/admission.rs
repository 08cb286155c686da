//! Who is let in: a job whose class would be served within the setting. The wait is the work ahead, in steps of single
//! lanes, over the measured speed; no count of jobs stands in for it. In a class that is full, a newcomer takes the place
//! of the newest job of the caller who has most waiting there (longest queue drop: Suter et al., INFOCOM 1998).

use std::time::{Duration, Instant};

use super::class::{Class, Path};
use super::job::Priority;
use super::queue::{Queue, Slot};
use super::reputation::Reputation;
use super::task::Task;
use crate::password::caller::{Caller, Standing};

/// Bounds the memory for waiting jobs (a kilobyte or two each) where they are so cheap that `max_wait` would not.
const MAX_PER_CLASS: usize = 4_096;

/// Background jobs wait until nobody else does, which may be long; callers can ask again at the account's next log-in.
const MAX_BACKGROUND: usize = 256;

/// What a client is told to wait when the queue is full by count.
const MOMENT: Duration = Duration::from_secs(1);

/// What is under way, and how fast.
pub(super) struct Load<'a> {
    /// The longest expected wait.
    pub max_wait: Duration,
    /// Whether a job would begin at once.
    pub has_room: bool,
    /// Steps left of the jobs that have begun.
    pub in_progress: u64,
    /// How long so many steps take.
    pub time_for: &'a dyn Fn(u64) -> Duration,
}

/// A job that is not let in, or that has to leave.
pub(super) struct Refused {
    pub task: Task,
    /// When to ask again.
    pub retry_after: Duration,
}

/// Where a job of this caller waits.
pub(super) fn slot(
    reputation: &Reputation,
    caller: &Caller,
    priority: Priority,
    now: Instant,
) -> Slot {
    match priority {
        Priority::Background => Slot::Background,
        Priority::Interactive => {
            let suspicion = reputation.suspicion(caller.network, now);
            let has_returned = reputation.has_returned(caller.network, now);
            let class = Class::of(caller.standing, suspicion, has_returned);
            Slot::People(class, Path::of(caller))
        }
    }
}

/// Lets a job in, or gives up one for it: itself, or another that has the least claim to its place.
pub(super) fn offer(
    queue: &mut Queue,
    reputation: &mut Reputation,
    slot: &Slot,
    task: Task,
    load: &Load<'_>,
    now: Instant,
) -> Vec<Refused> {
    let Slot::People(class, _) = slot else {
        return offer_background(queue, slot, task, load);
    };
    let newcomer = task.caller;
    let full = excess(queue, *class, task.steps_left, load);
    let before = queue.work_of(*class);
    queue.push(slot, task);
    if newcomer.standing == Standing::Stranger {
        reputation.let_in(newcomer.network);
    }
    let Some(retry_after) = full else {
        return Vec::new();
    };
    let mut refused = Vec::new();
    while queue.work_of(*class) > before {
        let Some(task) = queue.take_of_largest(*class) else {
            break;
        };
        if task.caller.standing == Standing::Stranger {
            reputation.refuse(task.caller.network, now);
        }
        refused.push(Refused { task, retry_after });
    }
    refused
}

/// By how much a new job of the class would wait too long, if it would.
fn excess(queue: &Queue, class: Class, steps: u64, load: &Load<'_>) -> Option<Duration> {
    if load.has_room {
        return None;
    }
    if queue.jobs_of(class) >= MAX_PER_CLASS {
        return Some(MOMENT);
    }
    let wait = (load.time_for)(load.in_progress + queue.work_before(class, steps));
    wait.checked_sub(load.max_wait)
        .filter(|excess| *excess > Duration::ZERO)
}

fn offer_background(queue: &mut Queue, slot: &Slot, task: Task, load: &Load<'_>) -> Vec<Refused> {
    if queue.background() < MAX_BACKGROUND {
        queue.push(slot, task);
        return Vec::new();
    }
    let work = load.in_progress + queue.work() + queue.background_work() / MAX_BACKGROUND as u64;
    let retry_after = (load.time_for)(work);
    vec![Refused { task, retry_after }]
}
