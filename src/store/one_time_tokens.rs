//! Tokens that are good once: one row a token, under its hash. A used or revoked one keeps its row until it would have expired, so
//! that nothing brings it back. It then has the purpose `used`, which nothing looks for.

use super::db::{Result, Row, Tx};
use super::users::words;
use crate::clock::Timestamp;
use crate::ids::{RegistrationId, UserId};

/// A token as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTime {
    pub user_id: Option<UserId>,
    pub registration_id: Option<RegistrationId>,
    /// Spelling and key of the address that it proves or sets; none when it was not mailed.
    pub email: Option<(String, String)>,
    /// Present when an administrator made it.
    pub given: Option<Given>,
}

/// How an administrator made a token for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub by: UserId,
    /// What the user was permitted then.
    pub permissions: Vec<String>,
}

/// Stores a token. One that is there stays as it is, with its time: a retried mail carries the same one. False when it is no
/// longer good.
pub async fn issue(
    tx: &mut Tx<'_>,
    hash: &[u8],
    purpose: &str,
    token: &OneTime,
    expires_at: Timestamp,
) -> Result<bool> {
    let email = token.email.as_ref();
    let given = token.given.as_ref();
    let permissions = given.map(|given| given.permissions.join(" "));
    tx.execute(
        "INSERT INTO one_time_tokens (hash, purpose, user_id, registration_id, email, email_key, expires_at, maker_id, \
         permissions) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (hash) DO NOTHING",
        &[
            hash.into(),
            purpose.into(),
            token.user_id.into(),
            token.registration_id.into(),
            email.map(|(spelling, _)| spelling.as_str()).into(),
            email.map(|(_, key)| key.as_str()).into(),
            expires_at.into(),
            given.map(|given| given.by).into(),
            permissions.as_deref().into(),
        ],
    )
    .await?;
    let found = tx
        .query_opt(
            "SELECT 1 FROM one_time_tokens WHERE hash = ?1 AND purpose = ?2",
            &[hash.into(), purpose.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// Forgets a token that never left the service. One that is used or revoked stays so.
pub async fn forget(tx: &mut Tx<'_>, hash: &[u8], purpose: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM one_time_tokens WHERE hash = ?1 AND purpose = ?2",
        &[hash.into(), purpose.into()],
    )
    .await?;
    Ok(())
}

fn map(row: &Row<'_>) -> Result<OneTime> {
    let (spelling, key): (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
    let by: Option<UserId> = row.get(4)?;
    let permissions = words(row.get(5)?);
    Ok(OneTime {
        user_id: row.get(0)?,
        registration_id: row.get(1)?,
        email: spelling.zip(key),
        given: by.map(|by| Given { by, permissions }),
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
        "SELECT user_id, registration_id, email, email_key, maker_id, permissions FROM one_time_tokens \
         WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3",
        &[hash.into(), purpose.into(), now.into()],
        map,
    )
    .await
}

/// As [`find`], and uses it up. Of several at one moment, one gets it.
pub async fn consume(
    tx: &mut Tx<'_>,
    hash: &[u8],
    purpose: &str,
    now: Timestamp,
) -> Result<Option<OneTime>> {
    tx.query_opt(
        "UPDATE one_time_tokens SET purpose = 'used' WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3 \
             RETURNING user_id, registration_id, email, email_key, maker_id, permissions",
        &[hash.into(), purpose.into(), now.into()],
        map,
    )
    .await
}

/// Revokes all tokens of a user for `purpose`.
pub async fn revoke_of(tx: &mut Tx<'_>, user_id: UserId, purpose: &str) -> Result<u64> {
    tx.execute(
        "UPDATE one_time_tokens SET purpose = 'used' WHERE user_id = ?1 AND purpose = ?2",
        &[user_id.into(), purpose.into()],
    )
    .await
}

/// Revokes all tokens of a user for `purpose` but the one with this hash.
pub async fn revoke_others(
    tx: &mut Tx<'_>,
    user_id: UserId,
    purpose: &str,
    hash: &[u8],
) -> Result<u64> {
    tx.execute(
        "UPDATE one_time_tokens SET purpose = 'used' WHERE user_id = ?1 AND purpose = ?2 AND hash <> ?3",
        &[user_id.into(), purpose.into(), hash.into()],
    )
    .await
}

/// Revokes the tokens that administrators made for a user, and those that the user made for others.
pub async fn revoke_given(tx: &mut Tx<'_>, user_id: UserId) -> Result<u64> {
    let mut revoked = 0;
    for sql in REVOKE_GIVEN {
        revoked += tx.execute(sql, &[user_id.into()]).await?;
    }
    Ok(revoked)
}

/// The statements of [`revoke_given`].
pub const REVOKE_GIVEN: [&str; 2] = [
    "UPDATE one_time_tokens SET purpose = 'used' WHERE user_id = ?1 AND maker_id IS NOT NULL",
    "UPDATE one_time_tokens SET purpose = 'used' WHERE maker_id = ?1",
];

/// When a token expires, if it is there.
pub async fn expires_at(tx: &mut Tx<'_>, hash: &[u8]) -> Result<Option<Timestamp>> {
    tx.query_opt(
        "SELECT expires_at FROM one_time_tokens WHERE hash = ?1",
        &[hash.into()],
        |row| row.get(0),
    )
    .await
}

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

/// Revokes the token with this hash.
pub async fn revoke(tx: &mut Tx<'_>, hash: &[u8]) -> Result<()> {
    tx.execute(
        "UPDATE one_time_tokens SET purpose = 'used' WHERE hash = ?1",
        &[hash.into()],
    )
    .await?;
    Ok(())
}
