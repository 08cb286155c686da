//! The errors of operations: a schema for every set of codes that a status may come with, flat because generators make
//! the best of that, with a real body for every code as an example.

use std::collections::BTreeMap;

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::failures::{example, oauth_told};
use crate::api::document::reference;
use crate::api::operations;
use crate::api::wire::body::FORM;
use crate::domain::FieldCode;
use crate::http::code::Code;
use crate::http::error_body::{ErrorBody, ErrorForm, PROBLEM_JSON};
use crate::http::media_types::JSON;
use crate::http::problem::{Failure, title};
use crate::http::query::MAX_ERRORS;

/// What a status comes with at most operations, under a name of its own.
const USUAL: &[(&str, &[Code])] = &[
    ("BadRequest", &[Code::MalformedRequest]),
    (
        "Unauthorized",
        &[Code::InvalidAccessToken, Code::NotAuthenticated],
    ),
    (
        "Forbidden",
        &[Code::InsufficientScope, Code::PermissionDenied],
    ),
    ("ScopeForbidden", &[Code::InsufficientScope]),
    (
        "StepUpUnauthorized",
        &[
            Code::InsufficientUserAuthentication,
            Code::InvalidAccessToken,
            Code::NotAuthenticated,
        ],
    ),
    ("NotFound", &[Code::NotFound]),
    ("RequestTimeout", &[Code::RequestTimeout]),
    ("PreconditionFailed", &[Code::PreconditionFailed]),
    ("ContentTooLarge", &[Code::BodyTooLarge]),
    ("UnsupportedMediaType", &[Code::UnsupportedMediaType]),
    ("Validation", &[Code::ValidationFailed]),
    ("TooManyRequests", &[Code::RateLimited]),
    ("InternalServerError", &[Code::Internal]),
    ("ServiceUnavailable", &[Code::Overloaded, Code::Unavailable]),
];

const ISSUE_TOKEN: &str = "issueToken";

const REQUEST_ID: &str = "5f2c9a7be41d0386-1a";

/// Where the service of the examples is.
const PUBLIC_URL: &str = "https://accounts.example.com";

fn body(failure: &Failure, form: ErrorForm) -> Value {
    let described = failure.describe();
    let body = ErrorBody::new(failure, &described, REQUEST_ID, PUBLIC_URL, form);
    serde_json::to_value(&body.members).unwrap_or_default()
}

/// What an operation answers with one status besides success.
pub struct Problem {
    pub status: u16,
    pub codes: Vec<Code>,
    operation: String,
    usual: Option<&'static str>,
}

impl Problem {
    /// `codes` have one status, and are sorted by name.
    pub fn new(operation: &str, codes: &[Code]) -> Self {
        let usual = USUAL.iter().find(|(_, usual)| *usual == codes);
        Self {
            status: codes.first().map_or(500, |code| code.status()),
            codes: codes.to_vec(),
            operation: operation.to_owned(),
            usual: usual.map(|(name, _)| *name),
        }
    }

    fn is_probe(&self) -> bool {
        operations::find(&self.operation).is_some_and(|known| known.is_probe)
    }

    fn is_oauth(&self) -> bool {
        operations::find(&self.operation).is_some_and(|known| known.is_oauth)
    }

    fn title(&self) -> &'static str {
        StatusCode::from_u16(self.status).map_or("Error", title)
    }

    /// Shared where the codes are the usual ones; else the operation's own, so that a code more at one operation changes
    /// no type of another.
    fn base_name(&self) -> String {
        match self.usual {
            Some(usual) => usual.to_owned(),
            None => {
                let (first, rest) = self.operation.split_at(1);
                let title = self.title().replace(' ', "");
                format!("{}{rest}{title}", first.to_uppercase())
            }
        }
    }

    fn schema_name(&self) -> String {
        format!("{}Problem", self.base_name())
    }

    /// Usual problems come with other headers or in other forms at some operations.
    pub fn response_name(&self) -> String {
        let base = self.base_name();
        // Of the endpoints of OAuth 2.0 it alone has errors for who asks for a token.
        if self.is_plain_oauth() && self.operation == ISSUE_TOKEN {
            format!("Token{base}")
        } else if self.usual.is_some() && self.is_oauth() {
            format!("OAuth{base}")
        } else if self.usual.is_some() && self.is_probe() {
            format!("Unlimited{base}")
        } else {
            base
        }
    }

    /// Whether the body is that of RFC 6749 §5.2 and nothing else.
    fn is_plain_oauth(&self) -> bool {
        self.is_oauth() && self.status == 400
    }

    /// The response, without headers.
    pub fn response(&self) -> Value {
        if self.is_plain_oauth() {
            return plain_oauth_response(&self.operation);
        }
        let lines = self
            .codes
            .iter()
            .map(|code| format!("`{}`: {}", code.as_str(), code.meaning()));
        let description = lines.collect::<Vec<_>>().join("\n\n");
        let content = |schema: &str, form| {
            let examples = self.codes.iter().map(|code| {
                let (summary, mut failure) = (code.meaning(), example(*code));
                if self.is_oauth() && *code == Code::UnsupportedMediaType {
                    failure = Failure::UnsupportedMediaType {
                        expected: FORM,
                        is_patch: false,
                    };
                }
                let example = json!({ "summary": summary, "value": body(&failure, form) });
                (code.as_str().to_owned(), example)
            });
            json!({
                "schema": reference("schemas", schema),
                "examples": Value::Object(examples.collect()),
            })
        };
        // Clients of OAuth 2.0 read the members of §5.2 there too; to others they are extensions (RFC 9457 §3.2).
        let mut content_of =
            json!({ PROBLEM_JSON: content(&self.schema_name(), ErrorForm::Problem) });
        if self.is_oauth() {
            content_of[JSON] = content("OAuthError", ErrorForm::OAuthJson);
        }
        json!({ "description": description, "content": content_of })
    }

    fn schema(&self) -> Value {
        let title = self.title();
        let (description, code) = match self.usual {
            Some(_) => (
                format!("Why an operation answers {} {title}.", self.status),
                format!("What kind of {title} it is. Stable, for programs."),
            ),
            None => (
                format!("Why `{}` answers {} {title}.", self.operation, self.status),
                format!(
                    "What stood in the way of `{}`. Stable, for programs.",
                    self.operation
                ),
            ),
        };
        let codes: Vec<&str> = self.codes.iter().map(|code| code.as_str()).collect();
        let example = self
            .codes
            .first()
            .map(|code| body(&example(*code), ErrorForm::Problem));
        let mut schema = json!({
            "type": "object",
            "title": self.schema_name(),
            "description": description,
            "required": ["type", "title", "status", "code", "detail", "request_id"],
            "properties": {
                "type": reference("schemas", "ProblemType"),
                "title": reference("schemas", "ProblemTitle"),
                "status": {
                    "type": "integer",
                    "format": "int32",
                    "description": format!("{}, as in the status line.", self.status),
                    "minimum": self.status,
                    "maximum": self.status,
                    "example": self.status,
                },
                "code": {
                    "type": "string",
                    "description": code,
                    "enum": codes,
                    "example": codes.first(),
                },
                "detail": reference("schemas", "ProblemDetail"),
                "request_id": reference("schemas", "RequestId"),
            },
            "example": example,
        });
        if self
            .codes
            .iter()
            .any(|code| matches!(code, Code::MalformedRequest | Code::ValidationFailed))
        {
            schema["properties"]["errors"] = json!({
                "type": "array",
                "description": format!("What is wrong with each field, in a {title}."),
                "maxItems": MAX_ERRORS,
                "items": reference("schemas", "FieldProblem"),
                "example": [field_problem()],
            });
        }
        // A reader of nothing but fields need not ask whether there are any.
        if self.codes == [Code::ValidationFailed]
            && let Some(required) = schema["required"].as_array_mut()
        {
            required.push("errors".into());
        }
        schema
    }
}

fn plain_oauth_response(operation: &str) -> Value {
    let words = oauth_told();
    let words = if operation == ISSUE_TOKEN {
        &words[..]
    } else {
        &words[..1]
    };
    let lines = words
        .iter()
        .map(|(word, meaning, _)| format!("`{word}`: {meaning}"));
    let examples = words.iter().map(|(word, meaning, failure)| {
        let example =
            json!({ "summary": meaning, "value": body(failure, ErrorForm::OAuthProblem) });
        ((*word).to_owned(), example)
    });
    json!({
        "description": lines.collect::<Vec<_>>().join("\n\n"),
        "content": {
            JSON: {
                "schema": reference("schemas", "OAuthError"),
                "examples": Value::Object(examples.collect()),
            },
        },
    })
}

/// The schemas of these problems, by name, and those that they refer to.
pub fn schemas(problems: &[Problem]) -> BTreeMap<String, Value> {
    let (plain, typed): (Vec<_>, Vec<_>) = problems
        .iter()
        .partition(|problem| problem.is_plain_oauth());
    let mut schemas = parts();
    if !plain.is_empty() {
        let codes = typed.iter().filter(|problem| problem.is_oauth());
        let codes = codes.flat_map(|problem| problem.codes.iter().map(|code| code.as_str()));
        schemas.insert("OAuthError".to_owned(), oauth_error(codes));
    }
    schemas.extend(
        typed
            .iter()
            .map(|problem| (problem.schema_name(), problem.schema())),
    );
    schemas
}

/// One schema for all errors of the OAuth 2.0 endpoints in `application/json`.
fn oauth_error<'a>(codes: impl Iterator<Item = &'a str>) -> Value {
    let words = oauth_told();
    let mut errors: Vec<&str> = codes.chain(words.iter().map(|(word, ..)| *word)).collect();
    errors.sort_unstable();
    errors.dedup();
    json!({
        "type": "object",
        "title": "OAuthError",
        "description": "An error of an OAuth 2.0 endpoint (RFC 6749 §5.2). With another status than 400 it has the members of \
            problem details too.",
        "required": ["error", "error_description"],
        "properties": {
            "error": {
                "type": "string",
                "description": "The word of RFC 6749 §5.2, or the `code` where it has none (§8.5).",
                "enum": errors,
                "example": "invalid_grant",
            },
            "error_description": {
                "type": "string",
                "description": "What to do about it, for developers.",
                "example": "Wrong username or password.",
            },
            "type": reference("schemas", "ProblemType"),
            "title": reference("schemas", "ProblemTitle"),
            "status": {
                "type": "integer",
                "format": "int32",
                "description": "The status, as in the status line.",
                "minimum": 400,
                "maximum": 599,
                "example": 429,
            },
            "code": {
                "type": "string",
                "description": "The code that the problem has elsewhere.",
                "example": "rate_limited",
            },
            "detail": reference("schemas", "ProblemDetail"),
            "request_id": reference("schemas", "RequestId"),
        },
        "example": body(&words[1].2, ErrorForm::OAuthProblem),
    })
}

fn field_problem() -> Value {
    json!({ "field": "password", "code": "too_short", "message": "Use at least 8 characters." })
}

/// What problems have in common.
fn parts() -> BTreeMap<String, Value> {
    let text = |title: &str, description: &str, example: &str| {
        let schema = json!({
            "type": "string",
            "title": title,
            "description": description,
            "example": example,
        });
        (title.to_owned(), schema)
    };
    let mut request_id = text(
        "RequestId",
        "Names the request in the log; also in the header `X-Request-Id`.",
        REQUEST_ID,
    );
    request_id.1["maxLength"] = 128.into();
    let codes: Vec<&str> = FieldCode::ALL.iter().map(|code| code.as_str()).collect();
    let field_problem = json!({
        "type": "object",
        "title": "FieldProblem",
        "description": "One thing that is wrong with one field.",
        "required": ["field", "code", "message"],
        "properties": {
            "field": {
                "type": "string",
                "description": "Name of the field of the body, the query or the path; `roles[1]` within a list.",
                "example": "password",
            },
            "code": {
                "type": "string",
                "description": "What is wrong with it. Stable, for programs.",
                "enum": codes,
                "example": "too_short",
            },
            "message": {
                "type": "string",
                "description": "How to put it right, for people.",
                "example": "Use at least 8 characters.",
            },
        },
        "example": field_problem(),
    });
    BTreeMap::from([
        text(
            "ProblemType",
            "URL of a page that explains the code: `/problems/` and the code, at `PUBLIC_URL`. A service without that setting \
                sends the path alone.",
            "https://accounts.example.com/problems/invalid_access_token",
        ),
        text(
            "ProblemTitle",
            "What kind of problem it is, in a few words. The same for every problem with this `code`.",
            "Invalid access token",
        ),
        text(
            "ProblemDetail",
            "What has happened and what to do about it, for people.",
            "The access token is invalid, expired or revoked.",
        ),
        request_id,
        ("FieldProblem".to_owned(), field_problem),
    ])
}
