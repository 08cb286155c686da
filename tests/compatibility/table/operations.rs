//! Operations: names, security, parameters, whether there is a body.

use serde_json::{Value, json};

use super::{OPERATION, REQUEST, Row, alike, breaks, document, nothing, row};
use crate::kind::Kind;

const LIMIT: &str = "POST /things query limit";

fn operation(members: Value) -> Value {
    let mut operation = members;
    operation["responses"] = json!({ "204": {} });
    document(operation)
}

fn paths(paths: Value) -> Value {
    json!({ "openapi": "3.0.3", "paths": paths })
}

fn parameters(listed: Value) -> Value {
    operation(json!({ "parameters": listed }))
}

/// `?limit=`, changed.
fn limit(members: Value) -> Value {
    let mut parameter = json!({ "in": "query", "name": "limit", "schema": { "type": "integer" } });
    for (name, value) in members.as_object().into_iter().flatten() {
        parameter[name] = value.clone();
    }
    parameters(json!([parameter]))
}

fn body(body: Value) -> Value {
    operation(json!({ "requestBody": body }))
}

fn media(names: &[&str]) -> Value {
    let content: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({})))
        .collect();
    body(json!({ "content": content }))
}

pub fn rows() -> Vec<Row> {
    let mut rows = names();
    rows.extend(security());
    rows.extend(sent());
    rows
}

fn names() -> Vec<Row> {
    let id = |id: &str| operation(json!({ "operationId": id }));
    let get = json!({ "responses": {} });
    let named = json!({ "operationId": "listThings", "responses": {} });
    let tagged = |tags: Value| operation(json!({ "tags": tags }));
    let two_tagged = |tag: &str| {
        let operation = json!({ "tags": [tag], "responses": {} });
        paths(json!({ "/a": { "get": operation, "put": operation } }))
    };
    vec![
        breaks(
            "an operation is removed",
            [
                paths(json!({ "/things": { "get": get } })),
                paths(json!({ "/things": {} })),
            ],
            "GET /things",
            [Kind::OperationRemoved, Kind::OperationAdded],
        ),
        row(
            "an operation has another path",
            [
                paths(json!({ "/things": { "get": named } })),
                paths(json!({ "/items": { "get": named } })),
            ],
            &[(Kind::OperationMoved, "GET /things")],
            &[(Kind::OperationMoved, "GET /items")],
        ),
        row(
            "an operation has another method",
            [
                paths(json!({ "/things": { "put": named } })),
                paths(json!({ "/things": { "patch": named } })),
            ],
            &[(Kind::OperationMoved, "PUT /things")],
            &[(Kind::OperationMoved, "PATCH /things")],
        ),
        alike(
            "the operationId is another one",
            [id("createThing"), id("addThing")],
            OPERATION,
            [Kind::OperationIdChanged; 2],
        ),
        breaks(
            "the operationId is gone",
            [id("createThing"), operation(json!({}))],
            OPERATION,
            [Kind::OperationIdChanged, Kind::OperationIdAdded],
        ),
        alike(
            "the tag is another one",
            [tagged(json!(["account"])), tagged(json!(["profile"]))],
            OPERATION,
            [Kind::TagChanged; 2],
        ),
        row(
            "the tag of many operations is another one",
            [two_tagged("account"), two_tagged("profile")],
            &[(Kind::TagChanged, "tag account")],
            &[(Kind::TagChanged, "tag profile")],
        ),
        alike(
            "a further tag",
            [
                tagged(json!(["account"])),
                tagged(json!(["account", "own"])),
            ],
            OPERATION,
            [Kind::FurtherTagsChanged; 2],
        ),
        alike(
            "an operation is deprecated",
            [
                operation(json!({})),
                operation(json!({ "deprecated": true })),
            ],
            OPERATION,
            [Kind::DeprecationChanged; 2],
        ),
        nothing(
            "an operation is described otherwise",
            [
                operation(json!({ "summary": "Add", "x-order": 1 })),
                operation(
                    json!({ "summary": "Create", "description": "A thing.", "externalDocs": {} }),
                ),
            ],
        ),
        alike(
            "something that no rule looks at",
            [
                operation(json!({})),
                operation(json!({ "callbacks": { "done": {} } })),
            ],
            OPERATION,
            [Kind::Unjudged; 2],
        ),
    ]
}

fn security() -> Vec<Row> {
    let needs = |alternatives: Value| operation(json!({ "security": alternatives }));
    let open = operation(json!({}));
    let bearer = needs(json!([{ "Bearer": [] }]));
    let either = needs(json!([{ "Bearer": [] }, { "Login": ["read"] }]));
    let login = |scopes: Value| needs(json!([{ "Login": scopes }]));
    let of_all = |requirement: Value| {
        let mut document = open.clone();
        document["security"] = requirement;
        document
    };
    vec![
        breaks(
            "credentials are asked for",
            [open.clone(), bearer.clone()],
            OPERATION,
            [Kind::SecurityAdded, Kind::SecurityAlternativeAdded],
        ),
        nothing(
            "that nothing is needed is told",
            [open.clone(), needs(json!([{}]))],
        ),
        nothing(
            "what all operations need is told of one",
            [of_all(json!([{ "Bearer": [] }])), bearer.clone()],
        ),
        breaks(
            "one of two ways to authenticate is removed",
            [either, bearer.clone()],
            OPERATION,
            [
                Kind::SecurityAlternativeRemoved,
                Kind::SecurityAlternativeAdded,
            ],
        ),
        breaks(
            "a further scope is needed",
            [login(json!(["read"])), login(json!(["read", "write"]))],
            OPERATION,
            [Kind::SecurityAdded, Kind::SecurityAlternativeAdded],
        ),
        breaks(
            "two credentials are needed at once",
            [bearer, needs(json!([{ "Bearer": [], "Key": [] }]))],
            OPERATION,
            [Kind::SecurityAdded, Kind::SecurityAlternativeAdded],
        ),
    ]
}

fn sent() -> Vec<Row> {
    let path = |name: &str| {
        let parameter =
            json!({ "in": "path", "name": name, "required": true, "schema": { "type": "string" } });
        let operation = json!({ "parameters": [parameter], "responses": {} });
        paths(json!({ format!("/things/{{{name}}}"): { "get": operation } }))
    };
    let header = |name: &str| parameters(json!([{ "in": "header", "name": name, "schema": {} }]));
    let beside = json!({ "in": "query", "name": "limit", "schema": { "type": "integer" } });
    let of_path = paths(json!({
        "/things": { "parameters": [beside], "post": { "responses": { "204": {} } } }
    }));
    vec![
        breaks(
            "a parameter is removed",
            [limit(json!({})), parameters(json!([]))],
            LIMIT,
            [Kind::ParameterRemoved, Kind::ParameterAdded],
        ),
        alike(
            "a parameter is added that must be sent",
            [parameters(json!([])), limit(json!({ "required": true }))],
            LIMIT,
            [Kind::ParameterAddedRequired, Kind::ParameterRemoved],
        ),
        breaks(
            "a parameter must be sent",
            [limit(json!({})), limit(json!({ "required": true }))],
            LIMIT,
            [Kind::ParameterBecameRequired, Kind::ParameterBecameOptional],
        ),
        breaks(
            "a parameter has a bound",
            [
                limit(json!({})),
                limit(json!({ "schema": { "type": "integer", "maximum": 100 } })),
            ],
            LIMIT,
            [Kind::RequestBoundTightened, Kind::RequestBoundLoosened],
        ),
        alike(
            "a parameter has another default",
            [
                limit(json!({ "schema": { "type": "integer", "default": 50 } })),
                limit(json!({ "schema": { "type": "integer", "default": 20 } })),
            ],
            LIMIT,
            [Kind::RequestDefaultChanged; 2],
        ),
        alike(
            "a list is written otherwise",
            [
                limit(json!({ "schema": { "type": "array" } })),
                limit(json!({ "schema": { "type": "array" }, "explode": false })),
            ],
            LIMIT,
            [Kind::Unjudged; 2],
        ),
        nothing(
            "how a list would be written, of a single value",
            [limit(json!({})), limit(json!({ "explode": false }))],
        ),
        nothing(
            "how a list is written by default is told",
            [
                limit(json!({ "schema": { "type": "array" } })),
                limit(json!({ "schema": { "type": "array" }, "style": "form", "explode": true })),
            ],
        ),
        alike(
            "a parameter is JSON",
            [
                limit(json!({ "schema": {} })),
                limit(json!({ "content": { "application/json": {} }, "schema": {} })),
            ],
            LIMIT,
            [Kind::Unjudged; 2],
        ),
        alike(
            "a parameter is deprecated",
            [limit(json!({})), limit(json!({ "deprecated": true }))],
            LIMIT,
            [Kind::DeprecationChanged; 2],
        ),
        nothing(
            "a parameter is described otherwise",
            [
                limit(json!({})),
                limit(json!({ "description": "At most.", "example": 5, "examples": {} })),
            ],
        ),
        nothing(
            "a parameter of the path's is told of its one operation",
            [of_path, limit(json!({}))],
        ),
        nothing(
            "a header in other letters",
            [header("If-Match"), header("if-match")],
        ),
        row(
            "a part of the path has another name",
            [path("id"), path("thing_id")],
            &[(Kind::PathParameterRenamed, "GET /things/{id} path id")],
            &[(
                Kind::PathParameterRenamed,
                "GET /things/{thing_id} path thing_id",
            )],
        ),
        breaks(
            "there must be a body",
            [
                body(json!({ "content": {} })),
                body(json!({ "content": {}, "required": true })),
            ],
            REQUEST,
            [
                Kind::RequestBodyBecameRequired,
                Kind::RequestBodyBecameOptional,
            ],
        ),
        breaks(
            "a body is no longer read",
            [body(json!({ "content": {} })), operation(json!({}))],
            REQUEST,
            [Kind::RequestBodyRemoved, Kind::RequestBodyAdded],
        ),
        alike(
            "there must be a body where there was none",
            [
                operation(json!({})),
                body(json!({ "content": {}, "required": true })),
            ],
            REQUEST,
            [Kind::RequestBodyBecameRequired, Kind::RequestBodyRemoved],
        ),
        breaks(
            "a media type is not accepted any more",
            [
                media(&["application/json", "application/xml"]),
                media(&["application/json"]),
            ],
            REQUEST,
            [Kind::RequestMediaTypeRemoved, Kind::RequestMediaTypeAdded],
        ),
        nothing(
            "a media type with its character set",
            [
                media(&["application/json"]),
                media(&["Application/JSON; charset=utf-8"]),
            ],
        ),
    ]
}
