//! What is kept of a request that must not be carried out twice: a name under which it is found, a fingerprint of what was
//! sent, and the answer under seal.
//!
//! A request holds a password, an answer personal data. So all of it needs two secrets: ours, and the key that the client
//! made up and nobody stores. Whoever has the database and SECRET_KEY, but not that key, cannot so much as try passwords
//! against a fingerprint.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Keys;
use super::keys::{expand, hmac_key};

const ID: usize = 32;
const FINGERPRINT: usize = 32;

/// Makes envelopes.
pub struct Envelopes {
    current: Maker,
    previous: Option<Maker>,
}

struct Maker {
    id: hmac::Key,
    content: Zeroizing<[u8; 32]>,
}

/// What one request is kept in.
pub struct Envelope {
    id: [u8; ID],
    fingerprint: [u8; FINGERPRINT],
    seal: Zeroizing<[u8; 32]>,
}

impl Envelopes {
    pub fn new(keys: &Keys, previous: Option<&Keys>) -> Self {
        Self {
            current: Maker::new(keys),
            previous: previous.map(Maker::new),
        }
    }

    /// The envelope of a request, and the one that it had under the previous SECRET_KEY, if there was one: an answer is put
    /// into the first and may be found in either.
    ///
    /// `name` is all that makes a request the same one, with the client's key among it; `content` is what it says.
    pub fn of(&self, name: &[&[u8]], content: &[u8]) -> (Envelope, Option<Envelope>) {
        let name = encode(name);
        let make = |maker: &Maker| maker.envelope(&name, content);
        (make(&self.current), self.previous.as_ref().map(make))
    }
}

impl Maker {
    fn new(keys: &Keys) -> Self {
        Self {
            id: keys.idempotency_id.clone(),
            content: keys.idempotency_content.clone(),
        }
    }

    fn envelope(&self, name: &[u8], content: &[u8]) -> Envelope {
        let root = Salt::new(HKDF_SHA256, self.content.as_slice()).extract(name);
        Envelope {
            id: mac(&self.id, name),
            fingerprint: mac(&hmac_key(&root, "fingerprint"), content),
            seal: expand(&root, "answer AES-256-GCM"),
        }
    }
}

impl Envelope {
    /// Finds it. Without our key the request cannot be recognized.
    pub fn id(&self) -> &[u8] {
        &self.id
    }

    /// Tells what was sent from anything else.
    pub fn fingerprint(&self) -> &[u8] {
        &self.fingerprint
    }

    /// Whether this is the fingerprint of what was sent. Compares in constant time.
    pub fn is_of(&self, fingerprint: &[u8]) -> bool {
        self.fingerprint.as_slice().ct_eq(fingerprint).into()
    }

    /// `nonce ‖ ciphertext ‖ tag` of an answer, bound to what was sent. `None` when the cipher fails. The nonce has to be
    /// random: a client may use its key for another request a day later.
    pub fn seal(&self, nonce: [u8; NONCE_LEN], answer: Vec<u8>) -> Option<Vec<u8>> {
        let mut sealed = answer;
        self.key()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.fingerprint),
                &mut sealed,
            )
            .ok()?;
        sealed.splice(..0, nonce);
        Some(sealed)
    }

    /// The answer; `None` when this is not what [`Envelope::seal`] made.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut answer = sealed.to_vec();
        let length = self
            .key()?
            .open_in_place(nonce, Aad::from(&self.fingerprint), &mut answer)
            .ok()?
            .len();
        answer.truncate(length);
        Some(answer)
    }

    fn key(&self) -> Option<LessSafeKey> {
        let key = UnboundKey::new(&AES_256_GCM, self.seal.as_slice()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

fn mac(key: &hmac::Key, message: &[u8]) -> [u8; 32] {
    let mut tag = [0; 32];
    tag.copy_from_slice(hmac::sign(key, message).as_ref());
    tag
}

/// The parts behind each other, each behind its length: no two lists give the same bytes.
fn encode(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let size = parts.iter().map(|part| size_of::<u64>() + part.len()).sum();
    let mut encoded = Zeroizing::new(Vec::with_capacity(size));
    for part in parts {
        encoded.extend((part.len() as u64).to_be_bytes());
        encoded.extend_from_slice(part);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::token::SecretKey;

    const NONCE: [u8; NONCE_LEN] = [7; NONCE_LEN];
    const BODY: &[u8] = b"{\"password\": \"correct horse battery staple\"}";

    fn keys(secret: &str) -> Keys {
        Keys::derive(&SecretKey::new(Secret::new(secret)))
    }

    fn envelope(name: &[&[u8]], content: &[u8]) -> Envelope {
        let (envelope, previous) = Envelopes::new(&keys("one"), None).of(name, content);
        assert!(previous.is_none());
        envelope
    }

    #[test]
    fn an_answer_comes_back_and_cannot_be_read_before() {
        let envelope = envelope(&[b"POST /users", b"key"], BODY);
        for answer in [b"".as_slice(), b"201", &[0; 70_000]] {
            let sealed = envelope.seal(NONCE, answer.to_vec()).expect("seals");
            assert_eq!(sealed.len(), NONCE_LEN + answer.len() + 16);
            assert_eq!(envelope.open(&sealed).as_deref(), Some(answer));
        }
        let sealed = envelope
            .seal(NONCE, b"ada@example.com".to_vec())
            .expect("seals");
        assert!(!sealed.windows(3).any(|bytes| bytes == b"ada"));
    }

    #[test]
    fn any_change_is_noticed() {
        let envelope = envelope(&[b"key"], BODY);
        let sealed = envelope.seal(NONCE, b"answer".to_vec()).expect("seals");
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert_eq!(envelope.open(&changed), None, "{index}");
            assert_eq!(envelope.open(&sealed[..index]), None, "{index}");
        }
    }

    /// A stolen database and SECRET_KEY are not enough: what is kept of one password differs with each client's key.
    #[test]
    fn nothing_of_it_can_be_made_without_the_clients_key() {
        let (one, other) = (envelope(&[b"key"], BODY), envelope(&[b"kez"], BODY));
        assert_ne!(one.id(), other.id());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert!(!one.is_of(other.fingerprint()) && one.is_of(one.fingerprint()));
        let sealed = one.seal(NONCE, b"answer".to_vec()).expect("seals");
        assert_eq!(other.open(&sealed), None);
    }

    #[test]
    fn another_content_is_another_fingerprint_under_the_same_id() {
        let (one, other) = (
            envelope(&[b"key"], BODY),
            envelope(&[b"key"], b"{\"password\": \"seven\"}"),
        );
        assert_eq!(one.id(), other.id());
        assert!(!one.is_of(other.fingerprint()));
        assert!(!one.is_of(&one.fingerprint()[..31]) && !one.is_of(b""));
    }

    #[test]
    fn the_parts_of_a_name_do_not_run_into_each_other() {
        let names: [&[&[u8]]; 5] = [
            &[b"ab", b"c"],
            &[b"a", b"bc"],
            &[b"abc", b""],
            &[b"", b"abc"],
            &[b"abc"],
        ];
        for (number, name) in names.iter().enumerate() {
            for other in &names[number + 1..] {
                assert_ne!(envelope(name, BODY).id(), envelope(other, BODY).id());
            }
        }
    }

    #[test]
    fn what_was_made_with_the_previous_key_is_found() {
        let (old, new) = (keys("old"), keys("new"));
        let (made, _) = Envelopes::new(&old, None).of(&[b"key"], BODY);
        let sealed = made.seal(NONCE, b"answer".to_vec()).expect("seals");
        let (current, previous) = Envelopes::new(&new, Some(&old)).of(&[b"key"], BODY);
        assert_ne!(current.id(), made.id());
        let previous = previous.expect("there is one");
        assert_eq!(previous.id(), made.id());
        assert!(previous.is_of(made.fingerprint()));
        assert_eq!(previous.open(&sealed).as_deref(), Some(&b"answer"[..]));
    }
}
