//! What requests and answers are written in: JSON and forms, entity tags and preconditions, keys of idempotency, queries and
//! fields.

pub(crate) mod answer;
pub(super) mod body;
pub(crate) mod entity_tag;
pub(super) mod fields;
pub(super) mod idempotency;
mod json;
pub(super) mod objects;
pub(super) mod preconditions;
pub(crate) mod query;
