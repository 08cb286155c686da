//! Having a mail: it is taken for some seconds at a time, and for longer while it is being sent, so that whoever dies over one
//! leaves it to the next.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use super::queue::Lease;
use crate::clock::Timestamp;
use crate::domain::{Error, Result, Services};
use crate::mail::SendError;
use crate::store::mails::{self, Mail};

/// How long a mail is taken for.
const LEASE: Duration = Duration::from_secs(30);

/// How often that is prolonged while the mail is being sent,
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// and how soon after it could not be.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long it is prolonged for: the database may be away for a while, too.
const LONG_LEASE: Duration = Duration::from_secs(120);

/// A mail that is ours to send.
pub struct Claim {
    pub(super) mail: Mail,
    lease: Arc<Lease>,
}

impl Claim {
    pub(super) fn lease_end(&self) -> Timestamp {
        self.lease.end()
    }

    /// Runs a unit of work that needs the lease, with the moment at which that ends; `None` when the lease is lost. The work
    /// itself answers `None` when the mail is not held until that moment. That is also so when the mail fell due meanwhile and
    /// was taken again here: then the work runs once more, with the new lease.
    pub(super) async fn while_held<T, Work>(
        &self,
        services: &Services,
        mut work: impl FnMut(Timestamp) -> Work,
    ) -> Result<Option<T>>
    where
        Work: Future<Output = Result<Option<T>>>,
    {
        loop {
            let end = self.lease_end();
            if let Some(done) = work(end).await? {
                return Ok(Some(done));
            }
            if !self.is_taken_again(services, end).await {
                return Ok(None);
            }
        }
    }

    /// Whether the mail has been taken again here since its lease ended at `end`.
    async fn is_taken_again(&self, services: &Services, end: Timestamp) -> bool {
        // What is being claimed is on record sooner than it is known here.
        let _claimed = services.outbox.claiming.lock().await;
        self.lease_end() != end
    }
}

/// Takes a mail that is due; `None` when there is none.
pub async fn claim(services: &Services) -> Result<Option<Claim>> {
    let _claiming = services.outbox.claiming.lock().await;
    while let Some(claim) = take(services).await? {
        // It fell due again while it is being sent here: the database was in the way of prolonging its lease. Whoever sends it
        // has the new one.
        match services.outbox.lease(claim.mail.id) {
            Some(lease) => lease.set_end(claim.lease_end()),
            None => {
                services.outbox.begin(claim.mail.id, &claim.lease);
                return Ok(Some(claim));
            }
        }
    }
    Ok(None)
}

async fn take(services: &Services) -> Result<Option<Claim>> {
    let now = services.now();
    {
        // Most of the time there is nothing to write.
        let mut tx = services.db.read().await?;
        if !mails::is_any_due(&mut tx, now).await? {
            return Ok(None);
        }
    }
    let lease_end = now.plus(LEASE);
    let mail = services
        .db
        .write_one(async move |tx| Ok::<_, Error>(mails::claim(tx, now, lease_end).await?))
        .await?;
    Ok(mail.map(|mail| Claim {
        mail,
        lease: Arc::new(Lease(AtomicI64::new(lease_end.millis()))),
    }))
}

/// Does something about a mail for as long as its lease can be prolonged.
pub(super) async fn in_time<T>(
    services: &Services,
    claim: &Claim,
    doing: impl Future<Output = std::result::Result<T, SendError>>,
) -> std::result::Result<T, SendError> {
    tokio::select! {
        done = doing => done,
        () = keep(services, claim) => Err(SendError::Temporary("it took too long".to_owned())),
    }
}

/// Prolongs the lease until it is lost.
async fn keep(services: &Services, claim: &Claim) {
    let mut pause = RENEW_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let new = services.now().plus(LONG_LEASE);
        let (id, old) = (claim.mail.id, claim.lease_end());
        let renewed = services
            .db
            .write_one(async move |tx| Ok::<_, Error>(mails::renew(tx, id, old, new).await?))
            .await;
        match renewed {
            Ok(true) => {
                claim.lease.set_end(new);
                pause = RENEW_EVERY;
            }
            // It was taken again, for us.
            Ok(false) if claim.is_taken_again(services, old).await => pause = RENEW_AGAIN_AFTER,
            // Another instance has it by now.
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(error = %error, "a mail's lease was not prolonged; it is tried again");
                pause = RENEW_AGAIN_AFTER;
            }
        }
    }
}
