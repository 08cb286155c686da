//! Login codes of the release before, which keeps one for each address. Only its instances, while they run beside this one,
//! write them and take them; codes of today are in [`super::login_codes`].

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::UserId;

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
