//! The headers of answers, each described once.

use serde_json::{Value, json};

use crate::api::document::reference;
use crate::api::operations;

pub const ENTITY_TAG: &str = "\"XrY7u-Ae7tCTyyK7j1rNww\"";

/// Every header that has a component, by the component's name.
pub fn components() -> Value {
    json!({
        "X-Request-Id": {
            "description": "The id of the request, as in the log. It is the client's own if the client sent a valid one.",
            "required": true,
            "schema": reference("schemas", "RequestId"),
            "example": "5f2c9a7be41d0386-1a",
        },
        "RateLimit-Policy": {
            "description": "The limits that the request counted against: `\"name\";q=quota;w=seconds`, as in \
                draft-ietf-httpapi-ratelimit-headers-10. Absent when there are none.",
            "schema": { "type": "string" },
            "example": "\"ip\";q=300;w=60, \"login-ip\";q=30;w=60",
        },
        "RateLimit": {
            "description": "What is left of the limits: `\"name\";r=remaining;t=seconds`, the seconds until all is back, or \
                of a refused request until one more is.",
            "schema": { "type": "string" },
            "example": "\"ip\";r=298;t=1, \"login-ip\";r=29;t=2",
        },
        "Accept": {
            "description": "The media type that the body must have.",
            "schema": { "type": "string" },
            "example": "application/json",
        },
        "Accept-Encoding": {
            "description": "`identity`: the body must not be compressed. Present if it was.",
            "schema": { "type": "string" },
            "example": "identity",
        },
        "Accept-Patch": {
            "description": "The media types that `PATCH` accepts (RFC 5789 §3.1).",
            "schema": { "type": "string" },
            "example": "application/json, application/merge-patch+json",
        },
        "Retry-After": {
            "description": "Seconds to wait before a retry.",
            "required": true,
            "schema": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 31_622_400 },
            "example": 5,
        },
        "WWW-Authenticate": {
            "description": "A challenge (RFC 6750 §3), with `error=\"invalid_token\"` when an access token was sent, and with \
                `error=\"insufficient_user_authentication\"` and `max_age` where a step-up is needed (RFC 9470 §3).",
            "required": true,
            "schema": { "type": "string" },
            "example": "Bearer realm=\"vestibule\", error=\"invalid_token\"",
        },
        "WWW-Authenticate-Scope": {
            "description": "A challenge (RFC 6750 §3.1) with `insufficient_scope` and the scope that is needed.",
            "schema": { "type": "string" },
            "example": "Bearer realm=\"vestibule\", error=\"insufficient_scope\", scope=\"users:read\"",
        },
        "ETag": {
            "description": "The version of the account in the answer (RFC 9110 §8.8.3). It changes if and only if the account \
                changes.",
            "required": true,
            "schema": { "type": "string" },
            "example": ENTITY_TAG,
        },
        "Idempotent-Replayed": {
            "description": "`true` if the request was carried out before. This is the answer of the first time.",
            "schema": { "type": "boolean" },
            "example": true,
        },
        "Content-Location": {
            "description": "Path of the account in the body.",
            "required": true,
            "schema": { "type": "string", "format": "uri-reference" },
            "example": "/users/01981d2c-7b5e-7c3a-9f10-5a2b6c8d4e1f",
        },
        "Location": {
            "description": "Path of the created account.",
            "required": true,
            "schema": { "type": "string", "format": "uri-reference" },
            "example": "/users/01981d2c-7b5e-7c3a-9f10-5a2b6c8d4e1f",
        },
    })
}

/// The headers that every answer of an operation with this status may have: name and component.
pub fn of_answer(id: &str, status: u16) -> Vec<(&'static str, &'static str)> {
    let mut names = vec!["X-Request-Id"];
    if !operations::find(id).is_some_and(|known| known.is_probe) {
        names.extend(["RateLimit-Policy", "RateLimit"]);
    }
    match status {
        401 => names.push("WWW-Authenticate"),
        415 => names.extend(["Accept", "Accept-Encoding", "Accept-Patch"]),
        429 | 503 => names.push("Retry-After"),
        _ => (),
    }
    names.into_iter().map(|name| (name, name)).collect()
}

/// Of an answer that may say that the scope of a login is too narrow.
pub const SCOPE_CHALLENGE: (&str, &str) = ("WWW-Authenticate", "WWW-Authenticate-Scope");
