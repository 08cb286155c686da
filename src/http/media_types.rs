//! Media types of requests and answers.

use poem::http::HeaderName;
use poem::http::HeaderValue;

/// The media type of every JSON body (RFC 8259 §11: it has no parameters).
pub const JSON: &str = "application/json";

/// What a change of an account by `PATCH` may be sent as: the second says what the first means here (RFC 7396).
pub const PATCH_TYPES: [&str; 2] = [JSON, "application/merge-patch+json"];

/// RFC 5789 §3.1.
pub const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// The same as its value.
pub const ACCEPTED_PATCHES: HeaderValue =
    HeaderValue::from_static("application/json, application/merge-patch+json");
