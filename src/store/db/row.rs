//! A row, of whichever engine.

use super::sqlite::{self};
use super::value::FromValue;
use super::{Result, postgres};

/// One row of an answer; columns are counted from 0.
pub struct Row<'a>(pub(super) RowKind<'a>);

impl Row<'_> {
    /// The value of column `index`.
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        match &self.0 {
            RowKind::Sqlite(row) => sqlite::value::column(row, index),
            RowKind::Postgres(row) => postgres::column(row, index),
        }
    }
}

pub(super) enum RowKind<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::value::PostgresRow),
}
