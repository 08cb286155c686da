//! Failed checks of an account's secrets since the last right one, by the way in which they came. Rows go when the secret is
//! given rightly or replaced, and with the account; time alone clears nothing.

use super::db::{Result, Tx};
use crate::ids::UserId;

/// Takes one of the `most` checks that may fail in a row; false when none is left, and where there is no such user.
pub async fn take(tx: &mut Tx<'_>, user_id: Option<UserId>, way: &str, most: i64) -> Result<bool> {
    let taken = tx
        .query_opt(TAKE, &[of(user_id).into(), way.into(), most.into()], |_| {
            Ok(())
        })
        .await?;
    Ok(taken.is_some())
}

/// The statement of [`take`].
pub const TAKE: &str = "INSERT INTO failed_checks (user_id, way, failures) \
     SELECT id, CAST(?2 AS TEXT), 1 FROM users WHERE id = ?1 \
     ON CONFLICT (user_id, way) DO UPDATE SET failures = failed_checks.failures + 1 \
     WHERE failed_checks.failures < ?3 RETURNING failures";

/// Gives one check back: it came to nothing.
pub async fn give_back(tx: &mut Tx<'_>, user_id: Option<UserId>, way: &str) -> Result<()> {
    tx.execute(
        "UPDATE failed_checks SET failures = failures - 1 \
         WHERE user_id = ?1 AND way = ?2 AND failures > 0",
        &[of(user_id).into(), way.into()],
    )
    .await?;
    Ok(())
}

/// Forgets all failures of a user.
pub async fn clear(tx: &mut Tx<'_>, user_id: UserId) -> Result<()> {
    tx.execute(
        "DELETE FROM failed_checks WHERE user_id = ?1",
        &[user_id.into()],
    )
    .await?;
    Ok(())
}

/// The id of the user, or one that no user has: both take the same statement.
fn of(user_id: Option<UserId>) -> UserId {
    user_id.unwrap_or(UserId(uuid::Uuid::nil()))
}
