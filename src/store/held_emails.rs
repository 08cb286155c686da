//! Former addresses that are kept for their users while a change of address can be undone: one row a change.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::{MailId, UserId};

/// No user's id.
const NO_ONE: UserId = UserId(uuid::Uuid::nil());

/// What is stored where no address is held: no address is empty.
const NO_ADDRESS: &str = "";

/// Notes that a user's change of address can be undone, and holds the former address for them, if one is given. `id` is the id of
/// the notice that brings the link to undo the change.
pub async fn hold(
    tx: &mut Tx<'_>,
    id: MailId,
    email_key: Option<&str>,
    user_id: UserId,
    expires_at: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO held_emails (id, email_key, user_id, expires_at) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO NOTHING",
        &[
            id.into(),
            email_key.unwrap_or(NO_ADDRESS).into(),
            user_id.into(),
            expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Whether an address is held at `now` for any user other than `by`.
pub async fn is_held(
    tx: &mut Tx<'_>,
    email_key: &str,
    by: Option<UserId>,
    now: Timestamp,
) -> Result<bool> {
    let found = tx
        .query_opt(
            IS_HELD,
            &[email_key.into(), now.into(), by.unwrap_or(NO_ONE).into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// The statement of [`is_held`].
pub const IS_HELD: &str = "SELECT 1 FROM held_emails WHERE email_key = ?1 AND expires_at > ?2 \
     AND user_id <> ?3 LIMIT 1";

/// Whether the change that this notice tells of can still be undone.
pub async fn is_there(tx: &mut Tx<'_>, id: MailId) -> Result<bool> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM held_emails WHERE id = ?1",
            &[id.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// Releases what is held for a user by the change that ends at `expires_at` and by all later ones.
pub async fn release_since(tx: &mut Tx<'_>, user_id: UserId, expires_at: Timestamp) -> Result<u64> {
    tx.execute(RELEASE_SINCE, &[user_id.into(), expires_at.into()])
        .await
}

/// The statement of [`release_since`].
pub const RELEASE_SINCE: &str = "DELETE FROM held_emails WHERE user_id = ?1 AND expires_at >= ?2";

/// Deletes up to `limit` that have expired and says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_EXPIRED, &[now.into(), limit.into()])
        .await
}

/// The statement of [`delete_expired`].
pub const DELETE_EXPIRED: &str = "DELETE FROM held_emails WHERE id IN \
     (SELECT id FROM held_emails WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
