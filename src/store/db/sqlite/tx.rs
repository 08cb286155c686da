//! A transaction of SQLite.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use super::connection::is_lost;
use crate::store::db::row::RowKind;
use crate::store::db::{Error, Result, Row, Value};

type Reader = r2d2::PooledConnection<SqliteConnectionManager>;

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
    pub(super) fn connection(&self) -> &Connection {
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

/// Polls a future that never waits to its end: over SQLite, no statement does.
pub(super) fn in_place<F: Future>(future: F) -> Result<F::Output> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Ok(output),
        Poll::Pending => Err(Error::Defect(
            "a unit of work waited for something other than the database".to_owned(),
        )),
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
