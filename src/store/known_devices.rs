//! Devices from which a user has registered or logged in, and the networks that they were in.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// Devices that are remembered of one user; of more, those not seen for longest are forgotten.
pub const MOST: i64 = 100;

/// What is known of a client before its password is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Familiar {
    /// The user has logged in from this device.
    pub device: bool,
    /// The last time from this very network.
    pub place: bool,
    /// Some user has logged in from this network lately.
    pub network: bool,
}

/// Looks for a device and a network, both MACs. `since` is how late a login from the network has to be. Takes one
/// statement, whether or not there is a user.
pub async fn look(
    tx: &mut Tx<'_>,
    user_id: Option<UserId>,
    device: &[u8],
    network: &[u8],
    since: Timestamp,
) -> Result<Familiar> {
    let user_id = user_id.unwrap_or(UserId(uuid::Uuid::nil()));
    let values = &[user_id.into(), device.into(), network.into(), since.into()];
    let found = tx
        .query_opt(LOOK, values, |row| {
            Ok(Familiar {
                device: row.get(0)?,
                place: row.get(1)?,
                network: row.get(2)?,
            })
        })
        .await?;
    Ok(found.unwrap_or_default())
}

/// The statement of [`look`].
pub const LOOK: &str = "SELECT \
     EXISTS (SELECT 1 FROM known_devices WHERE user_id = ?1 AND device = ?2), \
     EXISTS (SELECT 1 FROM known_devices WHERE user_id = ?1 AND device = ?2 AND network = ?3), \
     EXISTS (SELECT 1 FROM known_devices WHERE network = ?3 AND last_seen_at > ?4)";

/// Whether the user has logged in from this device.
pub async fn is_known(tx: &mut Tx<'_>, user_id: UserId, device: &[u8]) -> Result<bool> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM known_devices WHERE user_id = ?1 AND device = ?2",
            &[user_id.into(), device.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// Notes that a user is at `device`, in `network`. Says whether the device was known.
pub async fn see(
    tx: &mut Tx<'_>,
    user_id: UserId,
    device: &[u8],
    network: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let known = tx
        .execute(
            "UPDATE known_devices SET last_seen_at = ?3, network = ?4 \
             WHERE user_id = ?1 AND device = ?2",
            &[user_id.into(), device.into(), now.into(), network.into()],
        )
        .await?;
    if known == 1 {
        return Ok(true);
    }
    // Two logins from a new device may come here at one moment.
    let added = tx
        .execute(
            "INSERT INTO known_devices (user_id, device, last_seen_at, network) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (user_id, device) DO NOTHING",
            &[user_id.into(), device.into(), now.into(), network.into()],
        )
        .await?;
    tx.execute(FORGET_OLDEST, &[user_id.into(), MOST.into()])
        .await?;
    Ok(added == 0)
}

/// Deletes the devices of a user beyond the ones seen last. The limit of the inner list is never reached: an engine wants one
/// before an offset.
pub const FORGET_OLDEST: &str = "DELETE FROM known_devices WHERE user_id = ?1 AND device IN \
     (SELECT device FROM known_devices WHERE user_id = ?1 ORDER BY last_seen_at DESC, device LIMIT 1000 OFFSET ?2)";

/// Deletes up to `limit` not seen since `before` and says how many.
pub async fn delete_unseen(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_UNSEEN, &[before.into(), limit.into()])
        .await
}

/// The statement of [`delete_unseen`].
pub const DELETE_UNSEEN: &str = "DELETE FROM known_devices WHERE (user_id, device) IN \
     (SELECT user_id, device FROM known_devices WHERE last_seen_at <= ?1 ORDER BY last_seen_at LIMIT ?2)";
