//! Passwords: hashing and checking by way of the engine, the stored forms, the strength policy.
//! Knows no accounts.

pub mod bench_passwords;
mod caller;
pub mod engine;
mod hash;
pub mod lanes;
mod strength;

use std::sync::Arc;
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
    /// It would have waited too long, or gave its place to another.
    #[error("too many passwords are waiting to be hashed")]
    Overloaded { retry_after: Duration },
    /// The engine has stopped or broke down over it.
    #[error("the password engine failed: {0}")]
    Failed(String),
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Overloaded { retry_after } => Self::Overloaded { retry_after },
            other => Self::Failed(other.to_string()),
        }
    }
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
    /// What every hash and check takes at least.
    cost: u32,
    max_cost: u32,
    /// Stands in for the hash of an account that is not there, so that the check takes the same work.
    dummy: PasswordHash,
    /// Words that are easy to guess here.
    context: Arc<[String]>,
}

/// What stored hashes have in common that [`Passwords::verify_any`] checks with the work of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinship {
    is_sha256: bool,
    salt: [u8; 16],
    cost: u32,
}

impl Kinship {
    /// `None` for a hash that cannot be checked: one of another kind, or costlier than `max_cost`.
    pub fn of(stored: &str, max_cost: u32) -> Option<Self> {
        let hash = stored.parse::<PasswordHash>().ok()?;
        (hash.cost <= max_cost).then_some(Self {
            is_sha256: hash.scheme == Scheme::BcryptSha256,
            salt: hash.salt,
            cost: hash.cost,
        })
    }
}

impl Passwords {
    /// Starts the engine.
    ///
    /// `context` are words that are easy to guess where the service runs ([`config::Settings::context_words`]).
    pub fn start(
        settings: &config::Passwords,
        context: Vec<String>,
        ids: Ids,
    ) -> std::io::Result<Self> {
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
            context: context.into(),
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

    /// Hashes a new password at the configured cost under a salt that the caller chose, in the one scheme that takes passwords
    /// of every length.
    pub async fn hash_salted(
        &self,
        password: &Secret,
        salt: [u8; 16],
        caller: Caller,
    ) -> Result<String, Error> {
        let (scheme, cost, priority) = (Scheme::BcryptSha256, self.cost, Priority::Interactive);
        let digest = self
            .digest(scheme, password, salt, cost, caller, priority)
            .await?;
        let hash = PasswordHash {
            scheme,
            cost,
            salt,
            digest: *digest.as_bytes(),
        };
        Ok(hash.to_string())
    }

    /// Whether a stored hash can be checked and has the configured cost.
    pub fn has_our_cost(&self, stored: &str) -> bool {
        self.known(stored)
            .is_some_and(|hash| hash.cost == self.cost)
    }

    /// The costliest hash that can be checked.
    pub fn max_cost(&self) -> u32 {
        self.max_cost
    }

    /// As [`Passwords::hash`], under the salt and cost of another stored hash: [`Passwords::verify_any`] then checks a
    /// password against both with the work of one.
    pub async fn hash_beside(
        &self,
        password: &Secret,
        beside: Option<&str>,
        caller: Caller,
    ) -> Result<String, Error> {
        let Some(beside) = beside.and_then(|stored| self.known(stored)) else {
            return self.hash(password, caller, Priority::Interactive).await;
        };
        let scheme = match beside.scheme {
            Scheme::BcryptSha256 => Scheme::BcryptSha256,
            Scheme::Bcrypt { .. } => Scheme::for_password(password.reveal()),
        };
        let (salt, cost, priority) = (beside.salt, beside.cost, Priority::Interactive);
        let digest = self
            .digest(scheme, password, salt, cost, caller, priority)
            .await?;
        let hash = PasswordHash {
            scheme,
            cost,
            salt,
            digest: *digest.as_bytes(),
        };
        Ok(hash.to_string())
    }

    /// Checks `password` against a stored hash. Without one, with one that cannot be checked and with a cheaper one, the
    /// steps are those of a hash at the configured cost. Without one, and with one that cannot be checked, the verdict is
    /// [`Verdict::Wrong`]. A costlier hash takes its own steps, until the next login stores it anew.
    ///
    /// The verdict is remembered for the network of a caller whose password or network is all that speaks for them, and
    /// decides on the turns of strangers there while there is more to do than can be done.
    pub async fn verify(
        &self,
        password: &Secret,
        stored: Option<&str>,
        caller: Caller,
    ) -> Result<Verdict, Error> {
        let stored: Vec<&str> = stored.into_iter().collect();
        let found = self.verify_any(password, &stored, caller).await?;
        Ok(found.map_or(Verdict::Wrong, |(_, verdict)| verdict))
    }

    /// Checks `password` against the first of the stored hashes that it can be of, and against all others that share its
    /// salt and cost, with the work of one. Gives the place of the one that it is right for.
    pub async fn verify_any(
        &self,
        password: &Secret,
        stored: &[&str],
        caller: Caller,
    ) -> Result<Option<(usize, Verdict)>, Error> {
        let known: Vec<_> = stored.iter().map(|stored| self.known(stored)).collect();
        let tells_apart = bcrypt_tells_apart(password.reveal());
        let can_be = |hash: &&PasswordHash| hash.scheme == Scheme::BcryptSha256 || tells_apart;
        let mut candidates = known.iter().flatten();
        let first = candidates.clone().find(can_be).or(candidates.next());
        let first = first.unwrap_or(&self.dummy);
        let digest = self
            .digest(
                first.scheme,
                password,
                first.salt,
                first.cost,
                caller,
                Priority::Interactive,
            )
            .await?;
        let is_sha256 = |hash: &PasswordHash| hash.scheme == Scheme::BcryptSha256;
        let mut found = None;
        for (place, hash) in known.iter().enumerate() {
            let Some(hash) = hash else { continue };
            let is_of_digest = (hash.salt, hash.cost) == (first.salt, first.cost)
                && is_sha256(hash) == is_sha256(first);
            if digest.matches(&hash.digest) & is_of_digest & can_be(&hash) && found.is_none() {
                let is_current = hash.cost == self.cost
                    && (is_sha256(hash) || hash.scheme == Scheme::for_password(password.reveal()));
                let verdict = if is_current {
                    Verdict::Right
                } else {
                    Verdict::RightButOutdated
                };
                found = Some((place, verdict));
            }
        }
        if found.is_some() || !caller.standing.is_shown() {
            self.engine.record(caller.network, found.is_some());
        }
        Ok(found)
    }

    /// A stored hash that can be checked.
    fn known(&self, stored: &str) -> Option<PasswordHash> {
        let hash = stored.parse::<PasswordHash>().ok();
        hash.filter(|hash| hash.cost <= self.max_cost)
    }

    /// Why a new password is too easy to guess for who knows `about` (the account's e-mail and username) and the words of the
    /// context, or `None` when it is not. Takes up to some milliseconds, so it is admitted as hashes are, and only a few are judged at a time.
    pub async fn weakness(
        &self,
        password: &Secret,
        about: Vec<String>,
        caller: Caller,
    ) -> Result<Option<String>, Error> {
        let password = password.clone();
        let context = self.context.clone();
        let judged = self.engine.run(caller, move |is_wanted| {
            let about = about.iter().chain(context.iter());
            let about: Vec<&str> = about.map(String::as_str).collect();
            strength::weakness(password.reveal(), &about, is_wanted)
        });
        Ok(judged.await?)
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
            padded_to: self.cost,
            caller,
            priority,
        };
        Ok(self.engine.digest(job).await?)
    }
}

/// Whether bcrypt knows this password from all others. It looks at 72 bytes, so that a longer one would pass for the one
/// that it starts with; and it repeats a short one with a NUL between, so that `a\0a` would pass for `a`.
fn bcrypt_tells_apart(password: &str) -> bool {
    password.len() <= PASSWORD_BYTES && !password.contains('\0')
}
