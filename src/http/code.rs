//! The codes of problems: stable, for programs. This table is the one place that says what a code is: the answers, the
//! specification, the pages at `/problems/{code}` and `docs/reference/problems.md` all read it.

/// Every problem code: its status, a title, what it means, and what to do about it. The last two are Markdown with nothing
/// but code spans in it. A code without them does not compile.
macro_rules! codes {
    ($($name:ident = $status:literal $code:literal $title:literal, $meaning:literal, $remedy:literal;)*) => {
        /// A stable code of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($name),* }

        impl Code {
            /// Every code there is, sorted by status.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            /// What kind of problem it is, in a few words that never change (RFC 9457 §3.1.3).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }

            /// What a client or its developer does about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy),* }
            }
        }
    };
}

codes! {
    MalformedRequest = 400 "malformed_request" "Malformed request",
        "The request cannot be read. The body is not JSON, a value in the path or query is invalid, or a header is missing, repeated or malformed.",
        "Read `detail` and `errors`, correct the request, and send it again. The same request fails again.";
    InvalidToken = 400 "invalid_token" "Invalid one-time token or code",
        "The one-time token or code is wrong, was used before or has expired.",
        "Check for a typing error. Otherwise request a new email: each link and code works once.";
    NotAuthenticated = 401 "not_authenticated" "Not authenticated",
        "No access token was sent, or not as `Authorization: Bearer`.",
        "Log in with `POST /auth/token` and send the access token in the header `Authorization: Bearer`. Send that header once.";
    InvalidAccessToken = 401 "invalid_access_token" "Invalid access token",
        "The access token is invalid, expired or revoked.",
        "Get a new access token with `POST /auth/refresh`. If that fails, ask the user to log in again.";
    InvalidRefreshToken = 401 "invalid_refresh_token" "Invalid refresh token",
        "The refresh token is invalid, expired or revoked.",
        "Ask the user to log in again. Store the refresh token of the newest answer, not an older one.";
    RefreshTokenReused = 401 "refresh_token_reused" "Refresh token reused",
        "The refresh token was replaced earlier. Its session has ended.",
        "Ask the user to log in again. Replace the stored refresh token after every refresh, and let one process refresh at a time. If your client did not send the token twice, another party may have a copy: advise the user to change the password.";
    InvalidCredentials = 401 "invalid_credentials" "Invalid credentials",
        "The current password is wrong.",
        "Ask the user for the password again.";
    InsufficientUserAuthentication = 401 "insufficient_user_authentication" "Insufficient user authentication",
        "The operation needs a step-up: the last authentication of the session must be less than 10 minutes ago. A login and `POST /auth/reauthenticate` both count.",
        "Ask the user for the password, send it to `POST /auth/reauthenticate`, and repeat the request with the access token of that answer. All earlier tokens of the session are refused from then on. A new login works as well.";
    PermissionDenied = 403 "permission_denied" "Permission denied",
        "The user lacks a permission.",
        "`detail` names the permission. Ask an administrator for a role that has it.";
    InsufficientScope = 403 "insufficient_scope" "Insufficient scope",
        "The user has the permission, but the scope of this login does not include it.",
        "The header `WWW-Authenticate` names the scope that is missing. Log in again with it, or without any scope.";
    AccountDisabled = 403 "account_disabled" "Account disabled",
        "The account is disabled. A login is answered like this only if the password is right.",
        "Ask an administrator to enable the account.";
    EmailNotVerified = 403 "email_not_verified" "Email address not verified",
        "The email address must be verified first. A login is answered like this only if the password is right.",
        "Ask the user to follow the link in the verification email. `POST /auth/verify-email/request` sends another one.";
    EmailLoginDisabled = 403 "email_login_disabled" "Login by email disabled",
        "Login by email is disabled on this service.",
        "Log in with the password. An operator enables login by email with `EMAIL_LOGIN_ENABLED=true`.";
    RegistrationDisabled = 403 "registration_disabled" "Registration disabled",
        "Registration is disabled on this service.",
        "Ask an administrator to create the account. An operator opens registration with `REGISTRATION_ENABLED=true`.";
    NotFound = 404 "not_found" "Not found",
        "Nothing exists at this path or with this id.",
        "Check the path and the id. It may have been deleted.";
    MethodNotAllowed = 405 "method_not_allowed" "Method not allowed",
        "The path has no such method.",
        "Use one of the methods in the header `Allow`.";
    RequestTimeout = 408 "request_timeout" "Request timeout",
        "The body did not arrive in time.",
        "Send the request again. The service waits 10 seconds for a body.";
    EmailTaken = 409 "email_taken" "Email address taken",
        "The email address belongs to another account, or belonged to one in the last days and can still return to it.",
        "Use another address. If the account is the user's own, log in or reset its password.";
    UsernameTaken = 409 "username_taken" "Username taken",
        "The username belongs to another account.",
        "Choose another username. Usernames are compared without regard to case.";
    LastAdmin = 409 "last_admin" "Last administrator",
        "The change would leave the service without an active administrator.",
        "Give another active user the role `admin` first.";
    PreconditionFailed = 412 "precondition_failed" "Precondition failed",
        "The `ETag` of the account is not one that `If-Match` lists, or it is one that `If-None-Match` lists.",
        "Get the account again, check whether the change is still right, and send it with the new `ETag`.";
    BodyTooLarge = 413 "body_too_large" "Body too large",
        "The body has more than 65536 bytes.",
        "Send a smaller body.";
    UnsupportedMediaType = 415 "unsupported_media_type" "Unsupported media type",
        "The body has a media type, character set or content coding that is not accepted.",
        "Set `Content-Type` to the media type that `detail` names. Send the body in UTF-8 and uncompressed.";
    ValidationFailed = 422 "validation_failed" "Validation failed",
        "Fields are missing, unknown, repeated or invalid. `errors` lists them.",
        "Show each `message` of `errors` beside the field that it names, and send the corrected request.";
    IdempotencyKeyReused = 422 "idempotency_key_reused" "Idempotency key reused",
        "The `Idempotency-Key` came with another request within 24 hours.",
        "Use a new key for each new request. Repeat a request with exactly the same bytes.";
    RateLimited = 429 "rate_limited" "Rate limited",
        "Too many requests from this network, or too many registrations of this email address.",
        "Wait for the seconds in `Retry-After`, then send the request again. `RateLimit` and `RateLimit-Policy` say how much is left.";
    AccountThrottled = 429 "account_throttled" "Account throttled",
        "Too many failed attempts for this account.",
        "Wait for the seconds in `Retry-After`. Ask the user whether they know the password, or reset it.";
    Internal = 500 "internal" "Internal error",
        "The service has a defect. The log has details under `request_id`.",
        "Give the `request_id` to the operator of the service. Repeating the request may or may not work.";
    Overloaded = 503 "overloaded" "Overloaded",
        "The service has more work than it can do in time.",
        "Wait for the seconds in `Retry-After`, then send the request again.";
    Unavailable = 503 "unavailable" "Unavailable",
        "The database is not available at the moment.",
        "Wait for the seconds in `Retry-After`, then send the request again. A change may have been made although its answer was lost: use an `Idempotency-Key` where the operation takes one.";
}

/// The folder of the pages that explain the codes.
pub const PROBLEMS: &str = "/problems";

impl Code {
    /// The path of the page that explains the code.
    pub fn path(self) -> String {
        format!("{PROBLEMS}/{}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted_by_status() {
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(Code::ALL.is_sorted_by_key(|code| code.status()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }

    #[test]
    fn every_code_is_explained_in_sentences() {
        for code in Code::ALL {
            for text in [code.meaning(), code.remedy()] {
                assert!(text.ends_with('.'), "{}: {text}", code.as_str());
                assert_eq!(
                    text.matches('`').count() % 2,
                    0,
                    "{}: {text}",
                    code.as_str()
                );
            }
            assert!(!code.title().ends_with('.'), "{}", code.as_str());
        }
    }
}
