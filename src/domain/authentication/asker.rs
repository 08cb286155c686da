//! Who asks for a check of a password or a code, as far as it can be told beforehand, and what a failure of theirs counts
//! for. Strangers, known devices and live sessions are counted apart, so that no stranger locks an owner out; see
//! `docs/security/brute-force.md`.

use aws_lc_rs::hmac;

use super::attempts::Subject;
use super::devices::Place;
use crate::domain::{Actor, Origin, Policy, Services};
use crate::ids::{SessionId, UserId};
use crate::password::{Caller, Standing};
use crate::store::known_devices::Familiar;

/// The way in which a guess comes. Each has checks of its own that may fail in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Way {
    /// From a device that is not known as one of the user.
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
            Self::KnownDevice | Self::KnownPlace => 10,
            Self::LiveSession => 20,
            Self::StrangersCode => 80,
            Self::KnownDevicesCode => 20,
        }
    }
}

/// How many checks may fail in a row within one session: of what all sessions of a user have, a stolen one cannot use up more.
const MOST_IN_SESSION: i64 = 10;

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

    /// What is typed to register a name that waits.
    fn registration(services: &Services, key: &str) -> Self {
        Self([b"n", mac(services, &[key.as_bytes()]).as_slice()].concat())
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
    pub(in crate::domain) fn way(user_id: Option<UserId>, way: Way) -> Self {
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
pub(in crate::domain) struct Asker {
    /// For the turns of the password engine.
    pub caller: Caller,
    pub way: Way,
    /// Whose secret it is, if anybody's.
    pub user_id: Option<UserId>,
    /// What is counted openly: who has used it up is told to come back later.
    pub open: Subject,
    /// What is counted in silence: who has used it up is answered as if the secret were wrong.
    pub silent: Option<Subject>,
    /// The session that they ask in.
    session: Option<SessionId>,
    /// As whom they ask once all that they have as a known device is used up: as a stranger, who may have something left.
    pub otherwise: Option<Box<Self>>,
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
        let mut caller = origin.stranger();
        if familiar.network {
            caller.standing = Standing::KnownNetwork;
        }
        let stranger = Self {
            caller,
            way: Way::Stranger,
            user_id,
            open: Subject::identifier(services, key),
            silent: Some(user_id.map_or_else(|| Subject::nobody(services, key), Subject::user)),
            session: None,
            otherwise: None,
        };
        let (Some(id), true) = (user_id, familiar.device) else {
            return stranger;
        };
        let open = Subject::device(services, id, key, place);
        Self {
            caller: origin.known(Standing::KnownDevice, id),
            way: if familiar.place {
                Way::KnownPlace
            } else {
                Way::KnownDevice
            },
            user_id,
            open: open.clone(),
            silent: None,
            session: None,
            // Counted openly as before: more tries than an unknown name has would tell that this one is known.
            otherwise: Some(Box::new(Self { open, ..stranger })),
        }
    }

    /// A person who registers a name that waits, and gives the password that it may wait with. Counted apart from logins: who
    /// registers the name of another keeps them from nothing.
    pub fn at_registration(
        services: &Services,
        origin: &Origin,
        place: &Place,
        familiar: Familiar,
        key: &str,
    ) -> Self {
        Self {
            open: Subject::registration(services, key),
            silent: None,
            ..Self::at_login(services, origin, place, familiar, None, key)
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
            session: Some(actor.session_id()),
            otherwise: None,
        }
    }

    /// The shares that a failure counts for: what the database calls each, and how many may fail in a row.
    pub fn shares(&self, policy: &Policy) -> Vec<(String, i64)> {
        let way = self.way.as_str();
        let mut shares = vec![(way.to_owned(), self.way.most(policy))];
        if let Some(id) = self.session {
            let most = if policy.has_failure_bound {
                MOST_IN_SESSION
            } else {
                i64::MAX
            };
            shares.push((format!("{way} {id}"), most));
        }
        shares
    }
}

/// What is counted of an account by `key`s, which are its normalised address and username, and by the user.
pub(in crate::domain) struct Counted {
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
