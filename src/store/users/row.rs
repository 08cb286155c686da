//! The row of a user.

use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::store::db::{Result, Row, Tx};

/// An account as it is shown: everything but its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// As its owner spells it, the domain in ASCII.
    pub email: String,
    pub username: String,
    pub full_name: Option<String>,
    pub email_verified: bool,
    pub is_active: bool,
    /// Names of roles, in alphabetical order.
    pub roles: Vec<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub last_login_at: Option<Timestamp>,
}

/// The columns of [`User`], for a table or alias `users`.
macro_rules! user_columns {
    () => {
        "users.id, users.email, users.username, users.full_name, users.email_verified, users.is_active, \
         users.created_at, users.updated_at, users.last_login_at, \
         (SELECT string_agg(role_name, ' ') FROM user_roles WHERE user_id = users.id)"
    };
}

pub(in crate::store) use user_columns;

/// How many columns `user_columns!` has.
pub(in crate::store) const USER_COLUMNS: usize = 10;

/// Reads `user_columns!` from the start of a row.
pub(in crate::store) fn map_user(row: &Row<'_>) -> Result<User> {
    Ok(User {
        id: row.get(0)?,
        email: row.get(1)?,
        username: row.get(2)?,
        full_name: row.get(3)?,
        email_verified: row.get(4)?,
        is_active: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
        last_login_at: row.get(8)?,
        roles: words(row.get(9)?),
    })
}

/// Splits what `string_agg(…, ' ')` joined: in alphabetical order, each once. Sorting in SQL would build a temporary table
/// for every row.
pub(in crate::store) fn words(joined: Option<String>) -> Vec<String> {
    let joined = joined.unwrap_or_default();
    let mut words: Vec<String> = joined.split_ascii_whitespace().map(str::to_owned).collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// Touches the row of a user, so that two units of work that both read and then change the user run one after the other
/// on every engine.
pub async fn lock(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    tx.execute(
        "UPDATE users SET updated_at = updated_at WHERE id = ?1",
        &[id.into()],
    )
    .await?;
    Ok(())
}
