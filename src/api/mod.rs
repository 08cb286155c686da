//! HTTP. One file per OpenAPI tag holds request and response types and handlers of a few lines; the rest of the room
//! is the manners that all of them share. Names no database engine and decides nothing that the domain should.

mod account;
mod auth;
mod email;
mod operation;
pub(crate) mod operations;
pub(crate) mod routes;
mod security;
mod service;
pub(crate) mod spec;
mod users;
pub(crate) mod wire;

pub(crate) use self::operations::apis;
pub(crate) use self::routes::routes;
pub use self::spec::{document, document_3_1};
