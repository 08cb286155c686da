//! What can go wrong between us and the database, told apart by what a caller can do about it.

use std::fmt;

/// A constraint that a statement ran into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// A value that must be unique is taken; names the column as `table.column`.
    Unique(String),
    /// A row that is referred to does not exist, or one that is still referred to was to go.
    ForeignKey,
    /// A check or NOT NULL; only a defect of ours gets this far.
    Other(String),
}

/// A failed database operation.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The statement broke a constraint; the unit of work is undone.
    #[error("constraint violated: {0}")]
    Constraint(Constraint),
    /// Too many units of work are waiting. Trying later may help.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The database cannot be reached, read or written now: full disk, lost file, locked by another process.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The client library can do nothing with the URL.
    #[error("the URL cannot be used: {0}")]
    Url(String),
    /// The schema is not the one this program is made for.
    #[error("{0}")]
    Schema(String),
    /// A copy into the database is not finished: nothing of it may be used yet.
    #[error("a copy into this database was not finished: run `vestibule copy` again")]
    Unfinished,
    /// A defect: wrong SQL, a wrong type, a unit of work that panicked or waited for something else.
    #[error("database defect: {0}")]
    Defect(String),
}

impl Error {
    /// Whether the statement failed because `column` (`table.column`) holds this value already.
    pub fn is_taken(&self, column: &str) -> bool {
        matches!(self, Self::Constraint(Constraint::Unique(name)) if name == column)
    }

    /// Whether the statement referred to a row that does not exist.
    pub fn is_missing_reference(&self) -> bool {
        matches!(self, Self::Constraint(Constraint::ForeignKey))
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unique(column) => write!(f, "{column} must be unique"),
            Self::ForeignKey => f.write_str("a reference to a row"),
            Self::Other(message) => f.write_str(message),
        }
    }
}

/// Target of log lines that say what a start waits for. Commands show them too.
pub const WAITING: &str = "vestibule::waiting";

/// What a statement gives.
pub type Result<T> = std::result::Result<T, Error>;
