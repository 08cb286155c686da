//! E-mail addresses, parsed once and trusted everywhere else.

use unicode_normalization::UnicodeNormalization;

use crate::domain::types::fold;
use crate::domain::{FieldCode, FieldError};

/// An atom: no controls, no space, none of the specials `"(),.:;<>@[\]` (RFC 5322 §3.2.3), and no `?`: some programs decode
/// `=?x?q?eve?=` within an address, which RFC 2047 §5 forbids, and deliver to another person.
macro_rules! atom {
    () => {
        r"[^\x00-\x20\x22\x28\x29\x2c\x2e\x3a\x3b\x3c\x3e-\x40\x5b-\x5d\x7f]{1,64}"
    };
}

/// A letter, of ASCII or not.
macro_rules! letter {
    () => {
        r"[^\x00-\x40\x5b-\x60\x7b-\x7f]"
    };
}

/// A letter or digit.
macro_rules! alphanumeric {
    () => {
        r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"
    };
}

/// What may follow the first character of a label: letters, digits and hyphens, no hyphen at the end.
macro_rules! label_rest {
    () => {
        concat!(
            r"(?:[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]{0,61}",
            alphanumeric!(),
            ")?"
        )
    };
}

/// An e-mail address: how its owner spells it and the one key under which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    spelling: String,
    key: String,
}

impl Email {
    /// Longest address (RFC 5321 §4.5.3.1.3, without the brackets).
    pub const MAX_BYTES: usize = 254;
    /// Longest part before the `@` (RFC 5321 §4.5.3.1.1).
    const MAX_LOCAL_BYTES: usize = 64;

    /// What [`parse`](Self::parse) takes, as an expression that every engine reads alike (JSON Schema Core §6.4): classes,
    /// counts and groups, no look-around, no character that a program's text would have to escape.
    ///
    /// Of texts in ASCII it takes exactly those that parse, but for two things that it cannot count: the 254 characters of
    /// all, and the 64 of a local part with dots in it. Among other characters it does not tell letters apart.
    pub const PATTERN: &str = concat!(
        "^",
        atom!(),
        r"(?:\.",
        atom!(),
        ")*@(?:",
        alphanumeric!(),
        label_rest!(),
        r"\.)+",
        letter!(),
        label_rest!(),
        "$"
    );

    /// Parses `local@domain` (RFC 5321 §4.1.2 as dot-string, RFC 6531 for other scripts than ASCII). Blanks around it are taken
    /// off. The domain becomes ASCII (UTS 46), the local part is composed (NFC, RFC 6532 §3.1), and the key does not tell apart
    /// case, compatible characters (NFKC) or invisible joiners.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        if text.len() > Self::MAX_BYTES {
            return Err(FieldError::new(
                field,
                FieldCode::TooLong,
                "An e-mail address has at most 254 characters.",
            ));
        }
        Self::split(text).ok_or_else(|| {
            FieldError::new(
                field,
                FieldCode::InvalidFormat,
                "Give an e-mail address such as ada@example.com.",
            )
        })
    }

    fn split(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let local: String = local.nfc().collect();
        let folded = fold(&local);
        let ascii = to_ascii(domain)?;
        let shown = if domain.is_ascii() { domain } else { &ascii };
        let spelling = format!("{local}@{shown}");
        let fits = local.len() <= Self::MAX_LOCAL_BYTES && spelling.len() <= Self::MAX_BYTES;
        (fits && is_dot_string(&folded) && is_public_domain(&ascii)).then(|| Self {
            spelling,
            key: format!("{}@{ascii}", without_joiners(&folded)),
        })
    }

    /// The address as its owner spells it, the domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    /// What makes it unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Zero-width non-joiner and joiner. Persian, Hindi and other scripts are written with them.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// The local part of a key. Joiners are invisible: two addresses that differ only in them belong to one person.
pub(super) fn without_joiners(folded: &str) -> String {
    folded.replace(JOINERS, "")
}

/// Atoms separated by single dots (RFC 5322 §3.2.3, RFC 6532 §3.2). Looks at the folded form, so that no character can
/// turn into an `@` or a dot afterwards.
fn is_dot_string(folded: &str) -> bool {
    folded.split('.').all(is_atom)
}

/// ASCII as RFC 5322 has it; of the rest what people can see and write.
fn is_atom(atom: &str) -> bool {
    let is_other = |c: Option<&char>| c.is_some_and(|c| !c.is_ascii() && !JOINERS.contains(c));
    let chars: Vec<char> = atom.chars().collect();
    let fits = |(at, c): (usize, &char)| match *c {
        'a'..='z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=^_`{|}~".contains(c),
        // Between two characters of a script that has them.
        c if JOINERS.contains(&c) => {
            let before = at.checked_sub(1).and_then(|before| chars.get(before));
            is_other(before) && is_other(chars.get(at + 1))
        }
        c => !is_hidden(c),
    };
    !chars.is_empty() && chars.iter().enumerate().all(fits)
}

/// Blanks, controls, what turns the direction of writing or cannot be seen, and what is no character (Unicode: Cc, Cf, Zs, Zl, Zp,
/// Co, variation selectors and noncharacters).
fn is_hidden(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890 | 0x891 | 0x8e2
            | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xffff
            | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..)
        || u32::from(c) & 0xfffe == 0xfffe
}

/// A domain in ASCII and lower case. One that is in ASCII already is what it is: its labels are names in the DNS, whatever
/// UTS 46 would make of them.
pub(super) fn to_ascii(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_ascii_lowercase());
    }
    idna::domain_to_ascii_strict(domain).ok()
}

/// Two labels or more of letters, digits and hyphens (RFC 1123 §2.1). The last begins with a letter: it is no number, so
/// the whole is no IP address (RFC 3696 §2).
fn is_public_domain(ascii: &str) -> bool {
    let is_label = |label: &str| {
        label.len() <= 63
            && label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.ends_with(|c: char| c.is_ascii_alphanumeric())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let Some((_, last)) = ascii.rsplit_once('.') else {
        return false;
    };
    ascii.split('.').all(is_label) && last.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests;
