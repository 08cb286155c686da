//! Passwords: hashing and checking by way of the engine, the stored forms, the strength policy.
//! Knows no accounts.

pub mod bench_passwords;
mod caller;
pub mod engine;
mod hash;
pub mod lanes;
mod strength;

use std::time::Duration;

pub use self::caller::{AccountKey, Caller, ClientKey, Standing};
use self::engine::{Engine, EngineError, EngineSettings, Job};
pub use self::engine::{EngineSnapshot, Priority, Speed};
use self::hash::{PasswordHash, Scheme};
use self::lanes::PASSWORD_BYTES;
pub use self::strength::weakness;
use crate::config::{self, Secret};
use crate::ids::Ids;

/// Why a password was neither hashed nor checked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It would have waited too long.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded { retry_after: Duration },
    /// The engine has stopped or broke down over it.
    #[error("the password engine failed: {0}")]
    Failed(String),
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right,
    /// Right, but stored at another cost or under an old prefix: to be hashed anew.
    RightButOutdated,
}

/// Hashes and checks passwords.
pub struct Passwords {
    engine: Engine,
    ids: Ids,
    cost: u32,
    max_cost: u32,
    /// Stands in for the hash of an account that is not there, so that the check takes the same work.
    dummy: PasswordHash,
}

impl Passwords {
    /// Starts the engine.
    pub fn start(settings: &config::Passwords, ids: Ids) -> std::io::Result<Self> {
        let engine = Engine::start(EngineSettings {
            threads: settings.threads,
            lanes: settings.lanes,
            max_wait: settings.max_wait,
            max_cost: settings.max_cost,
            reference_cost: settings.cost,
        })?;
        let dummy = PasswordHash {
            scheme: Scheme::Bcrypt { current: true },
            cost: settings.cost,
            salt: ids.bytes(),
            digest: ids.bytes(),
        };
        Ok(Self {
            engine,
            ids,
            cost: settings.cost,
            max_cost: settings.max_cost,
            dummy,
        })
    }

    /// Hashes computed so far, for whatever reason.
    pub fn hashes_done(&self) -> u64 {
        self.engine.snapshot().hashes_done
    }

    /// What the engine is doing and has done.
    pub fn snapshot(&self) -> EngineSnapshot {
        self.engine.snapshot()
    }

    /// What the machine can do, measured at the start. Blocks for the few milliseconds that this takes.
    pub fn speed(&self) -> Speed {
        self.engine.reference()
    }

    /// Hashes a new password at the configured cost.
    pub async fn hash(
        &self,
        password: &Secret,
        caller: Caller,
        priority: Priority,
    ) -> Result<String, Error> {
        let scheme = Scheme::for_password(password.reveal());
        let salt = self.ids.bytes();
        let digest = self
            .digest(scheme, password, salt, self.cost, caller, priority)
            .await?;
        let hash = PasswordHash {
            scheme,
            cost: self.cost,
            salt,
            digest: *digest.as_bytes(),
        };
        Ok(hash.to_string())
    }

    /// Checks `password` against a stored hash. Without one, or with one that cannot be checked, the same work is done
    /// and the verdict is [`Verdict::Wrong`].
    pub async fn verify(
        &self,
        password: &Secret,
        stored: Option<&str>,
        caller: Caller,
    ) -> Result<Verdict, Error> {
        let known = stored
            .and_then(|stored| stored.parse::<PasswordHash>().ok())
            .filter(|hash| hash.cost <= self.max_cost);
        let hash = known.as_ref().unwrap_or(&self.dummy);
        let digest = self
            .digest(
                hash.scheme,
                password,
                hash.salt,
                hash.cost,
                caller,
                Priority::Interactive,
            )
            .await?;
        let is_other =
            matches!(hash.scheme, Scheme::Bcrypt { .. }) && !bcrypt_tells_apart(password.reveal());
        let right = digest.matches(&hash.digest) & known.is_some() & !is_other;
        let current =
            hash.cost == self.cost && hash.scheme == Scheme::for_password(password.reveal());
        Ok(match (right, current) {
            (false, _) => Verdict::Wrong,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::RightButOutdated,
        })
    }

    async fn digest(
        &self,
        scheme: Scheme,
        password: &Secret,
        salt: [u8; 16],
        cost: u32,
        caller: Caller,
        priority: Priority,
    ) -> Result<lanes::Digest, Error> {
        let job = Job {
            password: scheme.input(password.reveal(), &salt),
            salt,
            cost,
            caller,
            priority,
        };
        self.engine.digest(job).await.map_err(|error| match error {
            EngineError::Overloaded { retry_after } => Error::Overloaded { retry_after },
            other => Error::Failed(other.to_string()),
        })
    }
}

/// Whether bcrypt knows this password from all others. It looks at 72 bytes, so that a longer one would pass for the one
/// that it starts with; and it repeats a short one with a NUL between, so that `a\0a` would pass for `a`.
fn bcrypt_tells_apart(password: &str) -> bool {
    password.len() <= PASSWORD_BYTES && !password.contains('\0')
}
