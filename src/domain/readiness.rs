//! Whether requests can be served now.

use std::time::Duration;

use super::{Result, Services, outbox};

/// From what age on mail is told of. A mail to somebody is on its way for as long as its server takes, one to nobody is not:
/// whoever asks meanwhile would learn whether an address has an account.
const TOLD_FROM: Duration = Duration::from_secs(5);

/// What waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingMail {
    /// Age of the oldest mail, when that has waited for 5 seconds or more.
    pub oldest_age: Option<Duration>,
    /// How many could not be delivered.
    pub given_up: i64,
}

/// Fails when the database does not answer or has another schema than is needed. Tells what mail waits: that is no reason to
/// be sent no requests.
///
/// # Errors
/// [`Error::Unavailable`](super::Error::Unavailable).
pub async fn check(services: &Services) -> Result<WaitingMail> {
    services.db.check().await?;
    let waiting = outbox::waiting(services).await?;
    let now = services.now();
    let age = waiting.oldest.map(|oldest| now.since(oldest));
    Ok(WaitingMail {
        oldest_age: age.filter(|age| *age >= TOLD_FROM),
        given_up: waiting.given_up,
    })
}
