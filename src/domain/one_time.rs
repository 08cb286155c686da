//! Using up a token of a mail.

use super::{Error, Result};
use crate::clock::Timestamp;
use crate::store::db::Tx;
use crate::store::one_time_tokens::{self, OneTime};
use crate::store::users::{self, Contact};
use crate::token::OneTimeToken;

/// Reads a token.
///
/// # Errors
/// [`Error::InvalidToken`] for what cannot be one.
pub(super) fn parse(text: &str) -> Result<OneTimeToken> {
    OneTimeToken::parse(text).ok_or(Error::InvalidToken)
}

/// Takes a token away; of two at one moment one gets it.
///
/// # Errors
/// [`Error::InvalidToken`] for one that is wrong, used or expired.
pub(super) async fn consume(
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
pub(super) async fn owner(tx: &mut Tx<'_>, token: &OneTime) -> Result<Contact> {
    let id = token.user_id.ok_or(Error::InvalidToken)?;
    users::lock(tx, id).await?;
    let contact = users::contact(tx, id).await?;
    contact
        .filter(|contact| contact.is_active)
        .ok_or(Error::InvalidToken)
}

/// As [`owner`], of a token that was mailed to the address that he has now, or not mailed at all.
///
/// # Errors
/// [`Error::InvalidToken`] when his address is another by now.
pub(super) async fn owner_at_address(tx: &mut Tx<'_>, token: &OneTime) -> Result<Contact> {
    let contact = owner(tx, token).await?;
    match &token.email {
        Some((_, key)) if *key != contact.email_key => Err(Error::InvalidToken),
        _ => Ok(contact),
    }
}
