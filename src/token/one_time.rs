//! Tokens that work once (links) and codes that are typed (six digits). Only their hashes are stored.
//!
//! Those that are mailed are made of the mail's id and a key of ours: a mail that is tried again carries the same one, and
//! none waits in the database until it is sent. Without the key they look like 256 random bits.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Keys;
use crate::ids::{Ids, MailId};

const BYTES: usize = 32;

/// How many codes there are.
const CODES: u64 = 1_000_000;

/// A token of 256 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct OneTimeToken(Zeroizing<[u8; BYTES]>);

impl OneTimeToken {
    /// Characters of its text.
    pub const CHARS: usize = 43;

    /// A new token that is not mailed.
    pub fn random(ids: &Ids) -> Self {
        Self(Zeroizing::new(ids.bytes()))
    }

    /// Reads what [`OneTimeToken::text`] writes, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let token = <[u8; BYTES]>::try_from(bytes.as_slice()).ok()?;
        Some(Self(Zeroizing::new(token)))
    }

    /// base64url without padding (RFC 4648 §5).
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// What is stored of it. A plain hash will do: there is nothing to guess.
    pub fn hash(&self) -> [u8; BYTES] {
        fixed(digest(&SHA256, self.0.as_slice()).as_ref())
    }
}

impl std::fmt::Debug for OneTimeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTimeToken(********)")
    }
}

/// Makes what mails carry.
pub struct Mailed {
    token: hmac::Key,
    code: hmac::Key,
    address: hmac::Key,
}

impl Mailed {
    pub fn new(keys: &Keys) -> Self {
        Self {
            token: keys.mailed_token.clone(),
            code: keys.mailed_code.clone(),
            address: keys.mail_address.clone(),
        }
    }

    /// The token that `mail` carries for `purpose`: the same at every try.
    pub fn token(&self, mail: MailId, purpose: &str) -> OneTimeToken {
        let name = [mail.0.as_bytes(), purpose.as_bytes()].concat();
        OneTimeToken(Zeroizing::new(mac(&self.token, &name)))
    }

    /// The code that `mail` carries: six digits, the same at every try.
    pub fn code(&self, mail: MailId) -> Zeroizing<String> {
        let tag = mac(
            &self.code,
            &[b"of mail".as_slice(), mail.0.as_bytes()].concat(),
        );
        let (number, _) = tag.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        // Of 2⁶⁴ numbers none of the million is likelier than another by more than one in 10¹³.
        Zeroizing::new(format!("{:06}", u64::from_be_bytes(*number) % CODES))
    }

    /// What is stored of a code: without our key a million tries would find it. `handle` is the hash of the handle that it is
    /// good for.
    pub fn code_mac(&self, handle: &[u8; BYTES], code: &str) -> [u8; BYTES] {
        let name = [b"typed\0", handle.as_slice(), b"\0", code.as_bytes()].concat();
        mac(&self.code, &Zeroizing::new(name))
    }

    /// Whether this is the code of which that is stored. Compares in constant time.
    pub fn is_code(&self, handle: &[u8; BYTES], code: &str, stored: &[u8]) -> bool {
        self.code_mac(handle, code).as_slice().ct_eq(stored).into()
    }

    /// What an address is stored as where it is counted.
    pub fn address(&self, email_key: &str) -> [u8; BYTES] {
        mac(&self.address, email_key.as_bytes())
    }
}

fn mac(key: &hmac::Key, name: &[u8]) -> [u8; BYTES] {
    fixed(hmac::sign(key, name).as_ref())
}

/// SHA-256 gives 32 bytes.
fn fixed(bytes: &[u8]) -> [u8; BYTES] {
    let mut fixed = [0; BYTES];
    fixed.copy_from_slice(&bytes[..BYTES]);
    fixed
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};
    use crate::config::Secret;
    use crate::ids::SystemRandom;
    use crate::token::SecretKey;

    fn ids() -> Ids {
        let clock = ManualClock::at(Timestamp::from_millis(1_800_000_000_000));
        Ids::new(Arc::new(clock), Arc::new(SystemRandom))
    }

    fn mailed(secret: &str) -> Mailed {
        Mailed::new(&Keys::derive(&SecretKey::new(Secret::new(secret))))
    }

    const SECRET: &str = "one secret key of more than 32 characters";

    #[test]
    fn a_token_comes_back_from_its_text_and_from_nothing_else() {
        let token = OneTimeToken::random(&ids());
        let text = token.text();
        assert_eq!(text.len(), OneTimeToken::CHARS);
        assert!(OneTimeToken::parse(&text) == Some(token.clone()));
        assert_ne!(token.hash().as_slice(), token.0.as_slice());
        for bad in [
            "",
            "a",
            &text[1..],
            &format!("{}=", *text),
            &format!("{}A", *text),
        ] {
            assert!(OneTimeToken::parse(bad).is_none(), "{bad}");
        }
        assert!(!format!("{token:?}").contains(text.as_str()));
    }

    #[test]
    fn what_a_mail_carries_is_the_same_at_every_try_and_of_no_other_mail() {
        let (ids, made) = (ids(), mailed(SECRET));
        let (mail, other) = (MailId::new(&ids), MailId::new(&ids));
        assert!(made.token(mail, "a") == mailed(SECRET).token(mail, "a"));
        assert!(made.token(mail, "a") != made.token(mail, "b"));
        assert!(made.token(mail, "a") != made.token(other, "a"));
        let elsewhere = mailed("other secret key of more than 32 characters");
        assert!(made.token(mail, "a") != elsewhere.token(mail, "a"));
        assert_eq!(made.code(mail), mailed(SECRET).code(mail));
    }

    #[test]
    fn a_code_is_six_digits_and_good_for_its_handle_alone() {
        let (ids, made) = (ids(), mailed(SECRET));
        let codes = (0..1000).map(|_| made.code(MailId::new(&ids)).to_string());
        let mut codes: Vec<String> = codes.collect();
        assert!(
            codes
                .iter()
                .all(|code| { code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) })
        );
        codes.sort();
        codes.dedup();
        assert!(codes.len() > 980, "{} of 1000 are different", codes.len());
        let stored = made.code_mac(&[1; BYTES], "123456");
        assert!(made.is_code(&[1; BYTES], "123456", &stored));
        assert!(!made.is_code(&[2; BYTES], "123456", &stored));
        assert!(!made.is_code(&[1; BYTES], "123457", &stored));
    }
}
