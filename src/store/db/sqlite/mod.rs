//! SQLite: one writer thread with group commit, a pool of read-only connections, WAL, `synchronous=FULL`.

mod backup;
mod connection;
mod draft;
mod history;
mod migrations;
mod restore;
mod schema;
mod snapshot;
pub(super) mod tx;
pub(super) mod value;
mod writer;

use std::ops::{AsyncFnMut, AsyncFnOnce};
use std::path::PathBuf;
use std::sync::Arc;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio::sync::Semaphore;

pub use self::tx::Tx;
use self::tx::in_place;
use super::tx::Kind;
use super::{BackupError, Copied, Error, Result, Value};

pub use backup::backup;
pub use connection::Location;
pub use migrations::{migrate, pending};
pub use restore::restore;

/// Scans running at one time; more wait their turn without holding a thread.
const MAX_SCANS: usize = 4;

/// Read connections besides those of scans and one for each core. Look-ups never wait, so that each async thread has one
/// under way at most: the thread of each core and the one of background jobs; the rest is slack.
const SPARE_READERS: usize = 4;

/// An open SQLite database.
#[derive(Clone)]
pub struct Sqlite {
    location: Location,
    readers: r2d2::Pool<SqliteConnectionManager>,
    scans: Arc<Semaphore>,
    writer: writer::Handle,
}

impl Sqlite {
    pub fn open(location: &Location) -> Result<Self> {
        let writer = writer::start(location.clone())?;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let readers = r2d2::Pool::builder()
            .max_size(u32::try_from(threads + MAX_SCANS + SPARE_READERS).unwrap_or(u32::MAX))
            .min_idle(Some(1))
            .test_on_check_out(false)
            // A file does not go stale, and a new connection needs a descriptor that may not be there.
            .max_lifetime(None)
            .idle_timeout(None)
            .connection_timeout(connection::BUSY_TIMEOUT)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(location.reader_manager());
        Ok(Self {
            location: location.clone(),
            readers,
            scans: Arc::new(Semaphore::new(MAX_SCANS)),
            writer,
        })
    }

    pub fn read(&self) -> Result<Tx<'static>> {
        reader(&self.readers)
    }

    pub async fn check(&self) -> Result<()> {
        let missing = history::missing(self.read()?.connection())?.len();
        if missing > 0 {
            return Err(Error::Unavailable(format!(
                "{missing} migrations have not been run"
            )));
        }
        Ok(())
    }

    pub fn failed_commits(&self) -> u64 {
        self.writer.failed_commits()
    }

    pub async fn scan<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut super::Tx<'_>) -> Result<T> + Send + 'static,
    {
        let defect = |error: &dyn std::fmt::Display| Error::Defect(format!("scan: {error}"));
        let permit = self
            .scans
            .clone()
            .acquire_owned()
            .await
            .map_err(|error| defect(&error))?;
        let readers = self.readers.clone();
        let scanned = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let mut tx = super::Tx(Kind::Sqlite(reader(&readers)?));
            in_place(query(&mut tx))?
        });
        scanned.await.map_err(|error| defect(&error))?
    }

    pub async fn write<T, E, F>(&self, unit: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: AsyncFnMut(&mut super::Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        self.writer.run(unit).await
    }

    pub async fn backup(&self, file: PathBuf) -> std::result::Result<Copied, BackupError> {
        let location = self.location.clone();
        let copied = tokio::task::spawn_blocking(move || backup::backup(&location, &file));
        copied
            .await
            .unwrap_or_else(|error| Err(Error::Defect(format!("backup: {error}")).into()))
    }
}

fn reader(readers: &r2d2::Pool<SqliteConnectionManager>) -> Result<Tx<'static>> {
    let connection = readers
        .get()
        .map_err(|error| Error::Unavailable(format!("no connection to read with: {error}")))?;
    Ok(Tx::Reader(connection))
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Boolean(value) => ValueRef::Integer(i64::from(*value)),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Uuid(value) => ValueRef::Blob(value.as_bytes()),
        }))
    }
}
