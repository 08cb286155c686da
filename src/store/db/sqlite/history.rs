//! The migrations that are embedded from `sql/sqlite/`, and the history that a database keeps of them.

use std::error::Error as StdError;

use super::super::migration::{self, FORMER_HISTORY, HISTORY, Migration, Run, missing_of};
use super::super::{Error, Result};

mod embedded {
    refinery::embed_migrations!("sql/sqlite");
}

/// All migrations, with the name of the history.
pub fn runner() -> refinery::Runner {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    runner
}

pub fn missing(connection: &rusqlite::Connection) -> Result<Vec<Migration>> {
    missing_of(&runner(), applied(connection)?)
}

/// Copies the history from where the first versions kept it. False when it has its name of today already.
pub fn take_over(connection: &rusqlite::Connection) -> Result<bool> {
    if has_table(connection, HISTORY)? {
        return Ok(false);
    }
    if has_table(connection, FORMER_HISTORY)? {
        connection.execute_batch(&migration::taking_over("int4"))?;
    }
    Ok(true)
}

/// Versions of the migrations that were run, in their order.
pub fn applied(connection: &rusqlite::Connection) -> rusqlite::Result<Vec<i64>> {
    let mut versions: Vec<i64> = history(connection)?
        .into_iter()
        .map(|run| run.migration.version)
        .collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Whether the schema is one of ours: the first migration that was run on it is our first.
pub fn is_ours(connection: &rusqlite::Connection) -> rusqlite::Result<bool> {
    Ok(migration::is_ours(&runner(), &history(connection)?))
}

/// The migrations that were run, as far as anything tells. A table of another form is another application's, and tells nothing.
fn history(connection: &rusqlite::Connection) -> rusqlite::Result<Vec<Run>> {
    use rusqlite::Error::{FromSqlConversionFailure, InvalidColumnType, SqlInputError};
    let Some(table) = table_of_history(connection)? else {
        return Ok(Vec::new());
    };
    match history_in(connection, table) {
        Err(SqlInputError { .. } | InvalidColumnType(..) | FromSqlConversionFailure(..)) => {
            Ok(Vec::new())
        }
        read => read,
    }
}

fn history_in(connection: &rusqlite::Connection, table: &str) -> rusqlite::Result<Vec<Run>> {
    let sql = format!("SELECT version, name, checksum FROM {table}");
    let mut statement = connection.prepare(&sql)?;
    let migrations = statement.query_map([], |row| {
        Ok(Run {
            migration: Migration {
                version: row.get(0)?,
                name: row.get(1)?,
            },
            checksum: row.get(2)?,
        })
    })?;
    migrations.collect()
}

fn table_of_history(connection: &rusqlite::Connection) -> rusqlite::Result<Option<&'static str>> {
    for table in [HISTORY, FORMER_HISTORY] {
        if has_table(connection, table)? {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

fn has_table(connection: &rusqlite::Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    connection.query_row(sql, [name], |row| row.get(0))
}

/// The engine repeats the whole migration after what it has to say.
pub fn failed(error: refinery::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(rusqlite::Error::SqlInputError { msg, .. }) = inner.downcast_ref() {
            return Error::Schema(format!("migration failed: {msg}"));
        }
        cause = inner.source();
    }
    Error::Schema(format!("migration failed: {error}"))
}
