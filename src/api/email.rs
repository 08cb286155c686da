//! The tag `email`: what goes by mail. Proof of an address, a new password, another address, login by a code.

use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use super::operation::{Operation, Tag};
use super::wire::answer::{Accepted, Json, NoContent};
use super::wire::body::{JsonBody, request_objects};
use super::wire::fields::{CodeText, EmailText, MailedTokenText, NewPasswordText};
use super::wire::idempotency::{IdempotencyKey, MaybeReplayed};
use super::wire::objects::Token;
use crate::config::Secret;
use crate::domain::account::account_security;
use crate::domain::authentication::{email_login, password_reset};
use crate::domain::email::{email_change, email_verification};
use crate::domain::{Email, FieldCode, FieldError, Password};
use crate::http::code::Code;
use crate::http::context::Ctx;
use crate::http::limits::Class;
use crate::http::result::{Result, ResultExt};
use crate::token::OneTimeToken;

/// The operations of this file.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        body: "The address to verify.",
        success: "The request was accepted.",
        failures: &[Code::IdempotencyKeyReused],
        ..Operation::at("requestEmailVerification", "/auth/verify-email/request")
    },
    Operation {
        body: "The token of the mail.",
        success: "The address is verified.",
        failures: &[Code::InvalidToken, Code::UsernameTaken, Code::EmailTaken],
        ..Operation::at("verifyEmail", "/auth/verify-email")
    },
    Operation {
        body: "The address of the account.",
        success: "The request was accepted.",
        failures: &[Code::IdempotencyKeyReused],
        ..Operation::at("requestPasswordReset", "/auth/password-reset/request")
    },
    Operation {
        body: "The token of the mail and the new password.",
        success: "The new password is set, and all sessions have ended.",
        failures: &[Code::InvalidToken],
        ..Operation::at("resetPassword", "/auth/password-reset")
    },
    Operation {
        body: "The token of the mail to the new address.",
        success: "The account has the new address.",
        failures: &[Code::InvalidToken, Code::EmailTaken],
        ..Operation::at("confirmEmailChange", "/auth/email-change")
    },
    Operation {
        body: "The token of the mail to the old address.",
        success: "The account has the old address again, and all sessions have ended.",
        failures: &[Code::InvalidToken],
        ..Operation::at("undoEmailChange", "/auth/email-change/undo")
    },
    Operation {
        body: "The token of the notice.",
        success: "All sessions have ended, and the password is removed.",
        failures: &[Code::InvalidToken],
        ..Operation::at("secureAccount", "/auth/secure-account")
    },
    Operation {
        body: "The address of the account.",
        success: "The request was accepted. The code of the mail works only with this handle.",
        failures: &[Code::EmailLoginDisabled, Code::IdempotencyKeyReused],
        ..Operation::at("requestLoginCode", "/auth/email-login/request")
    },
    Operation {
        is_login: true,
        body: "The handle of the request, and the code of its mail.",
        success: "Tokens of a new session.",
        failures: &[Code::InvalidToken, Code::EmailLoginDisabled],
        ..Operation::at("loginWithCode", "/auth/email-login")
    },
];

/// The address to write to.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct MailRequest {
    /// The answer does not reveal whether it has an account.
    email: EmailText,
}

/// A token from a mail.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct MailedToken {
    /// The part after `token=` in the link. It works once.
    token: MailedTokenText,
}

/// A token from a mail, and a new password.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct PasswordReset {
    /// The part after `token=` in the link. It works once.
    token: MailedTokenText,
    /// Any characters but NUL. It must be hard to guess.
    new_password: NewPasswordText,
}

/// A code from a mail, and the handle of its request.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct CodeLogin {
    /// The handle in the answer to the request for the code.
    handle: MailedTokenText,
    /// Six digits. The code works once, for 10 minutes and 5 tries.
    code: CodeText,
}

request_objects!(MailRequest, MailedToken, PasswordReset, CodeLogin);

/// The request was accepted. The answer does not reveal whether a mail is sent.
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

/// The request for a code was accepted. The answer is the same for every address.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(read_only_all)]
pub struct LoginCodeRequested {
    status: MailRequestedStatus,
    /// Send it with the code. The code works only with the handle of its own request.
    handle: String,
}

fn code_requested(handle: OneTimeToken) -> Accepted<LoginCodeRequested> {
    Accepted(LoginCodeRequested {
        status: MailRequestedStatus::default(),
        handle: handle.text().to_string(),
    })
}

/// The answer to a request for a mail.
pub(super) fn accepted((): ()) -> Accepted<MailRequested> {
    Accepted(MailRequested::default())
}

pub struct EmailApi;

#[OpenApi(prefix_path = "/auth", tag = "Tag::Email")]
impl EmailApi {
    /// Request a verification email
    ///
    /// Sends a verification email if the address has an account and is not verified. By default an address gets one a minute and
    /// three an hour. The answer is always the same.
    #[oai(
        path = "/verify-email/request",
        method = "post",
        operation_id = "requestEmailVerification"
    )]
    async fn request_verification(
        &self,
        ctx: Ctx,
        /// Names this request. A request that is repeated with the same key and body within 24 hours changes nothing and gets
        /// the answer of the first one. An error does not use up the key. The key holds for the network of the client: one IPv4
        /// address, or one IPv6 /64.
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

    /// Verify an address
    ///
    /// Takes the token of a mail, which is valid for 24 hours. If a registration waits for it, this creates the account with the
    /// username and password of that registration. Other waiting registrations of the address are deleted. In that case the
    /// owner of the address gets a mail with the username and a link to replace the password.
    ///
    /// While no mail server is set, mails are files in `MAIL_OUTBOX_DIR` (`./outbox`). They have the token.
    #[oai(path = "/verify-email", method = "post", operation_id = "verifyEmail")]
    async fn verify(&self, ctx: Ctx, body: JsonBody<MailedToken>) -> Result<NoContent> {
        let token = body.0.token.0;
        email_verification::verify(&ctx.services, &ctx.origin, token.reveal())
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Request a password reset
    ///
    /// Mails a link to set a new password if the address has an account. By default an address gets one a minute and three an
    /// hour. The answer is always the same.
    #[oai(
        path = "/password-reset/request",
        method = "post",
        operation_id = "requestPasswordReset"
    )]
    async fn request_reset(
        &self,
        ctx: Ctx,
        /// Names this request. A request that is repeated with the same key and body within 24 hours changes nothing and gets
        /// the answer of the first one. An error does not use up the key. The key holds for the network of the client: one IPv4
        /// address, or one IPv6 /64.
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
    /// Takes the token of a mail, which is valid for 30 minutes, or of a link that an administrator created. All sessions end.
    ///
    /// While no mail server is set, mails are files in `MAIL_OUTBOX_DIR` (`./outbox`). They have the token.
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
    /// Takes the token of the mail to the new address, which is valid for 24 hours. The old address gets a notice with a link
    /// that undoes the change for 7 days.
    ///
    /// While no mail server is set, mails are files in `MAIL_OUTBOX_DIR` (`./outbox`). They have the token.
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
    /// Takes the token of the mail to the old address, which is valid for 7 days. All sessions end, the password is removed, and
    /// a link to set a new one is mailed to the old address.
    ///
    /// While no mail server is set, mails are files in `MAIL_OUTBOX_DIR` (`./outbox`). They have the token.
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
    /// For users who did not do what a notice reports. Takes the token of the notice, which is valid for 7 days. All sessions
    /// end, the password is removed, and a link to set a new one is mailed.
    ///
    /// While no mail server is set, mails are files in `MAIL_OUTBOX_DIR` (`./outbox`). They have the token.
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

    /// Request a login code
    ///
    /// Mails a code if the address has an account. By default an address gets one a minute and three an hour. The answer always
    /// has the same form. Keep its `handle`: the code works only with that. So other requests for the same address do not affect
    /// this one. Devices from which the user has logged in have a limit of their own.
    ///
    /// Needs `EMAIL_LOGIN_ENABLED=true`.
    #[oai(
        path = "/email-login/request",
        method = "post",
        operation_id = "requestLoginCode"
    )]
    async fn request_code(
        &self,
        ctx: Ctx,
        /// Names this request. A request that is repeated with the same key and body within 24 hours changes nothing and gets
        /// the answer of the first one. An error does not use up the key. The key holds for the network of the client: one IPv4
        /// address, or one IPv6 /64.
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
    /// Takes the code that was mailed for the request with this handle. It works once, for 10 minutes and 5 tries.
    ///
    /// The login verifies the address. If the address was not verified before, another person may have created the account.
    /// Then all other sessions end, the password is removed, and a link to choose a new one is mailed.
    ///
    /// Needs `EMAIL_LOGIN_ENABLED=true`.
    ///
    /// While no mail server is set, mails are files in `MAIL_OUTBOX_DIR` (`./outbox`). They have the code.
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
