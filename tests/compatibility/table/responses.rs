//! Answers: statuses, headers, media types and what is in the body.

use serde_json::{Value, json};

use super::{
    PROBLEM, RESPONSE, Row, alike, breaks, document, nothing, object, problem, response, row,
};
use crate::kind::Kind;

const NAME: &str = "POST /things 200 response.name";
const CODE: &str = "POST /things 404 response.code";

fn statuses(names: &[&str]) -> Value {
    let responses: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({})))
        .collect();
    document(json!({ "responses": responses }))
}

fn answer(members: Value) -> Value {
    document(json!({ "responses": { "200": members } }))
}

fn name(property: Value) -> Value {
    response(object(property))
}

pub fn rows() -> Vec<Row> {
    let mut rows = answers();
    rows.extend(properties());
    rows.extend(values());
    rows.extend(codes());
    rows
}

fn answers() -> Vec<Row> {
    let header = |header: Value| answer(json!({ "headers": { "ETag": header } }));
    let etag = "POST /things 200 response header ETag";
    let media = |name: &str| answer(json!({ "content": { name: {} } }));
    let text = json!({ "schema": { "type": "string" } });
    vec![
        alike(
            "a further success",
            [statuses(&["201"]), statuses(&["201", "202"])],
            "POST /things 202 response",
            [Kind::SuccessStatusAdded, Kind::SuccessStatusRemoved],
        ),
        row(
            "another success",
            [statuses(&["200"]), statuses(&["201"])],
            &[
                (Kind::SuccessStatusRemoved, "POST /things 200 response"),
                (Kind::SuccessStatusAdded, "POST /things 201 response"),
            ],
            &[
                (Kind::SuccessStatusRemoved, "POST /things 201 response"),
                (Kind::SuccessStatusAdded, "POST /things 200 response"),
            ],
        ),
        alike(
            "a further error",
            [statuses(&["200"]), statuses(&["200", "404"])],
            PROBLEM,
            [Kind::OtherStatusAdded, Kind::OtherStatusRemoved],
        ),
        alike(
            "what a condition may bring",
            [statuses(&["200"]), statuses(&["200", "304"])],
            "POST /things 304 response",
            [Kind::OtherStatusAdded, Kind::OtherStatusRemoved],
        ),
        row(
            "an error of a class is told by itself",
            [statuses(&["4XX"]), statuses(&["404"])],
            &[(Kind::OtherStatusRemoved, "POST /things 4XX response")],
            &[(Kind::OtherStatusAdded, "POST /things 4XX response")],
        ),
        breaks(
            "a header is removed",
            [header(text.clone()), answer(json!({}))],
            etag,
            [Kind::ResponseHeaderRemoved, Kind::ResponseHeaderAdded],
        ),
        breaks(
            "a header may be missing",
            [
                header(json!({ "schema": { "type": "string" }, "required": true })),
                header(text.clone()),
            ],
            etag,
            [
                Kind::ResponseHeaderBecameOptional,
                Kind::ResponseHeaderBecameRequired,
            ],
        ),
        alike(
            "a header is of another type",
            [
                header(text.clone()),
                header(json!({ "schema": { "type": "integer" } })),
            ],
            etag,
            [Kind::ResponseTypeWidened; 2],
        ),
        nothing(
            "a header is described otherwise",
            [
                header(text),
                header(json!({ "schema": { "type": "string" }, "description": "A version." })),
            ],
        ),
        row(
            "another media type",
            [media("application/json"), media("application/xml")],
            &[
                (Kind::ResponseMediaTypeRemoved, RESPONSE),
                (Kind::ResponseMediaTypeAdded, RESPONSE),
            ],
            &[
                (Kind::ResponseMediaTypeRemoved, RESPONSE),
                (Kind::ResponseMediaTypeAdded, RESPONSE),
            ],
        ),
        nothing(
            "a media type with its character set",
            [
                media("application/json"),
                media("application/json; charset=utf-8"),
            ],
        ),
        nothing(
            "an answer is described otherwise",
            [
                answer(json!({ "description": "Well." })),
                answer(json!({ "description": "Done." })),
            ],
        ),
        nothing(
            "where to go on is told",
            [
                answer(json!({})),
                answer(json!({ "links": { "next": {} } })),
            ],
        ),
    ]
}

fn properties() -> Vec<Row> {
    let text = json!({ "type": "string" });
    let always = |schema: Value| {
        let mut schema = schema;
        schema["required"] = json!(["name"]);
        response(schema)
    };
    let closed = |schema: Value| {
        let mut schema = schema;
        schema["additionalProperties"] = false.into();
        response(schema)
    };
    vec![
        breaks(
            "a property is removed",
            [
                always(object(text.clone())),
                response(json!({ "type": "object" })),
            ],
            NAME,
            [Kind::ResponsePropertyRemoved, Kind::ResponsePropertyAdded],
        ),
        alike(
            "a property is added to a closed object",
            [
                closed(json!({ "type": "object" })),
                closed(object(text.clone())),
            ],
            NAME,
            [
                Kind::ResponsePropertyAddedToClosed,
                Kind::ResponsePropertyRemoved,
            ],
        ),
        breaks(
            "a property may be missing",
            [always(object(text.clone())), name(text.clone())],
            NAME,
            [
                Kind::ResponsePropertyBecameOptional,
                Kind::ResponsePropertyBecameRequired,
            ],
        ),
        breaks(
            "an object is opened",
            [closed(object(text.clone())), name(text.clone())],
            RESPONSE,
            [Kind::ResponseObjectOpened, Kind::ResponseObjectClosed],
        ),
        breaks(
            "a property is only sent",
            [
                name(text.clone()),
                name(json!({ "type": "string", "writeOnly": true })),
            ],
            NAME,
            [Kind::ResponsePropertyRemoved, Kind::ResponsePropertyAdded],
        ),
        breaks(
            "a property of an error is removed that was always there",
            [
                problem(json!({ "type": "object", "required": ["name"] })),
                problem(json!({ "type": "object" })),
            ],
            "POST /things 404 response.name",
            [Kind::ResponsePropertyRemoved, Kind::ResponsePropertyAdded],
        ),
        alike(
            "a property of an error is removed that could be missing",
            [
                problem(object(text.clone())),
                problem(json!({ "type": "object" })),
            ],
            "POST /things 404 response.name",
            [Kind::ProblemPropertyRemoved, Kind::ResponsePropertyAdded],
        ),
        nothing(
            "a property is only received",
            [
                name(text.clone()),
                name(json!({ "type": "string", "readOnly": true })),
            ],
        ),
    ]
}

fn values() -> Vec<Row> {
    let text = json!({ "type": "string" });
    let values = |values: Value| name(json!({ "type": "string", "enum": values }));
    let either = response(json!({ "oneOf": [{ "type": "string" }, { "type": "boolean" }] }));
    let list = |items: Value| response(json!({ "type": "array", "items": items }));
    vec![
        alike(
            "another type",
            [name(text.clone()), name(json!({ "type": "integer" }))],
            NAME,
            [Kind::ResponseTypeWidened; 2],
        ),
        breaks(
            "numbers that need not be whole",
            [
                name(json!({ "type": "integer" })),
                name(json!({ "type": "number" })),
            ],
            NAME,
            [Kind::ResponseTypeWidened, Kind::ResponseTypeNarrowed],
        ),
        breaks(
            "null is possible",
            [
                name(text.clone()),
                name(json!({ "type": "string", "nullable": true })),
            ],
            NAME,
            [Kind::ResponseNullPossible, Kind::ResponseNullExcluded],
        ),
        breaks(
            "a further value",
            [values(json!(["a"])), values(json!(["a", "b"]))],
            NAME,
            [Kind::ResponseValueAdded, Kind::ResponseValueRemoved],
        ),
        breaks(
            "values are not listed any more",
            [values(json!(["a"])), name(text.clone())],
            NAME,
            [Kind::ResponseValueAdded, Kind::ResponseValueRemoved],
        ),
        breaks(
            "a further form",
            [response(text.clone()), either],
            RESPONSE,
            [
                Kind::ResponseAlternativeAdded,
                Kind::ResponseAlternativeRemoved,
            ],
        ),
        breaks(
            "the items of a list may be null",
            [
                list(text.clone()),
                list(json!({ "type": "string", "nullable": true })),
            ],
            "POST /things 200 response[]",
            [Kind::ResponseNullPossible, Kind::ResponseNullExcluded],
        ),
        nothing(
            "a default, which says nothing of what comes",
            [
                name(text.clone()),
                name(json!({ "type": "string", "default": "a" })),
            ],
        ),
        alike(
            "something that no rule looks at",
            [
                name(text.clone()),
                name(json!({ "type": "string", "contentEncoding": "base64" })),
            ],
            NAME,
            [Kind::Unjudged; 2],
        ),
    ]
}

fn codes() -> Vec<Row> {
    let code = |property: &str, codes: &[&str]| json!({ "type": "object", "properties": { property: { "type": "string", "enum": codes } } });
    let of_field = |codes: &[&str]| {
        let errors = json!({ "type": "array", "items": code("code", codes) });
        problem(json!({ "type": "object", "properties": { "errors": errors } }))
    };
    let open_code = |codes: &[&str]| json!({ "type": "object", "properties": { "code": { "type": "string", "x-extensible-enum": codes } } });
    let code_of_any = json!({ "type": "object", "properties": { "code": { "type": "string" } } });
    // The code that one status loses is one of another.
    let elsewhere = |codes: &[&str]| {
        let mut document = problem(code("code", codes));
        let responses = &mut document["paths"]["/things"]["post"]["responses"];
        responses["409"] =
            problem(code("code", &["a", "b"]))["paths"]["/things"]["post"]["responses"]["404"]
                .clone();
        document
    };
    vec![
        alike(
            "a code is told of fewer statuses",
            [elsewhere(&["a", "b"]), elsewhere(&["a"])],
            CODE,
            [Kind::ProblemCodeRemoved, Kind::ProblemCodeAdded],
        ),
        row(
            "a code is in no answer any more",
            [
                problem(code("code", &["a", "b"])),
                problem(code("code", &["a"])),
            ],
            &[
                (Kind::ProblemCodeRemoved, CODE),
                (Kind::ProblemCodeWithdrawn, "problem code"),
            ],
            &[(Kind::ProblemCodeAdded, CODE)],
        ),
        row(
            "a code of an open enumeration is in no answer any more",
            [problem(open_code(&["a", "b"])), problem(open_code(&["a"]))],
            &[(Kind::ProblemCodeWithdrawn, "problem code")],
            &[],
        ),
        row(
            "a code of fields is in no answer any more",
            [of_field(&["a", "b"]), of_field(&["a"])],
            &[
                (
                    Kind::ProblemCodeRemoved,
                    "POST /things 404 response.errors[].code",
                ),
                (Kind::ProblemCodeWithdrawn, "problem errors[].code"),
            ],
            &[(
                Kind::ProblemCodeAdded,
                "POST /things 404 response.errors[].code",
            )],
        ),
        row(
            "an error of RFC 6749 is in no answer any more",
            [
                problem(code("error", &["a", "b"])),
                problem(code("error", &["a"])),
            ],
            &[
                (Kind::ProblemCodeRemoved, "POST /things 404 response.error"),
                (Kind::ProblemCodeWithdrawn, "problem error"),
            ],
            &[(Kind::ProblemCodeAdded, "POST /things 404 response.error")],
        ),
        breaks(
            "values that are no codes",
            [
                problem(object(json!({ "type": "string", "enum": ["a"] }))),
                problem(object(json!({ "type": "string", "enum": ["a", "b"] }))),
            ],
            "POST /things 404 response.name",
            [Kind::ResponseValueAdded, Kind::ResponseValueRemoved],
        ),
        alike(
            "codes are listed",
            [problem(code_of_any), problem(code("code", &["a"]))],
            CODE,
            [Kind::ProblemCodeRemoved, Kind::ProblemCodeAdded],
        ),
    ]
}
