//! Running statements: each by itself for those who read, inside a transaction for a unit of work.

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use futures_util::TryStreamExt;
use futures_util::future::join;
use tokio::sync::OwnedSemaphorePermit;

use super::connect;
use super::error::{Trouble, from_library, trouble};
use super::placeholders::translated;
use super::value::PostgresRow;
use crate::store::db::{Error, Result, Row, Value};

/// Starts a transaction. A statement sees what was committed before it began, and a row that another transaction has
/// changed is looked at again when that one has committed: units of work lock the rows they depend on by changing them.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A connection in use.
pub struct Tx<'a>(Kind<'a>);

enum Kind<'a> {
    /// Statements by themselves.
    Reader(Box<Reader>),
    /// Those of a unit of work.
    Unit(&'a mut Transaction),
}

struct Reader {
    pool: Pool,
    /// None once the server has fallen silent.
    client: Option<Object>,
}

/// How long a reader waits for an answer: longer than the server lets a statement run, so that what is met is a server
/// that says nothing any more.
const SILENCE: Duration = Duration::from_secs(12);

/// How many statements a unit of work has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One, which needs no transaction around it.
    One,
    Many,
}

/// A transaction that begins with its first statement.
pub struct Transaction {
    pub client: Object,
    /// Its place among those who may hold a connection for long.
    pub turn: OwnedSemaphorePermit,
    pub form: Form,
    pub has_begun: bool,
    /// The worst that happened to it. After an error the server refuses all but the rollback.
    pub trouble: Option<Trouble>,
}

impl Tx<'static> {
    pub fn reader(pool: Pool, client: Object) -> Self {
        let client = Some(client);
        Self(Kind::Reader(Box::new(Reader { pool, client })))
    }
}

impl<'a> Tx<'a> {
    pub fn unit(transaction: &'a mut Transaction) -> Self {
        Self(Kind::Unit(transaction))
    }

    pub async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        match &mut self.0 {
            Kind::Unit(transaction) => transaction.execute(sql, values).await,
            Kind::Reader(_) => Err(Error::Defect("a reader writes".to_owned())),
        }
    }

    pub async fn query_opt<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map_row: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let rows = self.query(sql, values).await?;
        rows.first().map(|row| mapped(row, map_row)).transpose()
    }

    pub async fn query_all<T>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        map_row: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = self.query(sql, values).await?;
        rows.iter().map(|row| mapped(row, &map_row)).collect()
    }

    async fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<PostgresRow>> {
        match &mut self.0 {
            Kind::Unit(transaction) => transaction.query(sql, values).await,
            Kind::Reader(reader) => reader.query(sql, values).await,
        }
    }
}

impl Reader {
    async fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<PostgresRow>> {
        match self.ask(sql, values).await? {
            // The server went and may be back; looking twice does no harm.
            Err(error) if trouble(&error) == Trouble::Lost => {
                let fresh = connect::checkout(&self.pool).await?;
                if let Some(lost) = self.client.replace(fresh) {
                    discard(lost);
                }
                self.ask(sql, values).await?.map_err(from_library)
            }
            answer => answer.map_err(from_library),
        }
    }

    async fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Answer<Vec<PostgresRow>>> {
        let silent = || Error::Unavailable("the database does not answer".to_owned());
        let client = self.client.as_ref().ok_or_else(silent)?;
        match tokio::time::timeout(SILENCE, query(client, sql, values)).await {
            Ok(answer) => Ok(answer),
            Err(_elapsed) => {
                if let Some(silent) = self.client.take() {
                    discard(silent);
                }
                // Those that are idle lead to the same server.
                self.pool.retain(|_, _| false);
                Err(silent())
            }
        }
    }
}

impl Transaction {
    async fn execute(&mut self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        let first = self.begins()?;
        let answer = execute(&self.client, sql, values);
        let answer = if first {
            begin_with(&self.client, sql, answer).await
        } else {
            answer.await
        };
        self.noted(answer)
    }

    async fn query(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<PostgresRow>> {
        let first = self.begins()?;
        let answer = query(&self.client, sql, values);
        let answer = if first {
            begin_with(&self.client, sql, answer).await
        } else {
            answer.await
        };
        self.noted(answer)
    }

    /// Whether the next statement is to begin the transaction.
    fn begins(&mut self) -> Result<bool> {
        let begun = std::mem::replace(&mut self.has_begun, true);
        match (self.form, begun) {
            (Form::One, true) => Err(Error::Defect(
                "a unit of one statement runs another".to_owned(),
            )),
            (Form::One, false) => Ok(false),
            (Form::Many, begun) => Ok(!begun),
        }
    }

    /// Remembers what an error means for the transaction.
    fn noted<T>(&mut self, answer: Answer<T>) -> Result<T> {
        answer.map_err(|error| {
            let new = trouble(&error);
            if self.trouble != Some(Trouble::Lost) {
                self.trouble = Some(new);
            }
            from_library(error)
        })
    }
}

type Answer<T> = std::result::Result<T, tokio_postgres::Error>;

/// Begins a transaction and runs its first statement in one round trip.
async fn begin_with<T>(
    client: &Object,
    sql: &str,
    statement: impl Future<Output = Answer<T>>,
) -> Answer<T> {
    // Otherwise the statement would be prepared, and wait for that, with the transaction open.
    client.prepare_cached(&translated(sql)).await?;
    // Both are sent in this order before the first answer is waited for.
    let (begun, answer) = join(client.batch_execute(BEGIN), statement).await;
    begun?;
    answer
}

async fn execute(client: &Object, sql: &str, values: &[Value<'_>]) -> Answer<u64> {
    let statement = client.prepare_cached(&translated(sql)).await?;
    client.execute_raw(&statement, values.iter().copied()).await
}

async fn query(client: &Object, sql: &str, values: &[Value<'_>]) -> Answer<Vec<PostgresRow>> {
    let statement = client.prepare_cached(&translated(sql)).await?;
    client
        .query_raw(&statement, values.iter().copied())
        .await?
        .try_collect()
        .await
}

/// Takes a connection out of the pool for ever.
pub fn discard(client: Object) {
    drop(Object::take(client));
}

/// Calls `map_row` for a row of ours.
fn mapped<T>(row: &PostgresRow, map_row: impl Fn(&Row<'_>) -> Result<T>) -> Result<T> {
    map_row(&Row(crate::store::db::row::RowKind::Postgres(row)))
}
