//! Whether requests can be served now.

use super::outbox::{self, Waiting};
use super::{Result, Services};

/// Fails when the database does not answer or has another schema than is needed. Tells what mail waits: that is no reason to
/// be sent no requests.
///
/// # Errors
/// [`Error::Unavailable`](super::Error::Unavailable).
pub async fn check(services: &Services) -> Result<Waiting> {
    services.db.check().await?;
    outbox::waiting(services).await
}
