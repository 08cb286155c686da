//! The codes of problems: stable, for programs. Each comes with one status.

/// Every problem code, with the status it comes with and a title.
macro_rules! codes {
    ($($name:ident = $status:literal $code:literal),* $(,)?) => {
        /// A stable code of a problem.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($name),* }

        impl Code {
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

codes! {
    MalformedRequest = 400 "malformed_request",
    InvalidToken = 400 "invalid_token",
    NotAuthenticated = 401 "not_authenticated",
    InvalidAccessToken = 401 "invalid_access_token",
    InvalidRefreshToken = 401 "invalid_refresh_token",
    RefreshTokenReused = 401 "refresh_token_reused",
    InvalidCredentials = 401 "invalid_credentials",
    PermissionDenied = 403 "permission_denied",
    AccountDisabled = 403 "account_disabled",
    EmailNotVerified = 403 "email_not_verified",
    EmailLoginDisabled = 403 "email_login_disabled",
    RegistrationDisabled = 403 "registration_disabled",
    ReauthenticationRequired = 403 "reauthentication_required",
    NotFound = 404 "not_found",
    MethodNotAllowed = 405 "method_not_allowed",
    RequestTimeout = 408 "request_timeout",
    EmailTaken = 409 "email_taken",
    UsernameTaken = 409 "username_taken",
    LastAdmin = 409 "last_admin",
    PreconditionFailed = 412 "precondition_failed",
    BodyTooLarge = 413 "body_too_large",
    UnsupportedMediaType = 415 "unsupported_media_type",
    ValidationFailed = 422 "validation_failed",
    IdempotencyKeyReused = 422 "idempotency_key_reused",
    RateLimited = 429 "rate_limited",
    AccountThrottled = 429 "account_throttled",
    Internal = 500 "internal",
    Overloaded = 503 "overloaded",
    Unavailable = 503 "unavailable",
}
