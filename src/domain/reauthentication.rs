//! Giving the password again within a session, for the steps that ask for it.

use super::audit::Event;
use super::password_check::{self, Subject};
use super::tokens::{self, TokenPair};
use super::{Actor, Error, Result, Services};
use crate::config::Secret;
use crate::password::{Standing, Verdict};
use crate::store::db::Tx;
use crate::store::sessions::{self, Session};
use crate::store::{roles, users};

/// Checks the password, renews the session's time of authentication and replaces its refresh token (ASVS 7.2.4).
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
    let (session_id, now) = (actor.session_id(), services.now());
    let (session, permissions) = services
        .db
        .write(async move |tx: &mut Tx<'_>| {
            let session = sessions::reauthenticate(tx, session_id, now).await?;
            let session: Session = session.ok_or(Error::InvalidAccessToken)?;
            let permissions = roles::permissions_of(tx, session.user_id).await?;
            event.record(tx).await?;
            Ok::<_, Error>((session, permissions))
        })
        .await?;
    tokens::issue(services, &session, permissions, now)
}

/// Checks the password of somebody who is logged in; a wrong one is put on record.
pub(super) async fn check_current_password(
    services: &Services,
    actor: &Actor,
    password: &Secret,
) -> Result<()> {
    let credentials = {
        let mut tx = services.db.read().await?;
        users::credentials(&mut tx, actor.id()).await?
    };
    let stored = credentials.and_then(|credentials| credentials.password_hash);
    let subject = Subject::user(actor.id());
    let verdict = password_check::check(
        services,
        actor.origin.known(Standing::LiveSession, actor.id()),
        subject,
        password,
        stored.as_deref(),
    )
    .await?;
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
