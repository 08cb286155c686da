//! Identifiers and randomness. Nothing outside this file asks the system for random bytes.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where randomness comes in"
)]

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::clock::SharedClock;

/// Where random bytes come from.
pub trait Random: Send + Sync {
    /// Fills `buffer` with bytes fit for keys and tokens.
    fn fill(&self, buffer: &mut [u8]);
}

/// The operating system's generator.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) {
        // Without randomness no key, salt or id can be made: there is nothing sensible left to do.
        getrandom::fill(buffer).expect("the system's random source failed");
    }
}

/// Makes ids and salts from the injected clock and random source.
#[derive(Clone)]
pub struct Ids {
    clock: SharedClock,
    random: Arc<dyn Random>,
}

impl Ids {
    /// An id source over `clock` and `random`.
    pub fn new(clock: SharedClock, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// A UUID version 7 (RFC 9562 §5.7): ordered by the millisecond in which it was made.
    pub fn uuid(&self) -> Uuid {
        let millis = self.clock.now().millis().unsigned_abs();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id.
            pub fn new(ids: &Ids) -> Self {
                Self(ids.uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// Identifies a user for ever: it is never given to another.
    UserId
}
id! {
    /// Identifies a session: one login on one device, with its chain of refresh tokens.
    SessionId
}
id! {
    /// Identifies an audit event.
    EventId
}
id! {
    /// Identifies a running instance of the service, from its start to its end.
    InstanceId
}
id! {
    /// Identifies a mail: the same at every try to send it.
    MailId
}
id! {
    /// Identifies a registration whose address is not confirmed yet.
    RegistrationId
}
