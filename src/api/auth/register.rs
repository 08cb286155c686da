//! What a registration is sent as and answered with; of the tag `auth`.

use poem::{FromRequest, Request, RequestBody};
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::api::account::OWN;
use crate::api::wire::answer::{Accepted, Created, Either, Tagged};
use crate::api::wire::body::request_objects;
use crate::api::wire::fields::{EmailText, FullNameText, NewPasswordText, UsernameText};
use crate::api::wire::objects::User;
use crate::domain::registration::{self, Registered, Registration};
use crate::domain::{Email, FullName, Invalid, Password, Username};
use crate::http::context;
use crate::http::result::{Result, ResultExt};

/// A new account.
#[derive(Debug, Object)]
#[oai(write_only_all)]
pub struct RegisterRequest {
    /// Where the user can be reached; unique without regard to case.
    email: EmailText,
    /// Letters, digits, dots, underscores and hyphens; unique without regard to case.
    username: UsernameText,
    /// Any characters but NUL, taken exactly as sent. It must be hard to guess.
    password: NewPasswordText,
    /// The user's name as people write it. Optional.
    full_name: Option<FullNameText>,
}

request_objects!(RegisterRequest);

/// One object for both outcomes; 201 with the account, 202 without.
pub type RegisterAnswer = Either<Tagged<Created<RegistrationResult>>, Accepted<RegistrationResult>>;

/// The answer to a registration.
pub fn registered(registered: Registered) -> RegisterAnswer {
    match registered {
        Registered::Account(user) => Either::This(Tagged {
            revision: user.revision(),
            answer: Created {
                location: OWN.to_owned(),
                body: RegistrationResult {
                    status: RegistrationStatus::Created,
                    user: Some((*user).into()),
                },
            },
        }),
        Registered::VerificationSent => Either::That(Accepted(RegistrationResult {
            status: RegistrationStatus::VerificationRequired,
            user: None,
        })),
    }
}

/// The result of a registration.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all, skip_serializing_if_is_none)]
pub struct RegistrationResult {
    status: RegistrationStatus,
    /// The new account, when `status` is `created`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
}

/// `created`: the account exists. `verification_required`: the mail says what to do next.
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum RegistrationStatus {
    #[default]
    Created,
    VerificationRequired,
}

/// Registration is open. This is checked before the rest of the request.
pub struct RegistrationOpen;

impl<'a> FromRequest<'a> for RegistrationOpen {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        registration::require_open(&context::of(request)?.services).or_problem()?;
        Ok(Self)
    }
}

impl RegisterRequest {
    /// Reads the fields.
    pub fn parse(self, locale: Option<String>) -> crate::domain::Result<Registration> {
        let mut invalid = Invalid::default();
        let email = invalid.keep(Email::parse("email", &self.email.0));
        let username = invalid.keep(Username::parse("username", &self.username.0));
        let password = invalid.keep(Password::parse("password", self.password.0));
        let full_name = self.full_name.as_ref().map(|name| name.0.as_str());
        let full_name = invalid.keep(FullName::parse("full_name", full_name));
        match (email, username, password, full_name) {
            (Some(email), Some(username), Some(password), Some(full_name)) => Ok(Registration {
                email,
                username,
                full_name,
                password,
                locale,
            }),
            _ => Err(invalid.into()),
        }
    }
}
