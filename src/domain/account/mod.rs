//! The own account: profile, password, farewell.

pub mod account_security;

use super::audit::Event;
use super::authentication::new_password::hash_new_password;
use super::authentication::password_reset::forget_ways_in;
use super::authentication::reauthentication::{check_current_password, leave_tokens_behind};
use super::authentication::tokens::{self, TokenPair};
use super::authorization::roles::keep_an_admin;
use super::email::outbox::Notice;
use super::{
    Actor, Email, Error, FieldCode, FieldError, FullName, Password, Precondition, Result, Services,
    User, Username,
};
use crate::config::Secret;
use crate::mail::Kind;
use crate::password::Standing;
use crate::store::audit;
use crate::store::sessions::{self, Which};
use crate::store::users::{self, Changes};

/// What is to change of the profile; `None` leaves it.
#[derive(Debug)]
pub struct Profile {
    pub username: Option<Username>,
    pub full_name: Option<FullName>,
}

/// Changes the own profile. Another username needs a fresh proof: it is what its owner logs in with.
///
/// # Errors
/// [`Error::InsufficientScope`], [`Error::PreconditionFailed`], [`Error::InsufficientUserAuthentication`],
/// [`Error::UsernameTaken`].
pub async fn update(
    services: &Services,
    actor: &Actor,
    profile: Profile,
    precondition: Precondition,
) -> Result<User> {
    actor.require_account()?;
    if profile.username.is_none() && profile.full_name.is_none() {
        precondition.check(&actor.user)?;
        return Ok(actor.user.clone());
    }
    let (id, now) = (actor.id(), services.now());
    let event = Event::by(services, actor, "user.profile_changed").on(id);
    let actor = actor.clone();
    services
        .db
        .write(async move |tx| {
            let actor = actor.renewed(tx, now).await?;
            precondition.check(&actor.user)?;
            let is_new = |name: &Username| name.as_str() != actor.user.username;
            if profile.username.as_ref().is_some_and(is_new) {
                actor.require_fresh(now)?;
            }
            let changes = Changes {
                username: profile
                    .username
                    .as_ref()
                    .map(|name| (name.as_str(), name.key())),
                full_name: profile.full_name.as_ref().map(FullName::as_deref),
                ..Changes::default()
            };
            if !users::update(tx, id, &changes, now).await? {
                return Err(Error::InvalidAccessToken);
            }
            event.record(tx).await?;
            users::find(tx, id).await?.ok_or(Error::InvalidAccessToken)
        })
        .await
}

/// Changes the own password and ends all other sessions (ASVS 7.4.3). This one goes on with new tokens: its older ones, of
/// which a thief may have copies, are refused from then on.
///
/// # Errors
/// [`Error::InsufficientScope`], [`Error::WrongPassword`], [`Error::AccountThrottled`], [`Error::Invalid`] for a password that is the same or easy to
/// guess.
pub async fn change_password(
    services: &Services,
    actor: &Actor,
    current: Secret,
    new: Password,
) -> Result<TokenPair> {
    actor.require_account()?;
    check_current_password(services, actor, &current).await?;
    if *new.secret() == current {
        let message = "The new password is the one you have now.";
        return Err(FieldError::new("new_password", FieldCode::SameAsCurrent, message).into());
    }
    let about = vec![actor.user.email.clone(), actor.user.username.clone()];
    let hash = hash_new_password(
        services,
        actor.origin.known(Standing::LiveSession, actor.id()),
        "new_password",
        &new,
        about,
        Email::parse("email", &actor.user.email)?.key(),
    )
    .await?;
    let (id, now, by) = (actor.id(), services.now(), services.instance);
    let event = Event::by(services, actor, "password.changed").on(id);
    let actor = actor.clone();
    let is_told = services.policy.notices.password_changed;
    let notice = is_told.then(|| Notice::new(services, Kind::PasswordChanged, id, &actor.origin));
    let (session, permissions) = services
        .db
        .write(async move |tx| {
            // A session that was ended while the hashes were computed changes nothing any more.
            let actor = actor.renewed(tx, now).await?;
            users::set_password_hash(tx, id, &hash, now).await?;
            let ended = sessions::revoke(tx, id, Which::AllBut(actor.session_id()), now).await?;
            forget_ways_in(tx, id).await?;
            if let Some(notice) = &notice {
                notice.enqueue(tx, &actor.user.email, now).await?;
            }
            let event = event
                .clone()
                .with(serde_json::json!({ "sessions_ended": ended }));
            event.record(tx).await?;
            leave_tokens_behind(tx, &actor, now, by).await
        })
        .await?;
    services.outbox.wake();
    tokens::issue(services, &session, permissions, now)
}

/// Deletes the own account for good.
///
/// # Errors
/// [`Error::InsufficientScope`], [`Error::InsufficientUserAuthentication`], [`Error::PreconditionFailed`],
/// [`Error::LastAdmin`].
pub async fn delete(services: &Services, actor: &Actor, precondition: Precondition) -> Result<()> {
    let now = services.now();
    actor.require_account()?;
    actor.require_fresh(now)?;
    let id = actor.id();
    let origin_lifetime = services.policy.audit_origin;
    let event = Event::by(services, actor, "user.deleted")
        .on(id)
        .without_origin();
    let actor = actor.clone();
    services
        .db
        .write(async move |tx| {
            let actor = actor.renewed(tx, now).await?;
            precondition.check(&actor.user)?;
            audit::forget(tx, id, now.plus(origin_lifetime)).await?;
            keep_an_admin(tx, id, now, async |tx| Ok(users::delete(tx, id).await?)).await?;
            Ok(event.record(tx).await?)
        })
        .await
}
