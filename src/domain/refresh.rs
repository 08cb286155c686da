//! Refresh with rotation and reuse detection (RFC 9700 §4.14.2): each use of a refresh token replaces it. Within a short
//! grace the replaced token gets the *current* one again; later than that it is a copy, and the session ends.

use std::time::Duration;

use super::audit::Event;
use super::tokens::{self, TokenPair};
use super::{Error, Origin, Result, Services, scope};
use crate::clock::Timestamp;
use crate::store::db::Tx;
use crate::store::roles;
use crate::store::sessions::{self, Session, Which};
use crate::token::RefreshToken;

/// A lost answer, or two tabs that refresh at one moment, are no theft.
pub const GRACE: Duration = Duration::from_secs(10);

/// What became of a refresh token.
enum Outcome {
    /// Its session goes on, with these permissions of the user.
    Current(Session, Vec<String>),
    /// It had been replaced.
    Reused(Session),
    Invalid,
}

/// Replaces a refresh token. Of many requests at one moment with one token, all get the same successor.
///
/// # Errors
/// [`Error::InvalidRefreshToken`], [`Error::RefreshTokenReused`], [`Error::InvalidScope`].
pub async fn refresh(
    services: &Services,
    origin: &Origin,
    text: &str,
    scope: &str,
) -> Result<TokenPair> {
    let token = services
        .refresh_tokens
        .decode(text)
        .ok_or(Error::InvalidRefreshToken)?;
    let now = services.now();
    let expires_at = now.plus(services.policy.refresh_lifetime);
    let outcome = if scope.is_empty() {
        at_once(services, token, now, expires_at).await?
    } else {
        None
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => with_reasons(services, token, now, expires_at, scope.to_owned()).await?,
    };
    match outcome {
        Outcome::Current(session, permissions) => {
            tokens::issue(services, &session, permissions, now)
        }
        Outcome::Reused(session) => {
            end(services, origin, &session).await?;
            Err(Error::RefreshTokenReused)
        }
        Outcome::Invalid => Err(Error::InvalidRefreshToken),
    }
}

/// The ordinary case: the token is the newest of a live session, and one statement does it all.
async fn at_once(
    services: &Services,
    token: RefreshToken,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Option<Outcome>> {
    let rotated = services
        .db
        .write_one(async move |tx| {
            sessions::rotate(tx, token.session_id, token.counter, now, expires_at).await
        })
        .await?;
    Ok(rotated.map(|(session, permissions)| Outcome::Current(session, permissions)))
}

/// Any case, as one unit of work that looks at the session before it says no.
async fn with_reasons(
    services: &Services,
    token: RefreshToken,
    now: Timestamp,
    expires_at: Timestamp,
    asked: String,
) -> Result<Outcome> {
    services
        .db
        .write(async move |tx| {
            let outcome = rotate(tx, token, now, expires_at).await?;
            if let (Outcome::Current(session, permissions), false) = (&outcome, asked.is_empty()) {
                // Nothing beyond the session's scope may be asked for (RFC 6749 §6). Less is not given: the answer says
                // which scope there is (§3.3).
                scope::parse(&asked, &scope::narrow(permissions.clone(), &session.scope))?;
            }
            Ok(outcome)
        })
        .await
}

async fn rotate(
    tx: &mut Tx<'_>,
    token: RefreshToken,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Outcome> {
    let rotated = sessions::rotate(tx, token.session_id, token.counter, now, expires_at).await?;
    if let Some((session, permissions)) = rotated {
        return Ok(Outcome::Current(session, permissions));
    }
    let is_alive = |session: &Session| session.revoked_at.is_none() && session.expires_at > now;
    let Some(session) = sessions::find(tx, token.session_id).await?.filter(is_alive) else {
        return Ok(Outcome::Invalid);
    };
    match session.refresh_counter - token.counter {
        1 if now.since(session.rotated_at) <= GRACE => {
            let permissions = roles::permissions_of(tx, session.user_id).await?;
            Ok(Outcome::Current(session, permissions))
        }
        1.. => Ok(Outcome::Reused(session)),
        // The newest one of a disabled user; or one ahead of a database that was restored from an older copy.
        _ => Ok(Outcome::Invalid),
    }
}

/// Ends the session of a token that was used again.
async fn end(services: &Services, origin: &Origin, session: &Session) -> Result<()> {
    let (id, user_id, now) = (session.id, session.user_id, services.now());
    let event = Event::new(services, "session.refresh_token_reused")
        .on(user_id)
        .in_session(id)
        .failed()
        .from(origin);
    services
        .db
        .write(async move |tx| {
            sessions::revoke(tx, user_id, Which::Just(id), now).await?;
            Ok(event.record(tx).await?)
        })
        .await
}
