//! Ending sessions: logout and token revocation.

use super::audit::Event;
use super::email::outbox::Notice;
use super::{Actor, Error, Origin, Result, Services};
use crate::ids::SessionId;
use crate::mail::Kind;
use crate::store::one_time_tokens;
use crate::store::sessions::{self, Which};

/// Which of the own sessions a logout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoutScope {
    Current,
    Others,
    All,
}

/// Ends sessions of the actor: their current one whatever its scope, others only with the scope of the account and a fresh
/// proof. Who holds a stolen token is not to shut its owner out.
///
/// # Errors
/// [`Error::InsufficientScope`], [`Error::InsufficientUserAuthentication`].
pub async fn logout(services: &Services, actor: &Actor, scope: LogoutScope) -> Result<()> {
    let (which, name) = match scope {
        LogoutScope::Current => (Which::Just(actor.session_id()), "current"),
        LogoutScope::Others => (Which::AllBut(actor.session_id()), "others"),
        LogoutScope::All => (Which::All, "all"),
    };
    let (user_id, now) = (actor.id(), services.now());
    if scope != LogoutScope::Current {
        actor.require_account()?;
        actor.require_fresh(now)?;
    }
    let event = Event::by(services, actor, "session.ended").on(user_id);
    let is_told = scope == LogoutScope::All && services.policy.notices.sessions_ended;
    let notice =
        is_told.then(|| Notice::new(services, Kind::SessionsEnded, user_id, &actor.origin));
    let actor = actor.clone();
    services
        .db
        .write(async move |tx| {
            // An actor whose session has ended in the meantime ends no sessions.
            let actor = actor.renewed(tx, now).await?;
            let ended = sessions::revoke(tx, user_id, which, now).await?;
            if scope == LogoutScope::All {
                // Links that a thief made for others with a session of this user go with it.
                one_time_tokens::revoke_given(tx, user_id).await?;
            }
            let event = event
                .clone()
                .with(serde_json::json!({ "scope": name, "ended": ended }));
            if let Some(notice) = &notice {
                notice.enqueue(tx, &actor.user.email, now).await?;
            }
            Ok::<_, Error>(event.record(tx).await?)
        })
        .await?;
    services.outbox.wake();
    Ok(())
}

/// Ends the session of an access or refresh token (RFC 7009). A token that means nothing is no error: what its holder
/// wanted is so already (§2.2). A token that its session has left behind means nothing, either.
pub async fn revoke(services: &Services, origin: &Origin, token: &str) -> Result<()> {
    let Some((session_id, counter)) = session_of(services, token) else {
        return Ok(());
    };
    let now = services.now();
    let event = Event::new(services, "session.revoked")
        .in_session(session_id)
        .from(origin);
    services
        .db
        .write(async move |tx| {
            let found = sessions::find(tx, session_id).await?;
            let Some(session) = found.filter(|session| session.token_floor <= counter) else {
                return Ok::<_, Error>(());
            };
            if sessions::revoke(tx, session.user_id, Which::Just(session_id), now).await? > 0 {
                event
                    .clone()
                    .self_service(session.user_id)
                    .record(tx)
                    .await?;
            }
            Ok(())
        })
        .await
}

/// The session of a token, and the token's number.
fn session_of(services: &Services, token: &str) -> Option<(SessionId, i64)> {
    let refresh = services
        .refresh_tokens
        .decode(token)
        .map(|token| (token.session_id, token.counter));
    refresh.or_else(|| {
        let claims = services.access_tokens.verify(token, services.now())?;
        Some((claims.session_id(), claims.counter))
    })
}
