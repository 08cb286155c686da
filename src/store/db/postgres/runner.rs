//! The thread that drives all connections and runs units of work.
//!
//! A unit's future borrows from its closure and is therefore bound to one thread; here it may wait for the server without
//! holding up the threads that serve clients. All sockets are on this thread too, so that a unit's statements and their
//! answers wake no other thread. It waits most of the time: the server does the work.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;

use crate::store::db::{Error, Result};

/// Work for the thread.
pub type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// With a timer always set, setting another one does not have to wake the thread.
const TICK: Duration = Duration::from_millis(500);

/// Sends work to the thread. It ends when this is dropped.
pub struct Runner {
    handle: Handle,
    jobs: UnboundedSender<Job>,
}

impl Runner {
    /// Starts the thread.
    pub fn start() -> Result<Self> {
        let unavailable = |error: std::io::Error| {
            Error::Unavailable(format!("no thread for the database: {error}"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(unavailable)?;
        let handle = runtime.handle().clone();
        let (jobs, waiting) = unbounded_channel();
        std::thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || LocalSet::new().block_on(&runtime, work(waiting)))
            .map_err(unavailable)?;
        Ok(Self { handle, jobs })
    }

    /// Where connections live.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Starts a job beside those that are under way.
    pub fn run(&self, job: Job) -> Result<()> {
        self.jobs
            .send(job)
            .map_err(|_| Error::Unavailable("the database thread has stopped".to_owned()))
    }
}

async fn work(mut waiting: UnboundedReceiver<Job>) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            job = waiting.recv() => match job {
                Some(job) => drop(tokio::task::spawn_local(job())),
                None => return,
            },
            _ = tick.tick() => (),
        }
    }
}

/// Runs `job` on a thread of its own to its end, for those who cannot wait asynchronously.
pub fn block_on<T, F>(job: impl FnOnce() -> F + Send + 'static) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>>,
{
    let runner = Runner::start()?;
    let (answer, answered) = mpsc::channel();
    runner.run(Box::new(move || {
        Box::pin(async move {
            let _ = answer.send(job().await);
        })
    }))?;
    answered
        .recv()
        .map_err(|_| Error::Unavailable("the database thread has stopped".to_owned()))?
}
