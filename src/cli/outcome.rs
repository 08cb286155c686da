//! How a command ends.

use std::fmt::Display;

use crate::app::StartError;
use crate::config::Problem;
use crate::log;

/// It did not work.
pub(super) const FAILED: u8 = 1;

/// It was asked for in a way that cannot work.
pub(super) const WRONG_USE: u8 = 2;

/// The exit code of a command that did not do what it was asked; why is on standard error already.
pub(super) struct Exit(pub(super) u8);

impl Exit {
    pub(super) fn failed(reason: impl Display) -> Self {
        log::fatal(reason);
        Self(FAILED)
    }

    pub(super) fn wrong_use(reason: impl Display) -> Self {
        log::fatal(reason);
        Self(WRONG_USE)
    }
}

pub(super) type Outcome = Result<(), Exit>;

pub(super) fn first_of(problems: &[Problem]) -> Exit {
    Exit::wrong_use(problems.first().map(Problem::to_string).unwrap_or_default())
}

pub(super) fn explain(error: StartError) -> Exit {
    match error {
        error @ (StartError::SecretKey(_)
        | StartError::Backups { .. }
        | StartError::Texts(_)
        | StartError::Mail(_)
        | StartError::SameAddress { .. }
        | StartError::Tls(_)) => Exit::wrong_use(error),
        error => Exit::failed(error),
    }
}
