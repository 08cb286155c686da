//! Beginning an audit event: its id, its time and who acts.

use super::Event;
use crate::domain::{Actor, Services};
use crate::ids::EventId;

impl Event {
    /// Something that succeeded now.
    pub fn new(services: &Services, action: &'static str) -> Self {
        Self {
            id: EventId::new(&services.ids),
            at: services.now(),
            action,
            actor_id: None,
            target_id: None,
            session_id: None,
            origin: None,
            origin_lifetime: services.policy.audit_origin,
            needed_permission: false,
            succeeded: true,
            data: serde_json::json!({}),
        }
    }

    /// Done by a user who is logged in.
    pub fn by(services: &Services, actor: &Actor, action: &'static str) -> Self {
        Self {
            actor_id: Some(actor.id()),
            session_id: Some(actor.session_id()),
            origin: Some(actor.origin.clone()),
            ..Self::new(services, action)
        }
    }
}
