//! The server's errors told apart, and what they mean for the connection and for the unit of work.

use tokio_postgres::error::{DbError, SqlState};

use crate::store::db::{Constraint, Error};

/// What became of a connection, or of the transaction on it, with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Another transaction was in the way (serialization failure, deadlock): trying again helps.
    Conflict,
    /// The connection is of no use any more. Before a commit, trying again on another one does no harm.
    Lost,
    /// The statement itself was refused.
    Refused,
}

/// What `error` means.
pub fn trouble(error: &tokio_postgres::Error) -> Trouble {
    let Some(refusal) = error.as_db_error() else {
        // A value that does not fit never reached the server; anything else is the connection's end.
        return if is_ours(error) {
            Trouble::Refused
        } else {
            Trouble::Lost
        };
    };
    let code = refusal.code();
    if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
        Trouble::Conflict
    } else if is_end(refusal) {
        Trouble::Lost
    } else {
        Trouble::Refused
    }
}

/// Whether the server ends the connection with this, or the connection cannot do what it is there for: a server that no
/// longer takes writes after a failover, or one that changed the schema under a prepared statement.
pub fn is_end(refusal: &DbError) -> bool {
    let code = refusal.code();
    code.code().starts_with("08")
        || code.code().starts_with("57P")
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
        || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || *code == SqlState::INVALID_SQL_STATEMENT_NAME
        || (*code == SqlState::FEATURE_NOT_SUPPORTED && refusal.message().contains("cached plan"))
}

/// Whether a server that refuses or does not answer now may well take the next connection: it is starting, full, away, or not
/// known to the name service yet. A wrong password stays wrong.
pub fn is_passing(error: &tokio_postgres::Error) -> bool {
    match error.as_db_error() {
        Some(refusal) => is_end(refusal) || refusal.code().code().starts_with("53"),
        None => {
            let text = error.to_string();
            ![
                "invalid configuration",
                "authentication error",
                "error parsing",
            ]
            .iter()
            .any(|lasting| text.starts_with(lasting))
        }
    }
}

/// Whether encryption is what failed.
pub fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    let text = with_sources(error);
    text.contains("TLS") || text.contains("certificate")
}

/// Whether the client library refused a value before it was sent.
fn is_ours(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}

/// The error in our terms. Values stand in the server's details, never in its messages, so details are left out.
pub fn from_library(error: tokio_postgres::Error) -> Error {
    let Some(refusal) = error.as_db_error() else {
        return if is_ours(&error) {
            Error::Defect(error.to_string())
        } else {
            Error::Unavailable(with_sources(&error))
        };
    };
    let code = refusal.code();
    let message = format!("{} ({})", refusal.message(), code.code());
    if *code == SqlState::UNIQUE_VIOLATION {
        return Error::Constraint(Constraint::Unique(column_of(refusal)));
    }
    if *code == SqlState::FOREIGN_KEY_VIOLATION {
        return Error::Constraint(Constraint::ForeignKey);
    }
    if is_end(refusal) {
        return Error::Unavailable(message);
    }
    match &code.code()[..2] {
        "23" => Error::Constraint(Constraint::Other(message)),
        // Resources, conflicts, time limits, operators, refused log-ins, no such database, input and output.
        "28" | "3D" | "40" | "53" | "55" | "57" | "58" | "XX" => Error::Unavailable(message),
        _ => Error::Defect(message),
    }
}

/// `table.column` of a unique constraint: they are called `table_column_key`, as PostgreSQL itself does it.
fn column_of(refusal: &DbError) -> String {
    let table = refusal.table().unwrap_or_default();
    let constraint = refusal.constraint().unwrap_or_default();
    let column = constraint
        .strip_prefix(table)
        .and_then(|rest| rest.strip_prefix('_'))
        .and_then(|rest| rest.strip_suffix("_key"));
    match column {
        Some(column) => format!("{table}.{column}"),
        None => constraint.to_owned(),
    }
}

/// The message with those of its causes: "error connecting to server: connection refused".
pub fn with_sources(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
