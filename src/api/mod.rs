//! HTTP. One file per OpenAPI tag holds request and response types and handlers of a few lines; the rest of the room
//! is the manners that all of them share. Names no database engine and decides nothing that the domain should.

mod access_log;
mod account;
mod answer;
mod auth;
mod body;
mod client_ip;
mod code;
mod connections;
mod context;
mod cores;
mod cors;
mod docs;
mod email;
mod entity_tag;
mod error_body;
mod fields;
mod front;
mod idempotency;
mod json;
mod limits;
mod metrics;
mod objects;
mod pages;
mod place;
mod preconditions;
mod problem;
mod query;
mod register;
mod reset_links;
mod result;
mod routes;
mod security;
mod serve;
mod service;
mod spec;
mod target;
mod tls;
mod upload;
mod users;

pub use connections::{Connections, LEAVING};
pub use front::Front;
pub use limits::Limiters;
pub use metrics::MetricsListener;
pub use serve::{BindError, Listener, Serving};
pub use spec::{document, document_3_1};
pub use tls::{Concern, Tls, TlsError, check_tls};

use poem_openapi::OpenApi;

/// Every operation there is.
fn apis() -> impl OpenApi {
    (
        auth::AuthApi,
        email::EmailApi,
        account::AccountApi,
        users::UsersApi,
        reset_links::ResetLinksApi,
        service::ServiceApi,
    )
}
