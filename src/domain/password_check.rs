//! Checking an account's password, with its failures counted by account: each check takes an attempt beforehand, so
//! that guesses made side by side count as well, and a success gives all of them back.

use std::time::Duration;

use aws_lc_rs::hmac;

use super::attempts::{Attempt, NextEnd};
use super::{Error, Result, Services};
use crate::config::{Limit, Secret};
use crate::ids::UserId;
use crate::password::{Caller, Verdict};
use crate::store::db::Db;
use crate::store::throttles;

/// What failures are counted by: the user, or what was typed where there is no such user. Never raw input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(Vec<u8>);

impl Subject {
    pub fn user(id: UserId) -> Self {
        Self([b"u", id.0.as_bytes().as_slice()].concat())
    }

    /// What the database keeps of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `key` is the normalised e-mail or username.
    pub fn identifier(services: &Services, key: &str) -> Self {
        let tag = hmac::sign(&services.login_identifier_key, key.as_bytes());
        Self([b"i", tag.as_ref()].concat())
    }
}

/// Checks `password` against the stored hash. Costs one hash in any case. A right one gives the account all its attempts
/// back, whatever becomes of the request.
///
/// # Errors
/// [`Error::AccountThrottled`] without a hash; whatever the engine answers.
pub async fn check(
    services: &Services,
    caller: Caller,
    subject: Subject,
    password: &Secret,
    stored: Option<&str>,
) -> Result<Verdict> {
    let Some(limit) = services.policy.login_account_limit else {
        return Ok(services.passwords.verify(password, stored, caller).await?);
    };
    let attempt = take_attempt(services, &subject, limit).await?;
    let mut unchecked = Unchecked {
        db: services.db.clone(),
        subject: Some(subject.clone()),
        interval: limit.interval(),
    };
    let verdict = services.passwords.verify(password, stored, caller).await?;
    unchecked.subject = None;
    if verdict != Verdict::Wrong {
        services
            .db
            .write_one(async move |tx| Ok::<_, Error>(throttles::clear(tx, &subject.0).await?))
            .await?;
    }
    // Whoever waits for this check to end finds what it came to.
    drop(attempt);
    Ok(verdict)
}

/// Takes one of the account's attempts, waiting for checks under way while none is left.
async fn take_attempt(services: &Services, subject: &Subject, limit: Limit) -> Result<Attempt> {
    let (interval, tolerance) = (limit.interval(), limit.period - limit.interval());
    loop {
        let now = services.now();
        let (attempts, subject) = (services.attempts.clone(), subject.clone());
        let taken = services
            .db
            .write(async move |tx| {
                let taken = throttles::take(tx, &subject.0, now, interval, tolerance).await?;
                Ok::<_, Error>(match taken {
                    Ok(()) => Ok(attempts.begin(&subject)),
                    Err(free_at) => Err((free_at, attempts.next_end(&subject))),
                })
            })
            .await?;
        match taken {
            Ok(attempt) => return Ok(attempt),
            Err((_, NextEnd::At(end))) => end.wait().await,
            Err((_, NextEnd::TooManyWait)) => {
                return Err(Error::Overloaded {
                    retry_after: CROWD_RETRY,
                });
            }
            Err((free_at, NextEnd::NoneUnderWay)) => {
                let retry_after = free_at.since(now);
                return Err(Error::AccountThrottled { retry_after });
            }
        }
    }
}

/// When to come back to an account at which a crowd is waiting.
const CROWD_RETRY: Duration = Duration::from_secs(1);

/// An attempt without a verdict yet. Dropped like that it is given back: the engine refused, or the caller has gone and
/// learns nothing.
struct Unchecked {
    db: Db,
    subject: Option<Subject>,
    interval: Duration,
}

impl Drop for Unchecked {
    fn drop(&mut self) {
        if let Some(subject) = self.subject.take() {
            let (db, interval) = (self.db.clone(), self.interval);
            tokio::spawn(async move {
                let given_back = db
                    .write_one(async move |tx| throttles::give_back(tx, &subject.0, interval).await)
                    .await;
                if let Err(error) = given_back {
                    tracing::debug!(error = %error, "an attempt was not given back; it comes back with time");
                }
            });
        }
    }
}
