//! Mails: composes a letter in its reader's language and hands it over to a mail server, or writes it into a folder.
//! Knows neither who is told what nor when it is tried again: that is for the domain.

mod kind;
mod letter;

use std::path::PathBuf;
use std::sync::Arc;

pub use kind::Kind;
pub use letter::Letter;

use crate::config;
use crate::text::Texts;
pub use crate::text::Values;

/// Why mails cannot be sent with these settings; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error(
        "MAIL_FROM: found {found:?}; allowed: an address such as accounts@example.com or Example <accounts@example.com>"
    )]
    From { found: String },
    #[error("SMTP_URL: ca={}: {problem}", path.display())]
    Authority { path: PathBuf, problem: String },
    #[error("SMTP_URL: {0}")]
    Tls(String),
    #[error("MAIL_OUTBOX_DIR: found {}: {source}; allowed: a folder that can be made and written", folder.display())]
    Folder {
        folder: PathBuf,
        source: std::io::Error,
    },
}

/// Where a mail has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The mail server has taken it.
    Smtp,
    /// It stands in this file.
    File(PathBuf),
}

/// Why a mail was not sent. The messages are for operators: they may hold the recipient's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server cannot be reached or does not talk to us: it would be the same for every mail.
    #[error("the mail server cannot be used: {0}")]
    Unreachable(String),
    /// Not now: it may work later.
    #[error("the mail server asks to try again later: {0}")]
    Temporary(String),
    /// Not this mail, however often it is tried.
    #[error("the mail server refuses: {message}")]
    Refused {
        message: String,
        /// No mail can reach this address.
        is_address: bool,
    },
    /// It cannot be composed.
    #[error("the mail cannot be composed: {0}")]
    Defect(String),
}

/// Composes and sends mails.
pub struct Mailer {
    texts: Arc<Texts>,
}

impl Mailer {
    /// Prepares sending as the settings say. `public_host`: the host that the service is called by, for the sender's
    /// address where none is set. Connects to nothing.
    pub fn new(
        _settings: &config::Mail,
        _public_host: Option<&str>,
        texts: Arc<Texts>,
    ) -> Result<Self, MailError> {
        Ok(Self { texts })
    }

    /// Composes and sends `letter`. May be called again with the same letter: it then carries the same Message-ID.
    pub async fn send(&self, letter: &Letter) -> Result<Sent, SendError> {
        let language = self.texts.language(letter.language.as_deref());
        Err(SendError::Defect(format!("{language}: sending follows")))
    }
}
