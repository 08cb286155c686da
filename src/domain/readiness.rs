//! Whether requests can be served now.

use super::{Result, Services};

/// Fails when the database does not answer or has another schema than is needed.
///
/// # Errors
/// [`Error::Unavailable`](super::Error::Unavailable).
pub async fn check(services: &Services) -> Result<()> {
    Ok(services.db.check().await?)
}
