//! Every key, derived from SECRET_KEY by HKDF-SHA256 (RFC 5869) with a label for each use, so that no key serves two
//! ends and none tells anything about another.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::SecretKey;

/// Salt of the extraction: it separates this program from others that are given the same secret.
const SALT: &[u8] = b"vestibule/v1";

/// The keys of one SECRET_KEY.
pub struct Keys {
    /// Signs access tokens.
    pub access_token: Zeroizing<[u8; 32]>,
    /// Names the access token key in the token's header (`kid`, RFC 7515 §4.1.4).
    pub access_token_id: String,
    /// Authenticates refresh tokens.
    pub refresh_token: hmac::Key,
    /// Hides what people typed as e-mail or username where failures are counted.
    pub login_identifier: hmac::Key,
    /// Finds what is kept under an idempotency key.
    pub idempotency_id: hmac::Key,
    /// Its half of the keys to what is kept; the client's key is the other.
    pub idempotency_content: Zeroizing<[u8; 32]>,
    /// Makes tokens of mails.
    pub mailed_token: hmac::Key,
    /// Makes codes of mails, and hides them where they are stored.
    pub mailed_code: hmac::Key,
    /// Hides addresses where mails and codes to them are counted.
    pub mail_address: hmac::Key,
    /// Hides devices where they are remembered.
    pub device: hmac::Key,
}

impl Keys {
    /// Derives all keys.
    pub fn derive(secret: &SecretKey) -> Self {
        let root = Salt::new(HKDF_SHA256, SALT).extract(secret.reveal());
        let id: [u8; 6] = *expand(&root, "access token key id");
        Self {
            access_token: expand(&root, "access token HS256"),
            access_token_id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            refresh_token: hmac_key(&root, "refresh token"),
            login_identifier: hmac_key(&root, "login identifier"),
            idempotency_id: hmac_key(&root, "idempotency id"),
            idempotency_content: expand(&root, "idempotency content"),
            mailed_token: hmac_key(&root, "mailed token"),
            mailed_code: hmac_key(&root, "mailed code"),
            mail_address: hmac_key(&root, "mail address"),
            device: hmac_key(&root, "device"),
        }
    }
}

pub(super) fn hmac_key(root: &Prk, label: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, expand::<32>(root, label).as_slice())
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

pub(super) fn expand<const N: usize>(root: &Prk, label: &str) -> Zeroizing<[u8; N]> {
    let mut key = Zeroizing::new([0; N]);
    root.expand(&[label.as_bytes()], Length(N))
        .and_then(|material| material.fill(key.as_mut_slice()))
        .expect("HKDF-SHA256 gives up to 8160 bytes, and N is 32 at most");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    #[test]
    fn each_secret_and_each_use_has_a_key_of_its_own() {
        let one = Keys::derive(&SecretKey::new(Secret::new(
            "one secret key of more than 32 characters",
        )));
        let other = Keys::derive(&SecretKey::new(Secret::new(
            "other secret key of more than 32 characters",
        )));
        assert_ne!(one.access_token, other.access_token);
        assert_ne!(one.access_token_id, other.access_token_id);
        let tag = hmac::sign(&one.refresh_token, b"x");
        assert!(hmac::verify(&one.login_identifier, b"x", tag.as_ref()).is_err());
    }
}
