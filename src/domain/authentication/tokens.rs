//! The pair of tokens that a client gets for a session.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::authorization::scope::Granted;
use crate::domain::{Result, Services};
use crate::store::sessions::Session;
use crate::token::{Grant, RefreshToken};

/// An access token and a refresh token (RFC 6749 §5.1).
pub struct TokenPair {
    pub access_token: String,
    pub expires_in: Duration,
    pub refresh_token: String,
    pub refresh_expires_in: Duration,
    pub scope: String,
}

/// Makes a pair for a session as it stands at `now`. `permissions` are those of the user's roles. Neither token outlives the
/// session.
pub(in crate::domain) fn issue(
    services: &Services,
    session: &Session,
    permissions: Vec<String>,
    now: Timestamp,
) -> Result<TokenPair> {
    let scope = Granted::new(permissions, &session.scope).shown();
    let ends_at = session.created_at.plus(services.policy.session_lifetime);
    let grant = Grant {
        user_id: session.user_id,
        session_id: session.id,
        counter: session.refresh_counter,
        scope: scope.clone(),
        authenticated_at: session.authenticated_at,
        ends_at,
    };
    let expires_in = services.access_tokens.lifetime(&grant, now);
    let access_token = services
        .access_tokens
        .issue(grant, services.ids.uuid(), now)?;
    let refresh_token = services.refresh_tokens.encode(RefreshToken {
        session_id: session.id,
        counter: session.refresh_counter,
    });
    Ok(TokenPair {
        access_token,
        expires_in,
        refresh_token,
        refresh_expires_in: session.expires_at.min(ends_at).since(now),
        scope,
    })
}
