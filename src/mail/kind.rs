//! The kinds of mail that there are, and what each cannot do without.

use super::Values;

/// What a mail tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Confirm your address. Needs `link`, `valid_for`.
    VerifyEmail,
    /// A registration or change of address named this address, which has an account. Needs nothing, and has no link.
    AccountExists,
    /// Choose a new password. Needs `link`, `valid_for`.
    PasswordReset,
    /// All sessions ended and the password was removed, as the user asked: choose a new one; `email` is your address again. Needs
    /// `link`, `valid_for`.
    AccountSecured,
    /// The user verified the address of an account that another person may have created: its password is removed. Needs `link`,
    /// `valid_for`.
    PasswordRemoved,
    /// Your address is proved; it was registered more than once: is the username yours? If not, choose another password. Needs
    /// `link`, `valid_for`.
    SeveralRegistrations,
    /// An administrator made an account for you: choose its password. Needs `link`, `valid_for`.
    SetPassword,
    /// To the new address: confirm it. Needs `link`, `valid_for`.
    EmailChange,
    /// To the former address: it was replaced by `email`. `link` undoes it.
    EmailChanged,
    /// `link` in this and the following two: it was not me.
    PasswordChanged,
    NewDevice,
    SessionsEnded,
    /// Needs `code`, `valid_for`.
    LoginCode,
    /// Mail works.
    Test,
}

impl Kind {
    pub const ALL: [Self; 14] = [
        Self::VerifyEmail,
        Self::AccountExists,
        Self::PasswordReset,
        Self::AccountSecured,
        Self::PasswordRemoved,
        Self::SeveralRegistrations,
        Self::SetPassword,
        Self::EmailChange,
        Self::EmailChanged,
        Self::PasswordChanged,
        Self::NewDevice,
        Self::SessionsEnded,
        Self::LoginCode,
        Self::Test,
    ];

    /// As it stands in the database, in logs and in the files of texts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::AccountExists => "account_exists",
            Self::PasswordReset => "password_reset",
            Self::AccountSecured => "account_secured",
            Self::PasswordRemoved => "password_removed",
            Self::SeveralRegistrations => "several_registrations",
            Self::SetPassword => "set_password",
            Self::EmailChange => "email_change",
            Self::EmailChanged => "email_changed",
            Self::PasswordChanged => "password_changed",
            Self::NewDevice => "new_device",
            Self::SessionsEnded => "sessions_ended",
            Self::LoginCode => "login_code",
            Self::Test => "test",
        }
    }

    /// Reads what [`Kind::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// The first value that a mail of this kind cannot do without and that is not there.
    pub(super) fn missing(self, values: &Values) -> Option<&'static str> {
        let link = ("link", values.link.is_some());
        let code = ("code", values.code.is_some());
        let valid_for = ("valid_for", values.valid_for.is_some());
        let needed: &[(&str, bool)] = match self {
            Self::VerifyEmail
            | Self::PasswordReset
            | Self::AccountSecured
            | Self::PasswordRemoved
            | Self::SeveralRegistrations
            | Self::SetPassword
            | Self::EmailChange => &[link, valid_for],
            Self::LoginCode => &[code, valid_for],
            _ => &[],
        };
        let absent = needed.iter().find(|(_, is_there)| !is_there);
        absent.map(|(name, _)| *name)
    }

    /// Whether it may go to somebody who has nothing to do with whoever caused it, so that a name chosen by the latter
    /// must not be able to carry a message.
    pub(super) const fn reaches_strangers(self) -> bool {
        matches!(
            self,
            Self::VerifyEmail
                | Self::EmailChange
                | Self::EmailChanged
                | Self::SetPassword
                | Self::SeveralRegistrations
                | Self::PasswordRemoved
                | Self::AccountSecured
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::parse("VerifyEmail"), None);
    }
}
