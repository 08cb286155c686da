//! Audit events: what happened, to whom, by whom. Only ever added to. Personal data of acts about oneself goes when the
//! account goes, all other at the moment that the event names.

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
    /// When address and user agent are removed; `None` as long as the account is there.
    pub origin_until: Option<Timestamp>,
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
        "INSERT INTO audit_events (id, at, action, actor_id, target_id, session_id, ip, user_agent, outcome, data, \
         origin_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
            event.origin_until.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Removes address and user agent from what an account did about itself: ids alone stay. What it did to others, and what
/// nobody stands behind, keeps them until `until`: deleting an account does not remove the traces of such acts.
pub async fn forget(tx: &mut Tx<'_>, user_id: UserId, until: Timestamp) -> Result<()> {
    // One statement an index; an OR over both columns would read the whole table.
    tx.execute(
        "UPDATE audit_events SET ip = NULL, user_agent = NULL \
         WHERE actor_id = ?1 AND target_id = ?1 AND origin_until IS NULL",
        &[user_id.into()],
    )
    .await?;
    for of_account in [
        "actor_id = ?1 AND (target_id <> ?1 OR target_id IS NULL)",
        "target_id = ?1 AND actor_id IS NULL",
    ] {
        tx.execute(
            &format!(
                "UPDATE audit_events SET origin_until = ?2 WHERE {of_account} AND origin_until IS NULL \
                 AND (ip IS NOT NULL OR user_agent IS NOT NULL)"
            ),
            &[user_id.into(), until.into()],
        )
        .await?;
    }
    Ok(())
}

/// Removes up to `limit` addresses and user agents whose time is over; says how many.
pub async fn delete_origins(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<u64> {
    tx.execute(DELETE_ORIGINS, &[now.into(), limit.into()])
        .await
}

/// The statement of [`delete_origins`].
pub const DELETE_ORIGINS: &str = "UPDATE audit_events SET ip = NULL, user_agent = NULL, origin_until = NULL \
     WHERE id IN (SELECT id FROM audit_events WHERE origin_until <= ?1 ORDER BY origin_until LIMIT ?2)";
