//! Copying a database while others write to it, and finding out whether a copy can be trusted.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::connection::Location;
use super::draft::Draft;
use super::{history, schema};
use crate::store::db::{BackupError, Copied, Error};

type Result<T> = std::result::Result<T, BackupError>;

/// Writes a copy of the database to `file`, which must not exist yet. What had been committed when it began is in it.
/// Writers do not wait for it.
pub fn backup(location: &Location, file: &Path) -> Result<Copied> {
    if let Some(database) = location.file().filter(|database| !database.exists()) {
        return Err(BackupError::Missing(database.to_owned()));
    }
    if file.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let (Some(database), Some(source)) = (location.file(), location.open_reader()?) else {
        return Err(BackupError::Elsewhere(super::connection::IN_MEMORY));
    };
    let draft = Draft::new(file).map_err(BackupError::at(file))?;
    let copy = copy(&source, database, &draft)?;
    drop(source);
    let users = check(&copy, database)?;
    let bytes = close(copy, &draft)?;
    draft.publish().map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
        _ => BackupError::at(file)(error),
    })?;
    Ok(Copied { bytes, users })
}

/// Fills the draft from `source`, which was opened from `path`, and gives a connection to it.
///
/// All pages are copied in one step, hence in one read transaction: a snapshot that no write changes or starts over
/// (https://sqlite.org/c3ref/backup_finish.html), however many are done meanwhile.
pub fn copy(source: &Connection, path: &Path, draft: &Draft) -> Result<Connection> {
    let open = || -> rusqlite::Result<Connection> {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let copy = Connection::open_with_flags(draft.path(), access)?;
        schema::distrust(&copy)?;
        // It is flushed once, at the end; until then it is not used as a database.
        copy.pragma_update(None, "synchronous", "off")?;
        Ok(copy)
    };
    let mut copy = open().map_err(Error::from)?;
    let step = Backup::new(source, &mut copy)
        .and_then(|backup| backup.step(-1))
        .map_err(|error| unsound(path, error))?;
    if step != StepResult::Done {
        return Err(BackupError::InUse(path.to_owned()));
    }
    // One file by itself, with no log beside it.
    journal_in_file(&copy).map_err(|error| unsound(path, error))?;
    Ok(copy)
}

/// Moves all that the log holds into the database, and does without a log from here on. Fails while any other
/// connection is open.
pub fn journal_in_file(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))
}

/// Whether the copy is whole, and a database of ours. Gives the number of accounts. What is wrong is said of `path`, from
/// which it was copied.
pub fn check(copy: &Connection, path: &Path) -> Result<u64> {
    let problem = |problem: String| BackupError::Unsound {
        path: path.to_owned(),
        problem,
    };
    if !history::is_ours(copy).map_err(|error| unsound(path, error))? {
        return Err(problem("no database of Vestibule".to_owned()));
    }
    let found: String = copy
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| unsound(path, error))?;
    if found != "ok" {
        let found: Vec<&str> = found.split_whitespace().collect();
        return Err(problem(format!("damaged: {}", found.join(" "))));
    }
    let orphan: Option<String> = copy
        .query_row("PRAGMA foreign_key_check", [], |row| row.get(0))
        .optional()
        .map_err(|error| unsound(path, error))?;
    if let Some(table) = orphan {
        return Err(problem(format!(
            "damaged: {table} refers to rows that are missing"
        )));
    }
    let users: i64 = copy
        .query_row("SELECT count(*) FROM users", [], |row| row.get(0))
        .map_err(|error| unsound(path, error))?;
    Ok(users.unsigned_abs())
}

/// Fails when the copy holds anything but rows that our migrations did not make.
pub fn check_schema(copy: &Connection, path: &Path) -> Result<()> {
    let difference = match history::is_ours(copy) {
        Ok(true) => schema::difference(copy)?,
        // Said by `check`.
        Ok(false) | Err(_) => None,
    };
    match difference {
        None => Ok(()),
        Some(problem) => Err(BackupError::Unsound {
            path: path.to_owned(),
            problem,
        }),
    }
}

/// Closes the copy and gives its size.
pub fn close(copy: Connection, draft: &Draft) -> Result<u64> {
    copy.close().map_err(|(_, error)| Error::from(error))?;
    let metadata = std::fs::metadata(draft.path()).map_err(BackupError::at(draft.path()))?;
    Ok(metadata.len())
}

/// Tells a file that is no good from a machine that is not.
fn unsound(path: &Path, error: rusqlite::Error) -> BackupError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let problem = match error.sqlite_error_code() {
        Some(NotADatabase) => "no SQLite database".to_owned(),
        Some(DatabaseCorrupt) => format!("damaged: {error}"),
        _ => return schema::tell(path, Error::from(error)).into(),
    };
    BackupError::Unsound {
        path: path.to_owned(),
        problem,
    }
}
