//! What networks of strangers have come to lately: failed, successful and refused checks by prefix, and who was told to
//! come back. Bounded, and forgotten with time. Decides about turns alone, never about access.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::prefixes::prefixes;
use super::refusals::Refusals;
use crate::password::caller::ClientKey;

/// What a network's recent checks say about its next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Suspicion {
    None,
    /// A larger network around it failed often.
    Surroundings,
    /// It was refused for overload. A flood's networks come again; few people's do so without having waited as told.
    Refused,
    /// It failed itself, or the network right around it did so repeatedly.
    Network,
}

/// All counts are halved this often. A botnet that visits from each of its networks every few minutes stays known; a
/// mistyped password is soon forgotten.
const HALF_LIFE: Duration = Duration::from_secs(15 * 60);

/// What one check counts, so that it is remembered for two to three half-lives.
const POINTS: u8 = 4;

/// What one refusal counts, so that it is remembered for one to two half-lives.
const REFUSAL: u8 = 2;

/// Refusals that tell as much of a larger network as one failure: people are refused too.
const REFUSALS_PER_FAILURE: u8 = 4;

/// Prefixes in one set. The one that tells least makes room for a new one.
const WAYS: usize = 4;

/// 131,072 prefixes of 8 bytes in all: 40,000 networks that failed. Memory that was never written is not resident.
const SETS: usize = 1 << 15;

/// How many parts of a prefix of this length may have failed, beyond those that succeeded. The network itself is forgiven
/// nothing, or else each network of a botnet would have a second try.
fn allowance(length: u32) -> u8 {
    match length {
        120 | 56 => 1,
        112 | 48 => 3,
        32 => 15,
        _ => 0,
    }
}

/// The points of one prefix: of a network's own checks, and above it of the parts that had some.
#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Tells the prefix from others in its set, with 24 bits; 0 for none.
    tag: u32,
    failed: u8,
    succeeded: u8,
    refused: u8,
    /// The half-life in which it was last counted, since the start.
    period: u16,
}

impl Entry {
    fn unpack(packed: u64) -> Self {
        let [a, b, c, refused, failed, succeeded, e, f] = packed.to_le_bytes();
        Self {
            tag: u32::from_le_bytes([a, b, c, 0]),
            failed,
            succeeded,
            refused,
            period: u16::from_le_bytes([e, f]),
        }
    }

    fn pack(self) -> u64 {
        let [a, b, c, _] = self.tag.to_le_bytes();
        let [e, f] = self.period.to_le_bytes();
        u64::from_le_bytes([a, b, c, self.refused, self.failed, self.succeeded, e, f])
    }

    fn faded(mut self, period: u16) -> Self {
        let halvings = u32::from(period.saturating_sub(self.period)).min(7);
        self.failed >>= halvings;
        self.succeeded >>= halvings;
        self.refused >>= halvings;
        self.period = period;
        self
    }

    fn is_tainted(self, length: u32) -> bool {
        // Refusals are no sign of guesses: they taint wide surroundings alone, which decide among equals.
        let refused = if is_wide(length) {
            self.refused / REFUSAL * (POINTS / REFUSALS_PER_FAILURE)
        } else {
            0
        };
        let failed = self.failed.saturating_add(refused);
        failed.saturating_sub(self.succeeded) > allowance(length) * POINTS
    }

    /// How much is lost with it.
    fn told(self) -> u16 {
        u16::from(self.failed) + u16::from(self.succeeded) + u16::from(self.refused)
    }

    fn counter(&mut self, outcome: Outcome) -> &mut u8 {
        match outcome {
            Outcome::Right => &mut self.succeeded,
            Outcome::Wrong => &mut self.failed,
            Outcome::Refused => &mut self.refused,
        }
    }
}

/// A prefix that many people share.
fn is_wide(length: u32) -> bool {
    matches!(length, 32 | 48 | 112)
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Right,
    Wrong,
    Refused,
}

impl Outcome {
    fn points(self) -> u8 {
        match self {
            Self::Right | Self::Wrong => POINTS,
            Self::Refused => REFUSAL,
        }
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
        let outcome = if is_right {
            Outcome::Right
        } else {
            Outcome::Wrong
        };
        self.count(network, outcome, now);
    }

    /// Counts an outcome for the network, and for each larger one if it is the first of its kind in that part of it. So a
    /// network that fails often speaks only for itself.
    fn count(&mut self, network: ClientKey, outcome: Outcome, now: Instant) {
        for (length, prefix) in prefixes(network).rev() {
            let is_first = self.change(length, prefix, now, |entry| {
                let counter = entry.counter(outcome);
                let is_first = *counter == 0;
                *counter = counter.saturating_add(outcome.points());
                if matches!(outcome, Outcome::Right) && matches!(length, 64 | 128) {
                    (entry.failed, entry.refused) = (0, 0);
                }
                is_first
            });
            if !is_first {
                break;
            }
        }
    }

    pub fn suspicion(&self, network: ClientKey, now: Instant) -> Suspicion {
        let period = self.period(now);
        let mut suspicion = Suspicion::None;
        for (length, prefix) in prefixes(network) {
            let (set, tag) = self.place(length, prefix);
            let entries = self.sets[set].map(Entry::unpack);
            let known = entries.into_iter().find(|entry| entry.tag == tag);
            let Some(entry) = known.map(|entry| entry.faded(period)) else {
                continue;
            };
            if entry.is_tainted(length) {
                suspicion = if is_wide(length) {
                    Suspicion::Surroundings
                } else {
                    Suspicion::Network
                };
            } else if matches!(length, 64 | 128)
                && entry.refused > 0
                && suspicion != Suspicion::Network
            {
                suspicion = Suspicion::Refused;
            }
        }
        suspicion
    }

    /// Notes that a stranger was refused for overload, and may come back.
    pub fn refuse(&mut self, network: ClientKey, now: Instant) {
        self.refusals.add(network, now);
        self.count(network, Outcome::Refused, now);
    }

    /// Notes that a stranger who waited has gone.
    pub fn leave(&mut self, network: ClientKey, now: Instant) {
        self.count(network, Outcome::Refused, now);
    }

    /// Whether a stranger was refused a while ago and has waited as told. Good for one job that is let in.
    pub fn has_returned(&self, network: ClientKey, now: Instant) -> bool {
        self.refusals.has_waited(network, now)
    }

    /// Forgets that a stranger was refused: they were let in now.
    pub fn let_in(&mut self, network: ClientKey) {
        self.refusals.forget(network);
    }

    fn change(
        &mut self,
        length: u32,
        prefix: u128,
        now: Instant,
        count: impl Fn(&mut Entry) -> bool,
    ) -> bool {
        let period = self.period(now);
        let (set, tag) = self.place(length, prefix);
        let mut entries = self.sets[set].map(|entry| Entry::unpack(entry).faded(period));
        // Its own place, or else that of the one that tells least.
        let order = |entry: &&mut Entry| match entry.tag {
            own if own == tag => (0, 0),
            0 => (1, 0),
            _ => (2, entry.told()),
        };
        let changed = entries.iter_mut().min_by_key(order).map(|entry| {
            if entry.tag != tag {
                *entry = Entry {
                    tag,
                    period,
                    ..Entry::default()
                };
            }
            count(entry)
        });
        self.sets[set] = entries.map(Entry::pack);
        changed.unwrap_or(false)
    }

    /// The set that a prefix belongs to, and its tag there.
    fn place(&self, length: u32, prefix: u128) -> (usize, u32) {
        let hash = self.hasher.hash_one((length, prefix));
        let set = (hash as usize) % SETS;
        (set, ((hash >> 40) as u32).max(1))
    }

    fn period(&self, now: Instant) -> u16 {
        let periods = now.saturating_duration_since(self.start).as_secs() / HALF_LIFE.as_secs();
        u16::try_from(periods).unwrap_or(u16::MAX)
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
        // It speaks for itself alone, however often it fails.
        for _ in 0..30 {
            reputation.record(v4(192, 0, 2, 1), false, now);
        }
        assert_eq!(reputation.suspicion(v4(192, 0, 2, 2), now), Suspicion::None);
        reputation.record(v4(192, 0, 2, 2), false, now);
        assert_eq!(
            reputation.suspicion(v4(192, 0, 2, 99), now),
            Suspicion::Network
        );
        for part in 3..6 {
            assert_eq!(
                reputation.suspicion(v4(192, 0, 77, 1), now),
                Suspicion::None
            );
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
    fn refused_networks_are_told_from_those_never_seen_until_they_succeed() {
        let now = Instant::now();
        let mut reputation = Reputation::new(now);
        let network = v4(192, 0, 2, 1);
        reputation.refuse(network, now);
        assert_eq!(reputation.suspicion(network, now), Suspicion::Refused);
        assert_eq!(reputation.suspicion(v4(192, 0, 2, 2), now), Suspicion::None);
        assert_eq!(
            reputation.suspicion(network, now + HALF_LIFE * 2),
            Suspicion::None
        );
        reputation.record(network, true, now);
        assert_eq!(reputation.suspicion(network, now), Suspicion::None);
        for part in 0..16 {
            reputation.refuse(v4(198, 51, part, 1), now);
        }
        assert_eq!(
            reputation.suspicion(v4(198, 51, 77, 1), now),
            Suspicion::Surroundings
        );
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
}
