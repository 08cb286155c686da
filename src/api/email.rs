//! The tag `email`: what goes by mail. Proof of an address, a new password, another address, login by a code.

use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::answer::{Accepted, Json, NoContent};
use super::body::{JsonBody, request_objects};
use super::code::Code;
use super::context::Ctx;
use super::fields::{CodeText, EmailText, MailedTokenText, NewPasswordText};
use super::idempotency::{IdempotencyKey, MaybeReplayed};
use super::limits::Class;
use super::objects::Token;
use super::result::{Result, ResultExt};
use super::spec::{Failures, Tag};
use crate::config::Secret;
use crate::domain::{
    Email, FieldCode, FieldError, Password, account_security, email_change, email_login,
    email_verification, password_reset,
};
use crate::token::OneTimeToken;

/// What the operations answer besides success and what every operation may answer.
pub const FAILURES: Failures = &[
    ("requestEmailVerification", &[Code::IdempotencyKeyReused]),
    (
        "verifyEmail",
        &[Code::InvalidToken, Code::UsernameTaken, Code::EmailTaken],
    ),
    ("requestPasswordReset", &[Code::IdempotencyKeyReused]),
    ("resetPassword", &[Code::InvalidToken]),
    (
        "confirmEmailChange",
        &[Code::InvalidToken, Code::EmailTaken],
    ),
    ("undoEmailChange", &[Code::InvalidToken]),
    ("secureAccount", &[Code::InvalidToken]),
    (
        "requestLoginCode",
        &[Code::EmailLoginDisabled, Code::IdempotencyKeyReused],
    ),
    (
        "loginWithCode",
        &[Code::InvalidToken, Code::EmailLoginDisabled],
    ),
];

/// Whom to write to.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct MailRequest {
    /// Nobody is told whether it has an account.
    email: EmailText,
}

/// A token from a mail.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct MailedToken {
    /// What stands behind `token=` in the link. Good once.
    token: MailedTokenText,
}

/// A token from a mail, and a new password.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct PasswordReset {
    /// What stands behind `token=` in the link. Good once.
    token: MailedTokenText,
    /// Any characters but NUL. It has to be hard to guess.
    new_password: NewPasswordText,
}

/// A code from a mail, and the request that it was mailed for.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct CodeLogin {
    /// From the answer to the request for the code.
    handle: MailedTokenText,
    /// Six digits. Good once, for 10 minutes and 5 tries.
    code: CodeText,
}

request_objects!(MailRequest, MailedToken, PasswordReset, CodeLogin);

/// That the request was taken; what becomes of it is between us and whoever reads the mail.
#[derive(Debug, Default, Clone, Object, Serialize)]
#[oai(read_only_all)]
pub struct MailRequested {
    status: MailRequestedStatus,
}

/// Always `accepted`.
#[derive(Debug, Clone, Copy, Default, poem_openapi::Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum MailRequestedStatus {
    #[default]
    Accepted,
}

/// That the request for a code was taken. The answer is the same for every address.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(read_only_all)]
pub struct LoginCodeRequested {
    status: MailRequestedStatus,
    /// Stands for this request when the code is given. The code of one request is of no use with the handle of another.
    handle: String,
}

fn code_requested(handle: OneTimeToken) -> Accepted<LoginCodeRequested> {
    Accepted(LoginCodeRequested {
        status: MailRequestedStatus::default(),
        handle: handle.text().to_string(),
    })
}

/// The answer to whoever asked for a mail.
pub(super) fn accepted((): ()) -> Accepted<MailRequested> {
    Accepted(MailRequested::default())
}

pub struct EmailApi;

#[OpenApi(prefix_path = "/auth", tag = "Tag::Email")]
impl EmailApi {
    /// Ask for a link that proves an address
    ///
    /// Mails one to whoever has the address and has not proved it, by default once a minute and three times an hour. The answer is
    /// always the same.
    #[oai(
        path = "/verify-email/request",
        method = "post",
        operation_id = "requestEmailVerification"
    )]
    async fn request_verification(
        &self,
        ctx: Ctx,
        /// Names this request: when it is sent again with the same key and body within 24 hours, nothing is done and the
        /// answer is that of the first time. A refusal does not use the key up. The key holds for the network that the
        /// request comes from: one IPv4 address, or one IPv6 /64.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: JsonBody<MailRequest>,
    ) -> Result<MaybeReplayed<Accepted<MailRequested>>> {
        let email = body.0.parse().or_problem()?;
        key.once(&ctx.services, &ctx.origin, accepted, async |once| {
            ctx.count(Class::Mail)?;
            Ok(email_verification::request(&ctx.services, &email, once).await?)
        })
        .await
    }

    /// Prove an address
    ///
    /// With the token of a mail, which is good for 24 hours. Of a registration that waits for it this makes the account, as
    /// that registration chose. Where others wait for the address, they are forgotten, and its owner is mailed the username, and
    /// a link to replace the password if that is not theirs.
    ///
    /// Where no mail server is set, mails are files in `MAIL_OUTBOX_DIR`, by default `./outbox`: take the token from there.
    #[oai(path = "/verify-email", method = "post", operation_id = "verifyEmail")]
    async fn verify(&self, ctx: Ctx, body: JsonBody<MailedToken>) -> Result<NoContent> {
        let token = body.0.token.0;
        email_verification::verify(&ctx.services, &ctx.origin, token.reveal())
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Ask for a link to set a new password
    ///
    /// Mails one to whoever has the address, by default once a minute and three times an hour. The answer is always the same.
    #[oai(
        path = "/password-reset/request",
        method = "post",
        operation_id = "requestPasswordReset"
    )]
    async fn request_reset(
        &self,
        ctx: Ctx,
        /// Names this request: when it is sent again with the same key and body within 24 hours, nothing is done and the
        /// answer is that of the first time. A refusal does not use the key up. The key holds for the network that the
        /// request comes from: one IPv4 address, or one IPv6 /64.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: JsonBody<MailRequest>,
    ) -> Result<MaybeReplayed<Accepted<MailRequested>>> {
        let email = body.0.parse().or_problem()?;
        key.once(&ctx.services, &ctx.origin, accepted, async |once| {
            ctx.count(Class::Mail)?;
            Ok(password_reset::request(&ctx.services, &email, once).await?)
        })
        .await
    }

    /// Set a new password
    ///
    /// With the token of a mail, which is good for 30 minutes, or of a link that an administrator has made. All sessions end.
    ///
    /// Where no mail server is set, mails are files in `MAIL_OUTBOX_DIR`, by default `./outbox`: take the token from there.
    #[oai(
        path = "/password-reset",
        method = "post",
        operation_id = "resetPassword"
    )]
    async fn reset(&self, ctx: Ctx, body: JsonBody<PasswordReset>) -> Result<NoContent> {
        let new = Password::parse("new_password", body.0.new_password.0)
            .map_err(Into::into)
            .or_problem()?;
        let token = body.0.token.0;
        password_reset::reset(&ctx.services, &ctx.origin, token.reveal(), new)
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Confirm a new address
    ///
    /// With the token of the mail to it, which is good for 24 hours. The old address is told, and can undo it for 7 days.
    ///
    /// Where no mail server is set, mails are files in `MAIL_OUTBOX_DIR`, by default `./outbox`: take the token from there.
    #[oai(
        path = "/email-change",
        method = "post",
        operation_id = "confirmEmailChange"
    )]
    async fn confirm_change(&self, ctx: Ctx, body: JsonBody<MailedToken>) -> Result<NoContent> {
        let token = body.0.token.0;
        email_change::confirm(&ctx.services, &ctx.origin, token.reveal())
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Undo a change of address
    ///
    /// With the token of the mail to the old address, which is good for 7 days. All sessions end, the password is of no more
    /// use, and a link to set a new one is mailed to the old address.
    ///
    /// Where no mail server is set, mails are files in `MAIL_OUTBOX_DIR`, by default `./outbox`: take the token from there.
    #[oai(
        path = "/email-change/undo",
        method = "post",
        operation_id = "undoEmailChange"
    )]
    async fn undo_change(&self, ctx: Ctx, body: JsonBody<MailedToken>) -> Result<NoContent> {
        let token = body.0.token.0;
        email_change::undo(&ctx.services, &ctx.origin, token.reveal())
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Secure an account
    ///
    /// With the token of a notice, which is good for 7 days: for whoever was not the one that it tells of. All sessions end,
    /// the password is of no more use, and a link to set a new one is mailed.
    ///
    /// Where no mail server is set, mails are files in `MAIL_OUTBOX_DIR`, by default `./outbox`: take the token from there.
    #[oai(
        path = "/secure-account",
        method = "post",
        operation_id = "secureAccount"
    )]
    async fn secure(&self, ctx: Ctx, body: JsonBody<MailedToken>) -> Result<NoContent> {
        let token = body.0.token.0;
        account_security::secure(&ctx.services, &ctx.origin, token.reveal())
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Ask for a code to log in with
    ///
    /// Mails one to whoever has the address, by default once a minute and three times an hour. The answer always has the same
    /// form. Keep its `handle`: the code is good with it alone, so that other requests for the same address take nothing from
    /// this one. Devices that the user has logged in from before have a limit of their own.
    ///
    /// Off unless the service is set up with `EMAIL_LOGIN_ENABLED=true`.
    #[oai(
        path = "/email-login/request",
        method = "post",
        operation_id = "requestLoginCode"
    )]
    async fn request_code(
        &self,
        ctx: Ctx,
        /// Names this request: when it is sent again with the same key and body within 24 hours, nothing is done and the
        /// answer is that of the first time. A refusal does not use the key up. The key holds for the network that the
        /// request comes from: one IPv4 address, or one IPv6 /64.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: JsonBody<MailRequest>,
    ) -> Result<MaybeReplayed<Accepted<LoginCodeRequested>>> {
        email_login::require_enabled(&ctx.services).or_problem()?;
        let email = body.0.parse().or_problem()?;
        key.once(&ctx.services, &ctx.origin, code_requested, async |once| {
            ctx.count(Class::Mail)?;
            Ok(email_login::request(&ctx.services, &ctx.origin, &email, once).await?)
        })
        .await
    }

    /// Log in with a code
    ///
    /// The one that was mailed for the request with this handle: good once, for 10 minutes and 5 tries.
    ///
    /// It proves the address. Where nobody had done that before, somebody else may have made the account: all other sessions
    /// end, the password is of no more use, and a link to choose a new one is mailed.
    ///
    /// Off unless the service is set up with `EMAIL_LOGIN_ENABLED=true`.
    ///
    /// Where no mail server is set, mails are files in `MAIL_OUTBOX_DIR`, by default `./outbox`: take the code from there.
    #[oai(path = "/email-login", method = "post", operation_id = "loginWithCode")]
    async fn login(&self, ctx: Ctx, body: JsonBody<CodeLogin>) -> Result<Json<Token>> {
        email_login::require_enabled(&ctx.services).or_problem()?;
        ctx.count(Class::Login)?;
        let (handle, code) = body.0.parse().or_problem()?;
        let pair = email_login::login(&ctx.services, &ctx.origin, handle.reveal(), &code)
            .await
            .or_problem()?;
        Ok(Json(pair.into()))
    }
}

impl MailRequest {
    fn parse(self) -> crate::domain::Result<Email> {
        Ok(Email::parse("email", &self.email.0)?)
    }
}

impl CodeLogin {
    fn parse(self) -> crate::domain::Result<(Secret, Secret)> {
        let code = self.code.0;
        let is_code =
            code.reveal().len() == 6 && code.reveal().bytes().all(|byte| byte.is_ascii_digit());
        if !is_code {
            let message = "A code has six digits.";
            return Err(FieldError::new("code", FieldCode::InvalidFormat, message).into());
        }
        Ok((self.handle.0, code))
    }
}
