//! Whether requests can be served now: the database answers, has the schema that is needed, and takes writes. However many
//! ask, it is checked at most once a second, and no caller waits longer than that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::state::{Found, Look};
use super::{Readiness, WaitingMail};
use crate::domain::email::outbox;
use crate::domain::{Error, Result, Services};
use crate::store::leases;

/// From what age on mail is told of. A mail to somebody is on its way for as long as its server takes, one to nobody is not:
/// whoever asks meanwhile would learn whether an address has an account.
const TOLD_FROM: Duration = Duration::from_secs(5);

/// How long what was found is told without looking again.
const FRESH: Duration = Duration::from_secs(1);

/// How long a caller waits for the database. What takes longer than this is not ready.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lease that is written to see whether that can be done. No instance holds it.
const HEARTBEAT: &str = "heartbeat";

/// Fails when the database does not answer, has another schema than is needed, or cannot be written. Tells what mail waits:
/// that is no reason to be sent no requests.
///
/// # Errors
/// [`Error::Unavailable`], [`Error::Overloaded`].
pub async fn check(services: &Arc<Services>) -> Result<WaitingMail> {
    let mut look = match services.readiness.begin(services) {
        Ok(look) => look,
        Err(found) => return found,
    };
    // It is closed and never written to.
    let waiting = look.ended.changed();
    let has_ended = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
    let found = services.readiness.state().last.clone();
    match found.filter(|found| has_ended && found.at >= look.since) {
        Some(found) => found.outcome,
        None => Err(too_slow()),
    }
}

impl Readiness {
    /// The look to wait for: the one under way, or a new one. What is known already comes as an error.
    fn begin(&self, services: &Arc<Services>) -> std::result::Result<Look, Result<WaitingMail>> {
        let now = services.clock.monotonic();
        let mut state = self.state();
        if let Some(found) = &state.last
            && now.saturating_sub(found.at) < FRESH
        {
            return Err(found.outcome.clone());
        }
        if let Some(look) = &state.look
            && look.ended.has_changed().is_ok()
        {
            if now.saturating_sub(look.since) >= PATIENCE {
                return Err(Err(too_slow()));
            }
            return Ok(look.clone());
        }
        let (end, ended) = watch::channel(());
        let look = Look { since: now, ended };
        state.look = Some(look.clone());
        let services = services.clone();
        // Not the caller's: a client that goes away does not end what others wait for.
        tokio::spawn(async move {
            let _end = end;
            let outcome = self::look(&services).await;
            let at = services.clock.monotonic();
            services.readiness.state().last = Some(Found { at, outcome });
        });
        Ok(look)
    }
}

/// As [`check`], by looking now, however long that takes.
///
/// # Errors
/// As [`check`].
pub async fn look(services: &Services) -> Result<WaitingMail> {
    let looked = async {
        services.db.check().await?;
        write(services).await
    };
    let looked = looked.await;
    // A small write may find room where those of requests do not.
    let has_failed = services.readiness.has_failed(services.db.failed_commits());
    looked.map_err(as_unavailable)?;
    if has_failed {
        return Err(Error::Unavailable(
            "commits have failed just now".to_owned(),
        ));
    }
    let waiting = outbox::waiting(services).await.map_err(as_unavailable)?;
    let now = services.now();
    let age = waiting.oldest.map(|oldest| now.since(oldest));
    Ok(WaitingMail {
        oldest_age: age.filter(|age| *age >= TOLD_FROM),
        given_up: waiting.given_up,
    })
}

/// Writes a row, to disk as any other write.
async fn write(services: &Services) -> Result<()> {
    let (holder, now) = (services.instance, services.now());
    services
        .db
        .write_one(async move |tx| Ok(leases::beat(tx, HEARTBEAT, holder, now).await?))
        .await
}

/// Whatever stands in the way, requests cannot be served.
fn as_unavailable(error: Error) -> Error {
    match error {
        Error::Unavailable(_) | Error::Overloaded { .. } => error,
        other => Error::Unavailable(other.to_string()),
    }
}

fn too_slow() -> Error {
    Error::Unavailable("the database does not answer in time".to_owned())
}
