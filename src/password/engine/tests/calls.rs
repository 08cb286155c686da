//! Work that is no hash.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::password::caller::{AccountKey, Standing};

type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + 'a>>;

fn stranger(n: u128) -> Caller {
    Caller::stranger(ClientKey(n << 96))
}

fn begin<'a, T: Send + 'static>(
    engine: &'a Engine,
    caller: Caller,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> (Call<'a, T>, Option<Result<T, EngineError>>) {
    let mut call: Call<'a, T> = Box::pin(engine.run(caller, work));
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => (call, Some(result)),
        Poll::Pending => (call, None),
    }
}

/// An engine whose thread for calls is kept busy until the sender is dropped or used.
fn occupied(engine: &Engine) -> (Call<'_, ()>, mpsc::Sender<()>) {
    let (end, ended) = mpsc::channel::<()>();
    let (call, _) = begin(engine, stranger(99), move |_| {
        let _ = ended.recv();
    });
    eventually("it has begun", || engine.shared.lock().calling);
    (call, end)
}

fn wait<T>(call: Call<'_, T>) -> Result<T, EngineError> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(call)
}

#[test]
fn calls_are_done_one_at_a_time() {
    let engine = start(2, 2);
    static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
    let calls: Vec<_> = (0..20)
        .map(|n| {
            begin(&engine, stranger(n), move |_| {
                assert_eq!(UNDER_WAY.fetch_add(1, Ordering::SeqCst), 0);
                std::thread::yield_now();
                UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
                n
            })
        })
        .collect();
    for (n, (call, done)) in (0..).zip(calls) {
        let done = done.unwrap_or_else(|| wait(call));
        assert_eq!(done, Ok(n));
    }
}

#[test]
fn calls_that_would_wait_too_long_are_refused_without_being_done() {
    let engine = Engine::start(EngineSettings {
        max_wait: Duration::from_millis(100),
        ..settings(1, 1)
    })
    .unwrap();
    let (busy, end) = occupied(&engine);
    static DONE: AtomicUsize = AtomicUsize::new(0);
    let calls: Vec<_> = (0..1_000)
        .map(|n| {
            begin(&engine, stranger(n), |_| {
                DONE.fetch_add(1, Ordering::SeqCst)
            })
        })
        .collect();
    // Someone who is known is let in still.
    let known = Caller::known(Standing::KnownDevice, ClientKey(7), AccountKey(1));
    let (known, done) = begin(&engine, known, |_| 7);
    assert!(done.is_none());
    drop(end);
    assert_eq!(wait(known), Ok(7));
    assert_eq!(wait(busy), Ok(()));
    let results = calls
        .into_iter()
        .map(|(call, done)| done.unwrap_or_else(|| wait(call)));
    let (let_in, refused): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
    let is_overload = |result: &Result<_, _>| matches!(result, Err(EngineError::Overloaded { .. }));
    assert!(refused.iter().all(is_overload));
    assert!((50..150).contains(&let_in.len()), "{}", let_in.len());
    assert_eq!(DONE.load(Ordering::SeqCst), let_in.len());
}

#[test]
fn a_call_whose_caller_has_gone_is_not_done_or_learns_of_it() {
    let engine = start(1, 1);
    let (seen, was_wanted) = mpsc::channel();
    let (go, gone) = mpsc::channel::<()>();
    let (call, _) = begin(&engine, stranger(1), move |is_wanted| {
        let before = is_wanted();
        let _ = gone.recv();
        let _ = seen.send((before, is_wanted()));
    });
    eventually("it has begun", || engine.shared.lock().calling);
    let (queued, _) = begin(&engine, stranger(2), |_| panic!("was done"));
    assert_eq!(engine.snapshot().calls_queued, 1);
    drop((call, queued));
    assert_eq!(engine.snapshot().calls_queued, 0);
    drop(go);
    assert_eq!(was_wanted.recv(), Ok((true, false)));
    assert_eq!(engine.snapshot().cancelled, 1);
}

#[test]
fn a_call_that_panics_fails_alone() {
    let engine = start(1, 1);
    let (call, done) = begin(&engine, stranger(1), |_| panic!("as the test asked"));
    let done: Result<(), _> = done.unwrap_or_else(|| wait(call));
    assert_eq!(done, Err(EngineError::Failed));
    let (call, done) = begin(&engine, stranger(1), |_| 7);
    assert_eq!(done.unwrap_or_else(|| wait(call)), Ok(7));
}

#[test]
fn stopping_ends_waiting_calls() {
    let engine = start(1, 1);
    let (busy, end) = occupied(&engine);
    let (queued, _) = begin(&engine, stranger(2), |_| panic!("was done"));
    engine.shared.stop();
    assert_eq!(wait::<()>(queued), Err(EngineError::Stopped));
    drop(end);
    assert_eq!(wait(busy), Ok(()));
    engine.stop();
}
