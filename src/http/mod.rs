//! The server: listeners, TLS and its reload, connections and their shares, what is known of a request, rate limits, CORS,
//! the access log and problem details. Knows no operation and no page.

mod access_log;
mod client_ip;
pub(crate) mod code;
mod connections;
pub(crate) mod context;
mod cores;
mod cors;
pub(crate) mod error_body;
mod front;
pub(crate) mod limits;
pub(crate) mod media_types;
pub(crate) mod metrics;
mod place;
pub(crate) mod problem;
pub(crate) mod query;
pub(crate) mod result;
pub(crate) mod routes;
mod serve;
pub(crate) mod target;
mod tls;
pub(crate) mod upload;

pub use self::connections::{Connections, LEAVING};
pub use self::front::Front;
pub use self::limits::Limiters;
pub use self::metrics::MetricsListener;
pub use self::serve::{BindError, Listener, Serving};
pub use self::tls::{Concern, Tls, TlsError, check_tls};
