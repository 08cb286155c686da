//! `openapi.json`: what poem-openapi gives, and what it cannot say: errors, headers, closed objects, examples of texts
//! about the whole. Sorted, so that a change of the API is a small change of the file.

use poem_openapi::registry::Registry;
use poem_openapi::types::Type;
use poem_openapi::{Object, OpenApiService, Tags};
use serde_json::{Map, Value, json};

use super::code::Code;
use super::problem::title;
use super::{account, auth, service, users};

/// For each operation what it may answer besides success and besides what the shape of its request brings.
pub type Failures = &'static [(&'static str, &'static [Code])];

/// The tags.
#[derive(Tags)]
#[oai(rename_all = "lowercase")]
pub enum Tag {
    /// Registration, login, tokens.
    Auth,
    /// The own account.
    Account,
    /// Users in the hands of administrators.
    Users,
    /// Whether the service runs.
    Service,
}

const DESCRIPTION: &str = "User accounts and authentication: register, log in, refresh, manage users.\n\n\
    Log in with `POST /auth/token` and send the access token as `Authorization: Bearer`. When it has expired, \
    `POST /auth/refresh` gives a new pair; each refresh token is good for one refresh.\n\n\
    Errors are problem details (RFC 9457) with a stable `code`; the OAuth 2.0 endpoints answer 400 as RFC 6749 §5.2 says.";

/// Operations that answer errors in the form of RFC 6749 §5.2.
const OAUTH: &[&str] = &["issueToken", "revokeToken", "introspectToken"];

/// Operations that are never refused for a rate.
const UNLIMITED: &[&str] = &["getHealth", "getReadiness"];

/// Problem details (RFC 9457). Here for its schema; `problem.rs` writes the bodies.
#[derive(Object)]
#[oai(read_only_all)]
struct Problem {
    /// Always `about:blank`.
    r#type: String,
    /// The reason phrase of the status.
    title: String,
    status: i32,
    /// Stable, for programs.
    code: String,
    /// What to do about it, for people.
    detail: String,
    /// Names the request in the log.
    request_id: String,
    /// With `validation_failed` and `malformed_request`: what is wrong with each field.
    #[oai(skip_serializing_if_is_none)]
    errors: Option<Vec<FieldProblem>>,
}

/// One thing wrong with one field.
#[derive(Object)]
#[oai(read_only_all)]
struct FieldProblem {
    field: String,
    /// Stable, for programs.
    code: String,
    /// What to do about it, for people.
    message: String,
}

/// An error of an OAuth 2.0 endpoint (RFC 6749 §5.2).
#[derive(Object)]
#[oai(read_only_all)]
struct OAuthError {
    /// `invalid_request`, `invalid_grant`, `invalid_scope` or `unsupported_grant_type`.
    error: String,
    error_description: String,
}

/// The specification as pretty JSON with a line break at its end.
pub fn document() -> String {
    let service = OpenApiService::new(super::apis(), "Vestibule", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .server("/");
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    document["openapi"] = "3.0.3".into();
    add_schemas(&mut document);
    close_request_objects(&mut document);
    // As an example of a change it has to differ from the current one.
    document["components"]["schemas"]["PasswordChange"]["properties"]["new_password"]["example"] =
        "seven purple elephants dancing".into();
    document["components"]["headers"] = headers();
    order_tags(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for operations in paths.values_mut().filter_map(Value::as_object_mut) {
            for (method, operation) in operations {
                complete(method, operation);
            }
        }
    }
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// In the order in which a newcomer needs them.
fn order_tags(document: &mut Value) {
    const ORDER: [&str; 4] = ["auth", "account", "users", "service"];
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.sort_by_key(|tag| ORDER.iter().position(|name| tag["name"] == *name));
    }
}

fn add_schemas(document: &mut Value) {
    let mut registry = Registry::new();
    Problem::register(&mut registry);
    OAuthError::register(&mut registry);
    for (name, schema) in registry.schemas {
        document["components"]["schemas"][name] = serde_json::to_value(schema).unwrap_or_default();
    }
    document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] =
        Code::ALL.iter().map(|code| code.as_str()).collect();
}

/// Unknown fields of JSON bodies are refused; parameters of forms are ignored (RFC 6749 §3.2).
fn close_request_objects(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    for (name, schema) in schemas {
        for property in schema
            .get_mut("properties")
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(Map::values_mut)
        {
            // Requests and answers have schemas of their own: saying it of each property again only adds noise.
            if let Some(property) = property.as_object_mut() {
                property.remove("readOnly");
                property.remove("writeOnly");
            }
        }
        let is_json_request =
            name.ends_with("Request") || name.starts_with("Profile") || name == "PasswordChange";
        if is_json_request && name != "TokenRequest" {
            schema["additionalProperties"] = false.into();
        }
    }
}

fn headers() -> Value {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "X-Request-Id": text("Names the request in the log; the client's own, when it sent a sane one."),
        "RateLimit-Policy": text("The limits that the request counted against: \"name\";q=quota;w=seconds."),
        "RateLimit": text("What is left of them: \"name\";r=remaining;t=seconds until all is back."),
        "WWW-Authenticate": text("A challenge (RFC 6750 §3)."),
        "Retry-After": {
            "description": "Seconds after which to try again.",
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

/// Adds the errors that an operation may answer, and the headers of every answer.
fn complete(method: &str, operation: &mut Value) {
    let id = operation["operationId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for code in codes(method, operation, &id) {
        let status = code.status();
        let response = &mut operation["responses"][status.to_string()];
        if response.is_null() {
            *response = error_response(status, &id);
        }
        let described = response["description"].as_str().unwrap_or_default();
        let separator = if described.ends_with(':') { " " } else { ", " };
        let told = match status {
            400 if OAUTH.contains(&id.as_str()) => "an error of RFC 6749 §5.2".to_owned(),
            _ => format!("`{}`", code.as_str()),
        };
        response["description"] = format!("{described}{separator}{told}").into();
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        for (status, response) in responses.iter_mut() {
            let mut names = vec!["X-Request-Id"];
            if !UNLIMITED.contains(&id.as_str()) {
                names.extend(["RateLimit-Policy", "RateLimit"]);
            }
            match status.as_str() {
                "401" => names.push("WWW-Authenticate"),
                "429" | "503" => names.push("Retry-After"),
                _ => (),
            }
            for name in names {
                response["headers"][name] =
                    json!({ "$ref": format!("#/components/headers/{name}") });
            }
        }
    }
}

/// The codes of an operation: those of its table, and those that its shape brings along.
fn codes(method: &str, operation: &Value, id: &str) -> Vec<Code> {
    let mut codes = Vec::new();
    if method != "get" {
        // A body is read, or found too long or too slow, whether the operation wants one or not.
        codes.extend([
            Code::MalformedRequest,
            Code::RequestTimeout,
            Code::BodyTooLarge,
        ]);
    }
    if !operation["requestBody"].is_null() {
        codes.push(Code::UnsupportedMediaType);
        if !OAUTH.contains(&id) {
            codes.push(Code::ValidationFailed);
        }
    }
    if operation["parameters"]
        .as_array()
        .is_some_and(|parameters| !parameters.is_empty())
    {
        codes.push(Code::MalformedRequest);
    }
    if !operation["security"].is_null() {
        codes.extend([Code::NotAuthenticated, Code::InvalidAccessToken]);
    }
    let tables = [
        auth::FAILURES,
        account::FAILURES,
        users::FAILURES,
        service::FAILURES,
    ];
    let own = tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|(name, _)| *name == id);
    codes.extend(own.map_or(&[][..], |(_, own)| own));
    if !UNLIMITED.contains(&id) {
        codes.extend([Code::RateLimited, Code::Overloaded, Code::Unavailable]);
    }
    codes.push(Code::Internal);
    codes.sort_by_key(|code| (code.status(), code.as_str()));
    codes.dedup();
    codes
}

fn error_response(status: u16, id: &str) -> Value {
    let title = poem::http::StatusCode::from_u16(status)
        .map(title)
        .unwrap_or_default();
    let (content_type, schema) = match status {
        400 if OAUTH.contains(&id) => (super::answer::JSON, "OAuthError"),
        _ => ("application/problem+json", "Problem"),
    };
    json!({
        "description": format!("{title}:"),
        "content": { content_type: { "schema": { "$ref": format!("#/components/schemas/{schema}") } } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_failures_told() {
        let document: Value = serde_json::from_str(&document()).expect("JSON");
        let tables = [
            auth::FAILURES,
            account::FAILURES,
            users::FAILURES,
            service::FAILURES,
        ];
        let mut told: Vec<&str> = tables
            .iter()
            .flat_map(|table| table.iter())
            .map(|(id, _)| *id)
            .collect();
        let paths = document["paths"].as_object().expect("paths").values();
        let mut there: Vec<&str> = paths
            .flat_map(|path| path.as_object().expect("operations").values())
            .map(|operation| operation["operationId"].as_str().expect("an operationId"))
            .collect();
        told.sort_unstable();
        there.sort_unstable();
        assert_eq!(told, there);
    }
}
