//! Mail that waits to be sent: one row a mail, until it is. Whoever sends one has it for as long as its lease: the moment at
//! which it falls due again.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::{MailId, UserId};

/// A mail about to be stored.
pub struct NewMail<'a> {
    pub id: MailId,
    pub kind: &'a str,
    pub user_id: Option<UserId>,
    pub recipient: &'a str,
    /// Its content, in the form of its writer.
    pub facts: &'a str,
    pub at: Timestamp,
}

/// A mail that an instance has claimed to send.
#[derive(Debug, Clone)]
pub struct Mail {
    pub id: MailId,
    pub kind: String,
    pub user_id: Option<UserId>,
    pub recipient: String,
    pub facts: String,
    pub created_at: Timestamp,
    /// How often it has been tried, this time included.
    pub attempts: i64,
}

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// When the oldest was written.
    pub oldest: Option<Timestamp>,
    /// How many were given up.
    pub given_up: i64,
}

/// Stores a mail that is due at once.
pub async fn insert(tx: &mut Tx<'_>, mail: &NewMail<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO mails (id, kind, user_id, recipient, facts, created_at, due_at, attempts) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, 0)",
        &[
            mail.id.into(),
            mail.kind.into(),
            mail.user_id.into(),
            mail.recipient.into(),
            mail.facts.into(),
            mail.at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Whether any mail is due.
pub async fn is_any_due(tx: &mut Tx<'_>, now: Timestamp) -> Result<bool> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM mails WHERE due_at <= ?1 LIMIT 1",
            &[now.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// Takes the mail that has been due longest, until `lease_end`. Of several that ask at one moment, one gets it.
pub async fn claim(tx: &mut Tx<'_>, now: Timestamp, lease_end: Timestamp) -> Result<Option<Mail>> {
    tx.query_opt(CLAIM, &[now.into(), lease_end.into()], |row| {
        Ok(Mail {
            id: row.get(0)?,
            kind: row.get(1)?,
            user_id: row.get(2)?,
            recipient: row.get(3)?,
            facts: row.get(4)?,
            created_at: row.get(5)?,
            attempts: row.get(6)?,
        })
    })
    .await
}

/// The statement of [`claim`]. That the mail is due is said twice: an instance that waited for another claim checks again.
pub const CLAIM: &str = "UPDATE mails SET due_at = ?2, attempts = attempts + 1 WHERE due_at <= ?1 AND id = \
     (SELECT id FROM mails WHERE due_at <= ?1 ORDER BY due_at LIMIT 1) \
     RETURNING id, kind, user_id, recipient, facts, created_at, attempts";

/// Writes what a mail tells of anew.
pub async fn set_facts(tx: &mut Tx<'_>, id: MailId, facts: &str) -> Result<()> {
    tx.execute(
        "UPDATE mails SET facts = ?2 WHERE id = ?1",
        &[id.into(), facts.into()],
    )
    .await?;
    Ok(())
}

/// Whether the lease of a mail that ends at `lease_end` is in force.
pub async fn is_held(tx: &mut Tx<'_>, id: MailId, lease_end: Timestamp) -> Result<bool> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM mails WHERE id = ?1 AND due_at = ?2",
            &[id.into(), lease_end.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// Moves the end of a lease from `old` to `new`; false if the lease is no longer the caller's.
pub async fn renew(tx: &mut Tx<'_>, id: MailId, old: Timestamp, new: Timestamp) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE mails SET due_at = ?3 WHERE id = ?1 AND due_at = ?2",
            &[id.into(), old.into(), new.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes a mail: it has been sent, or is not to be.
pub async fn delete(tx: &mut Tx<'_>, id: MailId) -> Result<()> {
    tx.execute("DELETE FROM mails WHERE id = ?1", &[id.into()])
        .await?;
    Ok(())
}

/// Deletes a user's mails of one kind that wait, also one that somebody has taken and not yet made ready.
pub async fn delete_of(tx: &mut Tx<'_>, user_id: UserId, kind: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM mails WHERE user_id = ?1 AND kind = ?2",
        &[user_id.into(), kind.into()],
    )
    .await?;
    Ok(())
}

/// Puts a mail off, with this number of tries on record. False when the lease that ends at `lease_end` is not in force.
pub async fn put_off(
    tx: &mut Tx<'_>,
    id: MailId,
    lease_end: Timestamp,
    due_at: Timestamp,
    attempts: i64,
) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE mails SET due_at = ?3, attempts = ?4 WHERE id = ?1 AND due_at = ?2",
            &[id.into(), lease_end.into(), due_at.into(), attempts.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Gives a mail up. False when the lease that ends at `lease_end` is not in force.
pub async fn give_up(tx: &mut Tx<'_>, id: MailId, lease_end: Timestamp) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE mails SET due_at = NULL WHERE id = ?1 AND due_at = ?2",
            &[id.into(), lease_end.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// What waits now.
pub async fn waiting(tx: &mut Tx<'_>) -> Result<Waiting> {
    let found = tx
        .query_opt(WAITING, &[], |row| {
            Ok(Waiting {
                oldest: row.get(0)?,
                given_up: row.get(1)?,
            })
        })
        .await?;
    Ok(found.unwrap_or(Waiting {
        oldest: None,
        given_up: 0,
    }))
}

/// The statement of [`waiting`]. Those that were given up are counted up to a thousand.
pub const WAITING: &str = "SELECT (SELECT min(created_at) FROM mails WHERE due_at IS NOT NULL), \
     (SELECT count(*) FROM (SELECT 1 FROM mails WHERE due_at IS NULL LIMIT 1000) AS given_up)";

/// Deletes up to `limit` mails that were given up and written before `before`; says how many.
pub async fn delete_given_up(tx: &mut Tx<'_>, before: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_GIVEN_UP, &[before.into(), limit.into()])
        .await
}

/// The statement of [`delete_given_up`].
pub const DELETE_GIVEN_UP: &str = "DELETE FROM mails WHERE id IN \
     (SELECT id FROM mails WHERE due_at IS NULL AND created_at <= ?1 LIMIT ?2)";
