//! A letter: what is to be told to whom, before there are words for it.

use std::fmt;

use uuid::Uuid;

use super::{Kind, Values};
use crate::clock::Timestamp;

/// A mail to be sent.
#[derive(Clone)]
pub struct Letter {
    /// Names it for ever; its Message-ID is made of it.
    pub id: Uuid,
    pub kind: Kind,
    /// A language tag (RFC 5646). `None`, or one without texts: the default's.
    pub language: Option<String>,
    /// The recipient's address (RFC 5321 §4.1.2), without a name.
    pub to: String,
    /// When it was written.
    pub at: Timestamp,
    pub values: Values,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
