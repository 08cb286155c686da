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

/// Neither link nor code: each of them grants access.
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

impl Values {
    /// These without control characters and without those that turn the direction of writing (Unicode TR 36 §2.7): a value is
    /// a user's input, and must neither end a line nor show as something else.
    pub(super) fn clean(&self) -> Self {
        let clean = |text: &Option<String>| {
            let text = text.as_deref()?;
            let text: String = text.chars().filter(|c| !is_hidden(*c)).collect();
            (!text.is_empty()).then_some(text)
        };
        Self {
            username: clean(&self.username),
            link: clean(&self.link),
            valid_for: self.valid_for,
            code: clean(&self.code),
            when: self.when,
            ip: clean(&self.ip),
            device: clean(&self.device),
            email: clean(&self.email),
        }
    }

    /// Something in every field, to try texts with.
    pub fn sample() -> Self {
        let some = |text: &str| Some(text.to_owned());
        Self {
            username: some("ada"),
            link: some("https://accounts.example.com/verify?token=fIaQ4Zr0"),
            valid_for: Some(Duration::from_secs(1800)),
            code: some("123456"),
            when: Some(Timestamp::from_millis(0)),
            ip: some("203.0.113.7"),
            device: some("Firefox, Linux"),
            email: some("a•••@example.com"),
        }
    }
}

/// Control characters, line and paragraph separators, and bidirectional formatting.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}
