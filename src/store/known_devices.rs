//! Devices from which a user has logged in.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// What was known when a device was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It was known.
    Before,
    /// It was not, and others were.
    Never,
    /// It is the first of all.
    First,
}

/// Notes that a user has logged in from `device`.
pub async fn see(tx: &mut Tx<'_>, user_id: UserId, device: &[u8], now: Timestamp) -> Result<Seen> {
    let known = tx
        .execute(
            "UPDATE known_devices SET last_seen_at = ?3 WHERE user_id = ?1 AND device = ?2",
            &[user_id.into(), device.into(), now.into()],
        )
        .await?;
    if known == 1 {
        return Ok(Seen::Before);
    }
    let others = tx
        .query_opt(
            "SELECT 1 FROM known_devices WHERE user_id = ?1 LIMIT 1",
            &[user_id.into()],
            |_| Ok(()),
        )
        .await?;
    let seen = match others {
        Some(()) => Seen::Never,
        None => Seen::First,
    };
    // Two logins from a new device may come here at one moment.
    let added = tx
        .execute(
            "INSERT INTO known_devices (user_id, device, last_seen_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (user_id, device) DO NOTHING",
            &[user_id.into(), device.into(), now.into()],
        )
        .await?;
    Ok(if added == 1 { seen } else { Seen::Before })
}

/// Deletes up to `limit` not seen since `before` and says how many.
pub async fn delete_unseen(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_UNSEEN, &[before.into(), limit.into()])
        .await
}

/// The statement of [`delete_unseen`].
pub const DELETE_UNSEEN: &str = "DELETE FROM known_devices WHERE (user_id, device) IN \
     (SELECT user_id, device FROM known_devices WHERE last_seen_at <= ?1 ORDER BY last_seen_at LIMIT ?2)";
