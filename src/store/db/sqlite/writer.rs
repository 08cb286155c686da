//! The writer thread. It runs every unit of work that is waiting in one transaction, each in a savepoint of its own,
//! commits once, and only then answers: a commit costs one flush to disk however many units share it.

use std::fs::File;
use std::future::Future;
use std::ops::AsyncFnMut;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime;
use tokio::sync::oneshot;

use super::connection::{Location, is_lost, statement};
use super::snapshot::Snapshot;
use super::tx::in_place;
use super::{Tx, migrations};
use crate::store::db::tx::Kind;
use crate::store::db::{self, Error, Result};

/// Units that may wait. At a tenth of the measured speed they are through in half a second.
const QUEUE: usize = 4096;

/// Units in one transaction at most, so that the first of them does not wait long for its answer.
const MAX_BATCH: usize = 512;

/// With nothing to write for this long, the newest snapshot is held for readers. Under load it would be let go again at
/// once.
const IDLE: Duration = Duration::from_millis(2);

/// Sends units to the writer thread.
#[derive(Clone)]
pub struct Handle {
    queue: SyncSender<Box<dyn Job>>,
    failed: Arc<AtomicU64>,
}

/// Gives units their outcomes, or why their transaction `failed`, each from the runtime on which it is waited for: from
/// here each of them would wake a thread of that runtime by a system call of its own. So there is one for each runtime.
fn answer(jobs: &mut Vec<Box<dyn Job>>, failed: Option<&Error>) {
    let count = jobs.len();
    let mut groups: Vec<(Option<runtime::Handle>, Answers)> = Vec::new();
    for job in jobs.drain(..) {
        let id = job.asked_on().map(runtime::Handle::id);
        let group = groups
            .iter_mut()
            .find(|(runtime, _)| runtime.as_ref().map(runtime::Handle::id) == id);
        if let Some((_, answers)) = group {
            answers.jobs.push(job);
        } else {
            let runtime = job.asked_on().cloned();
            let mut answers = Answers {
                // What one thread allocates and another one frees is dear: at once instead of as it grows.
                jobs: Vec::with_capacity(count),
                failed: failed.cloned(),
            };
            answers.jobs.push(job);
            groups.push((runtime, answers));
        }
    }
    for (runtime, answers) in groups {
        match runtime {
            Some(runtime) if answers.jobs.len() > 1 => {
                runtime.spawn(async move { drop(answers) });
            }
            _ => drop(answers),
        }
    }
}

/// What is to be told on one runtime. It is told when this is dropped: a runtime that stops drops its tasks without
/// running them.
struct Answers {
    jobs: Vec<Box<dyn Job>>,
    failed: Option<Error>,
}

impl Drop for Answers {
    fn drop(&mut self) {
        for job in self.jobs.drain(..) {
            job.answer(self.failed.clone());
        }
    }
}

impl Handle {
    /// Batches that could not be committed since the start.
    pub fn failed_commits(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub async fn run<T, E, F>(&self, unit: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: AsyncFnMut(&mut db::Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let unit = Unit {
            unit,
            outcome: None,
            answer,
            asked_on: runtime::Handle::try_current().ok(),
        };
        self.queue
            .try_send(Box::new(unit))
            .map_err(|error| match error {
                TrySendError::Full(_) => Error::Overloaded,
                TrySendError::Disconnected(_) => {
                    Error::Unavailable("the writer has stopped".to_owned())
                }
            })?;
        answered
            .await
            .unwrap_or_else(|_| Err(Error::Unavailable("the writer has stopped".to_owned()).into()))
    }
}

/// A unit of work whose types are forgotten.
trait Job: Send {
    /// Runs the unit; true when its savepoint is to be kept. Sets `lost` when the connection is not worth keeping.
    fn run(&mut self, connection: &mut Connection, lost: &mut bool) -> bool;
    /// Sends the outcome, or `failed` where the unit had none or its commit failed.
    fn answer(self: Box<Self>, failed: Option<Error>);
    /// The runtime on which the outcome is waited for, if on any.
    fn asked_on(&self) -> Option<&runtime::Handle>;
}

struct Unit<T, E, F> {
    unit: F,
    outcome: Option<std::result::Result<T, E>>,
    answer: oneshot::Sender<std::result::Result<T, E>>,
    asked_on: Option<runtime::Handle>,
}

impl<T, E, F> Job for Unit<T, E, F>
where
    T: Send,
    E: From<Error> + Send,
    F: AsyncFnMut(&mut db::Tx<'_>) -> std::result::Result<T, E> + Send,
{
    fn run(&mut self, connection: &mut Connection, lost: &mut bool) -> bool {
        let mut tx = db::Tx(Kind::Sqlite(Tx::Writer { connection, lost }));
        let future: Pin<Box<dyn Future<Output = _>>> = Box::pin((self.unit)(&mut tx));
        // The savepoint is rolled back after a panic, so nothing half-done is left to be seen.
        let polled = catch_unwind(AssertUnwindSafe(|| in_place(future)))
            .unwrap_or_else(|_| Err(Error::Defect("a unit of work panicked".to_owned())));
        let outcome = polled.unwrap_or_else(|error| Err(error.into()));
        let keep = outcome.is_ok();
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, failed: Option<Error>) {
        let outcome = match (failed, self.outcome) {
            // What the unit itself found wrong stays true even though the commit failed.
            (_, Some(Err(error))) => Err(error),
            (Some(failed), _) => Err(failed.into()),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(Error::Defect("a unit of work was not run".to_owned()).into()),
        };
        // A client that has gone does not undo what was done.
        let _ = self.answer.send(outcome);
    }

    fn asked_on(&self) -> Option<&runtime::Handle> {
        self.asked_on.as_ref()
    }
}

/// Opens the connection that writes, brings a memory database's schema up to date and starts the thread.
pub fn start(location: Location) -> Result<Handle> {
    // A restore replaces the file before it is opened or finds it in use, and never comes in between.
    let lock = location.lock()?;
    let mut connection = location.open_writer()?;
    migrations::run(&mut connection)?;
    if let Some(Err(error)) = lock.as_ref().map(File::unlock) {
        return Err(Error::Unavailable(format!("cannot be unlocked: {error}")));
    }
    let (queue, waiting) = sync_channel(QUEUE);
    let failed = Arc::new(AtomicU64::new(0));
    let snapshot = Snapshot::new(&location);
    let writer = Writer {
        snapshot,
        location,
        connection: Some(connection),
        waiting,
        failed: failed.clone(),
        _opened: lock,
    };
    std::thread::Builder::new()
        .name("sqlite-writer".to_owned())
        .spawn(move || writer.work())
        .map_err(|error| Error::Unavailable(format!("no thread to write with: {error}")))?;
    Ok(Handle { queue, failed })
}

struct Writer {
    location: Location,
    /// `None` after it was lost; opened again for the next batch.
    connection: Option<Connection>,
    snapshot: Snapshot,
    waiting: Receiver<Box<dyn Job>>,
    /// How many batches could not be committed.
    failed: Arc<AtomicU64>,
    /// Unlocked; open for as long as any connection is.
    _opened: Option<File>,
}

impl Writer {
    /// Works until every [`Handle`] is gone and the queue is empty.
    fn work(mut self) {
        let mut batch = Vec::new();
        while let Some(first) = self.next() {
            let mut lost = false;
            let failed = self.transact(first, &mut batch, &mut lost).err();
            if let Some(error) = &failed {
                tracing::error!(error = %error, units = batch.len(), "commit failed");
                lost |= is_lost(error);
            }
            if lost {
                self.connection = None;
            }
            if lost || failed.is_some() {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
            answer(&mut batch, failed.as_ref());
        }
    }

    /// Waits for a unit. Meanwhile readers get the newest snapshot held for them.
    fn next(&mut self) -> Option<Box<dyn Job>> {
        match self.waiting.recv_timeout(IDLE) {
            Ok(job) => {
                // Threads that were about to send a unit get to: it shares this flush instead of waiting for it.
                std::thread::yield_now();
                Some(job)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                self.snapshot.hold();
                let job = self.waiting.recv().ok();
                self.snapshot.release();
                job
            }
        }
    }

    /// Runs `first` and all that waits; every unit that was taken is in `batch` afterwards.
    fn transact(
        &mut self,
        first: Box<dyn Job>,
        batch: &mut Vec<Box<dyn Job>>,
        lost: &mut bool,
    ) -> Result<()> {
        let opened = match &mut self.connection {
            Some(connection) => Ok(connection),
            lost @ None => self
                .location
                .open_writer()
                .map(|connection| lost.insert(connection)),
        };
        let connection = match opened.and_then(|connection| {
            statement(connection, "BEGIN IMMEDIATE")?;
            Ok(connection)
        }) {
            Ok(connection) => connection,
            Err(error) => {
                batch.push(first);
                // The others would only wait for the same thing, one after the other.
                batch.extend(self.waiting.try_iter());
                return Err(error);
            }
        };
        let mut next = Some(first);
        while let Some(mut job) = next {
            let ran = run_in_savepoint(connection, job.as_mut(), lost);
            batch.push(job);
            if let Err(error) = ran {
                // Without the outer transaction the units before this one are undone, too.
                let _ = statement(connection, "ROLLBACK");
                return Err(error);
            }
            next = if batch.len() < MAX_BATCH {
                self.waiting.try_recv().ok()
            } else {
                None
            };
        }
        statement(connection, "COMMIT").inspect_err(|_| {
            let _ = statement(connection, "ROLLBACK");
        })
    }
}

fn run_in_savepoint(connection: &mut Connection, job: &mut dyn Job, lost: &mut bool) -> Result<()> {
    statement(connection, "SAVEPOINT unit")?;
    let keep = job.run(connection, lost);
    // A full disk or an I/O error ends the whole transaction by itself (https://sqlite.org/lang_transaction.html §3).
    if connection.is_autocommit() {
        return Err(Error::Unavailable(
            "the transaction was undone by the database".to_owned(),
        ));
    }
    if !keep {
        statement(connection, "ROLLBACK TO unit")?;
    }
    statement(connection, "RELEASE unit")
}
