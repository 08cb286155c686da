//! Deleting what has expired, in batches so small that no write waits long behind one. Of many instances one does it.

use std::time::Duration;

use super::{Error, Result, Services};
use crate::clock::Timestamp;
use crate::ids::{InstanceId, SessionId};
use crate::store::db::{self, Tx};
use crate::store::sessions::{self, Spent};
use crate::store::{
    audit, email_codes, held_emails, idempotency, known_devices, leases, login_codes, mails,
    one_time_tokens, registrations, throttles,
};

/// Rows deleted in one unit of work: a few milliseconds of the writer's time.
const BATCH: usize = 200;

/// How long a mail that was given up is kept, for those who want to know what was lost.
const KEEP_GIVEN_UP: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a login code is kept that has expired: longer than its mail is tried, or a retry would make it anew.
const KEEP_CODE: Duration = Duration::from_secs(2 * 24 * 3600);

/// How long a device is remembered after its last login.
const KEEP_DEVICE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Sessions looked at by one statement.
const PART: i64 = 2000;

/// How long a revoked session is kept, for those who want to know why they were logged out.
const KEEP_REVOKED: Duration = Duration::from_secs(24 * 3600);

/// How long an instance that began to clean up may be silent before another one takes over.
const LEASE: Duration = Duration::from_secs(300);

/// Deletes expired and long revoked sessions, spent throttles, and all else that has had its time; says how many rows. None
/// while another instance is at it.
pub async fn clean_up(services: &Services) -> Result<u64> {
    let sessions = delete_sessions(services).await?;
    let steady = services.steady();
    let throttles = delete_batches(services, async move |tx, _, limit| {
        throttles::delete_full(tx, steady, limit).await
    });
    let throttles = throttles.await?;
    let answers = delete_batches(services, async |tx, now, limit| {
        idempotency::delete_expired(tx, now, limit).await
    });
    let answers = answers.await?;
    let tokens = delete_batches(services, async |tx, now, limit| {
        one_time_tokens::delete_expired(tx, now, limit).await
    });
    let tokens = tokens.await?;
    let codes = delete_batches(services, async |tx, now, limit| {
        email_codes::delete_expired(tx, now, limit).await
    });
    let codes = codes.await?;
    let login_codes = delete_batches(services, async |tx, now, limit| {
        login_codes::delete_expired(tx, now.minus(KEEP_CODE), limit).await
    });
    let codes = codes + login_codes.await?;
    let held = delete_batches(services, async |tx, now, limit| {
        held_emails::delete_expired(tx, now, limit).await
    });
    let held = held.await?;
    let registrations = delete_batches(services, async |tx, now, limit| {
        registrations::delete_expired(tx, now, limit).await
    });
    let registrations = registrations.await?;
    let mails = delete_batches(services, async |tx, now, limit| {
        mails::delete_given_up(tx, now.minus(KEEP_GIVEN_UP), limit).await
    });
    let mails = mails.await?;
    let devices = delete_batches(services, async |tx, now, limit| {
        known_devices::delete_unseen(tx, now.minus(KEEP_DEVICE), limit).await
    });
    let devices = devices.await?;
    let origins = delete_batches(services, async |tx, now, limit| {
        audit::delete_origins(tx, now, limit).await
    });
    let origins = origins.await?;
    let mailed = tokens + codes + held + registrations + mails;
    Ok(sessions + throttles + answers + mailed + devices + origins)
}

async fn delete_sessions(services: &Services) -> Result<u64> {
    let now = services.now();
    let spent = Spent {
        expired: now,
        revoked: now.minus(KEEP_REVOKED),
    };
    let mut after = SessionId(uuid::Uuid::nil());
    let mut total = 0;
    loop {
        // Looked for where it holds up no write.
        let part = services
            .db
            .scan(async move |tx| sessions::part(tx, spent, after, PART).await)
            .await?;
        let Some((last, _)) = part.last() else {
            return Ok(total);
        };
        after = *last;
        let found: Vec<SessionId> = part
            .iter()
            .filter(|(_, is_spent)| *is_spent)
            .map(|(id, _)| *id)
            .collect();
        for batch in found.chunks(BATCH) {
            match delete_batch(services, batch.to_vec(), spent).await? {
                Some(deleted) => total += deleted,
                None => return Ok(total),
            }
        }
    }
}

/// Deletes those that are still spent; `None` when another instance is at it.
async fn delete_batch(
    services: &Services,
    batch: Vec<SessionId>,
    spent: Spent,
) -> Result<Option<u64>> {
    let lease = Lease::of(services);
    services
        .db
        .write(async move |tx| {
            if !lease.is_ours(tx).await? {
                return Ok(None);
            }
            let mut deleted = 0;
            for id in &batch {
                deleted += sessions::delete_spent(tx, *id, spent).await?;
            }
            Ok(Some(deleted))
        })
        .await
}

/// Runs `delete` until it finds no more rows that were to go at the moment of the call. It is given that moment and the
/// number of rows to delete at most, and says how many it has.
async fn delete_batches<F>(services: &Services, delete: F) -> Result<u64>
where
    F: AsyncFn(&mut Tx<'_>, Timestamp, i64) -> db::Result<u64> + Copy + Send + 'static,
{
    let now = services.now();
    let mut total = 0;
    loop {
        let lease = Lease::of(services);
        let deleted: u64 = services
            .db
            .write(async move |tx| {
                if !lease.is_ours(tx).await? {
                    return Ok(0);
                }
                Ok::<_, Error>(delete(tx, now, BATCH as i64).await?)
            })
            .await?;
        if deleted == 0 {
            return Ok(total);
        }
        total += deleted;
    }
}

/// What an instance needs to be the one that cleans up.
#[derive(Clone, Copy)]
struct Lease {
    holder: InstanceId,
    now: Timestamp,
}

impl Lease {
    fn of(services: &Services) -> Self {
        Self {
            holder: services.instance,
            now: services.now(),
        }
    }

    /// Takes the lease, or prolongs it.
    async fn is_ours(self, tx: &mut Tx<'_>) -> Result<bool> {
        let until = self.now.plus(LEASE);
        Ok(leases::take(tx, "clean_up", self.holder, self.now, until).await?)
    }
}
