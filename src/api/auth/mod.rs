//! The tag `auth`: registration, login, tokens.

mod register;

use poem_openapi::param::Query;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;

use self::register::{RegisterAnswer, RegisterRequest, RegistrationOpen, registered};
use super::operation::{Operation, Tag};
use super::security::{Caller, Permitted, TokensIntrospect};
use super::wire::answer::{Json, NoContent};
use super::wire::body::{FormBody, JsonBody, request_objects};
use super::wire::fields::{
    GrantTypeText, IdentifierText, PASSWORD_GRANT, PasswordText, REFRESH_GRANT, TokenText,
};
use super::wire::idempotency::{IdempotencyKey, MaybeReplayed};
use super::wire::objects::{Introspection, Token};
use crate::config::Secret;
use crate::domain::authentication::login::{self, Login};
use crate::domain::authentication::{introspection, reauthentication, refresh};
use crate::domain::authorization::roles;
use crate::domain::registration;
use crate::domain::sessions::{self, LogoutScope};
use crate::http::code::Code;
use crate::http::context::{AcceptLanguage, Ctx};
use crate::http::limits::Class;
use crate::http::problem::Failure;
use crate::http::result::{Result, ResultExt};

/// The operations of this file.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        body: "The account to create.",
        success: "The account exists; `status` is `created`.",
        accepted: Some(
            "The address must be verified first; `status` is `verification_required`, and the mail says what to do next.",
        ),
        failures: &[
            Code::RegistrationDisabled,
            Code::EmailTaken,
            Code::UsernameTaken,
            Code::IdempotencyKeyReused,
            Code::AccountThrottled,
        ],
        ..Operation::at("registerUser", "/auth/register")
    },
    Operation {
        is_oauth: true,
        is_login: true,
        body: "One of the two grants.",
        success: "Tokens of a new session, or of the refreshed one.",
        failures: &[
            Code::AccountDisabled,
            Code::EmailNotVerified,
            Code::AccountThrottled,
        ],
        ..Operation::at("issueToken", "/auth/token")
    },
    Operation {
        body: "The refresh token to replace.",
        success: "A new pair. The refresh token that was sent is no longer valid.",
        failures: &[Code::InvalidRefreshToken, Code::RefreshTokenReused],
        ..Operation::at("refreshToken", "/auth/refresh")
    },
    Operation {
        success: "The sessions have ended.",
        failures: &[
            Code::InsufficientUserAuthentication,
            Code::InsufficientScope,
        ],
        ..Operation::at("logout", "/auth/logout")
    },
    Operation {
        is_oauth: true,
        body: "The token to revoke.",
        success: "The token is no longer valid.",
        ..Operation::at("revokeToken", "/auth/revoke")
    },
    Operation {
        scope: Some(roles::TOKENS_INTROSPECT),
        is_oauth: true,
        body: "The token to introspect.",
        success: "Details of the token, or that it is not active.",
        failures: &[Code::PermissionDenied],
        ..Operation::at("introspectToken", "/auth/introspect")
    },
    Operation {
        body: "The password of the user.",
        success: "A new pair. Its access token is accepted where a step-up is needed.",
        failures: &[Code::InvalidCredentials, Code::AccountThrottled],
        ..Operation::at("reauthenticate", "/auth/reauthenticate")
    },
];

/// A request of the password grant (RFC 6749 §4.3.2) or the refresh grant (§6).
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct TokenRequest {
    /// `password` or `refresh_token`. `password` is the default.
    grant_type: Option<GrantTypeText>,
    /// Username or e-mail address; for the password grant.
    username: Option<IdentifierText>,
    /// The password of that user, for the password grant.
    password: Option<PasswordText>,
    /// Scopes to limit the login to, separated by spaces. Without it the login may do everything that the user may do.
    scope: Option<String>,
    /// The refresh token of the last answer, for the refresh grant.
    refresh_token: Option<TokenText>,
    /// Ignored: the service does not distinguish clients.
    #[expect(
        dead_code,
        reason = "clients send it; there are no clients to tell apart"
    )]
    client_id: Option<String>,
    /// Ignored, like the client id.
    #[expect(
        dead_code,
        reason = "clients send it; there are no clients to tell apart"
    )]
    client_secret: Option<PasswordText>,
}

/// What to refresh with.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct RefreshRequest {
    /// The one in the newest answer.
    refresh_token: TokenText,
}

/// A token to revoke (RFC 7009 §2.1) or to introspect (RFC 7662 §2.1).
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct TokenForm {
    /// An access token or a refresh token.
    token: TokenText,
    /// Not needed: the form of a token shows its kind.
    #[expect(
        dead_code,
        reason = "clients send it; RFC 7009 §2.1 lets it be ignored"
    )]
    token_type_hint: Option<String>,
}

/// The password, once more.
#[derive(Debug, Object)]
#[oai(write_only_all)]
struct ReauthenticateRequest {
    /// The user's current password.
    password: PasswordText,
}

request_objects!(
    TokenRequest,
    RefreshRequest,
    TokenForm,
    ReauthenticateRequest
);

/// Which of the user's sessions to end.
#[derive(Debug, Clone, Copy, Default, Enum)]
#[oai(rename_all = "snake_case")]
enum LogoutChoice {
    /// The session of the access token.
    #[default]
    Current,
    /// All other sessions of the user.
    Others,
    /// All sessions of the user.
    All,
}

pub struct AuthApi;

#[OpenApi(prefix_path = "/auth", tag = "Tag::Auth")]
impl AuthApi {
    /// Register an account
    ///
    /// The account has the role `user` and can log in at once: 201, with `user`. This also sends a verification email.
    ///
    /// With `REQUIRE_EMAIL_VERIFICATION=true` the answer is 202, without `user`. The account exists once the user has followed
    /// the link in the mail. The answer is the same whether or not the address already has an account; the mail says which.
    ///
    /// A waiting username counts as taken. The exception is a request with the password of the waiting registration: it
    /// repeats that registration or corrects its address. Each registration has its own link, which creates the account with
    /// the username and password of that registration. By default an address gets three such links an hour. Further
    /// registrations wait without one. To get its link, send the same registration again later.
    #[oai(path = "/register", method = "post", operation_id = "registerUser")]
    async fn register(
        &self,
        ctx: Ctx,
        _open: RegistrationOpen,
        /// Names this request. A request that is repeated with the same key and body within 24 hours changes nothing and gets
        /// the answer of the first one. An error does not use up the key. The key holds for the network of the client: one IPv4
        /// address, or one IPv6 /64.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        language: AcceptLanguage,
        body: JsonBody<RegisterRequest>,
    ) -> Result<MaybeReplayed<RegisterAnswer>> {
        let locale = language.negotiate(&ctx.services);
        let registration = body.0.parse(locale).or_problem()?;
        let (services, origin) = (&ctx.services, &ctx.origin);
        key.once(services, origin, registered, async |once| {
            // A request with an invalid field does not count as a registration.
            ctx.count(Class::Register)?;
            Ok(registration::register(services, origin, registration, once).await?)
        })
        .await
    }

    /// Log in, or refresh, by OAuth 2.0
    ///
    /// The password grant (RFC 6749 §4.3) with a username or e-mail address, and the refresh grant (§6):
    /// `grant_type=refresh_token` with `refresh_token`. Errors have the form of §5.2.
    #[oai(path = "/token", method = "post", operation_id = "issueToken")]
    async fn token(&self, ctx: Ctx, form: FormBody<TokenRequest>) -> Result<Json<Token>> {
        let form = form.0;
        let pair = match form
            .grant_type
            .as_ref()
            .map_or(PASSWORD_GRANT, |grant| &grant.0)
        {
            PASSWORD_GRANT => {
                ctx.count(Class::Login)?;
                let (Some(username), Some(password)) = (form.username, form.password) else {
                    return Err(missing("username and password are required."));
                };
                let login = Login {
                    identifier: &username.0,
                    password: password.0,
                    scope: form.scope.as_deref().unwrap_or_default(),
                };
                login::login(&ctx.services, &ctx.origin, login)
                    .await
                    .or_problem()?
            }
            REFRESH_GRANT => {
                let token = form
                    .refresh_token
                    .ok_or_else(|| missing("refresh_token is required."))?;
                let scope = form.scope.as_deref().unwrap_or_default();
                refresh::refresh(&ctx.services, &ctx.origin, token.0.reveal(), scope)
                    .await
                    .or_problem()?
            }
            _ => {
                return Err(Failure::OAuthRequest {
                    error: "unsupported_grant_type",
                    description: "Use the grant type password or refresh_token.",
                }
                .into());
            }
        };
        Ok(Json(pair.into()))
    }

    /// Replace a refresh token
    ///
    /// Every use of a refresh token replaces it. Using one that was replaced more than 10 seconds ago ends the session. By
    /// default a session ends 30 days after the login, however often it is refreshed.
    #[oai(path = "/refresh", method = "post", operation_id = "refreshToken")]
    async fn refresh(&self, ctx: Ctx, body: JsonBody<RefreshRequest>) -> Result<Json<Token>> {
        let token = body.0.refresh_token.0;
        let pair = refresh::refresh(&ctx.services, &ctx.origin, token.reveal(), "")
            .await
            .or_problem()?;
        Ok(Json(pair.into()))
    }

    /// Log out
    ///
    /// Ends the session of the access token, all others, or all. Their tokens are no longer valid. `others` and `all` need the
    /// scope `account` and a step-up: a login or `POST /auth/reauthenticate` less than 10 minutes ago.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        caller: Caller,
        /// Which sessions to end.
        #[oai(default)]
        scope: Query<LogoutChoice>,
    ) -> Result<NoContent> {
        let scope = match scope.0 {
            LogoutChoice::Current => LogoutScope::Current,
            LogoutChoice::Others => LogoutScope::Others,
            LogoutChoice::All => LogoutScope::All,
        };
        sessions::logout(caller.services(), &caller.actor, scope)
            .await
            .or_problem()?;
        Ok(NoContent)
    }

    /// Revoke a token (RFC 7009)
    ///
    /// Ends the session of an access or refresh token. The answer is the same for a token that is not valid.
    #[oai(path = "/revoke", method = "post", operation_id = "revokeToken")]
    async fn revoke(&self, ctx: Ctx, form: FormBody<TokenForm>) -> Result<Json<Revoked>> {
        let token = form.0.token.0;
        sessions::revoke(&ctx.services, &ctx.origin, token.reveal())
            .await
            .or_problem()?;
        Ok(Json(Revoked {
            status: RevokedStatus::default(),
        }))
    }

    /// Introspect a token (RFC 7662)
    ///
    /// Says whether an access or refresh token is valid, and what it contains. Needs the permission `tokens:introspect`.
    #[oai(
        path = "/introspect",
        method = "post",
        operation_id = "introspectToken"
    )]
    async fn introspect(
        &self,
        caller: Permitted<TokensIntrospect>,
        form: FormBody<TokenForm>,
    ) -> Result<Json<Introspection>> {
        let token = form.0.token.0;
        let found = introspection::introspect(caller.services(), &caller.actor, token.reveal())
            .await
            .or_problem()?;
        Ok(Json(
            found.map_or_else(Introspection::default, Introspection::from),
        ))
    }

    /// Reauthenticate
    ///
    /// Some operations need a step-up: the last authentication of the session, by a login or by this operation, is less than
    /// 10 minutes ago. Otherwise they answer 401 `insufficient_user_authentication` (RFC 9470). Repeat them with the new access
    /// token. All earlier tokens of the session are refused from then on. A session of any scope may do this.
    #[oai(
        path = "/reauthenticate",
        method = "post",
        operation_id = "reauthenticate"
    )]
    async fn reauthenticate(
        &self,
        caller: Caller,
        body: JsonBody<ReauthenticateRequest>,
    ) -> Result<Json<Token>> {
        caller.context().count(Class::Login)?;
        let password: Secret = body.0.password.0;
        let pair = reauthentication::reauthenticate(caller.services(), &caller.actor, password)
            .await
            .or_problem()?;
        Ok(Json(pair.into()))
    }
}

/// The token is no longer valid, whatever it was before. RFC 7009 §2.2 asks for no body; generated clients want one.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
struct Revoked {
    status: RevokedStatus,
}

/// Always `revoked`.
#[derive(Debug, Clone, Copy, Default, poem_openapi::Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum RevokedStatus {
    #[default]
    Revoked,
}

fn missing(description: &'static str) -> poem::Error {
    Failure::OAuthRequest {
        error: "invalid_request",
        description,
    }
    .into()
}
