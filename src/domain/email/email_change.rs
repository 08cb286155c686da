//! Another address for an account: asked for with the password, in force once the new address is proved, and undone from the
//! old one for a week.

use super::held::refuse_held;
use super::outbox::{Allowance, Mail};
use super::{one_time, purpose};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::domain::audit::Event;
use crate::domain::authentication::reauthentication::check_current_password;
use crate::domain::idempotency::{self, Once};
use crate::domain::{Actor, Email, Error, FieldCode, FieldError, Origin, Result, Services};
use crate::ids::UserId;
use crate::mail::Kind;
use crate::store::db::Tx;
use crate::store::users::{self, Changes};
use crate::store::{held_emails, login_codes, one_time_tokens};

/// Mails a link to the new address. Only the owner of that address learns whether it belongs to another account.
///
/// # Errors
/// [`Error::InsufficientScope`], [`Error::WrongPassword`], [`Error::AccountThrottled`], [`Error::Invalid`] for the address
/// that they have already.
pub async fn request(
    services: &Services,
    actor: &Actor,
    current_password: Secret,
    new: Email,
    once: Option<Once<()>>,
) -> Result<()> {
    actor.require_account()?;
    check_current_password(services, actor, &current_password).await?;
    if actor.user.email == new.as_str() {
        let message = "This is the address that you have now.";
        return Err(FieldError::new("new_email", FieldCode::SameAsCurrent, message).into());
    }
    let (id, now) = (actor.id(), services.now());
    let allowance = Allowance::of_changes(services, id, new.key());
    let mail = Mail::to_user(services, Kind::EmailChange, id, new.as_str());
    let event = Event::by(services, actor, "email.change_requested").on(id);
    let actor = actor.clone();
    idempotency::write(services, once, async move |tx| {
        actor.renewed(tx, now).await?;
        if allowance.take(tx, now).await? {
            mail.enqueue(tx).await?;
        }
        Ok(event.record(tx).await?)
    })
    .await?;
    services.outbox.wake();
    Ok(())
}

/// Puts the new address into force, and tells the old one.
///
/// # Errors
/// [`Error::InvalidToken`]; [`Error::EmailTaken`] if another account has it by now.
pub async fn confirm(services: &Services, origin: &Origin, token: &str) -> Result<()> {
    let token = one_time::parse(token)?;
    let now = services.now();
    let event = Event::new(services, "email.changed").from(origin);
    let notice = services
        .policy
        .notices
        .email_changed
        .then(|| Mail::to_address(services, Kind::EmailChanged, "").from(origin));
    services
        .db
        .write(async move |tx| {
            let used = one_time::consume(tx, &token, purpose::CHANGE_EMAIL, now).await?;
            let contact = one_time::owner(tx, &used).await?;
            let (email, key) = used.email.ok_or(Error::InvalidToken)?;
            put(tx, contact.id, &email, &key, now).await?;
            refuse_held(tx, &key, Some(contact.id), now).await?;
            if let Some(notice) = &notice {
                let mut notice = notice.clone().readdressed(contact.id, &contact.email);
                // An address that was never proved may be a stranger's, who is told nothing that the other has chosen.
                if contact.email_verified {
                    notice = notice.with_email(&email);
                }
                let is_another = contact.email_key != key;
                if is_another {
                    // From this moment on no other account can get the old address, whenever the notice is sent. An address
                    // that was never verified is not held: its owner may be another person.
                    let (id, until) = (notice.id(), until(&notice));
                    let held = contact.email_verified.then_some(contact.email_key.as_str());
                    held_emails::hold(tx, id, held, contact.id, until).await?;
                }
                let notice = notice.that_can_be_undone(is_another);
                notice.enqueue(tx).await?;
            }
            let event = event.clone().self_service(contact.id);
            Ok::<_, Error>(event.record(tx).await?)
        })
        .await?;
    services.outbox.wake();
    Ok(())
}

/// Puts the old address back, ends all sessions, takes the password away and mails a link to set a new one: whoever
/// changed the address knew the old one.
///
/// # Errors
/// [`Error::InvalidToken`], also when the old address was never proved and has another account by now.
pub async fn undo(services: &Services, origin: &Origin, token: &str) -> Result<()> {
    let token = one_time::parse(token)?;
    let now = services.now();
    let event = Event::new(services, "email.change_undone").from(origin);
    let reset = Mail::to_address(services, Kind::AccountSecured, "");
    services
        .db
        .write(async move |tx| {
            let hash = token.hash();
            // Locked before anything is looked at: the notice of a later change may be on its way, and its link with it.
            let found = one_time_tokens::find(tx, &hash, purpose::UNDO_EMAIL_CHANGE, now).await?;
            one_time::owner(tx, &found.ok_or(Error::InvalidToken)?).await?;
            let until = one_time_tokens::expires_at(tx, &hash).await?;
            // Undone in turn, a change before this one would bring a stranger's address back. One after this one may be the
            // stranger's doing.
            let later =
                one_time_tokens::issued_later(tx, &hash, purpose::UNDO_EMAIL_CHANGE, now).await?;
            let used = one_time::consume(tx, &token, purpose::UNDO_EMAIL_CHANGE, now).await?;
            let contact = one_time::owner(tx, &used).await?;
            let (email, key) = used.email.ok_or(Error::InvalidToken)?;
            for hash in &later {
                one_time_tokens::revoke(tx, hash).await?;
            }
            // Notices of later changes that have not left yet find no hold and bring no link.
            held_emails::release_since(tx, contact.id, until.unwrap_or(now)).await?;
            put(tx, contact.id, &email, &key, now)
                .await
                .map_err(|error| match error {
                    Error::EmailTaken => Error::InvalidToken,
                    other => other,
                })?;
            crate::domain::account::account_security::shut(tx, contact.id, now).await?;
            reset
                .clone()
                .readdressed(contact.id, &email)
                .with_email(&email)
                .enqueue(tx)
                .await?;
            let event = event.clone().self_service(contact.id);
            Ok::<_, Error>(event.record(tx).await?)
        })
        .await?;
    services.outbox.wake();
    Ok(())
}

/// Puts a proved address into force. What was mailed to another is of no more use.
async fn put(tx: &mut Tx<'_>, id: UserId, email: &str, key: &str, now: Timestamp) -> Result<()> {
    let changes = Changes {
        email: Some((email, key)),
        email_verified: Some(true),
        ..Changes::default()
    };
    if !users::update(tx, id, &changes, now).await? {
        return Err(Error::InvalidToken);
    }
    for purpose in [
        purpose::VERIFY_EMAIL,
        purpose::RESET_PASSWORD,
        purpose::CHANGE_EMAIL,
    ] {
        one_time_tokens::revoke_of(tx, id, purpose).await?;
    }
    login_codes::spend_of(tx, id).await?;
    Ok(())
}

/// Until when the change that a notice tells of can be undone.
pub(in crate::domain) fn until(notice: &Mail) -> Timestamp {
    notice.at().plus(purpose::UNDO_EMAIL_CHANGE_LIFETIME)
}
