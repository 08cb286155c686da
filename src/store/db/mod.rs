//! The engine room's door: `Db` with its three verbs, the transaction `Tx`, values and rows.
//! Only files of this folder name an engine.
//!
//! - [`Db::read`]: a point look-up, done in place.
//! - [`Db::scan`]: anything that may touch many rows, off the async threads.
//! - [`Db::write`]: one unit of work. It may be run again, so it must have no effect but on its `Tx`.
//!   [`Db::write_one`] is the same for a unit of one statement, which then takes one round trip.

pub(crate) mod backup;
mod error;
mod migration;
mod postgres;
mod row;
mod sqlite;
mod tx;
mod value;

use std::ops::AsyncFnMut;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::error::{Result, WAITING};
use self::migration::HAS_UNFINISHED_COPY;
use self::postgres::Form;
pub use self::row::Row;
use self::sqlite::{Location, Sqlite};
use self::tx::Kind;
pub use self::tx::Tx;
use crate::clock::Timestamp;
use crate::config::DatabaseUrl;

pub use backup::{BackupError, Copied, Restored};
pub use error::{Constraint, Error};
pub use migration::{Migrated, Migration};
pub use value::{FromValue, Value};

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    engine: Engine,
}

#[derive(Clone)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Waits until a server that is away can be reached, for as long as `patience`. A file is there, or can be made.
    ///
    /// # Errors
    /// What stands in the way: also at once, when waiting does not help.
    pub fn reach(url: &DatabaseUrl, patience: Duration) -> Result<()> {
        match url {
            DatabaseUrl::Postgres(url) => postgres::reach(url, patience),
            DatabaseUrl::File(path) => Location::at(path).reach(),
            DatabaseUrl::Memory => Ok(()),
        }
    }

    /// Fails when there is no database file and none can be made. Makes none, and opens no connection.
    pub fn check_place(url: &DatabaseUrl) -> Result<()> {
        match url {
            DatabaseUrl::File(path) => Location::at(path).check(),
            DatabaseUrl::Memory | DatabaseUrl::Postgres(_) => Ok(()),
        }
    }

    /// Brings the schema up to date, creating the database where there is none. Refuses a schema that is newer than
    /// this program knows.
    pub fn migrate(url: &DatabaseUrl) -> Result<Migrated> {
        match url {
            DatabaseUrl::Postgres(url) => postgres::migrate(url),
            DatabaseUrl::File(path) => sqlite::migrate(&Location::at(path)),
            DatabaseUrl::Memory => sqlite::migrate(&Location::memory()),
        }
    }

    /// The migrations that [`Db::migrate`] would run.
    pub fn pending(url: &DatabaseUrl) -> Result<Vec<Migration>> {
        match url {
            DatabaseUrl::Postgres(url) => postgres::pending(url),
            DatabaseUrl::File(path) => sqlite::pending(&Location::at(path)),
            DatabaseUrl::Memory => sqlite::pending(&Location::memory()),
        }
    }

    /// Opens a database whose schema is up to date.
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        let engine = match url {
            DatabaseUrl::Postgres(url) => Engine::Postgres(postgres::Postgres::open(url)?),
            DatabaseUrl::File(path) => Engine::Sqlite(Sqlite::open(&Location::at(path))?),
            DatabaseUrl::Memory => Engine::Sqlite(Sqlite::open(&Location::memory())?),
        };
        Ok(Self { engine })
    }

    /// Fails when the database does not answer, its schema is not the one that this program needs, or a copy into it is not
    /// finished.
    pub async fn check(&self) -> Result<()> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.check().await?,
            Engine::Postgres(postgres) => postgres.check().await?,
        }
        let mut tx = self.read().await?;
        let is_unfinished = tx
            .query_opt(HAS_UNFINISHED_COPY, &[], |row| row.get(0))
            .await?;
        match is_unfinished {
            Some(true) => Err(Error::Unfinished),
            _ => Ok(()),
        }
    }

    /// Commits that the disk or the file did not take since the start. A server counts its own.
    pub fn failed_commits(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.failed_commits(),
            Engine::Postgres(_) => 0,
        }
    }

    /// The time by the database's own clock; `None` where it has none but this machine's.
    pub async fn clock(&self) -> Result<Option<Timestamp>> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(None),
            Engine::Postgres(_) => {
                let mut tx = self.read().await?;
                tx.query_opt(postgres::CLOCK, &[], |row| row.get(0)).await
            }
        }
    }

    /// A connection for a point look-up. Drop it before waiting for anything but the database.
    pub async fn read(&self) -> Result<Tx<'static>> {
        match &self.engine {
            Engine::Sqlite(sqlite) => Ok(Tx(Kind::Sqlite(sqlite.read()?))),
            Engine::Postgres(postgres) => Ok(Tx(Kind::Postgres(postgres.read().await?))),
        }
    }

    /// Runs `query` where it may take long without holding up other requests.
    pub async fn scan<T, F>(&self, query: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.scan(query).await,
            Engine::Postgres(postgres) => postgres.scan(query).await,
        }
    }

    /// Runs `unit` as one transaction: all of it is on disk when this returns `Ok`, none of it when it returns `Err`.
    ///
    /// # Errors
    /// The unit's own; [`Error::Overloaded`] when too many units are waiting; [`Error::Unavailable`] when the database
    /// cannot be written.
    pub async fn write<T, E, F>(&self, unit: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: AsyncFnMut(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(unit).await,
            Engine::Postgres(postgres) => postgres.write(unit, Form::Many).await,
        }
    }

    /// Runs a unit of one statement, which is a transaction by itself. A second one is a defect; nor may the unit fail once
    /// its statement has been run, for that need not be undone.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_one<T, E, F>(&self, unit: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: AsyncFnMut(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.write(unit).await,
            Engine::Postgres(postgres) => postgres.write(unit, Form::One).await,
        }
    }

    /// As the function [`backup`], of this database.
    pub async fn backup(&self, file: PathBuf) -> std::result::Result<Copied, BackupError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.backup(file).await,
            Engine::Postgres(_) => Err(BackupError::Elsewhere(postgres::BACKUPS)),
        }
    }
}

/// Writes a consistent copy of the database to `file`, even if others have it open or write to it, and checks the copy.
/// Everything acknowledged before it began is in it. Nothing waits for it.
///
/// # Errors
/// [`BackupError::Exists`] when there is such a file; [`BackupError::Unsound`] when the database is damaged. No file is
/// left then.
pub fn backup(url: &DatabaseUrl, file: &Path) -> std::result::Result<Copied, BackupError> {
    match url {
        DatabaseUrl::File(path) => sqlite::backup(&Location::at(path), file),
        DatabaseUrl::Memory => sqlite::backup(&Location::memory(), file),
        DatabaseUrl::Postgres(_) => Err(BackupError::Elsewhere(postgres::BACKUPS)),
    }
}

/// Checks the backup `file`, makes a copy of it the database, and brings its schema up to date. With `replace`, a
/// database that is there is kept under another name, which tells the moment `now`.
///
/// # Errors
/// [`BackupError::InUse`] while a service has the database open; [`BackupError::Exists`] when there is one and `replace`
/// is false; [`BackupError::Unsound`] when the backup is damaged, newer than this program or something else altogether.
/// The database is then what it was before.
pub fn restore(
    url: &DatabaseUrl,
    file: &Path,
    replace: bool,
    now: Timestamp,
) -> std::result::Result<Restored, BackupError> {
    match url {
        DatabaseUrl::File(path) => sqlite::restore(&Location::at(path), file, replace, now),
        DatabaseUrl::Memory => sqlite::restore(&Location::memory(), file, replace, now),
        DatabaseUrl::Postgres(_) => Err(BackupError::Elsewhere(postgres::BACKUPS)),
    }
}
