//! Giving the password again within a session, for the steps that ask for it.

use super::asker::Asker;
use super::password_check;
use super::tokens::{self, TokenPair};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::domain::audit::Event;
use crate::domain::{Actor, Error, Result, Services};
use crate::ids::InstanceId;
use crate::password::Verdict;
use crate::store::db::Tx;
use crate::store::sessions::{self, Session};
use crate::store::{roles, users};

/// Checks the password, renews the session's time of authentication and replaces its tokens (ASVS 7.2.4): all from before
/// are refused from then on. The absolute end of the session stays where it is (ASVS 7.3.2). Any scope may: a session of
/// any scope can be asked for a fresh proof, and gains no scope by giving it.
///
/// # Errors
/// [`Error::WrongPassword`], [`Error::AccountThrottled`].
pub async fn reauthenticate(
    services: &Services,
    actor: &Actor,
    password: Secret,
) -> Result<TokenPair> {
    check_current_password(services, actor, &password).await?;
    let event = Event::by(services, actor, "session.reauthenticated").on(actor.id());
    let (now, by) = (services.now(), services.instance);
    let actor = actor.clone();
    let (session, permissions) = services
        .db
        .write(async move |tx: &mut Tx<'_>| {
            // Of two at one moment the second has a token that the first has left behind.
            let actor = actor.renewed(tx, now).await?;
            event.record(tx).await?;
            leave_tokens_behind(tx, &actor, now, by).await
        })
        .await?;
    tokens::issue(services, &session, permissions, now)
}

/// Notes that the actor has just proved to be there: the tokens of their session from before are refused from now on. Gives
/// what new ones are made from.
pub(in crate::domain) async fn leave_tokens_behind(
    tx: &mut Tx<'_>,
    actor: &Actor,
    now: Timestamp,
    by: InstanceId,
) -> Result<(Session, Vec<String>)> {
    let session = sessions::reauthenticate(tx, actor.session_id(), now, by).await?;
    let session = session.ok_or(Error::InvalidAccessToken)?;
    let permissions = roles::permissions_of(tx, session.user_id).await?;
    Ok((session, permissions))
}

/// Checks the password of a logged-in user. A wrong one is recorded.
pub(in crate::domain) async fn check_current_password(
    services: &Services,
    actor: &Actor,
    password: &Secret,
) -> Result<()> {
    let credentials = {
        let mut tx = services.db.read().await?;
        users::credentials(&mut tx, actor.id()).await?
    };
    let stored = credentials.and_then(|credentials| credentials.password_hash);
    let asker = Asker::in_session(actor);
    let verdict = password_check::check(services, asker, password, stored.as_deref()).await?;
    if verdict != Verdict::Wrong {
        return Ok(());
    }
    let event = Event::by(services, actor, "password.check_failed")
        .on(actor.id())
        .failed();
    services
        .db
        .write_one(async move |tx| Ok::<_, Error>(event.record(tx).await?))
        .await?;
    Err(Error::WrongPassword)
}
