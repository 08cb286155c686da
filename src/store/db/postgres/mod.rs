//! PostgreSQL and what speaks its protocol: a pool of connections, driven by a thread of their own.

mod connect;
mod error;
mod hosts;
mod migrations;
mod placeholders;
mod runner;
pub(super) mod statement;
mod tls;
mod unit;
pub(super) mod value;

use std::ops::{AsyncFnMut, AsyncFnOnce};
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio::sync::{Semaphore, oneshot};

use self::runner::Runner;
use super::tx::Kind;
use super::{Error, Result};
use crate::config;

pub use connect::reach;
pub use migrations::{migrate, pending};
pub use statement::{Form, Tx};

/// Why we make no backups of it.
/// Asks for the time by the server's clock.
pub const CLOCK: &str =
    "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)";

pub const BACKUPS: &str =
    "for PostgreSQL use its own tools: pg_dump and pg_restore, or pg_basebackup";

/// Units of work that may be under way or waiting for a connection.
const QUEUE: usize = 4096;

/// Scans running at one time.
const MAX_SCANS: usize = 4;

/// Of so many connections one is left to point look-ups: these go on while every unit of work waits for a lock, or for
/// an answer to its commit.
const ONE_FOR_READS_IN: usize = 8;

/// An open PostgreSQL database.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
    runner: Arc<Runner>,
    /// What units of work and scans together may take of the connections.
    turns: Arc<Semaphore>,
    scans: Arc<Semaphore>,
    queue: Arc<Semaphore>,
}

impl Postgres {
    /// Starts the thread that drives the connections; opens none yet.
    pub fn open(url: &config::Postgres) -> Result<Self> {
        let runner = Runner::start()?;
        let pool = connect::pool(url, runner.handle())?;
        Ok(Self {
            pool,
            runner: Arc::new(runner),
            turns: Arc::new(Semaphore::new(
                url.pool_size - url.pool_size.div_ceil(ONE_FOR_READS_IN),
            )),
            scans: Arc::new(Semaphore::new(MAX_SCANS)),
            queue: Arc::new(Semaphore::new(QUEUE)),
        })
    }

    pub async fn check(&self) -> Result<()> {
        let client = connect::checkout(&self.pool).await?;
        match tokio::time::timeout(connect::PATIENCE, is_fit(&client)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                statement::discard(client);
                Err(Error::Unavailable("the server does not answer".to_owned()))
            }
        }
    }

    pub async fn read(&self) -> Result<Tx<'static>> {
        Ok(Tx::reader(
            self.pool.clone(),
            connect::checkout(&self.pool).await?,
        ))
    }

    pub async fn scan<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut super::Tx<'_>) -> Result<T> + Send + 'static,
    {
        let permit = tokio::time::timeout(connect::PATIENCE, self.scans.clone().acquire_owned())
            .await
            .map_err(|_elapsed| Error::Overloaded)?
            .map_err(|error| Error::Defect(format!("scan: {error}")))?;
        let (pool, turns) = (self.pool.clone(), self.turns.clone());
        self.on_runner(async move || {
            let _permit = permit;
            let _turn = connect::turn(&turns).await?;
            let client = connect::checkout(&pool).await?;
            query(&mut super::Tx(Kind::Postgres(Tx::reader(pool, client)))).await
        })
        .await?
    }

    pub async fn write<T, E, F>(&self, unit: F, form: Form) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: AsyncFnMut(&mut super::Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let place = self
            .queue
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::Overloaded)?;
        let (pool, turns) = (self.pool.clone(), self.turns.clone());
        self.on_runner(async move || {
            let _place = place;
            unit::run(&pool, &turns, unit, form).await
        })
        .await?
    }

    /// Runs `job` on the thread of the connections: its future need not be able to move between threads. It runs to its
    /// end even when nobody waits for it any more.
    async fn on_runner<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnOnce() -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.runner.run(Box::new(move || {
            Box::pin(async move {
                let _ = answer.send(job().await);
            })
        }))?;
        answered
            .await
            .map_err(|_| Error::Unavailable("the database thread has stopped".to_owned()))
    }
}

/// Fails unless the server has our schema and takes writes.
async fn is_fit(client: &Object) -> Result<()> {
    let missing = migrations::missing(client).await?.len();
    if missing > 0 {
        return Err(Error::Unavailable(format!(
            "{missing} migrations have not been run"
        )));
    }
    let read_only: String = client
        .query_one("SHOW transaction_read_only", &[])
        .await
        .map_err(error::from_library)?
        .try_get(0)
        .map_err(error::from_library)?;
    if read_only == "on" {
        return Err(Error::Unavailable("the server takes no writes".to_owned()));
    }
    Ok(())
}
