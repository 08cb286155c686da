//! Users.

mod contact;
mod page;
pub(super) mod row;

pub(in crate::store) use self::row::{USER_COLUMNS, map_user, user_columns, words};
pub use self::row::{User, lock};
use super::db::{Result, Row, Tx};
use super::is_storable;
use crate::clock::Timestamp;
use crate::ids::UserId;

pub use contact::{Contact, contact, contact_by_email, lock_by_email, mark_reached, mark_refused};
pub use page::{COUNT_KEYS, FEW, Filter, Search, page, page_statement};

/// A user about to be stored.
pub struct NewUser<'a> {
    pub id: UserId,
    pub email: &'a str,
    pub email_key: &'a str,
    pub username: &'a str,
    pub username_key: &'a str,
    pub full_name: Option<&'a str>,
    pub password_hash: Option<&'a str>,
    pub email_verified: bool,
    /// The language of the user's mails, if known.
    pub locale: Option<&'a str>,
    pub at: Timestamp,
}

/// What a login needs to know of an account.
#[derive(Clone)]
pub struct Credentials {
    pub id: UserId,
    pub password_hash: Option<String>,
    pub is_active: bool,
    pub email_verified: bool,
}

/// What is to change; `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Spelling and key.
    pub email: Option<(&'a str, &'a str)>,
    /// Spelling and key.
    pub username: Option<(&'a str, &'a str)>,
    pub full_name: Option<Option<&'a str>>,
    pub is_active: Option<bool>,
    pub email_verified: Option<bool>,
}

/// The column whose uniqueness an e-mail is caught by.
pub const EMAIL_KEY: &str = "users.email_key";
/// The column whose uniqueness a username is caught by.
pub const USERNAME_KEY: &str = "users.username_key";

/// Stores a new, active user. Fails on [`EMAIL_KEY`] or [`USERNAME_KEY`] when taken.
pub async fn insert(tx: &mut Tx<'_>, user: &NewUser<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO users (id, email, email_key, username, username_key, full_name, password_hash, \
         email_verified, locale, is_active, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, TRUE, ?10, ?10)",
        &[
            user.id.into(),
            user.email.into(),
            user.email_key.into(),
            user.username.into(),
            user.username_key.into(),
            user.full_name.into(),
            user.password_hash.into(),
            user.email_verified.into(),
            user.locale.into(),
            user.at.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The user with this id.
pub async fn find(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>> {
    tx.query_opt(
        concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE users.id = ?1"
        ),
        &[id.into()],
        map_user,
    )
    .await
}

/// Whether an account has this e-mail key, and whether one has this username key.
pub async fn taken(tx: &mut Tx<'_>, email_key: &str, username_key: &str) -> Result<(bool, bool)> {
    let found = tx
        .query_opt(
            "SELECT EXISTS (SELECT 1 FROM users WHERE email_key = ?1), \
             EXISTS (SELECT 1 FROM users WHERE username_key = ?2)",
            &[email_key.into(), username_key.into()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .await?;
    Ok(found.unwrap_or_default())
}

fn map_credentials(row: &Row<'_>) -> Result<Credentials> {
    Ok(Credentials {
        id: row.get(0)?,
        password_hash: row.get(1)?,
        is_active: row.get(2)?,
        email_verified: row.get(3)?,
    })
}

/// The statement of [`credentials_by_email`].
pub const CREDENTIALS_BY_EMAIL: &str =
    "SELECT id, password_hash, is_active, email_verified FROM users WHERE email_key = ?1";
/// The statement of [`credentials_by_username`].
pub const CREDENTIALS_BY_USERNAME: &str =
    "SELECT id, password_hash, is_active, email_verified FROM users WHERE username_key = ?1";

/// Credentials by e-mail key.
pub async fn credentials_by_email(tx: &mut Tx<'_>, email_key: &str) -> Result<Option<Credentials>> {
    if !is_storable(email_key) {
        return Ok(None);
    }
    tx.query_opt(CREDENTIALS_BY_EMAIL, &[email_key.into()], map_credentials)
        .await
}

/// Credentials by username key.
pub async fn credentials_by_username(
    tx: &mut Tx<'_>,
    username_key: &str,
) -> Result<Option<Credentials>> {
    if !is_storable(username_key) {
        return Ok(None);
    }
    tx.query_opt(
        CREDENTIALS_BY_USERNAME,
        &[username_key.into()],
        map_credentials,
    )
    .await
}

/// Credentials by id.
pub async fn credentials(tx: &mut Tx<'_>, id: UserId) -> Result<Option<Credentials>> {
    tx.query_opt(
        "SELECT id, password_hash, is_active, email_verified FROM users WHERE id = ?1",
        &[id.into()],
        map_credentials,
    )
    .await
}

/// Removes the password. No login with a password works until a new one is set.
pub async fn clear_password(tx: &mut Tx<'_>, id: UserId, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE users SET password_hash = NULL, updated_at = ?2 WHERE id = ?1",
        &[id.into(), at.into()],
    )
    .await?;
    Ok(())
}

/// Notes a login by mail, which proves the address, provided that the account is active.
pub async fn record_login_by_mail(tx: &mut Tx<'_>, id: UserId, at: Timestamp) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE users SET last_login_at = ?2, \
             updated_at = CASE WHEN email_verified THEN updated_at ELSE ?2 END, email_verified = TRUE \
             WHERE id = ?1 AND is_active",
            &[id.into(), at.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Whether the user has logged in before.
pub async fn has_logged_in(tx: &mut Tx<'_>, id: UserId) -> Result<bool> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM users WHERE id = ?1 AND last_login_at IS NOT NULL",
            &[id.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}

/// Notes a login, provided that the account is active and its password still the one that was checked.
pub async fn record_login(
    tx: &mut Tx<'_>,
    id: UserId,
    checked_hash: &str,
    at: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE users SET last_login_at = ?3 WHERE id = ?1 AND password_hash = ?2 AND is_active",
            &[id.into(), checked_hash.into(), at.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Puts `new_hash` in the place of `old_hash`; false when the password has been changed meanwhile.
pub async fn replace_password_hash(
    tx: &mut Tx<'_>,
    id: UserId,
    old_hash: &str,
    new_hash: &str,
) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
            &[id.into(), old_hash.into(), new_hash.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Sets a new password.
pub async fn set_password_hash(
    tx: &mut Tx<'_>,
    id: UserId,
    hash: &str,
    at: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE users SET password_hash = ?2, updated_at = ?3 WHERE id = ?1",
            &[id.into(), hash.into(), at.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Changes a user; false when there is none. Fails on [`EMAIL_KEY`] or [`USERNAME_KEY`] when taken.
pub async fn update(
    tx: &mut Tx<'_>,
    id: UserId,
    changes: &Changes<'_>,
    at: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE users SET \
             email = coalesce(?2, email), email_key = coalesce(?3, email_key), \
             email_refused_at = CASE WHEN coalesce(?3, email_key) = email_key THEN email_refused_at END, \
             username = coalesce(?4, username), username_key = coalesce(?5, username_key), \
             full_name = CASE WHEN ?6 THEN ?7 ELSE full_name END, \
             is_active = coalesce(?8, is_active), email_verified = coalesce(?9, email_verified), \
             updated_at = ?10 WHERE id = ?1",
            &[
                id.into(),
                changes.email.map(|(spelling, _)| spelling).into(),
                changes.email.map(|(_, key)| key).into(),
                changes.username.map(|(spelling, _)| spelling).into(),
                changes.username.map(|(_, key)| key).into(),
                changes.full_name.is_some().into(),
                changes.full_name.flatten().into(),
                changes.is_active.into(),
                changes.email_verified.into(),
                at.into(),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes a user with roles and sessions; false when there is none.
pub async fn delete(tx: &mut Tx<'_>, id: UserId) -> Result<bool> {
    let changed = tx
        .execute("DELETE FROM users WHERE id = ?1", &[id.into()])
        .await?;
    Ok(changed == 1)
}
