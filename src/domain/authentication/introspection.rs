//! Token introspection (RFC 7662): whether a token is good now, and what it says.

use crate::clock::Timestamp;
use crate::domain::authorization::roles;
use crate::domain::authorization::scope::Granted;
use crate::domain::{Actor, Result, Services};
use crate::ids::{SessionId, UserId};
use crate::store::sessions;

/// What is said of a token that is good. One that is not gets no reason (RFC 7662 §2.2).
#[derive(Debug)]
pub struct Active {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub username: String,
    pub scope: String,
    pub expires_at: Timestamp,
    /// The claims that only an access token has.
    pub access: Option<AccessClaims>,
}

/// The rest of an access token's claims.
#[derive(Debug)]
pub struct AccessClaims {
    pub issuer: String,
    pub audience: String,
    pub jti: uuid::Uuid,
    pub issued_at: Timestamp,
    pub not_before: Timestamp,
}

/// Looks at an access or refresh token; `None` when it is not good.
pub async fn introspect(services: &Services, actor: &Actor, token: &str) -> Result<Option<Active>> {
    actor.require(roles::TOKENS_INTROSPECT)?;
    let now = services.now();
    let claims = services.access_tokens.verify(token, now);
    let refresh = services.refresh_tokens.decode(token);
    let of_access = claims
        .as_ref()
        .map(|claims| (claims.session_id(), claims.counter));
    let of_refresh = refresh.map(|token| (token.session_id, token.counter));
    let Some((session_id, counter)) = of_access.or(of_refresh) else {
        return Ok(None);
    };
    let lifetimes = services.lifetimes(now);
    let mut tx = services.db.read().await?;
    let found = sessions::authenticate(&mut tx, session_id, counter, lifetimes).await?;
    let Some(found) = found else {
        return Ok(None);
    };
    // A refresh token is good as long as it is the newest.
    if refresh.is_some_and(|token| token.counter != found.session.refresh_counter) {
        return Ok(None);
    }
    let mut granted = Granted::new(found.permissions, &found.session.scope);
    if let Some(claims) = &claims {
        // What the token says, less what has been taken from the user since.
        granted = granted.within(&claims.scope);
    }
    let end = found.session.created_at.plus(lifetimes.absolute);
    let refresh_end = found.session.expires_at.min(end);
    Ok(Some(Active {
        user_id: found.user.id,
        session_id,
        username: found.user.username,
        scope: granted.shown(),
        expires_at: claims
            .as_ref()
            .map_or(refresh_end, |claims| Timestamp::from_seconds(claims.exp)),
        access: claims.map(|claims| AccessClaims {
            jti: claims.jti,
            issued_at: Timestamp::from_seconds(claims.iat),
            not_before: Timestamp::from_seconds(claims.nbf),
            issuer: claims.iss,
            audience: claims.aud,
        }),
    }))
}
