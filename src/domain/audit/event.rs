//! Audit events, written in the transaction of the change they tell of. They hold ids, never names or addresses.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::Origin;
use crate::ids::{EventId, SessionId, UserId};
use crate::store::audit::{self, NewEvent};
use crate::store::db::{self, Tx};

/// An event that is still to be written.
#[derive(Debug, Clone)]
pub struct Event {
    pub(super) id: EventId,
    pub(super) at: Timestamp,
    pub(super) action: &'static str,
    pub(super) actor_id: Option<UserId>,
    pub(super) target_id: Option<UserId>,
    pub(super) session_id: Option<SessionId>,
    pub(super) origin: Option<Origin>,
    /// How long the origin is kept of an act that is not a user's own affair.
    pub(super) origin_lifetime: Duration,
    pub(super) needed_permission: bool,
    pub(super) succeeded: bool,
    pub(super) data: serde_json::Value,
}

impl Event {
    /// Tried by this user.
    pub fn tried_by(self, user_id: UserId, session_id: SessionId) -> Self {
        Self {
            actor_id: Some(user_id),
            session_id: Some(session_id),
            ..self
        }
    }

    /// Done with a permission. Its origin is kept for a time of its own, even if one of the two accounts is deleted.
    pub fn with_permission(self) -> Self {
        Self {
            needed_permission: true,
            ..self
        }
    }

    /// Done by users to themselves, before or without being logged in.
    pub fn self_service(self, user_id: UserId) -> Self {
        Self {
            actor_id: Some(user_id),
            target_id: Some(user_id),
            ..self
        }
    }

    /// Done to this user.
    pub fn on(self, target_id: UserId) -> Self {
        Self {
            target_id: Some(target_id),
            ..self
        }
    }

    /// In this session.
    pub fn in_session(self, session_id: SessionId) -> Self {
        Self {
            session_id: Some(session_id),
            ..self
        }
    }

    /// From there.
    pub fn from(self, origin: &Origin) -> Self {
        Self {
            origin: Some(origin.clone()),
            ..self
        }
    }

    /// Without address and user agent: of an account that goes, ids alone are kept.
    pub fn without_origin(self) -> Self {
        Self {
            origin: None,
            ..self
        }
    }

    /// It did not succeed.
    pub fn failed(self) -> Self {
        Self {
            succeeded: false,
            ..self
        }
    }

    /// More about it: no personal data.
    pub fn with(self, data: serde_json::Value) -> Self {
        Self { data, ..self }
    }

    /// The same, told for `count` of its kind.
    pub fn counted(mut self, id: EventId, count: u64) -> Self {
        self.id = id;
        self.data["count"] = count.into();
        self
    }

    pub fn action(&self) -> &'static str {
        self.action
    }

    /// Writes it.
    pub async fn record(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        // A user's own affair goes with the account.
        let is_own = self.actor_id.is_some() && !self.needed_permission;
        let has_end = self.origin.is_some() && !is_own;
        let ip = self.origin.as_ref().map(|origin| origin.ip.to_string());
        let event = NewEvent {
            id: self.id,
            at: self.at,
            action: self.action,
            actor_id: self.actor_id,
            target_id: self.target_id,
            session_id: self.session_id,
            ip: ip.as_deref(),
            user_agent: self
                .origin
                .as_ref()
                .and_then(|origin| origin.user_agent.as_deref()),
            origin_until: has_end.then(|| self.at.plus(self.origin_lifetime)),
            succeeded: self.succeeded,
            data: &self.data.to_string(),
        };
        audit::insert(tx, &event).await
    }
}
