//! The values that texts are filled with.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;

/// What a mail tells beside its words. Each is given where there is something to tell.
#[derive(Clone, Default)]
pub struct Values {
    pub username: Option<String>,
    pub link: Option<String>,
    /// How long link or code work.
    pub valid_for: Option<Duration>,
    pub code: Option<String>,
    /// When it happened.
    pub when: Option<Timestamp>,
    /// Where it came from.
    pub ip: Option<String>,
    pub device: Option<String>,
    /// An address as the reader may see it.
    pub email: Option<String>,
}

/// Neither link nor code: whoever has them is let in.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("link", &self.link.as_ref().map(|_| "[redacted]"))
            .field("code", &self.code.as_ref().map(|_| "[redacted]"))
            .field("valid_for", &self.valid_for)
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}
