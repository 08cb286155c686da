//! The engine's behaviour. Order is proved with held workers, never with sleeps.

mod admission;
mod calls;
mod flood;
mod padding;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

use super::reputation::Suspicion;
use super::shared::Load;
use super::{Engine, EngineError, EngineSettings, Job, Priority};
use crate::password::caller::{Caller, ClientKey};
use crate::password::lanes::Digest;

/// A cost that no test lives to see the end of: its job stays in its lane until it is dropped.
const ENDLESS: u32 = 31;

/// How long a test looks for something that must happen before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What tests set and read inside a running engine.
#[derive(Default)]
pub(super) struct Hooks {
    /// Whether workers leave the queue alone.
    pub held: bool,
    /// Makes the next step of some worker panic.
    pub panic: bool,
    /// Whose jobs got a lane, in order.
    pub taken: Vec<ClientKey>,
}

type Pending<'a> = Pin<Box<dyn Future<Output = Result<Digest, EngineError>> + Send + 'a>>;

fn settings(threads: usize, lanes: usize) -> EngineSettings {
    EngineSettings {
        threads,
        lanes,
        // A thousand years: on a busy machine the jobs that never end are expected to take tens of them.
        max_wait: Duration::from_secs(3600 * 24 * 365 * 1000),
        max_cost: ENDLESS,
        reference_cost: 10,
    }
}

fn start(threads: usize, lanes: usize) -> Engine {
    Engine::start(settings(threads, lanes)).unwrap()
}

/// An engine whose workers take nothing before [`release`].
fn start_held(settings: EngineSettings) -> Engine {
    let engine = Engine::start(settings).unwrap();
    engine.shared.lock().hooks.held = true;
    engine
}

fn release(engine: &Engine) {
    engine.shared.lock().hooks.held = false;
    engine.shared.wake.notify_all();
}

fn job(client: u128, cost: u32) -> Job {
    Job {
        password: Zeroizing::new(format!("password of {client}").into_bytes()),
        salt: [client as u8; 16],
        cost,
        padded_to: 0,
        caller: Caller::stranger(ClientKey(client)),
        priority: Priority::Interactive,
    }
}

fn background(client: u128, cost: u32) -> Job {
    Job {
        priority: Priority::Background,
        ..job(client, cost)
    }
}

/// What [`job`] must give, from the `bcrypt` crate.
fn expected(client: u128, cost: u32) -> [u8; 23] {
    let password = format!("password of {client}\0");
    bcrypt::bcrypt(cost, [client as u8; 16], password.as_bytes())[..23]
        .try_into()
        .unwrap()
}

fn poll(pending: &mut Pending<'_>) -> Poll<Result<Digest, EngineError>> {
    pending
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// Puts a job into the queue; it may be done by the time this returns.
fn queue(engine: &Engine, job: Job) -> Pending<'_> {
    let mut pending: Pending<'_> = Box::pin(engine.digest(job));
    match poll(&mut pending) {
        Poll::Ready(result) => Box::pin(std::future::ready(Ok(result.expect("let in")))),
        Poll::Pending => pending,
    }
}

fn refusal(engine: &Engine, job: Job) -> EngineError {
    let mut refused: Pending<'_> = Box::pin(engine.digest(job));
    match poll(&mut refused) {
        Poll::Ready(Err(error)) => error,
        Poll::Ready(Ok(_)) => panic!("was hashed"),
        Poll::Pending => panic!("was let in"),
    }
}

fn finish(pending: Pending<'_>) -> Result<Digest, EngineError> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(pending)
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn taken(engine: &Engine) -> Vec<u128> {
    let state = engine.shared.lock();
    state.hooks.taken.iter().map(|client| client.0).collect()
}

fn suspicion(engine: &Engine, client: u128) -> Suspicion {
    let state = engine.shared.lock();
    state
        .reputation
        .suspicion(ClientKey(client), Instant::now())
}

fn loads(engine: &Engine) -> Vec<usize> {
    let state = engine.shared.lock();
    state.loads.iter().map(|load| load.busy()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_jobs_of_mixed_costs_are_answered_right() {
    let engine = Arc::new(start(2, 6));
    let jobs: Vec<_> = (0..120)
        .map(|n| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move {
                let cost = 4 + n as u32 % 4;
                let job = match n % 5 {
                    0 => background(n, cost),
                    _ => job(n, cost),
                };
                let digest = engine.digest(job).await.unwrap();
                assert!(digest.matches(&expected(n, cost)), "job {n}");
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    let snapshot = engine.snapshot();
    assert_eq!(snapshot.hashes_done, 120);
    assert_eq!(snapshot.hash.count(), 120);
    assert_eq!(snapshot.wait.count(), 96);
    assert_eq!(snapshot.lanes_total, 12);
    eventually("all lanes are left", || engine.snapshot().lanes_busy == 0);
}

#[test]
fn a_job_dropped_in_the_queue_is_gone_at_once() {
    let engine = start_held(settings(1, 1));
    let first = queue(&engine, job(1, 4));
    let second = queue(&engine, job(1, 4));
    let third = queue(&engine, background(2, 4));
    assert_eq!(engine.snapshot().queued, 2);
    assert_eq!(engine.snapshot().background_queued, 1);
    drop((first, third));
    assert_eq!(engine.snapshot().queued, 1);
    assert_eq!(engine.snapshot().background_queued, 0);
    assert_eq!(engine.snapshot().cancelled, 2);
    assert_eq!(suspicion(&engine, 1), Suspicion::Refused);
    assert_eq!(engine.shared.lock().queue.work(), 16);
    drop(second);
    assert_eq!(engine.shared.lock().queue.work(), 0);
    release(&engine);
    assert!(finish(queue(&engine, job(3, 4))).is_ok());
    assert_eq!(engine.snapshot().hashes_done, 1);
}

#[test]
fn a_job_dropped_in_its_lane_leaves_it() {
    let engine = start(1, 2);
    let endless = queue(&engine, job(1, ENDLESS));
    let other = queue(&engine, job(2, ENDLESS));
    eventually("both get a lane", || engine.snapshot().lanes_busy == 2);
    drop(endless);
    eventually("the lane is left", || engine.snapshot().lanes_busy == 1);
    let digest = finish(queue(&engine, job(3, 4))).unwrap();
    assert!(digest.matches(&expected(3, 4)), "the gap was closed");
    drop(other);
    eventually("the lane is left", || engine.snapshot().lanes_busy == 0);
    assert_eq!(engine.snapshot().cancelled, 2);
    assert_eq!(engine.snapshot().hashes_done, 1);
    eventually("a caller who hung up counts as one who failed", || {
        suspicion(&engine, 2) == Suspicion::Network
    });
}

#[test]
fn clients_take_turns() {
    let engine = start_held(settings(1, 1));
    let order = [1, 1, 1, 1, 2, 2, 3];
    let jobs: Vec<_> = order.map(|client| queue(&engine, job(client, 4))).into();
    release(&engine);
    for job in jobs {
        finish(job).unwrap();
    }
    assert_eq!(taken(&engine), [1, 2, 3, 1, 2, 1, 1]);
}

#[test]
fn background_work_comes_last() {
    let engine = start_held(settings(1, 1));
    let rehash = queue(&engine, background(9, 4));
    let jobs: Vec<_> = [1, 1, 2]
        .map(|client| queue(&engine, job(client, 4)))
        .into();
    release(&engine);
    for job in jobs {
        finish(job).unwrap();
    }
    finish(rehash).unwrap();
    assert_eq!(taken(&engine), [1, 2, 1, 9]);
}

#[test]
fn background_work_gives_its_lane_back_and_goes_on_later() {
    let engine = start(1, 1);
    let rehash = queue(&engine, background(9, 10));
    eventually("the rehash has the lane", || {
        engine.snapshot().lanes_busy == 1
    });
    let endless = queue(&engine, job(1, ENDLESS));
    eventually("the person has the lane", || {
        engine.shared.lock().loads
            == [Load {
                interactive: 1,
                background: 0,
            }]
    });
    assert_eq!(engine.snapshot().background_queued, 1);
    let left = engine.shared.lock().queue.background_work();
    assert!(left < 1 << 10, "{left} steps left: it had begun");
    drop(endless);
    assert!(finish(rehash).unwrap().matches(&expected(9, 10)));
}

#[test]
fn background_work_uses_lanes_that_stay_empty() {
    let engine = start(1, 3);
    let person = queue(&engine, job(1, ENDLESS));
    let rehash = queue(&engine, background(9, 5));
    assert!(finish(rehash).unwrap().matches(&expected(9, 5)));
    drop(person);
}

#[test]
fn jobs_spread_over_the_threads() {
    let engine = start_held(settings(4, 4));
    let mut jobs: Vec<_> = (0..4).map(|n| queue(&engine, job(n, ENDLESS))).collect();
    release(&engine);
    eventually("all have a lane", || engine.snapshot().lanes_busy == 4);
    assert_eq!(loads(&engine), [1, 1, 1, 1]);
    jobs.extend((4..11).map(|n| queue(&engine, job(n, ENDLESS))));
    eventually("all have a lane", || engine.snapshot().lanes_busy == 11);
    let mut spread = loads(&engine);
    spread.sort();
    assert_eq!(spread, [2, 3, 3, 3]);
    jobs.extend((11..20).map(|n| queue(&engine, job(n, ENDLESS))));
    eventually("all lanes are busy", || engine.snapshot().lanes_busy == 16);
    assert_eq!(engine.snapshot().queued, 4);
}

#[test]
fn a_panic_fails_the_jobs_in_the_lanes_and_the_worker_lives_on() {
    let engine = start(1, 2);
    let lost = [
        queue(&engine, job(1, ENDLESS)),
        queue(&engine, background(2, ENDLESS)),
    ];
    let waiting = queue(&engine, background(3, 4));
    eventually("two have a lane", || engine.snapshot().lanes_busy == 2);
    engine.shared.lock().hooks.panic = true;
    for pending in lost {
        assert_eq!(finish(pending).err(), Some(EngineError::Failed));
    }
    assert!(finish(waiting).unwrap().matches(&expected(3, 4)));
    let digest = finish(queue(&engine, job(4, 4))).unwrap();
    assert!(digest.matches(&expected(4, 4)));
    assert_eq!(engine.snapshot().failed, 2);
}

#[test]
fn stopping_ends_threads_and_jobs() {
    let engine = start(2, 1);
    let jobs: Vec<_> = (0..5).map(|n| queue(&engine, job(n, ENDLESS))).collect();
    eventually("two have a lane", || engine.snapshot().lanes_busy == 2);
    engine.stop();
    for pending in jobs {
        assert_eq!(finish(pending).err(), Some(EngineError::Stopped));
    }
    assert_eq!(refusal(&engine, job(1, 4)), EngineError::Stopped);
    // The workers' handles on the shared state went with their threads.
    assert_eq!(Arc::strong_count(&engine.shared), 1);
}

#[test]
fn dropping_the_engine_stops_it() {
    let engine = start(3, 8);
    let shared = Arc::clone(&engine.shared);
    drop(engine);
    assert_eq!(Arc::strong_count(&shared), 1);
}

#[test]
fn settings_out_of_range_are_named() {
    let error = |settings| Engine::start(settings).err().unwrap().to_string();
    assert_eq!(
        error(settings(0, 1)),
        "hash threads: found 0, expected 1 or more"
    );
    assert_eq!(
        error(settings(1, 9)),
        "hash lanes: found 9, expected 1 to 8"
    );
    let costly = EngineSettings {
        max_cost: 32,
        ..settings(1, 1)
    };
    assert_eq!(error(costly), "bcrypt cost: found 32, expected at most 31");
}
