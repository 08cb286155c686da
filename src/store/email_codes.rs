//! Codes to log in with, sent by mail: one row an address, the newest code.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// A code with one try taken.
#[derive(Debug, Clone)]
pub struct Tried {
    pub code: Vec<u8>,
    /// Nobody where the address has no account.
    pub user_id: Option<UserId>,
}

/// Puts a code in the place of the one that the address has. A mail that is tried again brings the same code, and the
/// tries that it had stay taken.
pub async fn put(
    tx: &mut Tx<'_>,
    address: &[u8],
    code: &[u8],
    user_id: Option<UserId>,
    expires_at: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO email_codes (address, code, user_id, tries, expires_at) VALUES (?1, ?2, ?3, 0, ?4) \
         ON CONFLICT (address) DO UPDATE SET \
         tries = CASE WHEN email_codes.code = ?2 THEN email_codes.tries ELSE 0 END, \
         code = ?2, user_id = ?3, expires_at = ?4",
        &[
            address.into(),
            code.into(),
            user_id.into(),
            expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Takes one of the `most` tries of an address's code; `None` when there is no code or no try left.
pub async fn take_try(
    tx: &mut Tx<'_>,
    address: &[u8],
    most: i64,
    now: Timestamp,
) -> Result<Option<Tried>> {
    tx.query_opt(
        "UPDATE email_codes SET tries = tries + 1 WHERE address = ?1 AND tries < ?2 AND expires_at > ?3 \
         RETURNING code, user_id",
        &[address.into(), most.into(), now.into()],
        |row| {
            Ok(Tried {
                code: row.get(0)?,
                user_id: row.get(1)?,
            })
        },
    )
    .await
}

/// Takes the code away; false when another has been faster.
pub async fn consume(tx: &mut Tx<'_>, address: &[u8], code: &[u8]) -> Result<bool> {
    let changed = tx
        .execute(
            "DELETE FROM email_codes WHERE address = ?1 AND code = ?2",
            &[address.into(), code.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes the codes of a user.
pub async fn delete_of(tx: &mut Tx<'_>, user_id: UserId) -> Result<u64> {
    tx.execute(
        "DELETE FROM email_codes WHERE user_id = ?1",
        &[user_id.into()],
    )
    .await
}

/// Deletes up to `limit` that have expired and says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_EXPIRED, &[now.into(), limit.into()])
        .await
}

/// The statement of [`delete_expired`].
pub const DELETE_EXPIRED: &str = "DELETE FROM email_codes WHERE address IN \
     (SELECT address FROM email_codes WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
