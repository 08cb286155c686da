//! The pair of tokens that a client gets for a session.

use std::time::Duration;

use super::{Result, Services, scope};
use crate::clock::Timestamp;
use crate::store::sessions::Session;
use crate::token::RefreshToken;

/// An access token and a refresh token (RFC 6749 §5.1).
pub struct TokenPair {
    pub access_token: String,
    pub expires_in: Duration,
    pub refresh_token: String,
    pub refresh_expires_in: Duration,
    pub scope: String,
}

/// Makes a pair for a session as it stands at `now`. `permissions` are those of the user's roles.
pub(super) fn issue(
    services: &Services,
    session: &Session,
    permissions: Vec<String>,
    now: Timestamp,
) -> Result<TokenPair> {
    let scope = scope::shown(&scope::narrow(permissions, &session.scope));
    let access_token = services.access_tokens.issue(
        session.user_id,
        session.id,
        services.ids.uuid(),
        scope.clone(),
        session.authenticated_at,
        now,
    )?;
    let refresh_token = services.refresh_tokens.encode(RefreshToken {
        session_id: session.id,
        counter: session.refresh_counter,
    });
    Ok(TokenPair {
        access_token,
        expires_in: services.access_tokens.lifetime(),
        refresh_token,
        refresh_expires_in: session.expires_at.since(now),
        scope,
    })
}
