//! Why a copy is not finished, in words for the operator.

use super::Checksum;
use crate::store::db;

/// Why a copy is not finished. Unless it says so, another run goes on where this one was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the source: {0}")]
    Source(db::Error),
    #[error("the target: {0}")]
    Target(db::Error),
    /// A database cannot be copied onto itself.
    #[error("the source and the target are the same database")]
    Same,
    #[error("the source holds a copy that is not finished: finish that one first")]
    SourceUnfinished,
    /// Holds the table.
    #[error("the target is not empty, there are rows in {0}: a copy goes into an empty database")]
    NotEmpty(&'static str),
    #[error(
        "the target holds an unfinished copy of another database, {0}: finish that one, or take an empty database"
    )]
    OtherSource(String),
    /// Another run has taken the target over.
    #[error(
        "another `vestibule copy` into the target was started, and goes on in place of this one"
    )]
    TakenOver,
    /// A row cannot be read.
    #[error("the source: {table}, in the rows behind {behind}: {error}")]
    Unreadable {
        table: &'static str,
        behind: String,
        error: db::Error,
    },
    /// The target has no way to store a row's text.
    #[error(
        "{table}: {column} of the row with {key} has a NUL character, which the target cannot store; \
         nothing is lost: take it out of the source, and run this again"
    )]
    Nul {
        table: &'static str,
        key: String,
        column: &'static str,
    },
    /// Rows that do not go together: they were not there at one time.
    #[error("{table}: {reason}. {AGAIN}")]
    Torn { table: &'static str, reason: String },
    /// What was read back from the target is not what is in the source.
    #[error("{table} differs: {} in the source, {} in the target. {AGAIN}", .of[0], .of[1])]
    Differs {
        table: &'static str,
        of: [Checksum; 2],
    },
}

const AGAIN: &str = "One of the two was written to meanwhile: stop the service on both, and run this again. \
     It will empty the target and start over";

impl Error {
    /// Whether the target has rows that another run could not go on from.
    pub fn spoils(&self) -> bool {
        matches!(self, Self::Torn { .. } | Self::Differs { .. })
    }
}
