//! Schema migrations, embedded from `sql/sqlite/`.

use std::error::Error as StdError;

use super::super::migration::{HAS_UNFINISHED_COPY, Migration, missing_of};
use super::super::{Error, Migrated, Result};
use super::connection::Location;

mod embedded {
    refinery::embed_migrations!("sql/sqlite");
}

/// Runs what is missing. A memory database lives as long as a connection to it, so there the opener migrates.
pub fn migrate(location: &Location) -> Result<Migrated> {
    let _lock = location.lock()?;
    let mut connection = location.open_writer()?;
    let migrated = run(&mut connection)?;
    Ok(Migrated {
        has_unfinished_copy: connection.query_row(HAS_UNFINISHED_COPY, [], |row| row.get(0))?,
        ..migrated
    })
}

/// The migrations that are missing, without running them.
pub fn pending(location: &Location) -> Result<Vec<Migration>> {
    let reader = if location.exists() {
        location.open_reader()?
    } else {
        None
    };
    match reader {
        Some(reader) => missing(&reader),
        None => missing_of(&embedded::migrations::runner(), Vec::new()),
    }
}

pub fn run(connection: &mut rusqlite::Connection) -> Result<Migrated> {
    // At an ordinary start nothing is missing, and looking is far cheaper than refinery's own transaction.
    if missing(connection)?.is_empty() {
        return Ok(Migrated::default());
    }
    let report = embedded::migrations::runner()
        // All or nothing, and one flush to disk.
        .set_grouped(true)
        .run(connection)
        .map_err(failed)?;
    Ok(Migrated {
        applied: report
            .applied_migrations()
            .iter()
            .map(Migration::from)
            .collect(),
        ..Migrated::default()
    })
}

pub fn missing(connection: &rusqlite::Connection) -> Result<Vec<Migration>> {
    missing_of(&embedded::migrations::runner(), applied(connection)?)
}

fn applied(connection: &rusqlite::Connection) -> Result<Vec<i64>> {
    Ok(history(connection)?
        .into_iter()
        .map(|migration| migration.version)
        .collect())
}

/// Whether the schema is one of ours: the first migration that was run on it is our first.
pub fn is_ours(connection: &rusqlite::Connection) -> Result<bool> {
    let first = |migrations: Vec<Migration>| migrations.into_iter().min_by_key(|one| one.version);
    let ours = embedded::migrations::runner()
        .get_migrations()
        .iter()
        .map(Migration::from)
        .collect();
    Ok(first(history(connection)?) == first(ours))
}

/// The migrations that were run, as far as anything tells.
fn history(connection: &rusqlite::Connection) -> Result<Vec<Migration>> {
    let has_history: bool = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    if !has_history {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT version, name FROM refinery_schema_history")?;
    let migrations = statement
        .query_map([], |row| {
            Ok(Migration {
                version: row.get(0)?,
                name: row.get(1)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(migrations)
}

/// The engine repeats the whole migration after what it has to say.
fn failed(error: refinery::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if let Some(rusqlite::Error::SqlInputError { msg, .. }) = inner.downcast_ref() {
            return Error::Schema(format!("migration failed: {msg}"));
        }
        cause = inner.source();
    }
    Error::Schema(format!("migration failed: {error}"))
}
