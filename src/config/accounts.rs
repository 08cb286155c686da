//! Who may make an account.

use super::source::boolean;
use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "REGISTRATION_ENABLED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether anybody may register. When false, administrators create the accounts.",
        secret: false,
    },
    Setting {
        name: "REQUIRE_EMAIL_VERIFICATION",
        default: Some("false"),
        allowed: "false (this version sends no mail yet)",
        help: "Whether an address has to be verified before the first login.",
        secret: false,
    },
];

/// The accounts section.
#[derive(Debug, Clone)]
pub struct Accounts {
    pub registration_enabled: bool,
}

impl Accounts {
    pub(super) fn read(source: &mut Source) -> Self {
        source.required(&SETTINGS[1], |text| {
            boolean(text).filter(|required| !required)
        });
        Self {
            registration_enabled: source.required(&SETTINGS[0], boolean),
        }
    }
}
