//! Who asks for the work of a hash. Decides whose turn a job takes and which share of the engine it may count on.

/// The network that counts as one client: an IPv4 address in its mapped form (`::ffff:a.b.c.d`), or the first 64 bits of
/// an IPv6 address with zeros behind. The caller makes it from the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientKey(pub u128);

/// The account that a known caller asks for, such as its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey(pub u128);

/// What speaks for a caller before the password is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// The request comes with a live session of the account.
    LiveSession,
    /// The account was logged in to from this device before, or the caller holds a link that was mailed to its owner.
    KnownDevice,
    /// The account was logged in to from this network before.
    KnownNetwork,
    /// Nothing does.
    Stranger,
}

impl Standing {
    /// Whether the caller has shown something that an attacker lacks, so that failures say nothing about their network.
    pub fn is_shown(self) -> bool {
        matches!(self, Self::LiveSession | Self::KnownDevice)
    }
}

/// Who asks for a password to be hashed, checked or judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub network: ClientKey,
    pub standing: Standing,
    /// The account that the standing is about. Callers of one account share its turns, so that one account cannot take
    /// the share of all known callers by way of many networks.
    pub account: Option<AccountKey>,
}

impl Caller {
    /// A caller of whom only the network is known.
    pub fn stranger(network: ClientKey) -> Self {
        Self {
            network,
            standing: Standing::Stranger,
            account: None,
        }
    }

    /// A caller who has this standing with `account`.
    pub fn known(standing: Standing, network: ClientKey, account: AccountKey) -> Self {
        Self {
            network,
            standing,
            account: Some(account),
        }
    }

    /// The operator of the server, at the command line.
    pub fn operator() -> Self {
        Self {
            network: ClientKey(0),
            standing: Standing::LiveSession,
            account: None,
        }
    }
}
