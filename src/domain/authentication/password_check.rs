//! Checking an account's password, with its failures counted: each check takes an attempt beforehand, so that guesses made
//! side by side count as well, and a success gives all of them back. What is counted by is for [`super::asker`] to say.

use std::sync::Arc;
use std::time::Duration;

use super::asker::{Asker, Counted, Way};
use super::attempts::{self, Attempt, NextEnd, Subject};
use crate::clock::Timestamp;
use crate::config::{Limit, Secret};
use crate::domain::{Error, Policy, Result, Services};
use crate::ids::UserId;
use crate::password::Verdict;
use crate::store::db::{Db, Tx};
use crate::store::{failed_checks, throttles};

/// Checks `password` against the stored hash. Costs one hash in any case. A right one gives the account all its attempts
/// back, whatever becomes of the request. Where too many have failed in silence, a right one is called wrong.
///
/// # Errors
/// [`Error::AccountThrottled`] without a hash; whatever the engine answers.
pub async fn check(
    services: &Services,
    asker: Asker,
    password: &Secret,
    stored: Option<&str>,
) -> Result<Verdict> {
    let checked = check_any(services, asker, password, stored, &[]).await?;
    Ok(match checked {
        Checked::OfAccount(verdict) => verdict,
        Checked::OfAnother | Checked::Wrong => Verdict::Wrong,
    })
}

/// Whose password it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Checked {
    OfAccount(Verdict),
    OfAnother,
    Wrong,
}

/// As [`check`], and with the same work also against `others`, stored beside that of the account. What is right for one of
/// these counts as a failure at the account: others may have chosen it.
pub(in crate::domain) async fn check_any(
    services: &Services,
    asker: Asker,
    password: &Secret,
    stored: Option<&str>,
    others: &[String],
) -> Result<Checked> {
    let (attempts, asker) = take_attempts(services, asker).await?;
    let silence = attempts.taken.silence;
    let unchecked = Unchecked {
        db: services.db.clone(),
        attempts: Some(attempts),
    };
    let all: Vec<&str> = stored
        .into_iter()
        .chain(others.iter().map(String::as_str))
        .collect();
    let found = services
        .passwords
        .verify_any(password, &all, asker.caller)
        .await?;
    // Until the end: a request that waits for this check must find what it came to.
    let mut under_way = unchecked.checked();
    let checked = match found {
        Some((0, verdict)) if stored.is_some() => {
            let is_heard = match silence {
                Silence::None => true,
                Silence::Bound => false,
                Silence::Cap => match take_after_all(services, &asker).await? {
                    Some(attempts) => {
                        under_way.extend(attempts);
                        true
                    }
                    None => false,
                },
            };
            if is_heard {
                Checked::OfAccount(verdict)
            } else {
                Checked::Wrong
            }
        }
        Some(_) => Checked::OfAnother,
        None => Checked::Wrong,
    };
    if matches!(checked, Checked::OfAccount(_)) {
        services
            .db
            .write(async move |tx| clear(tx, &asker).await)
            .await?;
    }
    drop(under_way);
    Ok(checked)
}

/// Takes what a right password needs under the silent cap, once the checks under way have ended: right ones of the same person
/// give back what they took. `None` when nothing is left then. Only who knows the password waits here.
async fn take_after_all(services: &Services, asker: &Asker) -> Result<Option<Vec<Attempt>>> {
    let (Some(silent), Some(limit)) = (&asker.silent, services.policy.login_account_limit) else {
        return Ok(Some(Vec::new()));
    };
    loop {
        let (now, subject) = (services.steady(), silent.clone());
        let attempts = services.attempts.clone();
        let taken = services
            .db
            .write(async move |tx| {
                Ok::<_, Error>(if try_take(tx, &subject, limit, now).await? {
                    Ok(attempts.begin(&subject))
                } else {
                    Err(attempts.next_end(&subject))
                })
            })
            .await?;
        match taken {
            Ok(attempt) => return Ok(Some(vec![attempt])),
            Err(NextEnd::At(end)) => end.wait().await,
            Err(NextEnd::NoneUnderWay | NextEnd::TooManyWait) => return Ok(None),
        }
    }
}

/// Forgets the failures that count for the client that has now succeeded. What strangers typed elsewhere stays counted: that
/// it suddenly is not would tell them of this login.
async fn clear(tx: &mut Tx<'_>, asker: &Asker) -> Result<()> {
    if let Some(id) = asker.user_id {
        failed_checks::clear(tx, id).await?;
    }
    throttles::clear(tx, asker.open.as_bytes()).await?;
    if let Some(silent) = &asker.silent {
        throttles::clear(tx, silent.as_bytes()).await?;
    }
    Ok(())
}

/// Forgets all failures at an account: whoever guessed at the old password is no reason to keep its owner out with a new one.
pub(in crate::domain) async fn forget(
    tx: &mut Tx<'_>,
    id: UserId,
    counted: &Counted,
) -> Result<()> {
    failed_checks::clear(tx, id).await?;
    for subject in &counted.subjects {
        throttles::clear(tx, subject.as_bytes()).await?;
    }
    throttles::clear_all(tx, counted.devices.as_bytes()).await?;
    Ok(())
}

/// What a check has taken.
#[derive(Debug, Clone)]
struct Taken {
    /// Of the limits, and the time in which one comes back.
    subjects: Vec<Subject>,
    interval: Duration,
    /// Of the checks that may fail in a row.
    shares: Option<Shares>,
    silence: Silence,
}

/// Whether a right password is called wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    None,
    /// Too many have failed in a row.
    Bound,
    /// Nothing was left under the limit that all strangers at the account share, whatever they type.
    Cap,
}

/// What a check counts for as long as it has not succeeded: shares of a user's failures in a row.
#[derive(Debug, Clone)]
struct Shares {
    user_id: Option<UserId>,
    names: Vec<String>,
}

impl Shares {
    /// Takes one of each share; `None` when one of them has none left, and where there is no such user.
    async fn take(tx: &mut Tx<'_>, asker: &Asker, policy: &Policy) -> Result<Option<Self>> {
        let mut taken = Self {
            user_id: asker.user_id,
            names: Vec::new(),
        };
        for (name, most) in asker.shares(policy) {
            if !failed_checks::take(tx, asker.user_id, &name, most).await? {
                taken.give_back(tx).await?;
                return Ok(None);
            }
            taken.names.push(name);
        }
        Ok(Some(taken))
    }

    async fn give_back(&self, tx: &mut Tx<'_>) -> Result<()> {
        for name in &self.names {
            failed_checks::give_back(tx, self.user_id, name).await?;
        }
        Ok(())
    }
}

/// A check under way.
struct Attempts {
    taken: Taken,
    under_way: Vec<Attempt>,
}

impl Taken {
    /// Runs the same statement whether or not there is such a user.
    async fn give_back_shares(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let nothing = Shares {
            user_id: None,
            names: vec![Way::Stranger.as_str().to_owned()],
        };
        self.shares.take().unwrap_or(nothing).give_back(tx).await
    }
}

/// Why there was nothing to take: until then, or until a check under way has ended.
struct Refused {
    free_at: Option<Timestamp>,
    next_end: NextEnd,
}

/// Takes what the check needs, waiting for checks under way while nothing is left. Gives as whom the caller asks in the end.
///
/// Strangers never wait for what the user has: an unknown name has nothing to wait for, and the difference would show.
async fn take_attempts(services: &Services, mut asker: Asker) -> Result<(Attempts, Asker)> {
    loop {
        // A clock that is set meanwhile neither prolongs a lockout nor ends it.
        let now = services.steady();
        let (attempts, asking) = (services.attempts.clone(), asker.clone());
        let policy = services.policy.clone();
        let taken = services
            .db
            .write(async move |tx| take_once(tx, &attempts, &asking, &policy, now).await)
            .await?;
        let Refused { free_at, next_end } = match taken {
            Ok(attempts) => return Ok((attempts, asker)),
            Err(refused) => refused,
        };
        match (next_end, free_at) {
            (NextEnd::At(end), _) => end.wait().await,
            (NextEnd::NoneUnderWay, Some(free_at)) => {
                let retry_after = free_at.since(now);
                return Err(Error::AccountThrottled { retry_after });
            }
            (NextEnd::NoneUnderWay, None) => match asker.otherwise.take() {
                Some(otherwise) => asker = *otherwise,
                None => return Err(crowded()),
            },
            (NextEnd::TooManyWait, _) => return Err(crowded()),
        }
    }
}

fn crowded() -> Error {
    Error::Overloaded {
        retry_after: CROWD_RETRY,
    }
}

/// Takes what the check needs if it is there.
async fn take_once(
    tx: &mut Tx<'_>,
    attempts: &Arc<attempts::Attempts>,
    asker: &Asker,
    policy: &Policy,
    now: Timestamp,
) -> Result<std::result::Result<Attempts, Refused>> {
    let refused = |free_at, subject: &Subject| Refused {
        free_at,
        next_end: attempts.next_end(subject),
    };
    let of_way = Subject::way(asker.user_id, asker.way);
    let shares = Shares::take(tx, asker, policy).await?;
    if shares.is_none() && asker.way != Way::Stranger {
        let refused = refused(None, &of_way);
        let has_none_to_wait_for = matches!(refused.next_end, NextEnd::NoneUnderWay);
        if !has_none_to_wait_for || asker.otherwise.is_some() {
            return Ok(Err(refused));
        }
    }
    let mut taken = Taken {
        subjects: Vec::new(),
        interval: Duration::ZERO,
        silence: if asker.user_id.is_some() && shares.is_none() {
            Silence::Bound
        } else {
            Silence::None
        },
        shares,
    };
    if let Some(limit) = policy.login_account_limit {
        taken.interval = limit.interval();
        if let Err(free_at) = take(tx, &asker.open, limit, now).await? {
            taken.give_back_shares(tx).await?;
            return Ok(Err(refused(Some(free_at), &asker.open)));
        }
        taken.subjects.push(asker.open.clone());
        if let Some(silent) = &asker.silent {
            if try_take(tx, silent, limit, now).await? {
                taken.subjects.push(silent.clone());
            } else {
                // It is not checked: neither does it count as a check that failed.
                taken.give_back_shares(tx).await?;
                if taken.silence == Silence::None {
                    taken.silence = Silence::Cap;
                }
            }
        }
    }
    let mut under_way = vec![attempts.begin(&asker.open), attempts.begin(&of_way)];
    // A check that holds nothing of it has nothing to give back. It may wait for those that do.
    let silent = asker.silent.as_ref();
    let held = silent.filter(|silent| taken.subjects.contains(silent));
    under_way.extend(held.map(|silent| attempts.begin(silent)));
    Ok(Ok(Attempts { taken, under_way }))
}

async fn take(
    tx: &mut Tx<'_>,
    subject: &Subject,
    limit: Limit,
    now: Timestamp,
) -> Result<std::result::Result<(), Timestamp>> {
    let (interval, tolerance) = (limit.interval(), limit.period - limit.interval());
    Ok(throttles::take(tx, subject.as_bytes(), now, interval, tolerance).await?)
}

async fn try_take(
    tx: &mut Tx<'_>,
    subject: &Subject,
    limit: Limit,
    now: Timestamp,
) -> Result<bool> {
    let (interval, tolerance) = (limit.interval(), limit.period - limit.interval());
    Ok(throttles::try_take(tx, subject.as_bytes(), now, interval, tolerance).await?)
}

/// When to come back to an account at which a crowd is waiting.
const CROWD_RETRY: Duration = Duration::from_secs(1);

/// A check without a verdict yet. Dropped like that its attempts are given back: the engine refused, or the caller has gone and
/// learns nothing.
struct Unchecked {
    db: Db,
    attempts: Option<Attempts>,
}

impl Unchecked {
    /// There is a verdict: the attempts stay taken. Gives what tells others that the check is under way.
    fn checked(mut self) -> Vec<Attempt> {
        let attempts = self.attempts.take();
        attempts.map_or_else(Vec::new, |attempts| attempts.under_way)
    }
}

impl Drop for Unchecked {
    fn drop(&mut self) {
        if let Some(Attempts { taken, under_way }) = self.attempts.take() {
            let db = self.db.clone();
            tokio::spawn(async move {
                let given_back = db.write(async move |tx| give_back(tx, &taken).await).await;
                if let Err(error) = given_back {
                    tracing::debug!(error = %error, "an attempt was not given back; a success clears it");
                }
                // Not before: a request that waits for this check would find nothing left.
                drop(under_way);
            });
        }
    }
}

async fn give_back(tx: &mut Tx<'_>, taken: &Taken) -> Result<()> {
    if let Some(shares) = &taken.shares {
        shares.give_back(tx).await?;
    }
    for subject in &taken.subjects {
        throttles::give_back(tx, subject.as_bytes(), taken.interval).await?;
    }
    Ok(())
}
