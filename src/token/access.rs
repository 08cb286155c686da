//! Access tokens: JWTs in the profile of RFC 9068, signed with HS256.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Keys;
use crate::clock::{LEEWAY, Timestamp};
use crate::ids::{SessionId, UserId};

/// The media type of an access token in its header (RFC 9068 §2.1): keeps tokens of other kinds from passing.
const TYPE: &str = "at+jwt";

/// Longest token that is looked at. Ours have about 500 characters, and more where a user has many permissions.
const MAX_LENGTH: usize = 16 * 1024;

/// The claims of an access token (RFC 9068 §2.2, RFC 7519 §4.1). Times are seconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub iss: String,
    pub aud: String,
    /// The user.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
    pub jti: Uuid,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    /// When the session last authenticated: by its login or by a reauthentication.
    pub auth_time: i64,
    /// Scope in force when it was made, separated by spaces.
    pub scope: String,
    /// Number of the session's newest refresh token when it was made: tells tokens from before a step-up from those of
    /// after it, whatever clocks say. An earlier release leaves it out.
    #[serde(rename = "gen", default)]
    pub counter: i64,
}

/// What an access token is made from: a session as it stands.
#[derive(Debug, Clone)]
pub struct Grant {
    pub user_id: UserId,
    pub session_id: SessionId,
    /// Number of the newest refresh token.
    pub counter: i64,
    pub scope: String,
    pub authenticated_at: Timestamp,
    /// The absolute end of the session.
    pub ends_at: Timestamp,
}

impl Claims {
    pub fn user_id(&self) -> UserId {
        UserId(self.sub)
    }

    pub fn session_id(&self) -> SessionId {
        SessionId(self.sid)
    }
}

/// Makes and checks access tokens.
pub struct AccessTokens {
    /// Set up once; the library would do so for every token.
    signing: hmac::Key,
    /// The current key first, then the previous one.
    keys: Vec<VerificationKey>,
    issuer: String,
    lifetime: Duration,
}

/// A key with the one header that its tokens have.
struct VerificationKey {
    /// In base64, as it starts a token.
    header: String,
    decoding: DecodingKey,
}

impl VerificationKey {
    fn new(keys: &Keys) -> Self {
        let kid = &keys.access_token_id;
        Self {
            header: URL_SAFE_NO_PAD
                .encode(format!(r#"{{"typ":"{TYPE}","alg":"HS256","kid":"{kid}"}}"#)),
            decoding: DecodingKey::from_secret(keys.access_token.as_slice()),
        }
    }
}

impl AccessTokens {
    /// `issuer` is also the audience: the tokens are for this service and the application behind it.
    pub fn new(keys: &Keys, previous: Option<&Keys>, issuer: &str, lifetime: Duration) -> Self {
        Self {
            signing: hmac::Key::new(hmac::HMAC_SHA256, keys.access_token.as_slice()),
            keys: std::iter::once(keys)
                .chain(previous)
                .map(VerificationKey::new)
                .collect(),
            issuer: issuer.to_owned(),
            lifetime,
        }
    }

    /// How long a token of this grant lives: never longer than its session.
    pub fn lifetime(&self, grant: &Grant, now: Timestamp) -> Duration {
        self.lifetime.min(grant.ends_at.since(now))
    }

    /// Makes a token for a session.
    pub fn issue(&self, grant: Grant, jti: Uuid, now: Timestamp) -> serde_json::Result<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.issuer.clone(),
            sub: grant.user_id.0,
            sid: grant.session_id.0,
            jti,
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.plus(self.lifetime(&grant, now)).seconds(),
            auth_time: grant.authenticated_at.seconds(),
            scope: grant.scope,
            counter: grant.counter,
        };
        let claims = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?);
        let message = format!("{}.{claims}", self.keys[0].header);
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.signing, message.as_bytes()));
        Ok(format!("{message}.{signature}"))
    }

    /// The claims of a token that is ours, unchanged and in force at `now`; `None` otherwise. Whether the session is
    /// still alive is for the database to say. A token may have been made on a machine whose clock is ahead: `iat` and `nbf`
    /// are given [`LEEWAY`], `exp` none.
    ///
    /// A header is not parsed but compared with the ones that this service writes: no other algorithm, type or key is
    /// ever looked at (RFC 8725 §3.1, §3.11).
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let key = self.keys.iter().find(|key| key.header == header)?;
        let is_ours = crypto::verify(
            signature,
            message.as_bytes(),
            &key.decoding,
            Algorithm::HS256,
        );
        if !is_ours.unwrap_or(false) {
            return None;
        }
        let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        let is_for_us = claims.iss == self.issuer && claims.aud == self.issuer;
        let (now, latest) = (now.seconds(), now.plus(LEEWAY).seconds());
        let is_begun = claims.nbf <= latest && claims.iat <= latest;
        (is_for_us && is_begun && now < claims.exp).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;
    use crate::config::Secret;
    use crate::token::SecretKey;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const MINUTES: Duration = Duration::from_secs(30 * 60);

    fn keys(secret: &str) -> Keys {
        Keys::derive(&SecretKey::new(Secret::new(secret)))
    }

    fn tokens(keys: &Keys) -> AccessTokens {
        AccessTokens::new(keys, None, "https://accounts.example.com", MINUTES)
    }

    fn issue(tokens: &AccessTokens) -> String {
        let id = Uuid::from_u128(7);
        tokens.issue(grant(), id, NOW).expect("signs")
    }

    fn grant() -> Grant {
        let id = Uuid::from_u128(7);
        Grant {
            user_id: UserId(id),
            session_id: SessionId(id),
            counter: 0,
            scope: "account".to_owned(),
            authenticated_at: NOW,
            ends_at: NOW.plus(100 * MINUTES),
        }
    }

    /// A token with our key but any header and claims.
    fn forge(keys: &Keys, header: &Header, change: impl Fn(&mut serde_json::Value)) -> String {
        let mut claims = json!({
            "iss": "https://accounts.example.com", "aud": "https://accounts.example.com",
            "sub": Uuid::nil(), "sid": Uuid::nil(), "jti": Uuid::nil(), "iat": NOW.seconds(), "nbf": NOW.seconds(),
            "exp": NOW.seconds() + 60, "auth_time": NOW.seconds(), "scope": "account",
        });
        change(&mut claims);
        encode(
            header,
            &claims,
            &EncodingKey::from_secret(keys.access_token.as_slice()),
        )
        .expect("signs")
    }

    #[test]
    fn lives_to_the_second() {
        let tokens = tokens(&keys("one"));
        let token = issue(&tokens);
        let end = NOW.plus(MINUTES);
        assert!(tokens.verify(&token, NOW).is_some());
        assert!(
            tokens
                .verify(&token, end.minus(Duration::from_secs(1)))
                .is_some()
        );
        assert!(tokens.verify(&token, end).is_none());
    }

    #[test]
    fn a_clock_may_be_a_minute_behind_the_one_that_made_the_token() {
        let tokens = tokens(&keys("one"));
        let token = issue(&tokens);
        assert!(tokens.verify(&token, NOW.minus(LEEWAY)).is_some());
        let earlier = NOW.minus(LEEWAY + Duration::from_secs(1));
        assert!(tokens.verify(&token, earlier).is_none());
    }

    #[test]
    fn a_token_ends_with_its_session() {
        let tokens = tokens(&keys("one"));
        let end = NOW.plus(Duration::from_secs(90));
        let grant = Grant {
            ends_at: end,
            ..grant()
        };
        assert_eq!(tokens.lifetime(&grant, NOW), Duration::from_secs(90));
        let token = tokens.issue(grant, Uuid::nil(), NOW).expect("signs");
        let last = end.minus(Duration::from_secs(1));
        assert!(tokens.verify(&token, last).is_some());
        assert!(tokens.verify(&token, end).is_none());
    }

    /// ASVS 9.1.1, 9.1.2, 9.2.1, 9.2.2, 9.2.3.
    #[test]
    fn only_our_own_algorithm_type_issuer_audience_and_key_pass() {
        let keys = keys("one");
        let tokens = tokens(&keys);
        let good = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(keys.access_token_id.clone()),
            ..Header::new(Algorithm::HS256)
        };
        assert!(tokens.verify(&forge(&keys, &good, |_| ()), NOW).is_some());

        let typed = |typ: Option<&str>| Header {
            typ: typ.map(str::to_owned),
            ..good.clone()
        };
        for header in [typed(Some("JWT")), typed(Some("refresh+jwt")), typed(None)] {
            assert!(
                tokens.verify(&forge(&keys, &header, |_| ()), NOW).is_none(),
                "{header:?}"
            );
        }
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let header = Header {
                alg: algorithm,
                ..good.clone()
            };
            assert!(
                tokens.verify(&forge(&keys, &header, |_| ()), NOW).is_none(),
                "{algorithm:?}"
            );
        }
        for (claim, value) in [
            ("iss", json!("https://evil.example.com")),
            ("aud", json!("another service")),
            ("exp", json!(NOW.seconds())),
            ("nbf", json!(NOW.plus(LEEWAY).seconds() + 1)),
            ("iat", json!(NOW.plus(LEEWAY).seconds() + 1)),
            ("sub", json!("not a uuid")),
        ] {
            let changed = forge(&keys, &good, |claims| claims[claim] = value.clone());
            assert!(tokens.verify(&changed, NOW).is_none(), "{claim}");
            let absent = forge(&keys, &good, |claims| {
                claims.as_object_mut().expect("an object").remove(claim);
            });
            assert!(tokens.verify(&absent, NOW).is_none(), "without {claim}");
        }
        assert!(
            tokens
                .verify(&issue(&self::tokens(&self::keys("two"))), NOW)
                .is_none()
        );
        let no_kid = Header {
            kid: None,
            ..good.clone()
        };
        assert!(tokens.verify(&forge(&keys, &no_kid, |_| ()), NOW).is_none());
    }

    #[test]
    fn a_changed_or_unsigned_token_does_not_pass() {
        let tokens = tokens(&keys("one"));
        let token = issue(&tokens);
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            panic!("three parts");
        };
        let none = URL_SAFE_NO_PAD.encode(format!(
            r#"{{"typ":"at+jwt","alg":"none","kid":"{}"}}"#,
            keys("one").access_token_id
        ));
        for forged in [
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([0; 32])),
            String::new(),
            "a.b.c".to_owned(),
            "x".repeat(10_000),
        ] {
            assert!(tokens.verify(&forged, NOW).is_none(), "{forged}");
        }
    }

    #[test]
    fn the_previous_key_is_still_taken_but_not_used() {
        let (old, new) = (keys("old"), keys("new"));
        let token = issue(&tokens(&old));
        let rotating = AccessTokens::new(&new, Some(&old), "https://accounts.example.com", MINUTES);
        assert!(rotating.verify(&token, NOW).is_some());
        assert!(tokens(&old).verify(&issue(&rotating), NOW).is_none());
    }
}
