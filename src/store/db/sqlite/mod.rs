//! SQLite: one writer thread with group commit, a pool of read-only connections, WAL, `synchronous=FULL`.

mod backup;
mod connection;
mod draft;
mod history;
mod migrations;
mod restore;
mod schema;
mod snapshot;
mod writer;

use std::future::Future;
use std::ops::{AsyncFnMut, AsyncFnOnce};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use tokio::sync::Semaphore;

use self::connection::is_lost;
use super::value::Column;
use super::{BackupError, Copied, Error, FromValue, Kind, Result, Row, RowKind, Value};

pub use backup::backup;
pub use connection::Location;
pub use migrations::{migrate, pending};
pub use restore::restore;

type Reader = r2d2::PooledConnection<SqliteConnectionManager>;

/// Scans running at one time; more wait their turn without holding a thread.
const MAX_SCANS: usize = 4;

/// Read connections besides those of scans and one for each core. Look-ups never wait, so that each async thread has one
/// under way at most: the thread of each core and the one of background jobs; the rest is slack.
const SPARE_READERS: usize = 4;

/// Why a database in memory has no backups.
const IN_MEMORY: &str =
    "a database in memory ends with its process: there is nothing to back up or restore";

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

/// Polls a future that never waits to its end: over SQLite, no statement does.
fn in_place<F: Future>(future: F) -> Result<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(Error::Defect(
            "a unit of work waited for something other than the database".to_owned(),
        )),
    }
}

/// A connection in use.
pub enum Tx<'a> {
    /// The writer's, inside the savepoint of a unit.
    Writer {
        connection: &'a mut Connection,
        /// Set when a statement showed that the connection is not worth keeping.
        lost: &'a mut bool,
    },
    /// One of the pool.
    Reader(Reader),
}

impl Tx<'_> {
    fn connection(&self) -> &Connection {
        match self {
            Self::Writer { connection, .. } => connection,
            Self::Reader(connection) => connection,
        }
    }

    /// Remembers an error after which the connection is not worth keeping.
    fn noted<T>(&mut self, result: Result<T>) -> Result<T> {
        if let (Self::Writer { lost, .. }, Err(error)) = (self, &result) {
            **lost |= is_lost(error);
        }
        result
    }

    pub fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        let changed = execute(self.connection(), sql, values);
        self.noted(changed)
    }

    pub fn query_opt<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map_row: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let first = query_opt(self.connection(), sql, values, map_row);
        self.noted(first)
    }

    pub fn query_all<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map_row: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let all = query_all(self.connection(), sql, values, map_row);
        self.noted(all)
    }
}

fn execute(connection: &Connection, sql: &str, values: &[Value<'_>]) -> Result<u64> {
    let mut statement = connection.prepare_cached(sql)?;
    let changed = statement.execute(rusqlite::params_from_iter(values))?;
    Ok(changed as u64)
}

fn query_opt<T>(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
    map_row: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let first = rows
        .next()?
        .map(|row| map_row(&Row(RowKind::Sqlite(row))))
        .transpose()?;
    // A statement that writes is only whole once it has been stepped to its end.
    while rows.next()?.is_some() {}
    Ok(first)
}

fn query_all<T>(
    connection: &Connection,
    sql: &str,
    values: &[Value<'_>],
    map_row: impl Fn(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(map_row(&Row(RowKind::Sqlite(row)))?);
    }
    Ok(all)
}

/// Column `index` of a row.
pub fn column<T: FromValue>(row: &rusqlite::Row<'_>, index: usize) -> Result<T> {
    let value = match row.get_ref(index)? {
        ValueRef::Null => Some(Column::Null),
        ValueRef::Integer(value) => Some(Column::Integer(value)),
        ValueRef::Text(value) => std::str::from_utf8(value).ok().map(Column::Text),
        ValueRef::Blob(value) => Some(Column::Bytes(value)),
        ValueRef::Real(_) => None,
    };
    value.and_then(T::from_column).ok_or_else(|| {
        Error::Defect(format!(
            "column {index} is no {}",
            std::any::type_name::<T>()
        ))
    })
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
