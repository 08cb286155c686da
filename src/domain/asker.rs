//! Who asks for a check of a password or a code, as far as it can be told beforehand, and what a failure of theirs counts
//! for. Strangers, known devices and live sessions are counted apart, so that no stranger locks an owner out; see
//! `docs/brute-force.md`.

use aws_lc_rs::hmac;

use super::devices::Place;
use super::{Actor, Origin, Policy, Services};
use crate::ids::UserId;
use crate::password::{Caller, Standing};
use crate::store::known_devices::Familiar;

/// The way in which a guess comes. Each has checks of its own that may fail in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// From a device that the user has never logged in from.
    Stranger,
    /// From a device of the user, in another network than the last time. A stranger with the same program and provider
    /// passes for it.
    KnownDevice,
    /// From a device of the user, in the network of the last time.
    KnownPlace,
    /// Within a session of the user.
    LiveSession,
    /// At a login code that a stranger has asked for.
    StrangersCode,
    /// At a login code that a device of the user has asked for.
    KnownDevicesCode,
}

impl Way {
    /// What the database calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::KnownDevice => "known_device",
            Self::KnownPlace => "known_place",
            Self::LiveSession => "live_session",
            Self::StrangersCode => "strangers_code",
            Self::KnownDevicesCode => "known_devices_code",
        }
    }

    /// How many checks may fail in a row. NIST SP 800-63B-4 §3.2.2 allows an account 100 consecutive failures for each kind
    /// of authenticator: the ways to guess at a password share 100, and so do those to guess at a code. Shares that are kept
    /// apart cannot be used up by others.
    pub const fn most(self, policy: &Policy) -> i64 {
        if !policy.has_failure_bound {
            return i64::MAX;
        }
        match self {
            Self::Stranger => 60,
            Self::KnownDevice => 10,
            Self::KnownPlace | Self::LiveSession => 15,
            Self::StrangersCode => 80,
            Self::KnownDevicesCode => 20,
        }
    }
}

/// What failures are counted by. Never raw input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(Vec<u8>);

impl Subject {
    /// All that strangers try at a user, whatever they type.
    fn user(id: UserId) -> Self {
        Self([b"u", id.0.as_bytes().as_slice()].concat())
    }

    /// The same where there is no such user.
    fn nobody(services: &Services, key: &str) -> Self {
        Self([b"j", mac(services, &[key.as_bytes()]).as_slice()].concat())
    }

    /// What strangers type: a normalised e-mail address or username. The two of one user are counted apart, or the limit would
    /// tell which belong together.
    pub fn identifier(services: &Services, key: &str) -> Self {
        Self([b"i", mac(services, &[key.as_bytes()]).as_slice()].concat())
    }

    /// What is typed on a known device of a user, in one network.
    fn device(services: &Services, id: UserId, key: &str, place: &Place) -> Self {
        let parts = [
            key.as_bytes(),
            b"\0",
            place.device.as_slice(),
            place.network.as_slice(),
        ];
        let tag = mac(services, &parts);
        Self([Self::devices(id).0.as_slice(), &tag[..16]].concat())
    }

    /// What all of [`Subject::device`] of a user start with.
    fn devices(id: UserId) -> Self {
        Self([b"k", id.0.as_bytes().as_slice()].concat())
    }

    fn session(actor: &Actor) -> Self {
        Self([b"s", actor.session_id().0.as_bytes().as_slice()].concat())
    }

    /// Checks under way, where they are limited by their way.
    pub(super) fn way(user_id: Option<UserId>, way: Way) -> Self {
        let id = user_id.map_or([0; 16], |id| *id.0.as_bytes());
        Self([b"w".as_slice(), &id, way.as_str().as_bytes()].concat())
    }

    #[cfg(test)]
    pub fn for_tests() -> Self {
        Self::user(UserId(uuid::Uuid::nil()))
    }

    /// What the database keeps of it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn mac(services: &Services, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(&services.login_identifier_key);
    for part in parts {
        context.update(part);
    }
    let mut tag = [0; 32];
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

/// Who asks for a check.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// For the turns of the password engine.
    pub caller: Caller,
    pub way: Way,
    /// Whose secret it is, if anybody's.
    pub user_id: Option<UserId>,
    /// What is counted openly: who has used it up is told to come back later.
    pub open: Subject,
    /// What is counted in silence: who has used it up is answered as if the secret were wrong.
    pub silent: Option<Subject>,
}

impl Asker {
    /// Somebody who logs in with what was typed, normalised in `key`, which may be what `user_id` is known by.
    pub fn at_login(
        services: &Services,
        origin: &Origin,
        place: &Place,
        familiar: Familiar,
        user_id: Option<UserId>,
        key: &str,
    ) -> Self {
        if let (Some(id), true) = (user_id, familiar.device) {
            return Self {
                caller: origin.known(Standing::KnownDevice, id),
                way: if familiar.place {
                    Way::KnownPlace
                } else {
                    Way::KnownDevice
                },
                user_id,
                open: Subject::device(services, id, key, place),
                silent: None,
            };
        }
        let mut caller = origin.stranger();
        if familiar.network {
            caller.standing = Standing::KnownNetwork;
        }
        Self {
            caller,
            way: Way::Stranger,
            user_id,
            open: Subject::identifier(services, key),
            silent: Some(user_id.map_or_else(|| Subject::nobody(services, key), Subject::user)),
        }
    }

    /// A user who gives the password again.
    pub fn in_session(actor: &Actor) -> Self {
        Self {
            caller: actor.origin.known(Standing::LiveSession, actor.id()),
            way: Way::LiveSession,
            user_id: Some(actor.id()),
            open: Subject::session(actor),
            silent: None,
        }
    }
}

/// What is counted of an account by `key`s, which are its normalised address and username, and by the user.
pub(super) struct Counted {
    pub subjects: Vec<Subject>,
    /// What further ones start with.
    pub devices: Subject,
}

impl Counted {
    pub fn of(services: &Services, id: UserId, keys: &[&str]) -> Self {
        let mut subjects = vec![Subject::user(id)];
        subjects.extend(keys.iter().map(|key| Subject::identifier(services, key)));
        Self {
            subjects,
            devices: Subject::devices(id),
        }
    }
}
