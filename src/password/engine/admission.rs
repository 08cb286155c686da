//! Who is let in: a job whose expected wait is within the setting. The wait is the work ahead, in steps of single lanes,
//! over the measured speed; no count of jobs stands in for it.

use super::job::{EngineError, Job, Priority};
use super::shared::{Shared, State};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A client with few jobs waiting is let in although a flood from another fills the queue, because its turn comes soon.
/// All waiting work together stays within this many times `max_wait`, so that many addresses cannot make it grow for ever.
const QUEUE_LIMIT: u32 = 2;

/// Bounds the memory for waiting jobs (some 250 bytes each) where hashes are so cheap that `max_wait` would not.
const MAX_QUEUED: usize = 16_384;

/// Background jobs wait until nobody else does, which may be long; callers can ask again at the account's next log-in.
const MAX_BACKGROUND: usize = 256;

/// What a client is told to wait when the queue is full by count.
const MOMENT: Duration = Duration::from_secs(1);

/// Refuses a job that would wait too long.
pub(super) fn check(shared: &Shared, state: &State, job: &Job) -> Result<(), EngineError> {
    let refusal = match job.priority {
        Priority::Interactive => refuse_interactive(shared, state, job),
        Priority::Background => refuse_background(shared, state),
    };
    refusal.map_or(Ok(()), |retry_after| {
        Err(EngineError::Overloaded { retry_after })
    })
}

/// The time after which the job should be let in, or `None` if it is now.
fn refuse_interactive(shared: &Shared, state: &State, job: &Job) -> Option<Duration> {
    let settings = &shared.settings;
    let queue = &state.queue;
    let busy: usize = state.loads.iter().map(|load| load.interactive).sum();
    if queue.interactive() + busy < settings.threads * settings.lanes {
        return None;
    }
    if queue.interactive() >= MAX_QUEUED {
        return Some(MOMENT);
    }
    let in_lanes = in_lanes(shared);
    let all = shared.pace.time_for(in_lanes + queue.work());
    if all <= settings.max_wait {
        return None;
    }
    let own = shared
        .pace
        .time_for(in_lanes + queue.work_before(job.caller.network));
    let own_excess = own.saturating_sub(settings.max_wait);
    let all_excess = all.saturating_sub(settings.max_wait.saturating_mul(QUEUE_LIMIT));
    let excess = own_excess.max(all_excess);
    (excess > Duration::ZERO).then_some(excess)
}

fn refuse_background(shared: &Shared, state: &State) -> Option<Duration> {
    let queue = &state.queue;
    if queue.background() < MAX_BACKGROUND {
        return None;
    }
    let work = in_lanes(shared) + queue.work() + queue.background_work() / MAX_BACKGROUND as u64;
    Some(shared.pace.time_for(work))
}

/// Steps left of the interactive jobs that have a lane.
fn in_lanes(shared: &Shared) -> u64 {
    shared
        .steps_left
        .iter()
        .map(|steps| steps.load(Relaxed))
        .sum()
}
