//! Registrations whose address is not confirmed yet: all that makes the account once it is.

use super::db::{Result, Row, Tx};
use super::is_storable;
use crate::clock::Timestamp;
use crate::ids::RegistrationId;

/// A registration about to be stored.
pub struct NewRegistration<'a> {
    pub id: RegistrationId,
    pub email: &'a str,
    pub email_key: &'a str,
    pub username: &'a str,
    pub username_key: &'a str,
    pub full_name: Option<&'a str>,
    pub password_hash: &'a str,
    pub locale: Option<&'a str>,
    pub at: Timestamp,
    pub expires_at: Timestamp,
}

/// A registration as it is stored.
pub struct Registration {
    pub id: RegistrationId,
    pub email: String,
    pub email_key: String,
    pub username: String,
    pub username_key: String,
    pub full_name: Option<String>,
    pub password_hash: String,
    pub locale: Option<String>,
}

macro_rules! columns {
    () => {
        "id, email, email_key, username, username_key, full_name, password_hash, locale"
    };
}

fn map(row: &Row<'_>) -> Result<Registration> {
    Ok(Registration {
        id: row.get(0)?,
        email: row.get(1)?,
        email_key: row.get(2)?,
        username: row.get(3)?,
        username_key: row.get(4)?,
        full_name: row.get(5)?,
        password_hash: row.get(6)?,
        locale: row.get(7)?,
    })
}

/// Stores a registration.
pub async fn insert(tx: &mut Tx<'_>, new: &NewRegistration<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO registrations (id, email, email_key, username, username_key, full_name, password_hash, \
         locale, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &[
            new.id.into(),
            new.email.into(),
            new.email_key.into(),
            new.username.into(),
            new.username_key.into(),
            new.full_name.into(),
            new.password_hash.into(),
            new.locale.into(),
            new.at.into(),
            new.expires_at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The registration with this id, unless it has expired.
pub async fn find(
    tx: &mut Tx<'_>,
    id: RegistrationId,
    now: Timestamp,
) -> Result<Option<Registration>> {
    tx.query_opt(
        concat!(
            "SELECT ",
            columns!(),
            " FROM registrations WHERE id = ?1 AND expires_at > ?2"
        ),
        &[id.into(), now.into()],
        map,
    )
    .await
}

/// The newest registration for this e-mail key that has not expired.
pub async fn find_by_email(
    tx: &mut Tx<'_>,
    email_key: &str,
    now: Timestamp,
) -> Result<Option<Registration>> {
    if !is_storable(email_key) {
        return Ok(None);
    }
    tx.query_opt(FIND_BY_EMAIL, &[email_key.into(), now.into()], map)
        .await
}

/// The statement of [`find_by_email`].
pub const FIND_BY_EMAIL: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM registrations WHERE email_key = ?1 AND expires_at > ?2 ORDER BY created_at DESC LIMIT 1"
);

/// Most registrations of one address that are looked at.
const MOST: i64 = 100;

/// The password hashes of the registrations for this e-mail key that have not expired, the newest first.
pub async fn hashes_by_email(
    tx: &mut Tx<'_>,
    email_key: &str,
    now: Timestamp,
) -> Result<Vec<String>> {
    if !is_storable(email_key) {
        return Ok(Vec::new());
    }
    let values = &[email_key.into(), now.into(), MOST.into()];
    tx.query_all(HASHES_BY_EMAIL, values, |row| row.get(0))
        .await
}

/// The statement of [`hashes_by_email`].
pub const HASHES_BY_EMAIL: &str = "SELECT password_hash FROM registrations \
     WHERE email_key = ?1 AND expires_at > ?2 ORDER BY created_at DESC LIMIT ?3";

/// The newest registration for this username key that has not expired.
pub async fn find_by_username(
    tx: &mut Tx<'_>,
    username_key: &str,
    now: Timestamp,
) -> Result<Option<Registration>> {
    if !is_storable(username_key) {
        return Ok(None);
    }
    tx.query_opt(FIND_BY_USERNAME, &[username_key.into(), now.into()], map)
        .await
}

/// The statement of [`find_by_username`].
pub const FIND_BY_USERNAME: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM registrations WHERE username_key = ?1 AND expires_at > ?2 ORDER BY created_at DESC LIMIT 1"
);

/// Whether another registration than this one waits for this e-mail key.
pub async fn has_rival(
    tx: &mut Tx<'_>,
    id: RegistrationId,
    email_key: &str,
    now: Timestamp,
) -> Result<bool> {
    let rival = tx
        .query_opt(
            "SELECT 1 FROM registrations WHERE email_key = ?1 AND expires_at > ?2 AND id <> ?3 LIMIT 1",
            &[email_key.into(), now.into(), id.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(rival.is_some())
}

/// Lets a registration wait until `expires_at`.
pub async fn prolong(tx: &mut Tx<'_>, id: RegistrationId, expires_at: Timestamp) -> Result<u64> {
    tx.execute(
        "UPDATE registrations SET expires_at = ?2 WHERE id = ?1",
        &[id.into(), expires_at.into()],
    )
    .await
}

/// Deletes a registration; false when it has gone.
pub async fn delete(tx: &mut Tx<'_>, id: RegistrationId) -> Result<bool> {
    let changed = tx
        .execute("DELETE FROM registrations WHERE id = ?1", &[id.into()])
        .await?;
    Ok(changed == 1)
}

/// Deletes every registration for this e-mail key.
pub async fn delete_by_email(tx: &mut Tx<'_>, email_key: &str) -> Result<u64> {
    tx.execute(
        "DELETE FROM registrations WHERE email_key = ?1",
        &[email_key.into()],
    )
    .await
}

/// Deletes up to `limit` that have expired and says how many.
pub async fn delete_expired(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_EXPIRED, &[now.into(), limit.into()])
        .await
}

/// The statement of [`delete_expired`].
pub const DELETE_EXPIRED: &str = "DELETE FROM registrations WHERE id IN \
     (SELECT id FROM registrations WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";
