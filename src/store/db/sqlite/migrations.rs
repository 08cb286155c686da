//! Schema migrations.

use super::super::migration::{HAS_UNFINISHED_COPY, Migration, missing_of};
use super::super::{Migrated, Result};
use super::connection::Location;
use super::history::{self, missing};
use super::schema;

/// Runs what is missing. A memory database lives as long as a connection to it, so there the opener migrates.
pub fn migrate(location: &Location) -> Result<Migrated> {
    let _lock = location.lock()?;
    let mut connection = location.open_writer_patiently()?;
    let migrated = run(&mut connection).map_err(|error| location.tell(error))?;
    let strange = schema::check_at_start(&connection).map_err(|error| location.tell(error))?;
    if let Some(file) = location.file() {
        for index in strange {
            tracing::warn!("{}: {index}", file.display());
        }
    }
    Ok(Migrated {
        has_unfinished_copy: connection.query_row(HAS_UNFINISHED_COPY, [], |row| row.get(0))?,
        ..migrated
    })
}

/// The migrations that are missing, without running them.
pub fn pending(location: &Location) -> Result<Vec<Migration>> {
    if location.exists() {
        missing(&location.open_to_look()?)
    } else {
        missing_of(&history::runner(), Vec::new())
    }
}

pub fn run(connection: &mut rusqlite::Connection) -> Result<Migrated> {
    // At an ordinary start nothing is missing, and looking is far cheaper than refinery's own transaction.
    let is_new = history::take_over(connection)?;
    if !is_new && missing(connection)?.is_empty() {
        return Ok(Migrated::default());
    }
    let report = history::runner()
        // All or nothing, and one flush to disk.
        .set_grouped(true)
        .run(connection)
        .map_err(history::failed)?;
    Ok(Migrated {
        applied: report
            .applied_migrations()
            .iter()
            .map(Migration::from)
            .collect(),
        ..Migrated::default()
    })
}
