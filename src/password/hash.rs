//! Stored password hashes: the forms they have and what the engine is to compute for each.
//!
//! Passwords of up to 72 bytes are stored as `$2b$`. Longer ones would be cut by bcrypt and are stored in passlib's
//! `bcrypt_sha256` version 2: HMAC-SHA256 keyed by the salt, in base64, then bcrypt.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet::BCRYPT;
use base64::engine::general_purpose::{NO_PAD, STANDARD};
use bcrypt::HashParts;
use zeroize::Zeroizing;

use super::lanes::PASSWORD_BYTES;

const BCRYPT_BASE64: base64::engine::GeneralPurpose =
    base64::engine::GeneralPurpose::new(&BCRYPT, NO_PAD);

const SHA256_PREFIX: &str = "$bcrypt-sha256$v=2,t=2b,r=";

/// What is put before bcrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The password itself; `current` for the prefix `$2b$` that we write.
    Bcrypt { current: bool },
    /// HMAC-SHA256 of it, keyed by the salt.
    BcryptSha256,
}

impl Scheme {
    /// The scheme in which a new password is stored.
    pub fn for_password(password: &str) -> Self {
        if password.len() <= PASSWORD_BYTES {
            Self::Bcrypt { current: true }
        } else {
            Self::BcryptSha256
        }
    }

    /// What bcrypt is given.
    pub fn input(self, password: &str, salt: &[u8; 16]) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Bcrypt { .. } => Zeroizing::new(password.as_bytes().to_vec()),
            Self::BcryptSha256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, BCRYPT_BASE64.encode(salt).as_bytes());
                let tag = hmac::sign(&key, password.as_bytes());
                Zeroizing::new(STANDARD.encode(tag.as_ref()).into_bytes())
            }
        }
    }
}

/// A stored hash, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    pub scheme: Scheme,
    /// 2^cost steps.
    pub cost: u32,
    pub salt: [u8; 16],
    pub digest: [u8; 23],
}

/// A text that is no password hash of a form we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a bcrypt or bcrypt-sha256 hash")]
pub struct UnknownForm;

impl FromStr for PasswordHash {
    type Err = UnknownForm;

    fn from_str(text: &str) -> Result<Self, UnknownForm> {
        match text.strip_prefix(SHA256_PREFIX) {
            Some(rest) => parse_sha256(rest),
            None => parse_bcrypt(text),
        }
    }
}

fn parse_bcrypt(text: &str) -> Result<PasswordHash, UnknownForm> {
    // `$2x$` marks hashes of a broken implementation: they verify nowhere else.
    let prefix = text
        .get(..4)
        .filter(|prefix| matches!(*prefix, "$2a$" | "$2b$" | "$2y$"));
    let prefix = prefix.ok_or(UnknownForm)?;
    let parts: HashParts = text.parse().map_err(|_| UnknownForm)?;
    let digest = text.get(29..).ok_or(UnknownForm)?;
    Ok(PasswordHash {
        scheme: Scheme::Bcrypt {
            current: prefix == "$2b$",
        },
        cost: cost(parts.get_cost())?,
        salt: parts.get_salt_raw(),
        digest: decode(digest)?,
    })
}

fn parse_sha256(rest: &str) -> Result<PasswordHash, UnknownForm> {
    let mut parts = rest.split('$');
    let (Some(rounds), Some(salt), Some(digest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(UnknownForm);
    };
    Ok(PasswordHash {
        scheme: Scheme::BcryptSha256,
        cost: cost(rounds.parse().map_err(|_| UnknownForm)?)?,
        salt: decode(salt)?,
        digest: decode(digest)?,
    })
}

fn cost(cost: u32) -> Result<u32, UnknownForm> {
    (4..=31).contains(&cost).then_some(cost).ok_or(UnknownForm)
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], UnknownForm> {
    let bytes = BCRYPT_BASE64.decode(text).map_err(|_| UnknownForm)?;
    bytes.try_into().map_err(|_| UnknownForm)
}

/// The form in which the hash is stored.
impl fmt::Display for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let salt = BCRYPT_BASE64.encode(self.salt);
        let digest = BCRYPT_BASE64.encode(self.digest);
        match self.scheme {
            Scheme::Bcrypt { .. } => write!(f, "$2b${:02}${salt}{digest}", self.cost),
            Scheme::BcryptSha256 => write!(f, "{SHA256_PREFIX}{}${salt}${digest}", self.cost),
        }
    }
}

/// A hash lets passwords be guessed, so it is not for logs either.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash")
            .field("scheme", &self.scheme)
            .field("cost", &self.cost)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_digest(hash: &PasswordHash, password: &str) -> [u8; 23] {
        let input = hash.scheme.input(password, &hash.salt);
        let mut terminated = input.to_vec();
        terminated.push(0);
        terminated.truncate(PASSWORD_BYTES);
        let digest = bcrypt::bcrypt(hash.cost, hash.salt, &terminated);
        digest[..23].try_into().expect("23 bytes")
    }

    #[test]
    fn verifies_what_passlib_made() {
        // From passlib's documentation and from passlib 1.7.4 itself, for a password of 90 characters.
        let long = "correct horse battery staple ".repeat(3) + "end";
        for (password, stored) in [
            (
                "password",
                "$bcrypt-sha256$v=2,t=2b,r=12$n79VH.0Q2TMWmt3Oqt9uku$Kq4Noyk3094Y2QlB8NdRT8SvGiI4ft2",
            ),
            (long.as_str(), PASSLIB_LONG),
        ] {
            let hash: PasswordHash = stored.parse().expect("parses");
            assert_eq!(hash.to_string(), stored);
            assert_eq!(crate_digest(&hash, password), hash.digest);
        }
    }

    const PASSLIB_LONG: &str =
        "$bcrypt-sha256$v=2,t=2b,r=5$H0ZXeypdCgKEepbamZzzsu$9oUlE6Tmwm1VCYRUETGW.0hxS0Elpq6";

    #[test]
    fn reads_every_prefix_and_writes_2b() {
        let made = bcrypt::hash("pässword", 4).expect("hashes");
        for (prefix, current) in [("$2b$", true), ("$2a$", false), ("$2y$", false)] {
            let hash: PasswordHash = made.replacen("$2b$", prefix, 1).parse().expect("parses");
            assert_eq!(hash.scheme, Scheme::Bcrypt { current });
            assert_eq!(hash.to_string(), made);
            assert_eq!(crate_digest(&hash, "pässword"), hash.digest);
        }
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "",
            "password",
            "$2x$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "$2b$99$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
            "$bcrypt-sha256$v=2,t=2b,r=12$short$short",
        ] {
            assert_eq!(text.parse::<PasswordHash>(), Err(UnknownForm), "{text}");
        }
    }

    #[test]
    fn nothing_is_cut_from_a_long_password() {
        let (one, other) = ("x".repeat(80), "x".repeat(80) + "y");
        let scheme = Scheme::for_password(&one);
        assert_eq!(scheme, Scheme::BcryptSha256);
        assert_ne!(scheme.input(&one, &[7; 16]), scheme.input(&other, &[7; 16]));
        assert_eq!(
            Scheme::for_password(&"x".repeat(72)),
            Scheme::Bcrypt { current: true }
        );
    }
}
