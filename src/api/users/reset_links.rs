//! Links to set a new password that administrators make; of the tag `users`.

use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::api::email::{MailRequested, accepted};
use crate::api::operation::{Operation, Tag};
use crate::api::security::{Permitted, UsersWrite};
use crate::api::wire::answer::{Accepted, Json};
use crate::api::wire::fields::DateTime;
use crate::api::wire::idempotency::{IdempotencyKey, MaybeReplayed};
use crate::domain::authentication::password_reset::{self, Link};
use crate::domain::authorization::roles;
use crate::http::code::Code;
use crate::http::result::{Result, ResultExt};
use crate::ids::UserId;

/// The operations of this file.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        scope: Some(roles::USERS_WRITE),
        success: "The link to hand over.",
        failures: REFUSALS,
        ..Operation::at("createPasswordResetLink", "/users/{id}/password-reset")
    },
    Operation {
        scope: Some(roles::USERS_WRITE),
        success: "The link will be mailed.",
        failures: REFUSALS,
        ..Operation::at("mailPasswordResetLink", "/users/{id}/password-reset/mail")
    },
];

const REFUSALS: &[Code] = &[
    Code::MalformedRequest,
    Code::PermissionDenied,
    Code::InsufficientUserAuthentication,
    Code::AccountDisabled,
    Code::NotFound,
    Code::IdempotencyKeyReused,
];

/// A link by which a user sets a new password.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct PasswordResetLink {
    /// Give it to the user alone: it opens the account.
    url: String,
    /// When the link expires.
    expires_at: DateTime,
}

pub struct ResetLinksApi;

#[OpenApi(prefix_path = "/users", tag = "Tag::Users")]
impl ResetLinksApi {
    /// Create a link to set a new password
    ///
    /// For a user who cannot get mail: the answer has the link. It works once and expires after 30 minutes. Needs the permission
    /// `users:write`, and every permission that the user has. For your own account it also needs the scope `account` and a
    /// step-up: a login or `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(
        path = "/:id/password-reset",
        method = "post",
        operation_id = "createPasswordResetLink"
    )]
    async fn make(
        &self,
        caller: Permitted<UsersWrite>,
        /// The user's id.
        id: Path<Uuid>,
        /// Names this request. A request that is repeated with the same key within 24 hours changes nothing and gets the answer
        /// of the first one. An error does not use up the key.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<MaybeReplayed<Json<PasswordResetLink>>> {
        let (services, actor) = (caller.services(), &caller.actor);
        password_reset::require_may_help(services, actor, UserId(id.0))
            .await
            .or_problem()?;
        key.once(services, actor.id(), made, async |once| {
            Ok(password_reset::make_link(services, actor, UserId(id.0), once).await?)
        })
        .await
    }

    /// Mail a link to set a new password
    ///
    /// Sends the link to the user's address. It works once and expires after 30 minutes. Needs the permission `users:write`, and
    /// every permission that the user has. For your own account it also needs the scope `account` and a step-up: a login or
    /// `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(
        path = "/:id/password-reset/mail",
        method = "post",
        operation_id = "mailPasswordResetLink"
    )]
    async fn mail(
        &self,
        caller: Permitted<UsersWrite>,
        /// The user's id.
        id: Path<Uuid>,
        /// Names this request. A request that is repeated with the same key within 24 hours changes nothing and gets the answer
        /// of the first one. An error does not use up the key.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<MaybeReplayed<Accepted<MailRequested>>> {
        let (services, actor) = (caller.services(), &caller.actor);
        password_reset::require_may_help(services, actor, UserId(id.0))
            .await
            .or_problem()?;
        key.once(services, actor.id(), accepted, async |once| {
            Ok(password_reset::mail_link(services, actor, UserId(id.0), once).await?)
        })
        .await
    }
}

fn made(link: Link) -> Json<PasswordResetLink> {
    Json(PasswordResetLink {
        url: link.url.to_string(),
        expires_at: DateTime(link.expires_at),
    })
}
