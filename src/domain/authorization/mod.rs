//! Who may do what: roles and their permissions, the scope of a login, and who acts.

pub(super) mod actor;
pub mod roles;
pub(super) mod scope;
