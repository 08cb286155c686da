//! Roles, their permissions, and who has them.

use super::db::{Result, Tx};
use super::is_storable;
use super::users::words;
use crate::clock::Timestamp;
use crate::ids::UserId;

/// The role that may do everything. One active user has it at all times once there was one.
pub const ADMIN: &str = "admin";
/// The role of every registered user.
pub const USER: &str = "user";

/// The permissions that a user has by way of roles, each once, in alphabetical order.
pub async fn permissions_of(tx: &mut Tx<'_>, user_id: UserId) -> Result<Vec<String>> {
    let joined = tx
        .query_opt(
            "SELECT string_agg(permission, ' ') FROM user_roles \
             JOIN role_permissions ON role_permissions.role_name = user_roles.role_name WHERE user_id = ?1",
            &[user_id.into()],
            |row| row.get(0),
        )
        .await?;
    Ok(words(joined.flatten()))
}

/// The permissions of one role; `None` when there is no such role.
pub async fn permissions(tx: &mut Tx<'_>, role: &str) -> Result<Option<Vec<String>>> {
    if !is_storable(role) {
        return Ok(None);
    }
    tx.query_opt(
        "SELECT (SELECT string_agg(permission, ' ') FROM role_permissions WHERE role_name = ?1) \
         FROM roles WHERE name = ?1",
        &[role.into()],
        |row| Ok(words(row.get(0)?)),
    )
    .await
}

/// Gives a user a role. Nothing happens if the user already has it.
pub async fn grant(tx: &mut Tx<'_>, user_id: UserId, role: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO user_roles (user_id, role_name) VALUES (?1, ?2) ON CONFLICT (user_id, role_name) DO NOTHING",
        &[user_id.into(), role.into()],
    )
    .await?;
    Ok(())
}

/// Removes a role from a user. False if the user did not have it.
pub async fn withdraw(tx: &mut Tx<'_>, user_id: UserId, role: &str) -> Result<bool> {
    let changed = tx
        .execute(
            "DELETE FROM user_roles WHERE user_id = ?1 AND role_name = ?2",
            &[user_id.into(), role.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Touches the row of a role, so that two units of work that both change who has it run one after the other on every
/// engine.
pub async fn lock(tx: &mut Tx<'_>, role: &str, at: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE roles SET updated_at = ?2 WHERE name = ?1",
        &[role.into(), at.into()],
    )
    .await?;
    Ok(())
}

/// Whether any active user has this role.
pub async fn has_active_holder(tx: &mut Tx<'_>, role: &str) -> Result<bool> {
    let found = tx
        .query_opt(
            "SELECT 1 FROM user_roles JOIN users ON users.id = user_roles.user_id \
             WHERE role_name = ?1 AND is_active LIMIT 1",
            &[role.into()],
            |_| Ok(()),
        )
        .await?;
    Ok(found.is_some())
}
