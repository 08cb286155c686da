//! The clean-up beside writes: a hundred thousand of a million sessions have expired.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vestibule::app::App;
use vestibule::clock::ManualClock;
use vestibule::config::{Settings, Source};
use vestibule::domain::expiry::clean_up;
use vestibule::ids::SystemRandom;
use vestibule::store::sessions;

use crate::filled::{self, GIVEN_UP, INSTANCE, LIFETIMES, NOW, Size, session_id};

const SIZE: Size = Size {
    users: 1_000_000,
    throttles: 100_000,
    answers: 100_000,
    mails: 100_000,
    one_expired_of: 10,
};

/// What all but one of a hundred writes may take, on a machine that has other things to do. A tenth of it is usual.
const PATIENCE: Duration = Duration::from_millis(100);

/// Prints how long writes took, and gives what one of a hundred takes longer than.
fn tell(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let millis = |index: usize| times[index].as_secs_f64() * 1e3;
    let last = times.len() - 1;
    println!(
        "{what}: {} writes, median {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
        times.len(),
        millis(last / 2),
        millis(last * 99 / 100),
        millis(last)
    );
    times[last * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "fills a database with a million users"]
async fn no_write_waits_long_behind_the_clean_up() {
    let _turn = crate::TURN.lock().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.db");
    drop(filled::sqlite(&file, SIZE));
    let url = format!("sqlite:///{}", file.display());
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", "test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952"),
    ];
    let settings = Settings::read(&mut Source::of(&settings)).expect("valid settings");
    let clock = Arc::new(ManualClock::at(NOW));
    let app = App::build(settings, clock, Arc::new(SystemRandom)).expect("builds");
    let services = app.services;

    // Sessions that live, one after the other.
    let mut numbers = (1..SIZE.users).filter(|n| n % SIZE.one_expired_of != 0);
    let mut write = async || {
        let id = session_id(numbers.next().expect("one more"));
        let start = Instant::now();
        let rotated = services
            .db
            .write(async move |tx| sessions::rotate(tx, id, 0, LIFETIMES, INSTANCE).await);
        rotated.await.expect("writes").expect("lives");
        start.elapsed()
    };
    let mut alone = Vec::new();
    for _ in 0..2000 {
        alone.push(write().await);
    }
    let cleaning = {
        let services = services.clone();
        tokio::spawn(async move {
            let start = Instant::now();
            (clean_up(&services).await, start.elapsed())
        })
    };
    let mut beside = Vec::new();
    while !cleaning.is_finished() {
        beside.push(write().await);
    }
    let (deleted, took) = cleaning.await.expect("runs");
    // Registrations, tokens, held addresses and codes. Devices were seen lately, and login codes are kept for longer.
    let of_mail = 4 * SIZE.mails;
    let expired = (SIZE.users + SIZE.throttles + SIZE.answers + of_mail) / SIZE.one_expired_of
        + SIZE.mails / GIVEN_UP;
    assert_eq!(deleted.expect("works"), expired as u64);
    println!("cleaned up {expired} rows in {:.1} s", took.as_secs_f64());
    tell("alone", alone);
    let p99 = tell("beside the clean-up", beside);
    assert!(p99 < PATIENCE, "writes waited {p99:?}");
}
