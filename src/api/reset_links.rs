//! Links to set a new password that administrators make; of the tag `users`.

use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use super::answer::{Accepted, Either, Json};
use super::code::Code;
use super::email::{MailRequested, accepted};
use super::fields::DateTime;
use super::idempotency::{IdempotencyKey, MaybeReplayed};
use super::result::Result;
use super::security::{Permitted, UsersWrite};
use super::spec::{Failures, Tag};
use crate::domain::password_reset::{self, Reset};
use crate::ids::UserId;

/// What the operations answer besides success and what every operation may answer.
pub const FAILURES: Failures = &[(
    "createPasswordResetLink",
    &[
        Code::MalformedRequest,
        Code::PermissionDenied,
        Code::ReauthenticationRequired,
        Code::AccountDisabled,
        Code::NotFound,
        Code::IdempotencyKeyReused,
    ],
)];

/// A link by which a user sets a new password.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct PasswordResetLink {
    /// To be handed to nobody but the user: whoever has it has the account.
    url: String,
    /// Until when it is good.
    expires_at: DateTime,
}

pub struct ResetLinksApi;

#[OpenApi(prefix_path = "/users", tag = "Tag::Users")]
impl ResetLinksApi {
    /// Make a link to set a new password
    ///
    /// For who cannot be reached by mail: the link is in the answer, and good once within 30 minutes. With `send=true` it is
    /// mailed instead. Needs the permission `users:write`, and every permission that the user has; for the own account the
    /// password has to be given less than 10 minutes before.
    #[oai(
        path = "/:id/password-reset",
        method = "post",
        operation_id = "createPasswordResetLink"
    )]
    async fn reset_password(
        &self,
        caller: Permitted<UsersWrite>,
        /// The user's id.
        id: Path<Uuid>,
        /// Mail the link to the user instead of answering with it.
        #[oai(default)]
        send: Query<bool>,
        /// Names this request: when it is sent again with the same key within 24 hours, nothing is done and the answer is
        /// that of the first time. A refusal does not use the key up.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<MaybeReplayed<ResetAnswer>> {
        let (services, actor) = (caller.services(), &caller.actor);
        key.once(services, Some(actor.id()), reset_answer, async |once| {
            Ok(
                password_reset::by_administrator(services, actor, UserId(id.0), send.0, once)
                    .await?,
            )
        })
        .await
    }
}

/// The link, or that it will be mailed.
type ResetAnswer = Either<Json<PasswordResetLink>, Accepted<MailRequested>>;

fn reset_answer(reset: Reset) -> ResetAnswer {
    match reset {
        Reset::Link { url, expires_at } => Either::This(Json(PasswordResetLink {
            url: url.to_string(),
            expires_at: DateTime(expires_at),
        })),
        Reset::Mailed => Either::That(accepted(())),
    }
}
