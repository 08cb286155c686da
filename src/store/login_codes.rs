//! Codes to log in with, sent by mail: one row a request, under the hash of its handle. A code that was used or taken back
//! keeps its row until no retry of its mail can come any more.

use super::db::{Result, Tx};
use super::email_codes;
use crate::clock::Timestamp;
use crate::ids::UserId;

/// A code about to be stored.
pub struct NewCode<'a> {
    /// SHA-256 of the handle.
    pub handle: &'a [u8],
    /// A MAC.
    pub code: &'a [u8],
    /// `None` if the address has no account.
    pub user_id: Option<UserId>,
    /// Whether it was asked for from a device of the user.
    pub is_known: bool,
    pub expires_at: Timestamp,
}

/// A code with one try taken.
#[derive(Debug, Clone)]
pub struct Tried {
    pub code: Vec<u8>,
    pub user_id: Option<UserId>,
    pub is_known: bool,
}

/// Stores a code unless its handle has one: a mail that is tried again brings the same code, for as long as the first time.
pub async fn put(tx: &mut Tx<'_>, new: &NewCode<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO login_codes (handle, code, user_id, is_known, is_spent, tries, expires_at) \
         VALUES (?1, ?2, ?3, ?4, FALSE, 0, ?5) ON CONFLICT (handle) DO NOTHING",
        &[
            new.handle.into(),
            new.code.into(),
            new.user_id.into(),
            new.is_known.into(),
            new.expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Whether there is a code for this handle, and until when it is good. `None` when there is none, `Some(None)` when it is
/// spent.
pub async fn expiry(tx: &mut Tx<'_>, handle: &[u8]) -> Result<Option<Option<Timestamp>>> {
    tx.query_opt(
        "SELECT is_spent, expires_at FROM login_codes WHERE handle = ?1",
        &[handle.into()],
        |row| {
            let (is_spent, expires_at): (bool, Timestamp) = (row.get(0)?, row.get(1)?);
            Ok((!is_spent).then_some(expires_at))
        },
    )
    .await
}

/// How many codes of a user are good that were asked for by strangers, or from known devices.
pub async fn live(tx: &mut Tx<'_>, user_id: UserId, is_known: bool, now: Timestamp) -> Result<i64> {
    let values = &[user_id.into(), is_known.into(), now.into()];
    let found = tx.query_opt(LIVE, values, |row| row.get(0)).await?;
    Ok(found.unwrap_or_default())
}

/// The statement of [`live`].
pub const LIVE: &str = "SELECT count(*) FROM login_codes \
     WHERE user_id = ?1 AND is_known = ?2 AND NOT is_spent AND expires_at > ?3";

/// Takes one of the `most` tries of a code; `None` when there is no code or no try left.
pub async fn take_try(
    tx: &mut Tx<'_>,
    handle: &[u8],
    most: i64,
    now: Timestamp,
) -> Result<Option<Tried>> {
    tx.query_opt(
        "UPDATE login_codes SET tries = tries + 1 \
         WHERE handle = ?1 AND tries < ?2 AND NOT is_spent AND expires_at > ?3 \
         RETURNING code, user_id, is_known",
        &[handle.into(), most.into(), now.into()],
        |row| {
            Ok(Tried {
                code: row.get(0)?,
                user_id: row.get(1)?,
                is_known: row.get(2)?,
            })
        },
    )
    .await
}

/// Uses a code up; false when another has been faster, or it was taken back.
pub async fn spend(tx: &mut Tx<'_>, handle: &[u8]) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE login_codes SET is_spent = TRUE WHERE handle = ?1 AND NOT is_spent",
            &[handle.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Takes all codes of a user back, also those of an instance of the former release.
pub async fn spend_of(tx: &mut Tx<'_>, user_id: UserId) -> Result<()> {
    tx.execute(
        "UPDATE login_codes SET is_spent = TRUE WHERE user_id = ?1",
        &[user_id.into()],
    )
    .await?;
    email_codes::delete_of(tx, user_id).await?;
    Ok(())
}

/// Deletes up to `limit` that expired before `before` and says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_EXPIRED, &[before.into(), limit.into()])
        .await
}

/// The statement of [`delete_expired`].
pub const DELETE_EXPIRED: &str = "DELETE FROM login_codes WHERE handle IN \
     (SELECT handle FROM login_codes WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
