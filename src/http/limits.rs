//! Rate limits by client network (governor), in memory that is bounded whatever arrives.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::clock::SharedClock;
use crate::config::{Limit, Limits};
use crate::password::ClientKey;

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Any request.
    Ip,
    /// A password check.
    Login,
    Register,
    /// A requested mail.
    Mail,
}

/// A limit that was applied to a request, and what it left.
#[derive(Debug, Clone)]
pub struct Applied {
    name: &'static str,
    limit: Limit,
    remaining: u32,
    /// Until one more is free (when refused) or all are.
    reset: Duration,
    refused: bool,
}

impl Applied {
    /// As the headers call it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How long to wait, when it refused the request.
    pub fn refused_for(&self) -> Option<Duration> {
        self.refused.then_some(self.reset)
    }

    /// An item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10 §3).
    pub fn policy(&self) -> String {
        format!(
            "\"{}\";q={};w={}",
            self.name,
            self.limit.burst,
            self.limit.period.as_secs()
        )
    }

    /// An item of `RateLimit` (the same, §4).
    pub fn state(&self) -> String {
        format!(
            "\"{}\";r={};t={}",
            self.name,
            self.remaining,
            self.reset.as_millis().div_ceil(1000)
        )
    }
}

/// The limiters of all classes; `None` where a limit is off.
pub struct Limiters {
    ip: Option<Limiter>,
    login: Option<Limiter>,
    register: Option<Limiter>,
    mail: Option<Limiter>,
}

impl Limiters {
    pub fn new(limits: &Limits, clock: &SharedClock) -> Self {
        let limiter = |name, limit: Option<Limit>| {
            limit.map(|limit| Limiter::new(name, limit, clock.clone()))
        };
        Self {
            ip: limiter("ip", limits.ip),
            login: limiter("login-ip", limits.login_ip),
            register: limiter("register-ip", limits.register_ip),
            mail: limiter("mail-ip", limits.mail_ip),
        }
    }

    /// Counts a request of `client`; `None` when the class is not limited.
    pub fn take(&self, class: Class, client: ClientKey) -> Option<Applied> {
        let limiter = match class {
            Class::Ip => &self.ip,
            Class::Login => &self.login,
            Class::Register => &self.register,
            Class::Mail => &self.mail,
        };
        limiter.as_ref().map(|limiter| limiter.take(client))
    }
}

struct Limiter {
    name: &'static str,
    limit: Limit,
    limiter: RateLimiter<ClientKey, Generations, Monotonic, StateInformationMiddleware>,
    clock: Monotonic,
}

impl Limiter {
    fn new(name: &'static str, limit: Limit, clock: SharedClock) -> Self {
        let clock = Monotonic(clock);
        // Settings allow 1000 a second at most, so the interval is never zero, which is all that is refused.
        let quota = Quota::with_period(limit.interval())
            .expect("a limit's interval is a millisecond at least")
            .allow_burst(limit.burst);
        Self {
            name,
            limit,
            limiter: RateLimiter::new(quota, Generations::default(), clock.clone()),
            clock,
        }
    }

    fn take(&self, client: ClientKey) -> Applied {
        let (remaining, reset, refused) = match self.limiter.check_key(&client) {
            Ok(snapshot) => {
                let remaining = snapshot.remaining_burst_capacity();
                let spent = self.limit.burst.get().saturating_sub(remaining);
                (remaining, self.limit.interval() * spent, false)
            }
            Err(not_until) => (0, not_until.wait_time_from(self.clock.now()), true),
        };
        Applied {
            name: self.name,
            limit: self.limit,
            remaining,
            reset,
            refused,
        }
    }
}

/// The injected clock, in governor's terms.
#[derive(Clone)]
struct Monotonic(SharedClock);

impl GovernorClock for Monotonic {
    type Instant = Moment;

    fn now(&self) -> Moment {
        Moment(Nanos::from(self.0.monotonic()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(Nanos);

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0)
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl std::ops::Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, duration: Nanos) -> Self {
        Self(self.0 + duration)
    }
}

/// Clients remembered in each of two generations.
const GENERATION: usize = 1 << 16;

/// The state of the clients seen last. When the younger generation is full it becomes the older one and the older is
/// forgotten: of any flood of addresses the last 65,536 at least are known, 131,072 at most.
#[derive(Default)]
struct Generations(Mutex<TwoMaps>);

#[derive(Default)]
struct TwoMaps {
    young: HashMap<ClientKey, Nanos>,
    old: HashMap<ClientKey, Nanos>,
}

impl StateStore for Generations {
    type Key = ClientKey;

    fn measure_and_replace<T, F, E>(&self, key: &ClientKey, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut maps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = maps.young.get(key).or_else(|| maps.old.get(key)).copied();
        let (outcome, next) = measure(known)?;
        if maps.young.len() >= GENERATION && !maps.young.contains_key(key) {
            maps.old = std::mem::take(&mut maps.young);
        }
        maps.young.insert(*key, next);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    fn limiter(limit: &str) -> (Arc<ManualClock>, Limiter) {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_800_000_000_000)));
        let limit = Limit::parse(limit).expect("a limit");
        (clock.clone(), Limiter::new("ip", limit, clock))
    }

    #[test]
    fn allows_a_burst_and_then_one_an_interval() {
        let (clock, limiter) = limiter("3/30s");
        let client = ClientKey(1);
        let remaining: Vec<u32> = (0..3).map(|_| limiter.take(client).remaining).collect();
        assert_eq!(remaining, [2, 1, 0]);
        assert_eq!(
            limiter.take(client).refused_for(),
            Some(Duration::from_secs(10))
        );
        assert_eq!(limiter.take(ClientKey(2)).refused_for(), None);
        clock.advance(Duration::from_secs(10));
        let applied = limiter.take(client);
        assert_eq!(applied.refused_for(), None);
        assert_eq!(applied.policy(), "\"ip\";q=3;w=30");
        assert_eq!(applied.state(), "\"ip\";r=0;t=30");
        assert!(limiter.take(client).refused_for().is_some());
    }

    /// A million addresses take no more memory than 131,072, and the clients seen last are still held back.
    #[test]
    fn memory_is_bounded_under_a_million_addresses() {
        let (_clock, limiter) = limiter("1/1h");
        let store = Generations::default();
        for client in 0..1_000_000_u128 {
            let kept: Result<(), ()> =
                store.measure_and_replace(&ClientKey(client), |_| Ok(((), Nanos::new(1))));
            kept.expect("measures");
        }
        let maps = store.0.lock().expect("unpoisoned");
        assert!(maps.young.len() + maps.old.len() <= 2 * GENERATION);
        assert!(maps.young.capacity() + maps.old.capacity() <= 4 * GENERATION);
        for client in 0..100_000 {
            limiter.take(ClientKey(client));
        }
        assert!(limiter.take(ClientKey(99_999)).refused_for().is_some());
        assert!(
            limiter
                .take(ClientKey(99_999 - 60_000))
                .refused_for()
                .is_some()
        );
    }
}
