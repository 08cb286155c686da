//! Checking an account's password, with its failures counted by account: each check takes an attempt beforehand, so
//! that guesses made side by side count as well, and a success gives all of them back.

use aws_lc_rs::hmac;

use super::{Error, Origin, Result, Services};
use crate::config::Secret;
use crate::ids::UserId;
use crate::password::{self, Verdict};
use crate::store::db::{self, Tx};
use crate::store::login_throttles;

/// What failures are counted by: the user, or what was typed where there is no such user. Never raw input.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
pub struct Checked {
    counted_by: Option<Subject>,
    /// The stored hash is of an old form or cost.
    pub outdated: bool,
}

impl Checked {
    /// Forgets the account's failures; part of the unit of work that the check was for.
    pub async fn clear_failures(&self, tx: &mut Tx<'_>) -> db::Result<()> {
        match &self.counted_by {
            Some(subject) => login_throttles::clear(tx, &subject.0).await,
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
    let counted_by = take_attempt(services, subject).await?;
    let verdict = match services
        .passwords
        .verify(password, stored, origin.network())
        .await
    {
        Err(error @ password::Error::Overloaded { .. }) => {
            give_back_attempt(services, counted_by).await?;
            return Err(error.into());
        }
        verdict => verdict?,
    };
    Ok((verdict != Verdict::Wrong).then(|| Checked {
        counted_by,
        outdated: verdict == Verdict::RightButOutdated,
    }))
}

async fn take_attempt(services: &Services, subject: Subject) -> Result<Option<Subject>> {
    let Some(limit) = services.policy.login_account_limit else {
        return Ok(None);
    };
    let now = services.now();
    let (interval, tolerance) = (limit.interval(), limit.period - limit.interval());
    let taking = subject.clone();
    let taken: std::result::Result<_, Error> = services
        .db
        .write(async move |tx| {
            Ok(login_throttles::take(tx, &taking.0, now, interval, tolerance).await?)
        })
        .await;
    match taken? {
        Ok(()) => Ok(Some(subject)),
        Err(free_at) => Err(Error::AccountThrottled {
            retry_after: free_at.since(now),
        }),
    }
}

async fn give_back_attempt(services: &Services, counted_by: Option<Subject>) -> Result<()> {
    let (Some(subject), Some(limit)) = (counted_by, services.policy.login_account_limit) else {
        return Ok(());
    };
    services
        .db
        .write(async move |tx| {
            Ok(login_throttles::give_back(tx, &subject.0, limit.interval()).await?)
        })
        .await
}
