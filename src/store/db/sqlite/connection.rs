//! Opening connections, and SQLite's errors told apart.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use super::super::{Constraint, Error, Result, WAITING};
use super::draft::with_suffix;
use super::schema;
use crate::files::{adopt, folder_of};

/// How long a statement waits for another process (a migration, `create-admin`, a backup) to let go of the file.
pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept by a connection; there are fewer in the whole program.
const STATEMENTS: usize = 128;

/// Where the database is, as SQLite is told.
#[derive(Debug, Clone)]
pub struct Location {
    path: PathBuf,
    in_memory: bool,
}

impl Location {
    /// A file, which need not exist.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            in_memory: false,
        }
    }

    /// SQLite's own in-memory file system, shared between the connections of this process by its name.
    pub fn memory() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            path: PathBuf::from(format!("file:/vestibule-{number}?vfs=memdb")),
            in_memory: true,
        }
    }

    /// Whether there is a database already.
    pub fn exists(&self) -> bool {
        !self.in_memory && self.path.exists()
    }

    fn flags(&self, access: OpenFlags) -> OpenFlags {
        let uri = if self.in_memory {
            OpenFlags::SQLITE_OPEN_URI
        } else {
            OpenFlags::empty()
        };
        access | uri | OpenFlags::SQLITE_OPEN_NO_MUTEX
    }

    /// The file; `None` in memory.
    pub fn file(&self) -> Option<&Path> {
        (!self.in_memory).then_some(self.path.as_path())
    }

    /// Creates the file where there is none, for its owner alone, and locks it until the answer is dropped or unlocked.
    /// Two programs that start at one moment set it up one after the other. `None` in memory.
    ///
    /// Whoever closes a file gives up all that SQLite has locked of it in the same process
    /// (https://sqlite.org/howtocorrupt.html §2.2), so the answer must outlive every connection.
    pub fn lock(&self) -> Result<Option<File>> {
        if self.in_memory {
            return Ok(None);
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        self.expect_file()?;
        let lock = || -> io::Result<File> {
            loop {
                let is_new = !self.path.exists();
                let file = options.open(&self.path)?;
                if is_new {
                    adopt(&self.path, folder_of(&self.path));
                }
                self.wait_for(&file)?;
                // Another file may have been put in its place while we waited.
                if is_at(&file, &self.path)? {
                    return Ok(file);
                }
            }
        };
        lock().map(Some).map_err(|error| self.explain_io(&error))
    }

    /// Waits until another program has set the file up, where there is one. Makes none.
    pub fn reach(&self) -> Result<()> {
        self.check()?;
        if self.in_memory || !self.path.exists() {
            return Ok(());
        }
        // Nothing of this process has opened the file yet, so closing it gives up no lock.
        let file = OpenOptions::new().read(true).append(true).open(&self.path);
        let waited = file.and_then(|file| self.wait_for(&file));
        waited.map_err(|error| self.explain_io(&error))
    }

    /// Waits until the file is no longer locked, and logs that.
    fn wait_for(&self, file: &File) -> io::Result<()> {
        match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                tracing::warn!(
                    target: WAITING,
                    "waiting for the lock of {}, which another Vestibule holds while it sets the database up or restores it",
                    self.path.display()
                );
                file.lock()
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Why there can be no database: a folder that is missing is not blamed on the file.
    fn explain_io(&self, error: &io::Error) -> Error {
        let folder = folder_of(&self.path);
        let path = self.path.display();
        Error::Unavailable(if folder.is_dir() {
            format!("{path}: {error}")
        } else {
            format!("{path}: there is no folder {}", folder.display())
        })
    }

    /// Fails when there is something that is no file.
    fn expect_file(&self) -> Result<()> {
        match std::fs::metadata(&self.path) {
            Ok(found) if !found.is_file() => Err(Error::Unavailable(format!(
                "{}: not a file: name the file that the database is to be in",
                self.path.display()
            ))),
            _ => Ok(()),
        }
    }

    /// Fails when the file is not there and cannot be made where it will be. Makes none.
    pub fn check(&self) -> Result<()> {
        let folder = folder_of(&self.path);
        if self.in_memory {
            return Ok(());
        }
        self.expect_file()?;
        if self.path.exists() {
            return Ok(());
        }
        let probe = folder.join(format!(".vestibule-{}.probe", std::process::id()));
        let probed = File::create(&probe).and_then(|_| std::fs::remove_file(&probe));
        probed.map_err(|error| self.explain_io(&error))
    }

    /// What belongs to the database is its owner's, also when root has opened it.
    fn share(&self) {
        for part in ["-wal", "-shm", "-journal"] {
            let part = with_suffix(&self.path, part);
            if !self.in_memory && part.exists() {
                adopt(&part, &self.path);
            }
        }
    }

    /// Says of an error which file it is about.
    pub fn tell(&self, error: Error) -> Error {
        schema::tell(&self.path, error)
    }

    /// A connection that may write; creates the file where there is none. Another application's is left as it is.
    pub fn open_writer(&self) -> Result<Connection> {
        self.open_writer_with(|_| Ok(()))
    }

    /// The same for a start, which waits longer for another program's lock and says so.
    pub fn open_writer_patiently(&self) -> Result<Connection> {
        self.open_writer_with(|connection| connection.busy_handler(Some(wait_and_say_so)))
    }

    fn open_writer_with(
        &self,
        set_up: impl Fn(&Connection) -> rusqlite::Result<()>,
    ) -> Result<Connection> {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let open = || -> Result<Connection> {
            let connection = Connection::open_with_flags(&self.path, self.flags(access))?;
            configure(&connection)?;
            set_up(&connection)?;
            schema::inspect(&connection)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| self.tell(error))?;
        self.share();
        Ok(connection)
    }

    /// A connection to look at a file that may be another application's. Unlike one that may not write, it takes its log away with
    /// it, so that nothing is left beside the file.
    pub fn open_to_look(&self) -> Result<Connection> {
        let open = || -> Result<Connection> {
            let access = OpenFlags::SQLITE_OPEN_READ_WRITE;
            let connection = Connection::open_with_flags(&self.path, self.flags(access))?;
            configure(&connection)?;
            schema::inspect(&connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| self.tell(error))?;
        self.share();
        Ok(connection)
    }

    /// One connection that may not write; `None` in memory.
    pub fn open_reader(&self) -> Result<Option<Connection>> {
        if self.in_memory {
            return Ok(None);
        }
        let access = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let open = || -> Result<Connection> {
            let connection = Connection::open_with_flags(&self.path, self.flags(access))?;
            configure(&connection)?;
            // With the first look the log is opened, too.
            connection.query_row("PRAGMA schema_version", [], |_| Ok(()))?;
            Ok(connection)
        };
        let connection = open().map_err(|error| self.tell(error))?;
        self.share();
        Ok(Some(connection))
    }

    /// Connections that may not write. In memory there is no read-only access to a file made by another connection, so
    /// `query_only` stands in for it.
    pub fn reader_manager(&self) -> SqliteConnectionManager {
        let access = if self.in_memory {
            OpenFlags::SQLITE_OPEN_READ_WRITE
        } else {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        };
        SqliteConnectionManager::file(&self.path)
            .with_flags(self.flags(access))
            .with_init(|connection| {
                configure(connection)?;
                connection.pragma_update(None, "query_only", true)
            })
    }
}

/// Waits a little for the lock of another program, the `turns`th time. False when that was long enough.
fn wait_and_say_so(turns: i32) -> bool {
    const TURN: Duration = Duration::from_millis(50);
    /// After a second.
    const SAY_SO: i32 = 20;
    /// A minute.
    const LAST: i32 = 1200;
    if turns == SAY_SO {
        tracing::warn!(
            target: WAITING,
            "waiting for the database file, which another program has locked"
        );
    }
    std::thread::sleep(TURN);
    turns < LAST
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    schema::distrust(connection)
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(identity(metadata) == identity(file.metadata()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A file that is open cannot be replaced.
#[cfg(not(unix))]
fn is_at(_file: &File, _path: &Path) -> io::Result<bool> {
    Ok(true)
}

/// Whether the connection is worth keeping after this error.
pub fn is_lost(error: &Error) -> bool {
    matches!(error, Error::Unavailable(_))
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return Self::Defect(error.to_string());
        };
        let message = message.clone().unwrap_or_else(|| failure.to_string());
        match failure.code {
            ErrorCode::ConstraintViolation => {
                Self::Constraint(constraint(failure.extended_code, message))
            }
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase => Self::Unavailable(message),
            _ => Self::Defect(message),
        }
    }
}

fn constraint(code: i32, message: String) -> Constraint {
    match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
            // "UNIQUE constraint failed: users.email_key"; of several columns the first names the constraint.
            let columns = message.rsplit(": ").next().unwrap_or_default();
            Constraint::Unique(
                columns
                    .split(',')
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            )
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Constraint::ForeignKey,
        _ => Constraint::Other(message),
    }
}

/// Why a database in memory has no backups.
pub(super) const IN_MEMORY: &str =
    "a database in memory ends with its process: there is nothing to back up or restore";

pub fn statement(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
