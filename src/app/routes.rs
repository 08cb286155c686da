//! Which endpoint answers a path: an operation, a page, a file of the documentation, the metrics.

use std::sync::Arc;

use crate::api;
use crate::config::{Metrics, Server};
use crate::domain::Services;
use crate::http::routes::Routes;
use crate::http::{Connections, metrics};
use crate::text::TextError;
use crate::web::{docs, pages};

/// # Errors
/// When the pages cannot be rendered.
pub fn routes(
    services: &Arc<Services>,
    connections: Arc<Connections>,
    server: &Server,
) -> Result<Routes, TextError> {
    let mut routes = api::routes();
    routes.extend(docs::routes(server.has_docs, server.public_url.as_deref()));
    routes.extend(pages::routes(&services.texts)?);
    if server.metrics == Metrics::WithApi {
        routes.push(metrics::route(services.clone(), connections));
    }
    Ok(Routes::new(routes))
}
