//! Why mails cannot be sent, and where they have gone.

use std::io;
use std::path::PathBuf;

use super::kind::Kind;

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
