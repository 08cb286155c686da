//! Units asked for on several runtimes: each gets its own outcome, where it is waited for.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;

use futures_util::future::join_all;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use vestibule::store::db::Error;

use crate::fixture::{Database, insert};
use crate::units::{Blocker, Queued, queue, queue_insert};

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

/// Remembers which threads woke it.
#[derive(Default)]
struct Woken(Mutex<Vec<ThreadId>>);

impl Woken {
    fn by(&self) -> Vec<ThreadId> {
        self.0.lock().expect("whole").clone()
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let thread = std::thread::current().id();
        self.0.lock().expect("whole").push(thread);
    }
}

/// Woken by the writer, a runtime pays one system call for each unit.
#[tokio::test]
async fn outcomes_of_one_batch_are_given_on_the_thread_that_waits() {
    crate::sqlite_only!("units are batched by the writer thread alone");
    let database = Database::new().await;
    let blocker = Blocker::start(&database.db).await;
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut writes = ["one", "two", "three"].map(|text| queue_insert(&database, text));
    for write in &mut writes {
        let polled = write.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending(), "{polled:?}");
    }
    blocker.release().await;
    while woken.by().len() < writes.len() {
        tokio::task::yield_now().await;
    }
    assert_eq!(woken.by(), [std::thread::current().id(); 3]);
    for write in &mut writes {
        let polled = write.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(matches!(polled, Poll::Ready(Ok(1))), "{polled:?}");
    }
}

/// Writes `COUNT` notes at one time on a runtime of its own, and fails as many times; gives the notes acknowledged and
/// what the failures said.
fn write_elsewhere(
    database: &Database,
    name: &'static str,
    queued: UnboundedSender<()>,
) -> std::thread::JoinHandle<(u64, Vec<String>)> {
    let db = database.db.clone();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let writes = (0..COUNT).map(|number| {
                let db = db.clone();
                let _ = queued.send(());
                queue(async move { insert(&db, format!("{name} {number:02}")).await })
            });
            let failing = (0..COUNT).map(|number| {
                let db = db.clone();
                let _ = queued.send(());
                queue(async move {
                    db.write(async move |_| {
                        Err::<(), _>(Error::Defect(format!("{name} fails {number:02}")))
                    })
                    .await
                })
            });
            let (writes, failing): (Vec<_>, Vec<_>) = writes.zip(failing).unzip();
            drop(queued);
            let mut written = 0;
            for outcome in join_all(writes).await {
                written += outcome.expect("succeeds");
            }
            let failed = join_all(failing).await;
            let told = failed
                .into_iter()
                .map(|outcome| outcome.expect_err("fails").to_string());
            (written, told.collect())
        })
    })
}

/// Units of each kind on each runtime.
const COUNT: u64 = 20;

#[tokio::test]
async fn units_from_several_runtimes_share_a_batch_and_get_their_own_outcomes() {
    let database = Database::new().await;
    let blocker = Blocker::start(&database.db).await;
    let (queued, mut all_queued) = unbounded_channel();
    let names = ["here", "there", "elsewhere"];
    let threads = names.map(|name| write_elsewhere(&database, name, queued.clone()));
    drop(queued);
    while all_queued.recv().await.is_some() {}
    blocker.release().await;
    for (name, thread) in names.into_iter().zip(threads) {
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        let (written, told) = joined.expect("joins").expect("does not panic");
        assert_eq!(written, COUNT);
        for (number, told) in told.iter().enumerate() {
            assert!(
                told.contains(&format!("{name} fails {number:02}")),
                "{told}"
            );
        }
        assert_eq!(told.len() as u64, COUNT);
    }
    assert_eq!(database.notes().await.len() as u64, COUNT * 3);
}

/// What was asked for on a runtime that has gone is done, and whoever waits elsewhere is told so.
#[tokio::test]
async fn a_runtime_that_has_gone_takes_no_outcome_with_it() {
    let database = Database::new().await;
    let blocker = Blocker::start(&database.db).await;
    let db = database.db.clone();
    let gone = std::thread::spawn(move || {
        runtime().block_on(async {
            ["one", "two", "three"].map(|text| {
                let db = db.clone();
                queue(async move { insert(&db, text).await })
            })
        })
    });
    let orphans: [Queued<u64>; 3] = gone.join().expect("queues");
    blocker.release().await;
    for outcome in join_all(orphans).await {
        assert_eq!(outcome.expect("succeeds"), 1);
    }
    database.insert("zero").await.expect("the writer lives on");
    assert_eq!(database.notes().await, ["one", "three", "two", "zero"]);
}
