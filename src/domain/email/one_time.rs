//! Tokens of mails: whose one is, and using it up.

use super::links::Page;
use super::purpose;
use crate::clock::Timestamp;
use crate::domain::{Error, Result, Services};
use crate::store::db::Tx;
use crate::store::one_time_tokens::{self, OneTime};
use crate::store::registrations;
use crate::store::users::{self, Contact};
use crate::token::OneTimeToken;

/// Reads a token.
///
/// # Errors
/// [`Error::InvalidToken`] for what cannot be one.
pub(in crate::domain) fn parse(text: &str) -> Result<OneTimeToken> {
    OneTimeToken::parse(text).ok_or(Error::InvalidToken)
}

/// The owner of the token that a page was opened with.
pub struct Holder {
    pub username: String,
    /// Whether the user would replace a password, not choose the first one.
    pub has_password: bool,
}

/// Finds out who has the token that a page was opened with. Leaves the token as it is.
///
/// # Errors
/// [`Error::InvalidToken`] for one that is wrong, used or expired.
pub async fn holder(services: &Services, page: Page, token: &str) -> Result<Holder> {
    let token = parse(token)?;
    let now = services.now();
    let mut tx = services.db.read().await?;
    let found = one_time_tokens::find(&mut tx, &token.hash(), purpose::of(page), now).await?;
    let found = found.ok_or(Error::InvalidToken)?;
    let holder = match (found.user_id, found.registration_id) {
        (Some(id), _) => {
            let contact = users::contact(&mut tx, id).await?;
            let contact = contact.filter(|contact| contact.is_active);
            contact.map(|contact| Holder {
                username: contact.username,
                has_password: contact.has_password,
            })
        }
        (None, Some(id)) => {
            let registration = registrations::find(&mut tx, id, now).await?;
            registration.map(|registration| Holder {
                username: registration.username,
                has_password: true,
            })
        }
        (None, None) => None,
    };
    holder.ok_or(Error::InvalidToken)
}

/// Takes a token away; of two at one moment one gets it.
///
/// # Errors
/// [`Error::InvalidToken`] for one that is wrong, used or expired.
pub(in crate::domain) async fn consume(
    tx: &mut Tx<'_>,
    token: &OneTimeToken,
    purpose: &str,
    now: Timestamp,
) -> Result<OneTime> {
    let consumed = one_time_tokens::consume(tx, &token.hash(), purpose, now).await?;
    consumed.ok_or(Error::InvalidToken)
}

/// The active user whose token it was, locked.
///
/// # Errors
/// [`Error::InvalidToken`] when there is none.
pub(in crate::domain) async fn owner(tx: &mut Tx<'_>, token: &OneTime) -> Result<Contact> {
    let id = token.user_id.ok_or(Error::InvalidToken)?;
    users::lock(tx, id).await?;
    let contact = users::contact(tx, id).await?;
    contact
        .filter(|contact| contact.is_active)
        .ok_or(Error::InvalidToken)
}

/// As [`owner`], of a token that was mailed to the user's current address, or not mailed at all.
///
/// # Errors
/// [`Error::InvalidToken`] if the user has another address by now.
pub(in crate::domain) async fn owner_at_address(
    tx: &mut Tx<'_>,
    token: &OneTime,
) -> Result<Contact> {
    let contact = owner(tx, token).await?;
    match &token.email {
        Some((_, key)) if *key != contact.email_key => Err(Error::InvalidToken),
        _ => Ok(contact),
    }
}
