//! Tokens that are good once: one row a token that has not been used, under its hash.

use super::db::{Result, Row, Tx};
use crate::clock::Timestamp;
use crate::ids::{RegistrationId, UserId};

/// A token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTime {
    pub user_id: Option<UserId>,
    pub registration_id: Option<RegistrationId>,
    /// Spelling and key of the address that it proves or sets; none when it was not mailed.
    pub email: Option<(String, String)>,
}

/// Stores a token, or prolongs its life when it is there: a mail that is tried again carries the same one.
pub async fn put(
    tx: &mut Tx<'_>,
    hash: &[u8],
    purpose: &str,
    token: &OneTime,
    expires_at: Timestamp,
) -> Result<()> {
    let email = token.email.as_ref();
    tx.execute(
        "INSERT INTO one_time_tokens (hash, purpose, user_id, registration_id, email, email_key, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (hash) DO UPDATE SET expires_at = ?7",
        &[
            hash.into(),
            purpose.into(),
            token.user_id.into(),
            token.registration_id.into(),
            email.map(|(spelling, _)| spelling.as_str()).into(),
            email.map(|(_, key)| key.as_str()).into(),
            expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

fn map(row: &Row<'_>) -> Result<OneTime> {
    let (spelling, key): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    Ok(OneTime {
        user_id: row.get(0)?,
        registration_id: row.get(1)?,
        email: spelling.zip(key),
    })
}

/// The token with this hash, if it is for `purpose` and has not expired. Leaves it there.
pub async fn find(
    tx: &mut Tx<'_>,
    hash: &[u8],
    purpose: &str,
    now: Timestamp,
) -> Result<Option<OneTime>> {
    tx.query_opt(
        "SELECT user_id, registration_id, email, email_key FROM one_time_tokens \
         WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3",
        &[hash.into(), purpose.into(), now.into()],
        map,
    )
    .await
}

/// As [`find`], and takes it away. Of several at one moment, one gets it.
pub async fn consume(
    tx: &mut Tx<'_>,
    hash: &[u8],
    purpose: &str,
    now: Timestamp,
) -> Result<Option<OneTime>> {
    tx.query_opt(
        "DELETE FROM one_time_tokens WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3 \
         RETURNING user_id, registration_id, email, email_key",
        &[hash.into(), purpose.into(), now.into()],
        map,
    )
    .await
}

/// Deletes all tokens of a user for `purpose`.
pub async fn delete_of(tx: &mut Tx<'_>, user_id: UserId, purpose: &str) -> Result<u64> {
    tx.execute(
        "DELETE FROM one_time_tokens WHERE user_id = ?1 AND purpose = ?2",
        &[user_id.into(), purpose.into()],
    )
    .await
}

/// Whether a token for `purpose` that has not expired holds this e-mail key for somebody.
pub async fn holds(
    tx: &mut Tx<'_>,
    email_key: &str,
    purpose: &str,
    now: Timestamp,
) -> Result<Option<UserId>> {
    tx.query_opt(
        HOLDS,
        &[email_key.into(), purpose.into(), now.into()],
        |row| row.get(0),
    )
    .await
}

/// The statement of [`holds`].
pub const HOLDS: &str = "SELECT user_id FROM one_time_tokens WHERE email_key = ?1 AND purpose = ?2 AND expires_at > ?3 LIMIT 1";

/// Deletes up to `limit` that have expired and says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_EXPIRED, &[now.into(), limit.into()])
        .await
}

/// The statement of [`delete_expired`].
pub const DELETE_EXPIRED: &str = "DELETE FROM one_time_tokens WHERE hash IN \
     (SELECT hash FROM one_time_tokens WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

/// Hashes of the tokens of the same user for the same purpose that were made after the one with this hash: they live longer.
pub async fn issued_later(
    tx: &mut Tx<'_>,
    hash: &[u8],
    purpose: &str,
    now: Timestamp,
) -> Result<Vec<Vec<u8>>> {
    tx.query_all(
        ISSUED_LATER,
        &[hash.into(), purpose.into(), now.into()],
        |row| row.get(0),
    )
    .await
}

/// The statement of [`issued_later`].
pub const ISSUED_LATER: &str = "SELECT later.hash FROM one_time_tokens JOIN one_time_tokens AS later \
     ON later.user_id = one_time_tokens.user_id AND later.purpose = one_time_tokens.purpose \
     AND later.expires_at >= one_time_tokens.expires_at AND later.hash <> one_time_tokens.hash \
     WHERE one_time_tokens.hash = ?1 AND one_time_tokens.purpose = ?2 AND one_time_tokens.expires_at > ?3";

/// Deletes the token with this hash.
pub async fn delete(tx: &mut Tx<'_>, hash: &[u8]) -> Result<()> {
    tx.execute(
        "DELETE FROM one_time_tokens WHERE hash = ?1",
        &[hash.into()],
    )
    .await?;
    Ok(())
}
