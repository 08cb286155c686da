//! Audit events.

mod begin;
pub(super) mod event;
pub mod refusals;

pub(in crate::domain) use self::event::Event;
