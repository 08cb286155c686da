//! Answers kept for requests that may come again: one row a key. What the bytes mean is not for this room.

use super::db::{Result, Tx};
use crate::clock::Timestamp;

/// What is kept of a request.
#[derive(Debug)]
pub struct Kept {
    pub fingerprint: Vec<u8>,
    pub answer: Vec<u8>,
}

/// What is kept under `id` and has not expired.
pub async fn find(tx: &mut Tx<'_>, id: &[u8], now: Timestamp) -> Result<Option<Kept>> {
    tx.query_opt(FIND, &[id.into(), now.into()], |row| {
        Ok(Kept {
            fingerprint: row.get(0)?,
            answer: row.get(1)?,
        })
    })
    .await
}

/// The statement of [`find`].
pub const FIND: &str =
    "SELECT fingerprint, answer FROM idempotency_keys WHERE id = ?1 AND expires_at > ?2";

/// Takes `id`, without an answer yet; false when it is taken. While another unit of work has just taken it, this waits for
/// that one's end. What has expired is no hindrance.
pub async fn claim(
    tx: &mut Tx<'_>,
    id: &[u8],
    fingerprint: &[u8],
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    let no_answer: &[u8] = &[];
    let changed = tx
        .execute(
            "INSERT INTO idempotency_keys (id, fingerprint, answer, expires_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (id) DO UPDATE SET fingerprint = ?2, answer = ?3, expires_at = ?4 \
             WHERE idempotency_keys.expires_at <= ?5",
            &[
                id.into(),
                fingerprint.into(),
                no_answer.into(),
                expires_at.into(),
                now.into(),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Keeps the answer under an `id` that was claimed; false when it was not.
pub async fn keep(tx: &mut Tx<'_>, id: &[u8], answer: &[u8]) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE idempotency_keys SET answer = ?2 WHERE id = ?1",
            &[id.into(), answer.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes up to `limit` rows that have expired and says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_EXPIRED, &[now.into(), limit.into()])
        .await
}

/// The statement of [`delete_expired`].
pub const DELETE_EXPIRED: &str = "DELETE FROM idempotency_keys WHERE id IN \
     (SELECT id FROM idempotency_keys WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
