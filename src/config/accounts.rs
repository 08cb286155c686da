//! Who may make an account.

use super::spelling::boolean;
use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "REGISTRATION_ENABLED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether registration is open. When false, administrators create the accounts.",
        secret: false,
    },
    Setting {
        name: "REQUIRE_EMAIL_VERIFICATION",
        default: Some("false"),
        allowed: "true or false",
        help: "Whether an address must be verified before the account exists and can log in. Registration then does not reveal whether an address has an account.",
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
