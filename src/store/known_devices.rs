//! Devices from which a user has logged in, and the networks that they were in.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::UserId;

/// Devices that are remembered of one user; of more, those not seen for longest are forgotten.
pub const MOST: i64 = 100;

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

/// Notes that a user has logged in from `device`, in `network`.
pub async fn see(
    tx: &mut Tx<'_>,
    user_id: UserId,
    device: &[u8],
    network: &[u8],
    now: Timestamp,
) -> Result<Seen> {
    let known = tx
        .execute(
            "UPDATE known_devices SET last_seen_at = ?3, network = ?4 \
             WHERE user_id = ?1 AND device = ?2",
            &[user_id.into(), device.into(), now.into(), network.into()],
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
            "INSERT INTO known_devices (user_id, device, last_seen_at, network) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (user_id, device) DO NOTHING",
            &[user_id.into(), device.into(), now.into(), network.into()],
        )
        .await?;
    if others.is_some() {
        tx.execute(FORGET_OLDEST, &[user_id.into(), MOST.into()])
            .await?;
    }
    Ok(if added == 1 { seen } else { Seen::Before })
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
