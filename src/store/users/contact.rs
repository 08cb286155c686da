//! How to write to users, and what came of it.

use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::store::db::{Result, Row, Tx};
use crate::store::is_storable;

/// What is needed to send a mail to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    pub id: UserId,
    pub email: String,
    pub email_key: String,
    pub username: String,
    pub locale: Option<String>,
    pub email_verified: bool,
    pub is_active: bool,
    pub has_password: bool,
    /// A mail server has refused the address.
    pub is_refused: bool,
}

macro_rules! contact_columns {
    () => {
        "id, email, email_key, username, locale, email_verified, is_active, password_hash IS NOT NULL, \
         email_refused_at IS NOT NULL"
    };
}

fn map_contact(row: &Row<'_>) -> Result<Contact> {
    Ok(Contact {
        id: row.get(0)?,
        email: row.get(1)?,
        email_key: row.get(2)?,
        username: row.get(3)?,
        locale: row.get(4)?,
        email_verified: row.get(5)?,
        is_active: row.get(6)?,
        has_password: row.get(7)?,
        is_refused: row.get(8)?,
    })
}

/// How to write to the user with this id.
pub async fn contact(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Contact>> {
    tx.query_opt(
        concat!("SELECT ", contact_columns!(), " FROM users WHERE id = ?1"),
        &[id.into()],
        map_contact,
    )
    .await
}

/// How to write to the user with this e-mail key.
pub async fn contact_by_email(tx: &mut Tx<'_>, email_key: &str) -> Result<Option<Contact>> {
    if !is_storable(email_key) {
        return Ok(None);
    }
    tx.query_opt(
        concat!(
            "SELECT ",
            contact_columns!(),
            " FROM users WHERE email_key = ?1"
        ),
        &[email_key.into()],
        map_contact,
    )
    .await
}

/// As [`contact_by_email`], with the user locked. `None` when the address went to another account while the lock was waited for.
pub async fn lock_by_email(tx: &mut Tx<'_>, email_key: &str) -> Result<Option<Contact>> {
    let Some(found) = contact_by_email(tx, email_key).await? else {
        return Ok(None);
    };
    super::lock(tx, found.id).await?;
    let contact = contact_by_email(tx, email_key).await?;
    Ok(contact.filter(|contact| contact.id == found.id))
}

/// Notes that a mail server has refused the address of a user for good, if the user still has it.
pub async fn mark_refused(
    tx: &mut Tx<'_>,
    id: UserId,
    email_key: &str,
    at: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE users SET email_refused_at = ?3 WHERE id = ?1 AND email_key = ?2",
            &[id.into(), email_key.into(), at.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Notes that a mail server has taken a mail to this address.
pub async fn mark_reached(tx: &mut Tx<'_>, id: UserId, email_key: &str) -> Result<()> {
    tx.execute(
        "UPDATE users SET email_refused_at = NULL WHERE id = ?1 AND email_key = ?2",
        &[id.into(), email_key.into()],
    )
    .await?;
    Ok(())
}
