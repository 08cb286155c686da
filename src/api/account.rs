//! The tag `account`: the own account.

use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};

use super::email::{MailRequested, accepted};
use super::operation::{Operation, Tag};
use super::security::{Caller, OwnAccount, Permitted};
use super::wire::answer::{Accepted, Changed, Conditional, Json, NoContent, Tagged};
use super::wire::body::{JsonBody, request_objects};
use super::wire::fields::{EmailText, FullNameText, NewPasswordText, PasswordText, UsernameText};
use super::wire::idempotency::{IdempotencyKey, MaybeReplayed};
use super::wire::objects::{Token, User};
use super::wire::preconditions::{IfMatch, IfNoneMatch};
use crate::domain::ACCOUNT_SCOPE;
use crate::domain::account::{self, Profile};
use crate::domain::email::email_change;
use crate::domain::{Email, FullName, Invalid, Password, Username};
use crate::http::code::Code;
use crate::http::limits::Class;
use crate::http::result::{Result, ResultExt};

/// The operations of this file.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        success: "Your account.",
        failures: &[Code::PreconditionFailed],
        ..Operation::at("getCurrentUser", "/users/me")
    },
    Operation {
        scope: Some(ACCOUNT_SCOPE),
        body: "The new profile.",
        success: "The account with its new profile.",
        failures: &[
            Code::InsufficientUserAuthentication,
            Code::UsernameTaken,
            Code::PreconditionFailed,
        ],
        ..Operation::at("replaceCurrentUser", "/users/me")
    },
    Operation {
        scope: Some(ACCOUNT_SCOPE),
        body: "The parts of the profile to change.",
        success: "The account with the changed profile.",
        failures: &[
            Code::InsufficientUserAuthentication,
            Code::UsernameTaken,
            Code::PreconditionFailed,
        ],
        ..Operation::at("updateCurrentUser", "/users/me")
    },
    Operation {
        scope: Some(ACCOUNT_SCOPE),
        success: "The account and its sessions are deleted.",
        failures: &[
            Code::InsufficientUserAuthentication,
            Code::LastAdmin,
            Code::PreconditionFailed,
        ],
        ..Operation::at("deleteCurrentUser", "/users/me")
    },
    Operation {
        scope: Some(ACCOUNT_SCOPE),
        body: "The current password and the new one.",
        success: "The new password is set. New tokens for this session.",
        failures: &[Code::InvalidCredentials, Code::AccountThrottled],
        ..Operation::at("changePassword", "/users/me/password")
    },
    Operation {
        scope: Some(ACCOUNT_SCOPE),
        body: "The new address and the password.",
        success: "The request was accepted. The change takes effect when the user follows the link in the mail.",
        failures: &[
            Code::InvalidCredentials,
            Code::AccountThrottled,
            Code::IdempotencyKeyReused,
        ],
        ..Operation::at("requestEmailChange", "/users/me/email")
    },
];

/// The whole profile.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct ProfileReplacement {
    /// The new name to log in with.
    username: UsernameText,
    /// If it is absent or `null`, the full name is removed.
    full_name: Option<FullNameText>,
}

/// Changes of the profile. Absent members stay as they are.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct ProfileUpdate {
    /// A new name to log in with.
    username: Option<UsernameText>,
    /// `null` removes the full name.
    full_name: MaybeUndefined<FullNameText>,
}

/// The old password and a new one.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct PasswordChange {
    /// The current password.
    current_password: PasswordText,
    /// Any characters but NUL. It must differ from the current one and be hard to guess.
    new_password: NewPasswordText,
}

/// Another address, and the password.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct EmailChange {
    /// It takes effect when the user follows the link that is mailed to it.
    new_email: EmailText,
    /// The user's current password.
    current_password: PasswordText,
}

request_objects!(
    ProfileReplacement,
    ProfileUpdate,
    PasswordChange,
    EmailChange
);

/// The path of the own account.
pub(super) const OWN: &str = "/users/me";

pub struct AccountApi;

#[OpenApi(prefix_path = "/users/me", tag = "Tag::Account")]
impl AccountApi {
    /// Get your account
    ///
    /// The account of the access token. A session of any scope may read it.
    #[oai(path = "/", method = "get", operation_id = "getCurrentUser")]
    async fn get(
        &self,
        caller: Caller,
        /// Answer 304 if the account still has this `ETag`.
        #[oai(name = "If-None-Match")]
        if_none_match: IfNoneMatch,
    ) -> Result<Conditional<User>> {
        if_none_match.show(caller.actor.user)
    }

    /// Replace your profile
    ///
    /// Username and full name. A full name that is not sent is removed. Needs the scope `account`. Another username needs a
    /// step-up: a login or `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(path = "/", method = "put", operation_id = "replaceCurrentUser")]
    async fn replace(
        &self,
        caller: Permitted<OwnAccount>,
        /// The `ETag` that the account must have. If it has another one, nothing changes and the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<ProfileReplacement>,
    ) -> Result<Tagged<Changed<User>>> {
        let full_name = MaybeUndefined::from_opt_null(body.0.full_name);
        let profile = parse_profile(Some(body.0.username), full_name).or_problem()?;
        let precondition = if_match.precondition();
        let user = account::update(caller.services(), &caller.actor, profile, precondition)
            .await
            .or_problem()?;
        Ok(Tagged::changed(OWN, user))
    }

    /// Change your profile
    ///
    /// Username, full name or both. Members that are not sent stay as they are. Needs the scope `account`. Another username
    /// needs a step-up: a login or `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(path = "/", method = "patch", operation_id = "updateCurrentUser")]
    async fn update(
        &self,
        caller: Permitted<OwnAccount>,
        /// The `ETag` that the account must have. If it has another one, nothing changes and the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<ProfileUpdate>,
    ) -> Result<Tagged<Changed<User>>> {
        let profile = parse_profile(body.0.username, body.0.full_name).or_problem()?;
        let precondition = if_match.precondition();
        let user = account::update(caller.services(), &caller.actor, profile, precondition)
            .await
            .or_problem()?;
        Ok(Tagged::changed(OWN, user))
    }

    /// Delete your account
    ///
    /// Deletes the account and all personal data for good. Needs the scope `account` and a step-up: a login or
    /// `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(path = "/", method = "delete", operation_id = "deleteCurrentUser")]
    async fn delete(
        &self,
        caller: Permitted<OwnAccount>,
        /// The `ETag` that the account must have. If it has another one, nothing is deleted and the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<NoContent> {
        account::delete(caller.services(), &caller.actor, if_match.precondition())
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Change your password
    ///
    /// The session of the access token continues with the tokens of the answer. Its earlier tokens are refused from then on,
    /// and all other sessions end. Needs the scope `account`.
    #[oai(path = "/password", method = "put", operation_id = "changePassword")]
    async fn change_password(
        &self,
        caller: Permitted<OwnAccount>,
        body: JsonBody<PasswordChange>,
    ) -> Result<Json<Token>> {
        caller.context().count(Class::Login)?;
        let new = Password::parse("new_password", body.0.new_password.0)
            .map_err(Into::into)
            .or_problem()?;
        let current = body.0.current_password.0;
        let pair = account::change_password(caller.services(), &caller.actor, current, new)
            .await
            .or_problem()?;
        Ok(Json(pair.into()))
    }

    /// Request a new address
    ///
    /// Mails a link to the new address. The change takes effect when the user follows the link. The answer does not reveal
    /// whether the address belongs to another account. After the change the old address gets a notice with a link that undoes
    /// it for 7 days. Needs the scope `account`.
    #[oai(path = "/email", method = "post", operation_id = "requestEmailChange")]
    async fn change_email(
        &self,
        caller: Permitted<OwnAccount>,
        /// Names this request. A request that is repeated with the same key and body within 24 hours changes nothing and gets
        /// the answer of the first one. An error does not use up the key.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: JsonBody<EmailChange>,
    ) -> Result<MaybeReplayed<Accepted<MailRequested>>> {
        let new = Email::parse("new_email", &body.0.new_email.0)
            .map_err(Into::into)
            .or_problem()?;
        let current = body.0.current_password.0;
        let (services, actor) = (caller.services(), &caller.actor);
        key.once(services, actor.id(), accepted, async |once| {
            caller.context().count(Class::Login)?;
            caller.context().count(Class::Mail)?;
            Ok(email_change::request(services, actor, current, new, once).await?)
        })
        .await
    }
}

fn parse_profile(
    username: Option<UsernameText>,
    full_name: MaybeUndefined<FullNameText>,
) -> crate::domain::Result<Profile> {
    let mut invalid = Invalid::default();
    let username = username.and_then(|name| invalid.keep(Username::parse("username", &name.0)));
    let full_name = parse_full_name(&mut invalid, full_name);
    invalid.check()?;
    Ok(Profile {
        username,
        full_name,
    })
}

/// A full name of a request that changes it when it is there.
pub(super) fn parse_full_name(
    invalid: &mut Invalid,
    full_name: MaybeUndefined<FullNameText>,
) -> Option<FullName> {
    let text = match full_name {
        MaybeUndefined::Undefined => return None,
        MaybeUndefined::Null => None,
        MaybeUndefined::Value(text) => Some(text.0),
    };
    invalid.keep(FullName::parse("full_name", text.as_deref()))
}
