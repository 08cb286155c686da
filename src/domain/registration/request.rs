//! What a registration asks for, and what comes of it.

use crate::domain::{Email, FullName, Password, User, Username};

/// What a person fills in.
#[derive(Debug)]
pub struct Registration {
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    pub password: Password,
    /// Language of the user's mails, if known.
    pub locale: Option<String>,
}

/// What a registration has come to.
#[derive(Debug, Clone)]
pub enum Registered {
    /// The account is there.
    Account(Box<User>),
    /// The owner of the address gets a mail that says how to go on. The answer does not reveal whether it had an account.
    VerificationSent,
}

impl From<User> for Registered {
    fn from(user: User) -> Self {
        Self::Account(Box::new(user))
    }
}
