//! Who may make an account.

use super::spelling::boolean;
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
        allowed: "true or false",
        help: "Whether an address has to be verified before there is an account, or a login. Registering then tells nobody whether an address has one.",
        secret: false,
    },
    Setting {
        name: "EMAIL_LOGIN_ENABLED",
        default: Some("false"),
        allowed: "true or false",
        help: "Whether users may log in with a code that is mailed to them, without a password.",
        secret: false,
    },
];

/// The accounts section.
#[derive(Debug, Clone)]
pub struct Accounts {
    pub registration_enabled: bool,
    pub require_email_verification: bool,
    pub email_login_enabled: bool,
}

impl Accounts {
    pub(super) fn read(source: &mut Source) -> Self {
        Self {
            registration_enabled: source.required(&SETTINGS[0], boolean),
            require_email_verification: source.required(&SETTINGS[1], boolean),
            email_login_enabled: source.required(&SETTINGS[2], boolean),
        }
    }
}
