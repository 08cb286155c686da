//! Putting a backup in the place of a database. Nothing is touched before the backup was found sound, and what was there
//! is kept.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::backup::{check, check_schema, close, copy, journal_in_file};
use super::connection::Location;
use super::draft::{Draft, with_suffix};
use super::{migrations, schema};
use crate::clock::Timestamp;
use crate::store::db::{BackupError, Copied, Error, Restored};

type Result<T> = std::result::Result<T, BackupError>;

/// What holds data of a database: the file itself, the log, and the journal of a write that was cut off. With another
/// file in its place, a log would be taken for that one's (https://sqlite.org/howtocorrupt.html §1.4).
const PARTS: &[&str] = &["", "-wal", "-journal"];

/// Makes `file` the database of `location`. With `replace`, one that is there is kept beside it under a name that tells
/// the moment `now`.
pub fn restore(
    location: &Location,
    file: &Path,
    replace: bool,
    now: Timestamp,
) -> Result<Restored> {
    let Some(place) = location.file() else {
        return Err(BackupError::Elsewhere(super::connection::IN_MEMORY));
    };
    // SQLite follows a link, and keeps its log beside the file that it leads to.
    let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
    let real = fs::canonicalize(file).map_err(|_| BackupError::Missing(file.to_owned()))?;
    if !real.is_file() {
        return Err(BackupError::Unsound {
            path: file.to_owned(),
            problem: "not a file: name the backup itself".to_owned(),
        });
    }
    if real == place {
        return Err(BackupError::Same(file.to_owned()));
    }
    let former = Former::find(location, &place, replace)?;
    let draft = Draft::new(&place).map_err(BackupError::at(&place))?;
    let source = open(&real).map_err(|error| schema::tell(file, error))?;
    let mut restored = copy(&source, file, &draft)?;
    drop(source);
    // Before anything else looks at it, and before a migration writes: a trigger would act then.
    let users = match check_schema(&restored, file) {
        Ok(()) => check(&restored, file)?,
        Err(BackupError::Database(error)) => {
            // Damage is told better.
            check(&restored, file)?;
            return Err(error.into());
        }
        Err(alien) => return Err(alien),
    };
    let migrated = migrations::run(&mut restored).map_err(|error| BackupError::Unsound {
        path: file.to_owned(),
        problem: error.to_string(),
    })?;
    check_schema(&restored, file)?;
    let bytes = close(restored, &draft)?;
    // Borrowed: its lock is held until the new one is in its place.
    let kept = former.as_ref().map(|former| former.keep(now)).transpose()?;
    let placed = match &kept {
        Some(_) => draft.replace(),
        None => draft.publish(),
    };
    placed.map_err(|source| {
        if let Some(kept) = kept.as_ref().filter(|_| !place.exists()) {
            let _ = fs::rename(kept, &place);
        }
        BackupError::at(&place)(source)
    })?;
    Ok(Restored {
        copied: Copied { bytes, users },
        migrated: migrated.applied,
        former: kept,
    })
}

/// A backup may lie where nothing can be written.
fn open(backup: &Path) -> std::result::Result<Connection, Error> {
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(backup, access)?;
    schema::distrust(&connection)?;
    Ok(connection)
}

/// The database that is to be replaced. Until this is dropped, no service can open it.
struct Former {
    place: PathBuf,
    /// `None` when a log is all that is left of it.
    _lock: Option<File>,
}

impl Former {
    /// Fails when there is one and it is not to be replaced, or another process has it open.
    fn find(location: &Location, place: &Path, replace: bool) -> Result<Option<Self>> {
        let part = |suffix: &&str| with_suffix(place, suffix);
        let Some(found) = PARTS.iter().map(part).find(|part| part.exists()) else {
            return Ok(None);
        };
        if !replace {
            return Err(BackupError::Exists(found));
        }
        let lock = if place.exists() {
            location.lock()?
        } else {
            None
        };
        if lock.as_ref().is_some_and(is_open_elsewhere) {
            return Err(BackupError::InUse(place.to_owned()));
        }
        Ok(Some(Self {
            place: place.to_owned(),
            _lock: lock,
        }))
    }

    /// Gives it a name that tells `now` besides its own.
    fn keep(&self, now: Timestamp) -> Result<PathBuf> {
        let kept = with_suffix(&self.place, &format!(".before-restore-{}", now.compact()));
        if kept.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(kept));
        }
        if self.place.exists() {
            self.gather()?;
            // With a link there is a database in its place at every moment; but not every file system has links.
            fs::hard_link(&self.place, &kept)
                .or_else(|_| fs::rename(&self.place, &kept))
                .map_err(BackupError::at(&kept))?;
        }
        for suffix in PARTS.iter().filter(|suffix| !suffix.is_empty()) {
            let part = with_suffix(&self.place, suffix);
            if part.exists() {
                fs::rename(&part, with_suffix(&kept, suffix)).map_err(BackupError::at(&part))?;
            }
        }
        // An index of the log, made anew from it whenever it is missing.
        let _ = fs::remove_file(with_suffix(&self.place, "-shm"));
        Ok(kept)
    }

    /// Moves what the log holds into the file. Of a database too damaged for that, file and log are kept as they are.
    fn gather(&self) -> Result<()> {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let gathered = Connection::open_with_flags(&self.place, access).and_then(|connection| {
            schema::distrust(&connection)?;
            journal_in_file(&connection)
        });
        match gathered
            .as_ref()
            .map_err(rusqlite::Error::sqlite_error_code)
        {
            Ok(()) | Err(Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => Ok(()),
            Err(Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) => {
                Err(BackupError::InUse(self.place.clone()))
            }
            Err(_) => Ok(gathered.map_err(Error::from)?),
        }
    }
}

/// Whether another process has a connection to the file: one that has read from a database with a log keeps a lock on it
/// until it is closed. Asked of the system, as SQLite looks for damage first and would stop there.
#[cfg(unix)]
fn is_open_elsewhere(file: &File) -> bool {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let locked = fcntl_lock(file, FlockOperation::NonBlockingLockExclusive);
    let _ = fcntl_lock(file, FlockOperation::NonBlockingUnlock);
    locked.is_err()
}

/// SQLite itself will find out.
#[cfg(not(unix))]
fn is_open_elsewhere(_file: &File) -> bool {
    false
}
