//! The specification as tests use it: what it says of a request's answers, and whether a value is what a schema asks for.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

/// As OpenAPI 3.1, whose schemas are JSON Schema.
pub static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(&vestibule::api::document_3_1()).expect("JSON"));

/// Its components, in which objects have no members but those that are told: a client may be sent others, a test finds
/// them out.
static CLOSED: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    let schemas = components["schemas"].as_object_mut().expect("schemas");
    for schema in schemas.values_mut() {
        if schema["type"] == "object" {
            schema["additionalProperties"] = false.into();
        }
    }
    components
});

/// What a reference leads to; anything else as it is.
pub fn resolve(value: &Value) -> &Value {
    let target = value["$ref"].as_str().map(|reference| {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        DOCUMENT.pointer(pointer).expect("leads somewhere")
    });
    target.unwrap_or(value)
}

/// Everything in which `value` is not what `schema` of the document asks for.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> =
        LazyLock::new(Mutex::default);
    let validator = Arc::clone(
        VALIDATORS
            .lock()
            .expect("unpoisoned")
            .entry(schema.to_string())
            .or_insert_with(|| Arc::new(compile(schema))),
    );
    let errors = validator.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn compile(schema: &Value) -> Validator {
    let mut whole = json!({ "components": *CLOSED });
    let members = whole.as_object_mut().expect("an object");
    members.extend(schema.as_object().expect("a schema").clone());
    jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&whole)
        .expect("a schema")
}

/// An answer, as far as the specification has something to say of it.
pub struct Received<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub status: u16,
    pub headers: &'a reqwest::header::HeaderMap,
    pub body: &'a str,
}

impl Received<'_> {
    /// Fails when this is an answer of an operation, and not one that the specification tells of.
    #[track_caller]
    pub fn check(&self) {
        let method = match self.method {
            "HEAD" => "get".to_owned(),
            method => method.to_lowercase(),
        };
        let Some(operation) = path_item(self.path).and_then(|item| item.get(&method)) else {
            return;
        };
        let (name, status) = (format!("{method} {}", self.path), self.status.to_string());
        let response = resolve(&operation["responses"][&status]);
        assert!(
            !response.is_null(),
            "{name} answered {status}, which openapi.json does not say"
        );
        let mut wrong = self.wrong_headers(response);
        match response["content"].as_object() {
            None if self.body.is_empty() => (),
            None => wrong.push("there is a body".to_owned()),
            Some(_) if self.method == "HEAD" => (),
            Some(content) => match content.get(self.header("content-type")) {
                None => wrong.push(format!("is {:?}", self.header("content-type"))),
                Some(content) => wrong.extend(self.wrong_body(operation, &content["schema"])),
            },
        }
        assert!(
            wrong.is_empty(),
            "{name} answered {status} otherwise than openapi.json says:\n{}\n{}",
            wrong.join("\n"),
            self.body
        );
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("text"))
    }

    fn wrong_headers(&self, response: &Value) -> Vec<String> {
        let told = response["headers"].as_object().into_iter().flatten();
        let wrong = told.filter_map(|(name, header)| {
            let header = resolve(header);
            let value = self.header(name);
            if value.is_empty() {
                return (header["required"] == true).then(|| format!("{name} is missing"));
            }
            let schema = resolve(&header["schema"]);
            let value = match schema["type"].as_str() {
                Some("integer" | "boolean") => value.parse().unwrap_or(Value::Null),
                _ => value.into(),
            };
            let violations = violations(schema, &value);
            (!violations.is_empty()).then(|| format!("{name}: {violations:?}"))
        });
        wrong.collect()
    }

    fn wrong_body(&self, operation: &Value, schema: &Value) -> Vec<String> {
        let mut body: Value = match serde_json::from_str(self.body) {
            Ok(body) => body,
            Err(_) => return vec!["is no JSON".to_owned()],
        };
        // To readers of problem details these are extensions (RFC 9457 §3.2).
        let is_oauth = ["issueToken", "revokeToken", "introspectToken"]
            .iter()
            .any(|id| operation["operationId"] == *id);
        if is_oauth && self.header("content-type") == "application/problem+json" {
            let members = body.as_object_mut().expect("an object");
            for extension in ["error", "error_description"] {
                assert!(members.remove(extension).is_some(), "no {extension}");
            }
        }
        violations(schema, &body)
    }
}

/// The operations of the path that a request is for.
fn path_item(path: &str) -> Option<&'static Value> {
    let path = path
        .strip_suffix('/')
        .filter(|path| !path.is_empty())
        .unwrap_or(path);
    let fits = |template: &str| {
        let (parts, templates): (Vec<&str>, Vec<&str>) =
            (path.split('/').collect(), template.split('/').collect());
        parts.len() == templates.len()
            && templates
                .iter()
                .zip(&parts)
                .all(|(template, part)| template == part || template.starts_with('{'))
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    paths.get(path).or_else(|| {
        let mut items = paths.iter();
        items
            .find(|(template, _)| fits(template))
            .map(|(_, item)| item)
    })
}
