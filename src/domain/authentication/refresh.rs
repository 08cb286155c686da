//! Refresh with rotation and reuse detection (RFC 9700 §4.14.2): each use of a refresh token replaces it. Within a short
//! grace the replaced token gets the *current* one again; later than that it is a copy, and the session ends.

use std::time::Duration;

use super::tokens::{self, TokenPair};
use crate::clock::LEEWAY;
use crate::domain::audit::Event;
use crate::domain::authorization::scope::Granted;
use crate::domain::{Error, Origin, Result, Services};
use crate::ids::InstanceId;
use crate::store::db::Tx;
use crate::store::roles;
use crate::store::sessions::{self, Lifetimes, Session, Which};
use crate::token::RefreshToken;

/// A lost answer, or two tabs that refresh at one moment, are no theft. Where another instance replaced the token, whose
/// clock may differ, [`LEEWAY`] comes on top.
pub const GRACE: Duration = Duration::from_secs(10);

/// What became of a refresh token.
enum Outcome {
    /// Its session goes on, with these permissions of the user.
    Current(Session, Vec<String>),
    /// It had been replaced; its session is ended.
    Reused,
    /// Its session has lived for as long as a session may.
    Over,
    Invalid,
}

/// Replaces a refresh token. Of many requests at one moment with one token, all get the same successor.
///
/// # Errors
/// [`Error::InvalidRefreshToken`], [`Error::SessionOver`], [`Error::RefreshTokenReused`], [`Error::InvalidScope`].
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
    let lifetimes = services.lifetimes(now);
    let outcome = if scope.is_empty() {
        at_once(services, token, lifetimes).await?
    } else {
        None
    };
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => with_reasons(services, origin, token, lifetimes, scope.to_owned()).await?,
    };
    match outcome {
        Outcome::Current(session, permissions) => {
            tokens::issue(services, &session, permissions, now)
        }
        Outcome::Reused => Err(Error::RefreshTokenReused),
        Outcome::Over => Err(Error::SessionOver),
        Outcome::Invalid => Err(Error::InvalidRefreshToken),
    }
}

/// The ordinary case: the token is the newest of a live session, and one statement does it all.
async fn at_once(
    services: &Services,
    token: RefreshToken,
    lifetimes: Lifetimes,
) -> Result<Option<Outcome>> {
    let by = services.instance;
    let rotated = services
        .db
        .write_one(async move |tx| {
            sessions::rotate(tx, token.session_id, token.counter, lifetimes, by).await
        })
        .await?;
    Ok(rotated.map(|(session, permissions)| Outcome::Current(session, permissions)))
}

/// Any case, as one unit of work that looks at the session before it says no.
async fn with_reasons(
    services: &Services,
    origin: &Origin,
    token: RefreshToken,
    lifetimes: Lifetimes,
    asked: String,
) -> Result<Outcome> {
    let reused = Event::new(services, "session.refresh_token_reused")
        .failed()
        .from(origin);
    let by = services.instance;
    services
        .db
        .write(async move |tx| {
            let outcome = rotate(tx, token, lifetimes, by, &reused).await?;
            if let (Outcome::Current(session, permissions), false) = (&outcome, asked.is_empty()) {
                // Nothing beyond the session's scope may be asked for (RFC 6749 §6). Less is not given: the answer says
                // which scope there is (§3.3).
                Granted::new(permissions.clone(), &session.scope).parse(&asked)?;
            }
            Ok(outcome)
        })
        .await
}

async fn rotate(
    tx: &mut Tx<'_>,
    token: RefreshToken,
    lifetimes: Lifetimes,
    by: InstanceId,
    reused: &Event,
) -> Result<Outcome> {
    let rotated = sessions::rotate(tx, token.session_id, token.counter, lifetimes, by).await?;
    if let Some((session, permissions)) = rotated {
        return Ok(Outcome::Current(session, permissions));
    }
    let now = lifetimes.now;
    let found = sessions::find(tx, token.session_id).await?;
    let Some(session) = found.filter(|session| session.revoked_at.is_none()) else {
        return Ok(Outcome::Invalid);
    };
    // Tokens from before a step-up are refused, and prove no theft: a tab that was asleep may hold one.
    if token.counter < session.token_floor {
        return Ok(Outcome::Invalid);
    }
    if session.created_at <= lifetimes.over() {
        return Ok(Outcome::Over);
    }
    if session.expires_at <= now {
        return Ok(Outcome::Invalid);
    }
    // Moments of one clock are compared as they are, those of two with leeway.
    let grace = if session.rotated_by == Some(by) {
        GRACE
    } else {
        GRACE + LEEWAY
    };
    match session.refresh_counter - token.counter {
        1 if now.since(session.rotated_at) <= grace => {
            let permissions = roles::permissions_of(tx, session.user_id).await?;
            Ok(Outcome::Current(session, permissions))
        }
        1.. => {
            let ended = sessions::revoke(tx, session.user_id, Which::Just(session.id), now).await?;
            // Of many copies at one moment the first ends the session; the others find it ended.
            if ended == 0 {
                return Ok(Outcome::Invalid);
            }
            let event = reused.clone().on(session.user_id).in_session(session.id);
            event.record(tx).await?;
            Ok(Outcome::Reused)
        }
        // The newest one of a disabled user; or one ahead of a database that was restored from an older copy.
        _ => Ok(Outcome::Invalid),
    }
}
