//! Addresses that are held for an owner who may still undo a change.

use crate::clock::Timestamp;
use crate::domain::{Error, Result};
use crate::ids::UserId;
use crate::store::db::Tx;
use crate::store::held_emails;

/// Fails while a user other than `by` can take this address back. To be called once the address is written: two units of work
/// that give one address away wait for each other there, so that the second sees what the first holds.
///
/// # Errors
/// [`Error::EmailTaken`].
pub(in crate::domain) async fn refuse_held(
    tx: &mut Tx<'_>,
    email_key: &str,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<()> {
    if is_held(tx, email_key, by, now).await? {
        return Err(Error::EmailTaken);
    }
    Ok(())
}

/// Whether a user other than `by` can take this address back.
pub(in crate::domain) async fn is_held(
    tx: &mut Tx<'_>,
    email_key: &str,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<bool> {
    Ok(held_emails::is_held(tx, email_key, by, now).await?)
}
