//! What a registration asks for, and what comes of it.

use crate::domain::{Email, FullName, Password, User, Username};

/// What a person fills in.
#[derive(Debug)]
pub struct Registration {
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    pub password: Password,
    /// Language of his mails, when it is known.
    pub locale: Option<String>,
}

/// What a registration has come to.
#[derive(Debug, Clone)]
pub enum Registered {
    /// The account is there.
    Account(Box<User>),
    /// Whoever has the address is told by mail how to go on. Whether it had an account is not told.
    VerificationSent,
}

impl From<User> for Registered {
    fn from(user: User) -> Self {
        Self::Account(Box::new(user))
    }
}
