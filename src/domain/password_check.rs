//! Checking an account's password, with its failures counted by account: each check takes an attempt beforehand, so
//! that guesses made side by side count as well, and a success gives all of them back.

use aws_lc_rs::hmac;

use super::attempts::Attempt;
use super::{Error, Origin, Result, Services};
use crate::config::{Limit, Secret};
use crate::ids::UserId;
use crate::password::{self, Verdict};
use crate::store::db::{self, Tx};
use crate::store::login_throttles;

/// What failures are counted by: the user, or what was typed where there is no such user. Never raw input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(Vec<u8>);

impl Subject {
    pub fn user(id: UserId) -> Self {
        Self([b"u", id.0.as_bytes().as_slice()].concat())
    }

    /// `key` is the normalised e-mail or username.
    pub fn identifier(services: &Services, key: &str) -> Self {
        let tag = hmac::sign(&services.login_identifier_key, key.as_bytes());
        Self([b"i", tag.as_ref()].concat())
    }
}

/// A password that was found right.
pub struct Checked {
    /// `None` where failures are not counted. Under way until what the check was for is done.
    attempt: Option<Attempt>,
    /// The stored hash is of an old form or cost.
    pub outdated: bool,
}

impl Checked {
    /// Forgets the account's failures; part of the unit of work that the check was for.
    pub async fn clear_failures(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        match &self.attempt {
            Some(attempt) => login_throttles::clear(tx, &attempt.subject().0).await,
            None => Ok(()),
        }
    }
}

/// Checks `password` against the stored hash; `None` when it is wrong. Costs one hash in any case.
///
/// # Errors
/// [`Error::AccountThrottled`] without a hash; whatever the engine answers.
pub async fn check(
    services: &Services,
    origin: &Origin,
    subject: Subject,
    password: &Secret,
    stored: Option<&str>,
) -> Result<Option<Checked>> {
    let limit = services.policy.login_account_limit;
    let attempt = match limit {
        Some(limit) => Some(take_attempt(services, subject, limit).await?),
        None => None,
    };
    let verdict = services
        .passwords
        .verify(password, stored, origin.network())
        .await;
    if let (Err(password::Error::Overloaded { .. }), Some(attempt), Some(limit)) =
        (&verdict, &attempt, limit)
    {
        give_back(services, attempt.subject().clone(), limit).await?;
    }
    let verdict = verdict?;
    Ok((verdict != Verdict::Wrong).then_some(Checked {
        attempt,
        outdated: verdict == Verdict::RightButOutdated,
    }))
}

/// Takes one of the account's attempts, waiting for checks under way while none is left.
async fn take_attempt(services: &Services, subject: Subject, limit: Limit) -> Result<Attempt> {
    let (interval, tolerance) = (limit.interval(), limit.period - limit.interval());
    loop {
        let now = services.now();
        let (attempts, subject) = (services.attempts.clone(), subject.clone());
        let taken = services
            .db
            .write(async move |tx| {
                let taken = login_throttles::take(tx, &subject.0, now, interval, tolerance).await?;
                Ok::<_, Error>(match taken {
                    Ok(()) => Ok(attempts.begin(&subject)),
                    Err(free_at) => Err((free_at, attempts.next_end(&subject))),
                })
            })
            .await?;
        match taken {
            Ok(attempt) => return Ok(attempt),
            Err((_, Some(end))) => end.await,
            Err((free_at, None)) => {
                let retry_after = free_at.since(now);
                return Err(Error::AccountThrottled { retry_after });
            }
        }
    }
}

/// Gives an attempt back that came to no check.
async fn give_back(services: &Services, subject: Subject, limit: Limit) -> Result<()> {
    services
        .db
        .write(async move |tx| {
            Ok(login_throttles::give_back(tx, &subject.0, limit.interval()).await?)
        })
        .await
}
