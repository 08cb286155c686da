//! Audit events: what happened, to whom, by whom. Only ever added to; personal data goes when its account goes.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::{EventId, SessionId, UserId};

/// An event about to be stored.
#[derive(Debug)]
pub struct NewEvent<'a> {
    pub id: EventId,
    pub at: Timestamp,
    /// `capability.what_happened`, such as `login.failed`.
    pub action: &'a str,
    pub actor_id: Option<UserId>,
    pub target_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub ip: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub succeeded: bool,
    /// A JSON object without personal data.
    pub data: &'a str,
}

/// Stores an event.
pub async fn insert(tx: &mut Tx<'_>, event: &NewEvent<'_>) -> Result<()> {
    let outcome = if event.succeeded {
        "success"
    } else {
        "failure"
    };
    tx.execute(
        "INSERT INTO audit_events (id, at, action, actor_id, target_id, session_id, ip, user_agent, outcome, data) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &[
            event.id.into(),
            event.at.into(),
            event.action.into(),
            event.actor_id.into(),
            event.target_id.into(),
            event.session_id.into(),
            event.ip.into(),
            event.user_agent.into(),
            outcome.into(),
            event.data.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Removes address and user agent from the events of an account: ids alone stay.
pub async fn forget(tx: &mut Tx<'_>, user_id: UserId) -> Result<()> {
    // One statement an index; an OR over both columns would read the whole table.
    tx.execute(
        "UPDATE audit_events SET ip = NULL, user_agent = NULL WHERE actor_id = ?1",
        &[user_id.into()],
    )
    .await?;
    tx.execute(
        "UPDATE audit_events SET ip = NULL, user_agent = NULL WHERE target_id = ?1 AND actor_id IS NULL",
        &[user_id.into()],
    )
    .await?;
    Ok(())
}
