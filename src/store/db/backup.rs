//! What is said of backups, whichever the engine: what was made of one, and what stood in the way.

use std::io;
use std::path::{Path, PathBuf};

use super::{Error, Migration};

/// A copy of a database, made and found sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Size of the file.
    pub bytes: u64,
    /// Accounts in it.
    pub users: u64,
}

/// A backup that is the database now.
#[derive(Debug)]
pub struct Restored {
    pub copied: Copied,
    /// Migrations that the backup lacked.
    pub migrated: Vec<Migration>,
    /// Where the database is that was replaced.
    pub former: Option<PathBuf>,
}

/// Why there is no backup, or nothing was restored. The database is then as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What this kind of database is backed up with.
    #[error("{0}")]
    Elsewhere(&'static str),
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("{} exists already, and is not overwritten", .0.display())]
    Exists(PathBuf),
    #[error("{} is the database itself", .0.display())]
    Same(PathBuf),
    #[error("{} is in use: stop the service, and whatever else has it open, first", .0.display())]
    InUse(PathBuf),
    /// Not a database, damaged, or another program's.
    #[error("{}: {problem}", path.display())]
    Unsound { path: PathBuf, problem: String },
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Database(#[from] Error),
}

impl BackupError {
    /// Says of an I/O error which file it is about.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}
