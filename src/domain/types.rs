//! Types whose values are valid: each parses here, once, and is trusted everywhere else.

use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;

use super::{FieldCode, FieldError};
use crate::config::Secret;
use crate::ids::UserId;
use crate::password::{AccountKey, Caller, ClientKey, Standing};

/// Folds what differs only in case or in compatible characters into one.
pub(super) fn fold(text: &str) -> String {
    text.nfkc()
        .collect::<String>()
        .to_lowercase()
        .nfkc()
        .collect()
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

    /// Blanks around it are taken off.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
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
    pub const PATTERN: &str = r"^[^\x00]*$";

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

    /// This client as one of whom only the network is known.
    pub fn stranger(&self) -> Caller {
        Caller::stranger(self.network())
    }

    /// This client with what speaks for it at the account `user`.
    pub fn known(&self, standing: Standing, user: UserId) -> Caller {
        Caller::known(standing, self.network(), AccountKey(user.0.as_u128()))
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
