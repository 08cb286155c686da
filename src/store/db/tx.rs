//! A transaction, of whichever engine.

use super::postgres::statement::Tx as PostgresTx;
use super::sqlite::tx::Tx as SqliteTx;
use super::value::Value;
use super::{Result, Row};

/// An open transaction or read connection.
pub struct Tx<'a>(pub(super) Kind<'a>);

impl Tx<'_> {
    /// Runs a statement and says how many rows it changed.
    pub async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        match &mut self.0 {
            Kind::Sqlite(tx) => tx.execute(sql, values),
            Kind::Postgres(tx) => tx.execute(sql, values).await,
        }
    }

    /// The first row of an answer, if there is one.
    pub async fn query_opt<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map_row: impl Fn(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Option<T>> {
        match &mut self.0 {
            Kind::Sqlite(tx) => tx.query_opt(sql, values, map_row),
            Kind::Postgres(tx) => tx.query_opt(sql, values, map_row).await,
        }
    }

    /// All rows of an answer. The statement bounds their number.
    pub async fn query_all<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map_row: impl Fn(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        match &mut self.0 {
            Kind::Sqlite(tx) => tx.query_all(sql, values, map_row),
            Kind::Postgres(tx) => tx.query_all(sql, values, map_row).await,
        }
    }
}

pub(super) enum Kind<'a> {
    Sqlite(SqliteTx<'a>),
    Postgres(PostgresTx<'a>),
}
