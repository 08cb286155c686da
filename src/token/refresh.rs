//! Refresh tokens: `session id ‖ counter ‖ HMAC-SHA256`, opaque to clients. Nothing is stored for each: the session's
//! row knows the newest counter, and forging one needs the key, not a copy of the database.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Keys;
use crate::ids::SessionId;

/// Lets people and secret scanners see what it is, and lets another form follow one day.
const PREFIX: &str = "vrt1_";

const ID: usize = 16;
const COUNTER: usize = 8;
const TAG: usize = 32;

/// What a refresh token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshToken {
    pub session_id: SessionId,
    /// 0 for the token of the login, one more after each refresh.
    pub counter: i64,
}

/// Makes and checks refresh tokens.
pub struct RefreshTokens {
    key: hmac::Key,
    previous: Option<hmac::Key>,
}

impl RefreshTokens {
    pub fn new(keys: &Keys, previous: Option<&Keys>) -> Self {
        Self {
            key: keys.refresh_token.clone(),
            previous: previous.map(|keys| keys.refresh_token.clone()),
        }
    }

    /// The token in the form in which clients hold it. The same every time.
    pub fn encode(&self, token: RefreshToken) -> String {
        let mut bytes = [0; ID + COUNTER + TAG];
        let (message, tag) = bytes.split_at_mut(ID + COUNTER);
        message[..ID].copy_from_slice(token.session_id.0.as_bytes());
        message[ID..].copy_from_slice(&token.counter.to_be_bytes());
        tag.copy_from_slice(hmac::sign(&self.key, message).as_ref());
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token says that was made here; `None` for any other text. Compares in constant time.
    pub fn decode(&self, text: &str) -> Option<RefreshToken> {
        let mut bytes = [0; ID + COUNTER + TAG];
        let length = URL_SAFE_NO_PAD
            .decode_slice(text.strip_prefix(PREFIX)?, &mut bytes)
            .ok()?;
        if length != bytes.len() {
            return None;
        }
        let (message, tag) = bytes.split_at(ID + COUNTER);
        let made_here = |key: &hmac::Key| hmac::verify(key, message, tag).is_ok();
        if !made_here(&self.key) && !self.previous.as_ref().is_some_and(made_here) {
            return None;
        }
        let (id, counter) = message.split_at(ID);
        Some(RefreshToken {
            session_id: SessionId(Uuid::from_slice(id).ok()?),
            counter: i64::from_be_bytes(counter.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;
    use crate::token::SecretKey;

    fn keys(secret: &str) -> Keys {
        Keys::derive(&SecretKey::new(Secret::new(secret)))
    }

    const TOKEN: RefreshToken = RefreshToken {
        session_id: SessionId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        counter: 41,
    };

    #[test]
    fn comes_back_as_it_was_made() {
        let tokens = RefreshTokens::new(&keys("one"), None);
        assert_eq!(tokens.decode(&tokens.encode(TOKEN)), Some(TOKEN));
    }

    #[test]
    fn any_change_is_noticed() {
        let tokens = RefreshTokens::new(&keys("one"), None);
        let text = tokens.encode(TOKEN);
        for index in PREFIX.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(tokens.decode(&changed), None, "{index}");
        }
        for other in [
            "",
            PREFIX,
            &text[1..],
            &text[..text.len() - 4],
            &format!("{text}AAAA"),
        ] {
            assert_eq!(tokens.decode(other), None, "{other}");
        }
    }

    #[test]
    fn the_previous_key_is_still_taken() {
        let (old, new) = (keys("old"), keys("new"));
        let text = RefreshTokens::new(&old, None).encode(TOKEN);
        assert_eq!(
            RefreshTokens::new(&new, Some(&old)).decode(&text),
            Some(TOKEN)
        );
        assert_eq!(RefreshTokens::new(&new, None).decode(&text), None);
    }
}
