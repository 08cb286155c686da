//! A row, of whichever engine.

use super::Result;
use super::postgres::value::{self as postgres, PostgresRow};
use super::sqlite::value as sqlite;
use super::value::FromValue;

/// One row of an answer; columns are counted from 0.
pub struct Row<'a>(pub(super) RowKind<'a>);

impl Row<'_> {
    /// The value of column `index`.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        match &self.0 {
            RowKind::Sqlite(row) => sqlite::column(row, index),
            RowKind::Postgres(row) => postgres::column(row, index),
        }
    }
}

pub(super) enum RowKind<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a PostgresRow),
}
