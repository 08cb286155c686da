//! Strangers who were refused for overload and told when to come back. Bounded, and forgotten after seconds.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::password::caller::ClientKey;

/// A refused stranger is asked to come back in a second or later.
const LEAST_WAIT: Duration = Duration::from_millis(800);

/// A stranger who comes later than this is new again. Longer, and networks that a flood picks at random would often count
/// as returned.
const RETURN_WITHIN: Duration = Duration::from_secs(10);

/// Refusals in one generation. Under a larger flood the older ones are forgotten sooner.
const MAX_REFUSALS: usize = 8_192;

/// Strangers who were refused lately, and when for the first time.
pub(super) struct Refusals {
    young: HashMap<ClientKey, Instant>,
    old: HashMap<ClientKey, Instant>,
    since: Instant,
}

impl Refusals {
    pub fn new(now: Instant) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            since: now,
        }
    }

    pub fn add(&mut self, network: ClientKey, now: Instant) {
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

    pub fn has_waited(&self, network: ClientKey, now: Instant) -> bool {
        let refused = self.young.get(&network).or_else(|| self.old.get(&network));
        refused.is_some_and(|refused| {
            let waited = now.saturating_duration_since(*refused);
            (LEAST_WAIT..RETURN_WITHIN).contains(&waited)
        })
    }

    pub fn forget(&mut self, network: ClientKey) {
        self.young.remove(&network);
        self.old.remove(&network);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_bounded() {
        let now = Instant::now();
        let mut refusals = Refusals::new(now);
        for n in 0..100_000 {
            refusals.add(ClientKey(n), now);
        }
        assert!(refusals.young.len() + refusals.old.len() <= 2 * MAX_REFUSALS);
    }
}
