//! Types whose values are valid: each parses here, once, and is trusted everywhere else.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;

use super::{FieldCode, FieldError};
use crate::config::Secret;
use crate::password::ClientKey;

/// An e-mail address: how its owner spells it and the one key under which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    spelling: String,
    key: String,
}

impl Email {
    /// Longest address (RFC 5321 §4.5.3.1.3, without the brackets).
    pub const MAX_BYTES: usize = 254;
    const MAX_LOCAL_BYTES: usize = 64;

    /// Parses `local@domain` (RFC 5321 §4.1.2 as dot-string, RFC 6531 for other letters than ASCII). The domain becomes
    /// ASCII (UTS 46), the key does not tell apart case or compatible characters (NFKC).
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
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
        let local_key = fold(local);
        let ascii = idna::domain_to_ascii_strict(domain).ok()?;
        if local.len() > Self::MAX_LOCAL_BYTES
            || !is_dot_string(&local_key)
            || !is_public_domain(&ascii)
        {
            return None;
        }
        let shown = if domain.is_ascii() { domain } else { &ascii };
        Some(Self {
            spelling: format!("{local}@{shown}"),
            key: format!("{local_key}@{ascii}"),
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

/// Folds what differs only in case or in compatible characters into one.
pub(super) fn fold(text: &str) -> String {
    text.nfkc()
        .collect::<String>()
        .to_lowercase()
        .nfkc()
        .collect()
}

/// Atoms separated by single dots (RFC 5322 §3.2.3, RFC 6532 §3.2). Looks at the folded form, so that no character can
/// turn into an `@` or a dot afterwards.
fn is_dot_string(folded: &str) -> bool {
    let is_atom_char = |c: char| match c {
        'a'..='z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
        c => c.is_alphanumeric(),
    };
    folded
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
}

/// A domain with two labels or more whose last is no number (RFC 1123 §2.1, RFC 3696 §2).
fn is_public_domain(ascii: &str) -> bool {
    let labels = || ascii.split('.');
    ascii.len() <= 253
        && labels().count() >= 2
        && labels().all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
        && labels()
            .next_back()
            .is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A username: letters and digits of ASCII, `.`, `_`, `-`. It cannot hold an `@`, so it never looks like an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    spelling: String,
    key: String,
}

impl Username {
    pub const MIN_CHARS: usize = 3;
    pub const MAX_CHARS: usize = 32;
    pub const PATTERN: &str = "^[A-Za-z0-9._-]+$";

    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        match text.chars().count() {
            0..Self::MIN_CHARS => Err(FieldError::new(
                field,
                FieldCode::TooShort,
                "Use at least 3 characters.",
            )),
            Self::MIN_CHARS..=Self::MAX_CHARS if text.chars().all(is_allowed) => Ok(Self {
                spelling: text.to_owned(),
                key: text.to_ascii_lowercase(),
            }),
            Self::MIN_CHARS..=Self::MAX_CHARS => Err(FieldError::new(
                field,
                FieldCode::InvalidFormat,
                "Use letters from a to z, digits, dots, underscores and hyphens only.",
            )),
            _ => Err(FieldError::new(
                field,
                FieldCode::TooLong,
                "Use at most 32 characters.",
            )),
        }
    }

    /// The name as its owner spells it.
    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    /// What makes it unique: without case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// What a person wants to be called. `None` inside when left blank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FullName(Option<String>);

impl FullName {
    pub const MAX_CHARS: usize = 200;

    pub fn parse(field: &str, text: Option<&str>) -> Result<Self, FieldError> {
        let text = text.filter(|text| !text.trim().is_empty());
        match text {
            Some(text) if text.chars().count() > Self::MAX_CHARS => Err(FieldError::new(
                field,
                FieldCode::TooLong,
                "Use at most 200 characters.",
            )),
            Some(text) if text.contains(char::is_control) => Err(FieldError::new(
                field,
                FieldCode::InvalidFormat,
                "Control characters are not allowed.",
            )),
            text => Ok(Self(text.map(str::to_owned))),
        }
    }

    pub fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// A new password of allowed length, exactly as it was received. Its strength is checked where the account is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password(Secret);

impl Password {
    pub const MIN_CHARS: usize = 8;
    pub const MAX_CHARS: usize = 256;

    pub fn parse(field: &str, text: Secret) -> Result<Self, FieldError> {
        match text.reveal().chars().count() {
            0..Self::MIN_CHARS => Err(FieldError::new(
                field,
                FieldCode::TooShort,
                "Use at least 8 characters.",
            )),
            Self::MIN_CHARS..=Self::MAX_CHARS if text.reveal().contains('\0') => {
                Err(FieldError::new(
                    field,
                    FieldCode::InvalidFormat,
                    "The NUL character is not allowed.",
                ))
            }
            Self::MIN_CHARS..=Self::MAX_CHARS => Ok(Self(text)),
            _ => Err(FieldError::new(
                field,
                FieldCode::TooLong,
                "Use at most 256 characters.",
            )),
        }
    }

    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub ip: IpAddr,
    pub user_agent: Option<String>,
}

impl Origin {
    /// The network that counts as one client: the address itself, of IPv6 its /64, which is what one household gets.
    pub fn network(&self) -> ClientKey {
        network(self.ip)
    }
}

/// See [`Origin::network`].
pub fn network(ip: IpAddr) -> ClientKey {
    ClientKey(match ip.to_canonical() {
        IpAddr::V4(ip) => u128::from(ip.to_ipv6_mapped()),
        IpAddr::V6(ip) => u128::from(ip) & !u128::from(u64::MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        Email::parse("email", text).ok().map(|email| email.key)
    }

    /// Two spellings of one address have one key.
    #[test]
    fn one_address_has_one_key() {
        for (text, expected) in [
            ("ada@example.com", "ada@example.com"),
            ("Ada@EXAMPLE.com", "ada@example.com"),
            ("ada+tag@example.com", "ada+tag@example.com"),
            ("ＡＤＡ@example.com", "ada@example.com"),
            ("ada@münchen.de", "ada@xn--mnchen-3ya.de"),
            ("ada@MÜNCHEN.de", "ada@xn--mnchen-3ya.de"),
            ("ada@xn--mnchen-3ya.de", "ada@xn--mnchen-3ya.de"),
            ("ada@ｅxample.com", "ada@example.com"),
            ("jos\u{e9}@example.com", "jos\u{e9}@example.com"),
            ("JOSE\u{301}@example.com", "jos\u{e9}@example.com"),
        ] {
            assert_eq!(key(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn the_spelling_is_kept() {
        let email = Email::parse("email", "Ada.Lovelace@Example.COM").expect("valid");
        assert_eq!(email.as_str(), "Ada.Lovelace@Example.COM");
        let email = Email::parse("email", "Ada@münchen.de").expect("valid");
        assert_eq!(email.as_str(), "Ada@xn--mnchen-3ya.de");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@localhost",
            "ada@127.0.0.1",
            "ada@[127.0.0.1]",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@@example.com",
            "ada＠b@example.com",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "\"ada\"@example.com",
            "ada@example.com.",
            "ada@-example.com",
            "ada@example..com",
            "ada\0@example.com",
            "ada\n@example.com",
            "ada\u{200b}@example.com",
            "ada@exam\u{0}ple.com",
            "<ada@example.com>",
            "ada@example.com,bob@example.com",
            long.as_str(),
        ] {
            assert_eq!(key(text), None, "{text:?}");
        }
    }

    #[test]
    fn usernames_are_unique_without_case_and_never_an_address() {
        let key = |text: &str| {
            Username::parse("username", text)
                .map(|name| name.key)
                .map_err(|error| error.code.as_str())
        };
        assert_eq!(key("Ada.L-1_"), Ok("ada.l-1_".to_owned()));
        assert_eq!(key("ab"), Err("too_short"));
        assert_eq!(key(&"a".repeat(33)), Err("too_long"));
        for text in ["ada@example", "ada lovelace", "ада", "ada\0", "a/b/c"] {
            assert_eq!(key(text), Err("invalid_format"), "{text}");
        }
    }

    /// ASVS 6.2.1, 6.2.8, 6.2.9.
    #[test]
    fn passwords_are_taken_as_they_are() {
        let code = |text: &str| {
            Password::parse("password", Secret::new(text)).map_err(|error| error.code.as_str())
        };
        assert_eq!(code("1234567"), Err("too_short"));
        assert_eq!(
            code("ünïcödé!").map(|kept| kept.secret().reveal().to_owned()),
            Ok("ünïcödé!".to_owned())
        );
        assert!(
            code("  spaces stay  ").is_ok_and(|kept| kept.secret().reveal() == "  spaces stay  ")
        );
        assert!(code(&"🦀".repeat(256)).is_ok());
        assert_eq!(code(&"a".repeat(257)), Err("too_long"));
        assert_eq!(code("12345678\0"), Err("invalid_format"));
    }

    #[test]
    fn an_ipv6_64_is_one_client() {
        let key = |ip: &str| network(ip.parse().expect("an address"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
