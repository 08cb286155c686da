//! Operations: who may call them, examples of their bodies and parameters, and everything that they may answer.

use serde_json::{Map, Value, json};

use super::examples;
use super::headers;
use super::problems::{self, Problem};
use crate::api::document::{member, members, reference};
use crate::api::operations;
use crate::api::security::{BEARER, PASSWORD};
use crate::api::wire::body::FORM;
use crate::http::code::Code;

/// Every operation of the document.
pub fn all(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = member(document, "paths").into_iter().flat_map(members);
    paths.flat_map(|(_, path)| members(path).map(|(_, operation)| operation))
}

pub fn complete(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let mut problems = Vec::new();
    let mut responses = Map::new();
    let paths = member(document, "paths").into_iter().flat_map(members);
    for (method, operation) in paths.flat_map(|(_, path)| members(path)) {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let codes = codes(method, operation, &id);
        secure(operation, &id);
        describe_request(operation, &schemas, &id);
        describe_success(operation, &schemas, &id);
        for codes in codes.chunk_by(|one, other| one.status() == other.status()) {
            let problem = Problem::new(&id, codes);
            let name = problem.response_name();
            operation["responses"][problem.status.to_string()] = reference("responses", &name);
            responses
                .entry(name)
                .or_insert_with(|| error_response(&id, &problem));
            problems.push(problem);
        }
    }
    for (name, schema) in problems::schemas(&problems) {
        document["components"]["schemas"][name] = schema;
    }
    document["components"]["responses"] = responses.into();
}

fn error_response(id: &str, problem: &Problem) -> Value {
    let mut response = problem.response();
    add_headers(&mut response, headers::of_answer(id, problem.status));
    if problem.codes.contains(&Code::InsufficientScope) {
        add_headers(&mut response, [headers::SCOPE_CHALLENGE]);
    }
    response
}

/// The codes of an operation by status: those of its table, and those that its shape brings along.
fn codes(method: &str, operation: &Value, id: &str) -> Vec<Code> {
    // A request without the header Host is refused everywhere.
    let mut codes = vec![Code::MalformedRequest, Code::Internal];
    let known = operations::find(id);
    if !known.is_some_and(|known| known.is_oauth) {
        // For parameters of the query that it does not have.
        codes.push(Code::ValidationFailed);
    }
    if method != "get" {
        // A body is read, or found too long or too slow, whether the operation wants one or not.
        codes.extend([Code::RequestTimeout, Code::BodyTooLarge]);
    }
    if !operation["requestBody"].is_null() {
        codes.push(Code::UnsupportedMediaType);
    }
    if !operation["security"].is_null() {
        codes.extend([Code::NotAuthenticated, Code::InvalidAccessToken]);
    }
    if !known.is_some_and(|known| known.is_probe) {
        codes.extend([Code::RateLimited, Code::Overloaded, Code::Unavailable]);
    }
    if known.is_some_and(|known| known.scope.is_some()) {
        codes.push(Code::InsufficientScope);
    }
    codes.extend(known.map_or(&[][..], |known| known.failures));
    codes.sort_by_key(|code| (code.status(), code.as_str()));
    codes.dedup();
    codes
}

/// Says of public operations that they are, and of others which scope a limited login has to have.
fn secure(operation: &mut Value, id: &str) {
    let scope = operations::find(id).and_then(|known| known.scope);
    operation["security"] = match (operation["security"].is_null(), scope) {
        (true, _) => json!([]),
        (false, None) => json!([{ BEARER: [] }, { PASSWORD: [] }]),
        (false, Some(scope)) => json!([{ BEARER: [] }, { PASSWORD: [scope] }]),
    };
}

fn describe_request(operation: &mut Value, schemas: &Value, id: &str) {
    let parameters = member(operation, "parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if let Some(parameter) = parameter.as_object_mut() {
            // What they are without being told.
            parameter.remove("deprecated");
            parameter.remove("explode");
        }
        if let Some(example) = examples::of_parameter(parameter) {
            parameter["example"] = example;
        }
    }
    if let Some(body) = member(operation, "requestBody") {
        body["description"] = operations::find(id).map_or("", |known| known.body).into();
        for (kind, content) in member(body, "content").into_iter().flat_map(members) {
            // Of a form the schema's own example is what Scalar fills in; with others beside it, it sends nothing.
            if kind != FORM {
                content["examples"] = examples::of_body(schemas, id, None, content);
            }
        }
    }
}

/// The answers that poem-openapi knows of: success, and that nothing has changed.
fn describe_success(operation: &mut Value, schemas: &Value, id: &str) {
    let known = headers::components();
    for (status, response) in member(operation, "responses").into_iter().flat_map(members) {
        if status.starts_with('2') {
            response["description"] = operations::find(id)
                .map_or("", |known| known.success(status))
                .into();
        }
        for (_, content) in member(response, "content").into_iter().flat_map(members) {
            content["examples"] = examples::of_body(schemas, id, Some(status), content);
        }
        for (name, header) in member(response, "headers").into_iter().flat_map(members) {
            if known.get(name).is_some() {
                *header = reference("headers", name);
            }
        }
        let status = status.parse().unwrap_or_default();
        add_headers(response, headers::of_answer(id, status));
    }
}

fn add_headers(
    response: &mut Value,
    headers: impl IntoIterator<Item = (&'static str, &'static str)>,
) {
    for (name, component) in headers {
        response["headers"][name] = reference("headers", component);
    }
}
