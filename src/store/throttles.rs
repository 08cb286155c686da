//! How often something may be asked for about a subject, as a generic cell rate algorithm (GCRA, ITU-T I.371): one number a
//! subject. A subject is a failed password check of an account, or mails of one kind, to an address or a user.

use std::time::Duration;

use super::db::{Result, Tx};
use crate::clock::{Timestamp, millis};

/// How far the clocks of two instances may be apart. What is further in the future than a limit can reach was written before
/// the clock was set back: it holds nobody up.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);

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
    if try_take(tx, subject, now, interval, tolerance).await? {
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

/// As [`take`], for who need not know when the next one will be free; false when there is none. Takes one statement.
pub async fn try_take(
    tx: &mut Tx<'_>,
    subject: &[u8],
    now: Timestamp,
    interval: Duration,
    tolerance: Duration,
) -> Result<bool> {
    let taken = tx
        .query_opt(
            "INSERT INTO throttles (subject, full_at) VALUES (?1, ?2) \
             ON CONFLICT (subject) DO UPDATE SET full_at = \
             CASE WHEN throttles.full_at > ?3 AND throttles.full_at <= ?6 \
             THEN throttles.full_at + ?4 ELSE ?2 END \
             WHERE throttles.full_at <= ?5 OR throttles.full_at > ?6 RETURNING full_at",
            &[
                subject.into(),
                now.plus(interval).into(),
                now.into(),
                millis(interval).into(),
                now.plus(tolerance).into(),
                now.plus(interval + tolerance + CLOCKS_DIFFER).into(),
            ],
            |_| Ok(()),
        )
        .await?;
    Ok(taken.is_some())
}

/// Keeps this unit of work and others that lock the same subject apart: the second one waits here for the end of the first.
pub async fn lock(tx: &mut Tx<'_>, subject: &[u8], now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO throttles (subject, full_at) VALUES (?1, ?2) \
         ON CONFLICT (subject) DO UPDATE SET full_at = throttles.full_at",
        &[subject.into(), now.into()],
    )
    .await?;
    Ok(())
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

/// Forgets all failures of the subjects that start with `prefix`, which is no longer than 32 bytes.
pub async fn clear_all(tx: &mut Tx<'_>, prefix: &[u8]) -> Result<()> {
    let end = [prefix, &[0xff; 64]].concat();
    tx.execute(
        "DELETE FROM throttles WHERE subject >= ?1 AND subject < ?2",
        &[prefix.into(), end.as_slice().into()],
    )
    .await?;
    Ok(())
}

/// Deletes up to `limit` rows that no longer limit anything and returns their number.
pub async fn delete_full(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_FULL, &[now.into(), limit.into()]).await
}

/// The statement of [`delete_full`].
pub const DELETE_FULL: &str = "DELETE FROM throttles WHERE subject IN \
     (SELECT subject FROM throttles WHERE full_at <= ?1 ORDER BY full_at LIMIT ?2)";
