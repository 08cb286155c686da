//! What networks of strangers have come to lately: failed and successful checks by prefix, and who was refused for
//! overload. Bounded, and forgotten with time. Decides about turns alone, never about access.

use super::prefixes::prefixes;
use crate::password::caller::ClientKey;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// What a network's recent checks say about its next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    None,
    /// A larger network around it failed often.
    Surroundings,
    /// It failed itself, or the network right around it did so repeatedly.
    Network,
}

/// All counts are halved this often. A botnet that visits from each of its networks every few minutes stays known; a
/// mistyped password is soon forgotten.
const HALF_LIFE: Duration = Duration::from_secs(15 * 60);

/// What one check counts, so that it is remembered for two to three half-lives.
const POINTS: u8 = 4;

/// Prefixes in one set. The one that tells least makes room for a new one.
const WAYS: usize = 4;

/// 131,072 prefixes of 8 bytes in all: 40,000 networks that failed. Memory that was never written is not resident.
const SETS: usize = 1 << 15;

/// Failures beyond the successes that a prefix of this length is forgiven. The network itself is forgiven none, or else
/// each network of a botnet would have a second try.
fn allowance(length: u32) -> u8 {
    match length {
        120 | 56 => 1,
        112 | 48 => 3,
        32 => 15,
        _ => 0,
    }
}

/// The points of failures and successes of one prefix.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Tells the prefix from others in its set; 0 for none.
    tag: u32,
    failed: u8,
    succeeded: u8,
    /// The half-life in which it was last counted, since the start.
    period: u16,
}

impl Entry {
    fn unpack(packed: u64) -> Self {
        let [a, b, c, d, failed, succeeded, e, f] = packed.to_le_bytes();
        Self {
            tag: u32::from_le_bytes([a, b, c, d]),
            failed,
            succeeded,
            period: u16::from_le_bytes([e, f]),
        }
    }

    fn pack(self) -> u64 {
        let [a, b, c, d] = self.tag.to_le_bytes();
        let [e, f] = self.period.to_le_bytes();
        u64::from_le_bytes([a, b, c, d, self.failed, self.succeeded, e, f])
    }

    fn faded(mut self, period: u16) -> Self {
        let halvings = u32::from(period.saturating_sub(self.period)).min(7);
        self.failed >>= halvings;
        self.succeeded >>= halvings;
        self.period = period;
        self
    }

    /// Failures beyond the successes.
    fn excess(self) -> u8 {
        self.failed.saturating_sub(self.succeeded)
    }
}

pub(super) struct Reputation {
    /// Packed entries: plain numbers, so that the system hands out zeroed pages only once they are written.
    sets: Vec<[u64; WAYS]>,
    /// Keyed at random, so that an attacker cannot choose prefixes that displace each other.
    hasher: RandomState,
    start: Instant,
    refusals: Refusals,
}

impl Reputation {
    pub fn new(start: Instant) -> Self {
        Self {
            sets: vec![[0; WAYS]; SETS],
            hasher: RandomState::new(),
            start,
            refusals: Refusals::new(start),
        }
    }

    /// Counts a check that a caller in `network` has had.
    pub fn record(&mut self, network: ClientKey, is_right: bool, now: Instant) {
        for (length, prefix) in prefixes(network) {
            self.change(length, prefix, now, |entry| {
                if !is_right {
                    entry.failed = entry.failed.saturating_add(POINTS);
                    return;
                }
                entry.succeeded = entry.succeeded.saturating_add(POINTS);
                if length == 64 || length == 128 {
                    entry.failed = 0;
                }
            });
        }
    }

    pub fn suspicion(&self, network: ClientKey, now: Instant) -> Suspicion {
        let period = self.period(now);
        let mut suspicion = Suspicion::None;
        for (length, prefix) in prefixes(network) {
            let (set, tag) = self.place(length, prefix);
            let entries = self.sets[set].map(Entry::unpack);
            let known = entries.into_iter().find(|entry| entry.tag == tag);
            let excess = known.map_or(0, |entry| entry.faded(period).excess());
            if excess > allowance(length) * POINTS {
                suspicion = match length {
                    32 | 48 | 112 => Suspicion::Surroundings,
                    _ => Suspicion::Network,
                };
            }
        }
        suspicion
    }

    /// Notes that a stranger was refused for overload.
    pub fn refuse(&mut self, network: ClientKey, now: Instant) {
        self.refusals.add(network, now);
    }

    /// Whether a stranger was refused a while ago and has waited as told. Good for one job that is let in.
    pub fn has_returned(&self, network: ClientKey, now: Instant) -> bool {
        self.refusals.has_waited(network, now)
    }

    /// Forgets that a stranger was refused: they were let in now.
    pub fn let_in(&mut self, network: ClientKey) {
        self.refusals.forget(network);
    }

    fn change(&mut self, length: u32, prefix: u128, now: Instant, count: impl Fn(&mut Entry)) {
        let period = self.period(now);
        let (set, tag) = self.place(length, prefix);
        let mut entries = self.sets[set].map(|entry| Entry::unpack(entry).faded(period));
        // Its own place, or else that of the one that tells least.
        let order = |entry: &&mut Entry| match entry.tag {
            own if own == tag => (0, 0),
            0 => (1, 0),
            _ => (2, u16::from(entry.failed) + u16::from(entry.succeeded)),
        };
        if let Some(entry) = entries.iter_mut().min_by_key(order) {
            if entry.tag != tag {
                *entry = Entry {
                    tag,
                    period,
                    ..Entry::default()
                };
            }
            count(entry);
        }
        self.sets[set] = entries.map(Entry::pack);
    }

    /// The set that a prefix belongs to, and its tag there.
    fn place(&self, length: u32, prefix: u128) -> (usize, u32) {
        let hash = self.hasher.hash_one((length, prefix));
        let set = (hash as usize) % SETS;
        (set, ((hash >> 32) as u32).max(1))
    }

    fn period(&self, now: Instant) -> u16 {
        let periods = now.saturating_duration_since(self.start).as_secs() / HALF_LIFE.as_secs();
        u16::try_from(periods).unwrap_or(u16::MAX)
    }
}

/// A refused stranger is asked to come back in a second or later.
const LEAST_WAIT: Duration = Duration::from_millis(800);

/// A stranger who comes later than this is new again. Longer, and networks that a flood picks at random would often count
/// as returned.
const RETURN_WITHIN: Duration = Duration::from_secs(10);

/// Refusals in one generation. Under a larger flood the older ones are forgotten sooner.
const MAX_REFUSALS: usize = 8_192;

/// Strangers who were refused lately, and when for the first time.
struct Refusals {
    young: HashMap<ClientKey, Instant>,
    old: HashMap<ClientKey, Instant>,
    since: Instant,
}

impl Refusals {
    fn new(now: Instant) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            since: now,
        }
    }

    fn add(&mut self, network: ClientKey, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= RETURN_WITHIN || self.young.len() >= MAX_REFUSALS {
            self.old = std::mem::take(&mut self.young);
            if age >= RETURN_WITHIN * 2 {
                self.old.clear();
            }
            self.since = now;
        }
        let is_recent = |refused: &Instant| now.saturating_duration_since(*refused) < RETURN_WITHIN;
        if !self.old.get(&network).is_some_and(is_recent) {
            self.old.remove(&network);
            let refused = self.young.entry(network).or_insert(now);
            if !is_recent(refused) {
                *refused = now;
            }
        }
    }

    fn has_waited(&self, network: ClientKey, now: Instant) -> bool {
        let refused = self.young.get(&network).or_else(|| self.old.get(&network));
        refused.is_some_and(|refused| {
            let waited = now.saturating_duration_since(*refused);
            (LEAST_WAIT..RETURN_WITHIN).contains(&waited)
        })
    }

    fn forget(&mut self, network: ClientKey) {
        self.young.remove(&network);
        self.old.remove(&network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn v4(a: u8, b: u8, c: u8, d: u8) -> ClientKey {
        ClientKey(Ipv4Addr::new(a, b, c, d).to_ipv6_mapped().into())
    }

    #[test]
    fn failures_taint_a_network_and_many_taint_its_surroundings() {
        let now = Instant::now();
        let mut reputation = Reputation::new(now);
        reputation.record(v4(192, 0, 2, 1), false, now);
        assert_eq!(
            reputation.suspicion(v4(192, 0, 2, 1), now),
            Suspicion::Network
        );
        assert_eq!(reputation.suspicion(v4(192, 0, 2, 2), now), Suspicion::None);
        for host in 2..3 {
            reputation.record(v4(192, 0, 2, host), false, now);
        }
        assert_eq!(
            reputation.suspicion(v4(192, 0, 2, 99), now),
            Suspicion::Network
        );
        for part in 3..5 {
            reputation.record(v4(192, 0, part, 1), false, now);
        }
        assert_eq!(
            reputation.suspicion(v4(192, 0, 77, 1), now),
            Suspicion::Surroundings
        );
        assert_eq!(reputation.suspicion(v4(192, 1, 2, 1), now), Suspicion::None);
    }

    #[test]
    fn successes_and_time_make_good() {
        let now = Instant::now();
        let mut reputation = Reputation::new(now);
        reputation.record(v4(192, 0, 2, 1), false, now);
        reputation.record(v4(192, 0, 2, 1), true, now);
        assert_eq!(reputation.suspicion(v4(192, 0, 2, 1), now), Suspicion::None);
        reputation.record(v4(192, 0, 2, 3), false, now);
        let later = now + HALF_LIFE * 3;
        assert_eq!(
            reputation.suspicion(v4(192, 0, 2, 3), later),
            Suspicion::None
        );
    }

    #[test]
    fn ten_thousand_networks_are_remembered() {
        let now = Instant::now();
        let mut reputation = Reputation::new(now);
        let network = |n: u32| {
            ClientKey(
                Ipv4Addr::from(n.wrapping_mul(2_654_435_761))
                    .to_ipv6_mapped()
                    .into(),
            )
        };
        for n in 0..10_000 {
            reputation.record(network(n), false, now);
        }
        let known =
            (0..10_000).filter(|n| reputation.suspicion(network(*n), now) == Suspicion::Network);
        assert!(known.count() > 9_900);
        let strangers =
            (10_000..20_000).filter(|n| reputation.suspicion(network(*n), now) != Suspicion::None);
        assert!(strangers.count() < 100);
    }

    #[test]
    fn a_stranger_who_waits_as_told_has_returned_once() {
        let now = Instant::now();
        let mut reputation = Reputation::new(now);
        let network = v4(192, 0, 2, 1);
        reputation.refuse(network, now);
        let after = |ms| now + Duration::from_millis(ms);
        assert!(!reputation.has_returned(network, after(100)));
        reputation.refuse(network, after(100));
        assert!(reputation.has_returned(network, after(1_000)));
        assert!(!reputation.has_returned(network, after(61_000)));
        reputation.let_in(network);
        assert!(!reputation.has_returned(network, after(1_000)));
    }

    #[test]
    fn refusals_are_bounded() {
        let now = Instant::now();
        let mut reputation = Reputation::new(now);
        for n in 0..100_000 {
            reputation.refuse(ClientKey(n), now);
        }
        let refusals = &reputation.refusals;
        assert!(refusals.young.len() + refusals.old.len() <= 2 * MAX_REFUSALS);
    }
}
