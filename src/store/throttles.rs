//! How often something may be asked for about a subject, as a generic cell rate algorithm (GCRA, ITU-T I.371): one number a
//! subject. A subject is a failed password check of an account, or mails of one kind, to an address or a user.

use std::time::Duration;

use super::db::{Result, Tx};
use crate::clock::{Timestamp, millis};

/// Takes one attempt. `Err` holds the moment at which the next one will be free.
///
/// `interval` is the time in which one attempt comes back, `tolerance` how far ahead of time attempts may be taken.
pub async fn take(
    tx: &mut Tx<'_>,
    subject: &[u8],
    now: Timestamp,
    interval: Duration,
    tolerance: Duration,
) -> Result<std::result::Result<(), Timestamp>> {
    let taken = tx
        .query_opt(
            "INSERT INTO throttles (subject, full_at) VALUES (?1, ?2) \
             ON CONFLICT (subject) DO UPDATE SET full_at = CASE WHEN throttles.full_at > ?3 \
             THEN throttles.full_at + ?4 ELSE ?2 END \
             WHERE throttles.full_at <= ?5 RETURNING full_at",
            &[
                subject.into(),
                now.plus(interval).into(),
                now.into(),
                millis(interval).into(),
                now.plus(tolerance).into(),
            ],
            |_| Ok(()),
        )
        .await?;
    if taken.is_some() {
        return Ok(Ok(()));
    }
    let full_at = tx
        .query_opt(
            "SELECT full_at FROM throttles WHERE subject = ?1",
            &[subject.into()],
            |row| row.get::<Timestamp>(0),
        )
        .await?;
    Ok(Err(full_at.unwrap_or(now).minus(tolerance)))
}

/// Gives one attempt back: it came to no check.
pub async fn give_back(tx: &mut Tx<'_>, subject: &[u8], interval: Duration) -> Result<()> {
    tx.execute(
        "UPDATE throttles SET full_at = full_at - ?2 WHERE subject = ?1",
        &[subject.into(), millis(interval).into()],
    )
    .await?;
    Ok(())
}

/// Forgets all failures of a subject.
pub async fn clear(tx: &mut Tx<'_>, subject: &[u8]) -> Result<()> {
    tx.execute(
        "DELETE FROM throttles WHERE subject = ?1",
        &[subject.into()],
    )
    .await?;
    Ok(())
}

/// Deletes up to `limit` rows that no longer hold anybody back and says how many.
pub async fn delete_full(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_FULL, &[now.into(), limit.into()]).await
}

/// The statement of [`delete_full`].
pub const DELETE_FULL: &str = "DELETE FROM throttles WHERE subject IN \
     (SELECT subject FROM throttles WHERE full_at <= ?1 ORDER BY full_at LIMIT ?2)";
