//! Mails: composes a letter in its reader's language and hands it over to a mail server, or writes it into a folder.
//! Knows neither who is told what nor when it is tried again: that is for the domain.

mod compose;
mod folder;
mod kind;
mod letter;
mod smtp;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use compose::Composer;
pub use compose::leads_nowhere;
use folder::Folder;
pub use kind::Kind;
pub use letter::Letter;
pub use smtp::CONNECTIONS;
use smtp::Server;
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::config::{self, MailTransport};
use crate::text::Texts;
pub use crate::text::Values;

/// Why mails cannot be sent with these settings; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error(
        "MAIL_FROM: found {found:?}; allowed: an address such as accounts@example.com, Example <accounts@example.com> or \"Example, Inc.\" <accounts@example.com>"
    )]
    From { found: String },
    #[error(
        "MAIL_FROM: found {found:?}: no {} mail can be composed: {problem}; allowed: an address such as accounts@example.com",
        kind.as_str()
    )]
    Compose {
        found: String,
        kind: Kind,
        problem: String,
    },
    #[error("SMTP_URL: ca={}: {problem}", path.display())]
    Authority { path: PathBuf, problem: String },
    #[error("SMTP_URL: {0}")]
    Tls(String),
    #[error(
        "MAIL_OUTBOX_DIR: found {}: {source}; allowed: a folder that can be written, or a mail server in SMTP_URL",
        path.display()
    )]
    Folder { path: PathBuf, source: io::Error },
}

/// Where a mail has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The mail server has taken it.
    Smtp,
    /// It stands in this file.
    File(PathBuf),
}

/// Why a mail was not sent. The messages are for operators; they may hold the recipient's address, unless
/// [`SendError::without`] took it out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The server cannot be reached or does not work for us: it would be the same for every mail.
    #[error("mail cannot be handed over: {0}")]
    Unreachable(String),
    /// Not now: it may work later. When the connection broke after the whole mail was sent, it may also have worked.
    #[error("the mail server did not take the mail this time: {0}")]
    Temporary(String),
    /// Not this mail, however often it is tried.
    #[error("the mail server refuses the mail: {message}")]
    Refused {
        message: String,
        /// No mail can reach this address.
        is_address: bool,
    },
    /// It cannot be composed.
    #[error("the mail cannot be composed: {0}")]
    Defect(String),
}

impl SendError {
    /// The same without `address`: servers often repeat it, and readers of the log must not see it.
    pub fn without(self, address: &str) -> Self {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let hide = |message: String| hidden(&hidden(&message, address), local);
        match self {
            Self::Unreachable(message) => Self::Unreachable(hide(message)),
            Self::Temporary(message) => Self::Temporary(hide(message)),
            Self::Refused {
                message,
                is_address,
            } => Self::Refused {
                message: hide(message),
                is_address,
            },
            Self::Defect(message) => Self::Defect(hide(message)),
        }
    }
}

/// `text` with `…` in place of every `word` that stands alone, in whatever case.
fn hidden(text: &str, word: &str) -> String {
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut shown = String::new();
    let mut rest = 0;
    for (start, found) in lower.match_indices(&word) {
        let end = start + found.len();
        let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let before = lower
            .get(..start)
            .and_then(|before| before.chars().next_back());
        let after = lower.get(end..).and_then(|after| after.chars().next());
        if !found.is_empty() && !is_part(before) && !is_part(after) {
            shown.push_str(text.get(rest..start).unwrap_or_default());
            shown.push('…');
            rest = end;
        }
    }
    shown.push_str(text.get(rest..).unwrap_or_default());
    shown
}

/// Composes and sends mails.
pub struct Mailer {
    composer: Composer,
    transport: Transport,
}

enum Transport {
    Smtp(Arc<Server>),
    Folder(Folder),
}

impl Mailer {
    /// Prepares sending as the settings say. `public_host`: the host that the service is called by, for the sender's
    /// address where none is set. Connects to nothing.
    pub fn new(
        settings: &config::Mail,
        public_host: Option<&str>,
        texts: Arc<Texts>,
    ) -> Result<Self, MailError> {
        Ok(Self {
            composer: Composer::new(settings, public_host, texts)?,
            transport: match &settings.transport {
                MailTransport::Smtp(smtp) => Transport::Smtp(Server::new(smtp, public_host)?),
                MailTransport::Folder(folder) => Transport::Folder(Folder::new(folder)),
            },
        })
    }

    /// Composes a sample of each mail, and fails when one cannot be, or when mails are to be written to a folder where none can be.
    /// Whether a mail server can be reached now says nothing of later: it is not asked.
    pub fn check(&self) -> Result<(), MailError> {
        for kind in Kind::ALL {
            let letter = self.sample(Uuid::nil(), kind);
            let composed = self.composer.compose(&letter, self.is_folder());
            composed.map_err(|error| MailError::Compose {
                found: self.composer.sender().to_string(),
                kind,
                problem: error.to_string(),
            })?;
        }
        match &self.transport {
            Transport::Smtp(_) => Ok(()),
            Transport::Folder(folder) => folder.check(),
        }
    }

    /// Composes and sends `letter`. May be called again with the same letter: it then carries the same
    /// Message-ID, and replaces the file of before.
    pub async fn send(&self, letter: &Letter) -> Result<Sent, SendError> {
        let message = self.composer.compose(letter, self.is_folder())?;
        match &self.transport {
            Transport::Smtp(server) => {
                server.send(&message).await?;
                Ok(Sent::Smtp)
            }
            Transport::Folder(folder) => folder.write(letter, message.formatted()).await,
        }
    }

    /// Finds out whether the mail of this id and kind could be sent now, in the way in which it would be, and sends none. It takes
    /// about as much work.
    pub async fn ask(&self, id: Uuid, kind: Option<Kind>) -> Result<(), SendError> {
        if let Some(kind) = kind {
            let letter = self.sample(id, kind);
            // Its text is not logged.
            let composed = self.composer.compose(&letter, false);
            drop(composed.map(|message| message.formatted()));
        }
        match &self.transport {
            Transport::Smtp(server) => server.ask(self.composer.sender()).await,
            Transport::Folder(folder) => folder.ask(id).await,
        }
    }

    fn is_folder(&self) -> bool {
        matches!(self.transport, Transport::Folder(_))
    }

    /// A mail with something in every place.
    fn sample(&self, id: Uuid, kind: Kind) -> Letter {
        Letter {
            id,
            kind,
            language: None,
            to: "ada@example.com".to_owned(),
            at: Timestamp::from_millis(0),
            values: Values::sample(),
        }
    }
}
