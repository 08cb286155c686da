//! Mails: composes a letter in its reader's language and hands it over to a mail server, or writes it into a folder.
//! Knows neither who is told what nor when it is tried again: that is for the domain.

mod compose;
mod error;
mod folder;
mod kind;
mod letter;
mod smtp;

use std::sync::Arc;

use compose::Composer;
pub use compose::leads_nowhere;
use folder::Folder;
pub use kind::Kind;
pub use letter::Letter;
pub use smtp::CONNECTIONS;
use smtp::Server;
use uuid::Uuid;

pub use self::error::{MailError, SendError, Sent};
use crate::clock::Timestamp;
use crate::config::{self, MailTransport};
use crate::text::Texts;
pub use crate::text::Values;

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
