//! A read transaction that is kept open between writes, for the sake of those who read.
//!
//! A reader of a WAL database takes a shared lock on its snapshot. The first connection of a process to take it asks the
//! operating system, inside a lock that all connections share; any other only counts. With one connection that holds the
//! snapshot already, look-ups on all threads go without system calls and do not wait for each other.

use rusqlite::Connection;

use super::super::Result;
use super::connection::{Location, statement};

/// The connection that holds the newest snapshot. It never stays open across a write: that would keep the log from
/// being started over, and it would grow for ever.
pub struct Snapshot {
    connection: Option<Connection>,
}

impl Snapshot {
    /// Nothing held yet. In memory there is no log to hold a snapshot of.
    pub fn new(location: &Location) -> Self {
        Self {
            connection: location.open_reader().ok().flatten(),
        }
    }

    /// Holds the newest snapshot. That it cannot be held costs speed and nothing else.
    pub fn hold(&self) {
        if let Some(connection) = &self.connection
            && begin(connection).is_err()
        {
            self.release();
        }
    }

    /// Lets go of it.
    pub fn release(&self) {
        if let Some(connection) = self
            .connection
            .as_ref()
            .filter(|connection| !connection.is_autocommit())
        {
            // It only fails where nothing is held.
            let _ = statement(connection, "ROLLBACK");
        }
    }
}

/// A transaction takes its snapshot with the first look at the database.
fn begin(connection: &Connection) -> Result<()> {
    statement(connection, "BEGIN")?;
    connection
        .prepare_cached("SELECT count(*) FROM sqlite_schema WHERE FALSE")?
        .query_row([], |_| Ok(()))?;
    Ok(())
}
