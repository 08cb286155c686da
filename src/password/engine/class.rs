//! The classes of callers and the path by which the callers of one class take turns.

use super::prefixes::prefixes;
use super::reputation::Suspicion;
use crate::password::caller::{Caller, Standing};

/// Who a waiting job is for, the better known first. Each class has a share of the engine while it has jobs waiting; what
/// one class does not need goes to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    LiveSession,
    KnownDevice,
    KnownNetwork,
    /// A stranger who was refused for overload and came back when told.
    Returning,
    /// A stranger of a network without recent failures.
    Fresh,
    /// A stranger of an unremarkable network within a larger one that failed often.
    Neighbor,
    /// A stranger of a network that was refused lately, and did not come back when told.
    Refused,
    /// A stranger of a network that failed lately.
    Suspect,
}

impl Class {
    pub const ALL: [Self; 8] = [
        Self::LiveSession,
        Self::KnownDevice,
        Self::KnownNetwork,
        Self::Returning,
        Self::Fresh,
        Self::Neighbor,
        Self::Refused,
        Self::Suspect,
    ];

    /// The class's part of the engine when all classes have jobs waiting, out of the sum of all weights (157). Known
    /// callers keep more than half. Strangers who were never here come before all that is known of a flood, whose networks
    /// keep something because people share them with bots.
    pub fn weight(self) -> u64 {
        match self {
            Self::LiveSession | Self::KnownDevice => 48,
            Self::KnownNetwork | Self::Fresh => 24,
            Self::Returning => 8,
            Self::Neighbor => 3,
            Self::Refused | Self::Suspect => 1,
        }
    }

    /// A multiple of every weight.
    pub const COMMON: u64 = 48;

    pub fn of(standing: Standing, suspicion: Suspicion, has_returned: bool) -> Self {
        match (standing, suspicion) {
            (Standing::LiveSession, _) => Self::LiveSession,
            (Standing::KnownDevice, _) => Self::KnownDevice,
            (Standing::KnownNetwork, _) => Self::KnownNetwork,
            (Standing::Stranger, Suspicion::Network) => Self::Suspect,
            (Standing::Stranger, _) if has_returned => Self::Returning,
            (Standing::Stranger, Suspicion::Refused) => Self::Refused,
            (Standing::Stranger, Suspicion::Surroundings) => Self::Neighbor,
            (Standing::Stranger, Suspicion::None) => Self::Fresh,
        }
    }
}

/// Whose turn a job takes, the widest group first: one turn for each group that has jobs waiting, and within it one for
/// each of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path {
    keys: [u128; 4],
    depth: usize,
}

impl Path {
    /// By account where the standing is about one, by network otherwise.
    pub fn of(caller: &Caller) -> Self {
        let mut path = Self {
            keys: [0; 4],
            depth: 0,
        };
        if let Some(account) = caller.account {
            (path.keys[0], path.depth) = (account.0, 1);
            return path;
        }
        for (_, prefix) in prefixes(caller.network) {
            path.keys[path.depth] = prefix;
            path.depth += 1;
        }
        path
    }

    pub fn keys(&self) -> &[u128] {
        &self.keys[..self.depth]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    use crate::password::caller::ClientKey;

    fn path(ip: &str) -> Vec<String> {
        let ip: Ipv6Addr = ip.parse().unwrap();
        let path = Path::of(&Caller::stranger(ClientKey(ip.into())));
        let keys = path.keys().iter();
        keys.map(|key| Ipv6Addr::from(*key).to_string()).collect()
    }

    #[test]
    fn strangers_take_turns_by_ever_smaller_networks() {
        assert_eq!(
            path("2001:db8:1:2345::"),
            [
                "2001:db8::",
                "2001:db8:1::",
                "2001:db8:1:2300::",
                "2001:db8:1:2345::"
            ]
        );
        assert_eq!(
            path("::ffff:192.0.2.7"),
            ["::ffff:192.0.0.0", "::ffff:192.0.2.0", "::ffff:192.0.2.7"]
        );
    }

    #[test]
    fn every_weight_divides_the_common_multiple() {
        for class in Class::ALL {
            assert_eq!(Class::COMMON % class.weight(), 0, "{class:?}");
        }
    }
}
