//! The tag `users`: users in the hands of administrators.

pub(super) mod reset_links;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem_openapi::param::{Path, Query};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use super::account::parse_full_name;
use super::operation::{Operation, Tag};
use super::security::{Permitted, RolesWrite, UsersRead, UsersWrite};
use super::wire::answer::{Changed, Conditional, Created, Json, NoContent, Tagged};
use super::wire::body::{JsonBody, request_objects};
use super::wire::fields::{
    CursorText, EmailText, Flag, FullNameText, NewPasswordText, Nullable, PageLimit, UsernameText,
};
use super::wire::idempotency::{IdempotencyKey, MaybeReplayed};
use super::wire::objects::User;
use super::wire::preconditions::{IfMatch, IfNoneMatch};
use crate::domain::authorization::roles;
use crate::domain::users::{self, NewUser, Query as UserQuery, Update};
use crate::domain::{Email, FieldCode, FieldError, FullName, Invalid, Password, Username};
use crate::http::code::Code;
use crate::http::problem::Failure;
use crate::http::result::{Result, ResultExt};
use crate::ids::UserId;

/// The operations of this file.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        scope: Some(roles::USERS_READ),
        success: "One page of users.",
        failures: &[Code::MalformedRequest, Code::PermissionDenied],
        ..Operation::at("listUsers", "/users")
    },
    Operation {
        scope: Some(roles::USERS_WRITE),
        body: "The user to create.",
        success: "The user has been created.",
        failures: &[
            Code::PermissionDenied,
            Code::EmailTaken,
            Code::UsernameTaken,
            Code::IdempotencyKeyReused,
        ],
        ..Operation::at("createUser", "/users")
    },
    Operation {
        scope: Some(roles::USERS_READ),
        success: "The user with this id.",
        failures: &[
            Code::MalformedRequest,
            Code::PermissionDenied,
            Code::NotFound,
            Code::PreconditionFailed,
        ],
        ..Operation::at("getUser", "/users/{id}")
    },
    Operation {
        scope: Some(roles::USERS_WRITE),
        body: "The parts of the user to change.",
        success: "The changed user.",
        failures: &[
            Code::MalformedRequest,
            Code::PermissionDenied,
            Code::InsufficientUserAuthentication,
            Code::NotFound,
            Code::EmailTaken,
            Code::UsernameTaken,
            Code::LastAdmin,
            Code::PreconditionFailed,
        ],
        ..Operation::at("updateUser", "/users/{id}")
    },
    Operation {
        scope: Some(roles::USERS_WRITE),
        success: "The user is deleted.",
        failures: &[
            Code::MalformedRequest,
            Code::PermissionDenied,
            Code::InsufficientUserAuthentication,
            Code::NotFound,
            Code::LastAdmin,
            Code::PreconditionFailed,
        ],
        ..Operation::at("deleteUser", "/users/{id}")
    },
    Operation {
        scope: Some(roles::ROLES_WRITE),
        body: "All roles of the user.",
        success: "The user with these roles.",
        failures: &[
            Code::MalformedRequest,
            Code::PermissionDenied,
            Code::NotFound,
            Code::LastAdmin,
            Code::PreconditionFailed,
        ],
        ..Operation::at("setUserRoles", "/users/{id}/roles")
    },
];

/// One page of users, newest first.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct UserPage {
    /// As many as requested; fewer on the last page.
    items: Vec<User>,
    /// Send it as `cursor` to get the next page. `null` on the last page.
    next_cursor: Nullable<String>,
}

/// A new user.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct CreateUserRequest {
    /// The user's address.
    email: EmailText,
    /// The user's name to log in with.
    username: UsernameText,
    /// Without one the user cannot log in until a password is set.
    password: Option<NewPasswordText>,
    /// The user's name as people write it.
    full_name: Option<FullNameText>,
    /// Instead of the role `user`. Needs the permission `roles:write`.
    roles: Option<Vec<String>>,
    /// Whether the address is known to be the user's; `false` when absent.
    email_verified: Option<bool>,
}

/// Changes of a user. Absent members stay as they are.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct UpdateUserRequest {
    /// A new address counts as unverified unless `email_verified` says otherwise.
    email: Option<EmailText>,
    /// A new name for the user to log in with.
    username: Option<UsernameText>,
    /// `null` removes the user's full name.
    full_name: MaybeUndefined<FullNameText>,
    /// `false` ends the user's sessions and refuses logins.
    is_active: Option<bool>,
    /// Whether the address is known to be the user's. If `email` is sent, it says so of the new address.
    email_verified: Option<bool>,
}

/// All the roles of a user.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct SetRolesRequest {
    /// Names of roles. Roles that are not listed are removed.
    roles: Vec<String>,
}

request_objects!(CreateUserRequest, UpdateUserRequest, SetRolesRequest);

pub struct UsersApi;

#[OpenApi(prefix_path = "/users", tag = "Tag::Users")]
impl UsersApi {
    /// List users
    ///
    /// Newest first, page by page. Needs the permission `users:read`.
    #[oai(path = "/", method = "get", operation_id = "listUsers")]
    async fn list(
        &self,
        caller: Permitted<UsersRead>,
        /// How many users a page has.
        #[oai(default)]
        limit: Query<PageLimit>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<CursorText>>,
        /// Start of the email address or username, in upper or lower case.
        q: Query<Option<String>>,
        /// Only users with this role.
        role: Query<Option<String>>,
        /// `true`: only active users. `false`: only disabled ones.
        is_active: Query<Option<Flag>>,
    ) -> Result<Json<UserPage>> {
        let query = UserQuery {
            prefix: q.0,
            role: role.0,
            is_active: is_active.0.map(|flag| flag.0),
            after: cursor
                .0
                .filter(|cursor| !cursor.0.is_empty())
                .map(|cursor| decode_cursor(&cursor.0))
                .transpose()?,
            limit: limit.0.0,
        };
        let page = users::list(caller.services(), &caller.actor, query)
            .await
            .or_problem()?;
        Ok(Json(UserPage {
            items: page.items.into_iter().map(User::from).collect(),
            next_cursor: Nullable(page.next.map(encode_cursor)),
        }))
    }

    /// Create a user
    ///
    /// With a password the user can log in at once. Without one this mails a link to choose a password, which is valid for 72
    /// hours. Needs the permission `users:write`.
    #[oai(path = "/", method = "post", operation_id = "createUser")]
    async fn create(
        &self,
        caller: Permitted<UsersWrite>,
        /// Names this request. A request that is repeated with the same key and body within 24 hours changes nothing and gets
        /// the answer of the first one. An error does not use up the key.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: JsonBody<CreateUserRequest>,
    ) -> Result<MaybeReplayed<Tagged<Created<User>>>> {
        let new = body.0.parse().or_problem()?;
        let (services, actor) = (caller.services(), &caller.actor);
        users::require_may_create(actor, &new).or_problem()?;
        key.once(services, actor.id(), created, async |once| {
            Ok(users::create(services, actor, new, once).await?)
        })
        .await
    }

    /// Get a user
    ///
    /// By id. Needs the permission `users:read`.
    #[oai(path = "/:id", method = "get", operation_id = "getUser")]
    async fn get(
        &self,
        caller: Permitted<UsersRead>,
        /// The user's id.
        id: Path<Uuid>,
        /// Answer 304 if the account still has this `ETag`.
        #[oai(name = "If-None-Match")]
        if_none_match: IfNoneMatch,
    ) -> Result<Conditional<User>> {
        let user = users::find(caller.services(), &caller.actor, UserId(id.0))
            .await
            .or_problem()?;
        if_none_match.show(user)
    }

    /// Change a user
    ///
    /// Needs the permission `users:write`, and every permission that the user has. For your own account it also needs the scope
    /// `account`; to change the username or to disable the account it needs a step-up as well: a login or
    /// `POST /auth/reauthenticate` less than 10 minutes ago. `email` and `email_verified` of your own account cannot be changed
    /// here (422, `read_only`): use `POST /users/me/email`.
    #[oai(path = "/:id", method = "patch", operation_id = "updateUser")]
    async fn update(
        &self,
        caller: Permitted<UsersWrite>,
        /// The user's id.
        id: Path<Uuid>,
        /// The `ETag` that the account must have. If it has another one, nothing changes and the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<UpdateUserRequest>,
    ) -> Result<Tagged<Changed<User>>> {
        let update = body.0.parse().or_problem()?;
        let (id, precondition) = (UserId(id.0), if_match.precondition());
        let user = users::update(caller.services(), &caller.actor, id, update, precondition)
            .await
            .or_problem()?;
        Ok(Tagged::changed(place(id), user))
    }

    /// Delete a user
    ///
    /// Deletes the user for good. Needs the permission `users:write`, and every permission that the user has. For your own
    /// account it also needs the scope `account` and a step-up: a login or `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteUser")]
    async fn delete(
        &self,
        caller: Permitted<UsersWrite>,
        /// The user's id.
        id: Path<Uuid>,
        /// The `ETag` that the account must have. If it has another one, nothing is deleted and the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<NoContent> {
        let (id, precondition) = (UserId(id.0), if_match.precondition());
        users::delete(caller.services(), &caller.actor, id, precondition)
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Set the roles of a user
    ///
    /// Needs the permission `roles:write`, and every permission that the user has or that one of the roles grants.
    #[oai(path = "/:id/roles", method = "put", operation_id = "setUserRoles")]
    async fn set_roles(
        &self,
        caller: Permitted<RolesWrite>,
        /// The user's id.
        id: Path<Uuid>,
        /// The `ETag` that the account must have. If it has another one, nothing changes and the answer is 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        body: JsonBody<SetRolesRequest>,
    ) -> Result<Tagged<Changed<User>>> {
        let (id, precondition) = (UserId(id.0), if_match.precondition());
        let wanted = body.0.roles;
        let user = roles::set(caller.services(), &caller.actor, id, wanted, precondition)
            .await
            .or_problem()?;
        Ok(Tagged::changed(place(id), user))
    }
}

fn created(user: crate::domain::User) -> Tagged<Created<User>> {
    Tagged::created(place(user.id), user)
}

impl CreateUserRequest {
    fn parse(self) -> crate::domain::Result<NewUser> {
        let mut invalid = Invalid::default();
        let email = invalid.keep(Email::parse("email", &self.email.0));
        let username = invalid.keep(Username::parse("username", &self.username.0));
        let password = self
            .password
            .and_then(|text| invalid.keep(Password::parse("password", text.0)));
        let full_name = self.full_name.as_ref().map(|name| name.0.as_str());
        let full_name = invalid.keep(FullName::parse("full_name", full_name));
        invalid.check()?;
        match (email, username, full_name) {
            (Some(email), Some(username), Some(full_name)) => Ok(NewUser {
                email,
                username,
                full_name,
                password,
                roles: self.roles,
                email_verified: self.email_verified.unwrap_or(false),
            }),
            _ => Err(invalid.into()),
        }
    }
}

impl UpdateUserRequest {
    fn parse(self) -> crate::domain::Result<Update> {
        let mut invalid = Invalid::default();
        let update = Update {
            email: self
                .email
                .and_then(|text| invalid.keep(Email::parse("email", &text.0))),
            username: self
                .username
                .and_then(|text| invalid.keep(Username::parse("username", &text.0))),
            full_name: parse_full_name(&mut invalid, self.full_name),
            is_active: self.is_active,
            email_verified: self.email_verified,
        };
        invalid.check()?;
        Ok(update)
    }
}

/// The path of a user.
fn place(id: UserId) -> String {
    format!("/users/{id}")
}

/// A cursor is the id of the last user of a page. It is opaque to clients, so that it may become something else.
fn encode_cursor(id: UserId) -> String {
    URL_SAFE_NO_PAD.encode(id.0.as_bytes())
}

fn decode_cursor(text: &str) -> std::result::Result<UserId, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let id = bytes.and_then(|bytes| Uuid::from_slice(&bytes).ok());
    id.map(UserId).ok_or_else(|| Failure::Malformed {
        detail: "The query has a value that cannot be used.".to_owned(),
        errors: vec![FieldError::new(
            "cursor",
            FieldCode::InvalidFormat,
            "Send next_cursor of the page before.",
        )],
    })
}
