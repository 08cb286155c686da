//! What is in the body of a request.

use serde_json::{Value, json};

use super::{REQUEST, Row, alike, breaks, nothing, object, request, row};
use crate::kind::Kind;

const NAME: &str = "POST /things request.name";

fn name(property: Value) -> Value {
    request(object(property))
}

pub fn rows() -> Vec<Row> {
    let mut rows = properties();
    rows.extend(values());
    rows.extend(forms());
    rows
}

fn properties() -> Vec<Row> {
    let text = json!({ "type": "string" });
    let required = |schema: Value| {
        let mut schema = schema;
        schema["required"] = json!(["name"]);
        request(schema)
    };
    let closed = |schema: Value| {
        let mut schema = schema;
        schema["additionalProperties"] = false.into();
        request(schema)
    };
    let map = |value: Value| request(json!({ "type": "object", "additionalProperties": value }));
    vec![
        breaks(
            "a property is removed from a closed object",
            [
                closed(object(text.clone())),
                closed(json!({ "type": "object" })),
            ],
            NAME,
            [Kind::RequestPropertyRemoved, Kind::RequestPropertyAdded],
        ),
        breaks(
            "a property is removed from an open object",
            [name(text.clone()), request(json!({ "type": "object" }))],
            NAME,
            [Kind::RequestPropertyRemoved, Kind::RequestPropertyAdded],
        ),
        alike(
            "a property is added that must be sent",
            [
                request(json!({ "type": "object" })),
                required(object(text.clone())),
            ],
            NAME,
            [
                Kind::RequestPropertyAddedRequired,
                Kind::RequestPropertyRemoved,
            ],
        ),
        breaks(
            "a property must be sent",
            [name(text.clone()), required(object(text.clone()))],
            NAME,
            [
                Kind::RequestPropertyBecameRequired,
                Kind::RequestPropertyBecameOptional,
            ],
        ),
        breaks(
            "an object is closed",
            [name(text.clone()), closed(object(text.clone()))],
            REQUEST,
            [Kind::RequestObjectClosed, Kind::RequestObjectOpened],
        ),
        breaks(
            "the values of a map are of one type",
            [map(true.into()), map(text.clone())],
            "POST /things request.*",
            [Kind::RequestTypeNarrowed, Kind::RequestTypeWidened],
        ),
        breaks(
            "a property is set by the server alone",
            [
                name(text.clone()),
                name(json!({ "type": "string", "readOnly": true })),
            ],
            NAME,
            [Kind::RequestPropertyRemoved, Kind::RequestPropertyAdded],
        ),
        nothing(
            "a property is only sent",
            [
                name(text.clone()),
                name(json!({ "type": "string", "writeOnly": true })),
            ],
        ),
        nothing(
            "a property is described otherwise",
            [
                name(text),
                name(json!({
                    "type": "string", "description": "A name.", "title": "Name", "example": "ada",
                    "examples": ["ada"], "externalDocs": {}, "x-order": 1,
                })),
            ],
        ),
    ]
}

fn values() -> Vec<Row> {
    let text = json!({ "type": "string" });
    let values = |values: Value| name(json!({ "type": "string", "enum": values }));
    let default = |value: Value| name(json!({ "type": "string", "default": value }));
    vec![
        alike(
            "another type",
            [name(text.clone()), name(json!({ "type": "integer" }))],
            NAME,
            [Kind::RequestTypeNarrowed; 2],
        ),
        breaks(
            "whole numbers alone",
            [
                name(json!({ "type": "number" })),
                name(json!({ "type": "integer" })),
            ],
            NAME,
            [Kind::RequestTypeNarrowed, Kind::RequestTypeWidened],
        ),
        breaks(
            "a type where everything was taken",
            [name(json!({})), name(text.clone())],
            NAME,
            [Kind::RequestTypeNarrowed, Kind::RequestTypeWidened],
        ),
        breaks(
            "null is refused",
            [
                name(json!({ "type": "string", "nullable": true })),
                name(text.clone()),
            ],
            NAME,
            [Kind::RequestNullRefused, Kind::RequestNullAccepted],
        ),
        breaks(
            "null is refused, as OpenAPI 3.1 writes it",
            [
                name(json!({ "type": ["string", "null"] })),
                name(text.clone()),
            ],
            NAME,
            [Kind::RequestNullRefused, Kind::RequestNullAccepted],
        ),
        breaks(
            "a value is removed",
            [values(json!(["a", "b"])), values(json!(["a"]))],
            NAME,
            [Kind::RequestValueRemoved, Kind::RequestValueAdded],
        ),
        breaks(
            "values are listed",
            [name(text.clone()), values(json!(["a"]))],
            NAME,
            [Kind::RequestValueRemoved, Kind::RequestValueAdded],
        ),
        row(
            "a value is replaced",
            [values(json!(["a"])), values(json!(["b"]))],
            &[
                (Kind::RequestValueRemoved, NAME),
                (Kind::RequestValueAdded, NAME),
            ],
            &[
                (Kind::RequestValueRemoved, NAME),
                (Kind::RequestValueAdded, NAME),
            ],
        ),
        nothing(
            "values in another order, and one as OpenAPI 3.1 writes it",
            [values(json!(["a", "b"])), values(json!(["b", "a"]))],
        ),
        nothing(
            "a single value as OpenAPI 3.1 writes it",
            [
                values(json!(["a"])),
                name(json!({ "type": "string", "const": "a" })),
            ],
        ),
        alike(
            "another default",
            [default("a".into()), default("b".into())],
            NAME,
            [Kind::RequestDefaultChanged; 2],
        ),
        breaks(
            "a default is not told any more",
            [default("a".into()), name(text.clone())],
            NAME,
            [Kind::RequestDefaultChanged, Kind::RequestDefaultAdded],
        ),
        alike(
            "a property is deprecated",
            [
                name(text.clone()),
                name(json!({ "type": "string", "deprecated": true })),
            ],
            NAME,
            [Kind::DeprecationChanged; 2],
        ),
        alike(
            "something that no rule looks at",
            [
                name(text.clone()),
                name(json!({ "type": "string", "not": { "pattern": "^_" } })),
            ],
            NAME,
            [Kind::Unjudged; 2],
        ),
        breaks(
            "the items of a list must not be empty",
            [
                name(json!({ "type": "array", "items": text })),
                name(json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })),
            ],
            "POST /things request.name[]",
            [Kind::RequestBoundTightened, Kind::RequestBoundLoosened],
        ),
    ]
}

fn forms() -> Vec<Row> {
    let either = |key: &str| request(json!({ key: [{ "type": "string" }, { "type": "boolean" }] }));
    let by = |key: &str| object(json!({ "type": "string", "enum": [key] }));
    let mut long = by("a");
    long["properties"]["name"]["maxLength"] = 5.into();
    let told = |discriminator: Value| {
        request(json!({ "oneOf": [by("a"), by("b")], "discriminator": discriminator }))
    };
    vec![
        breaks(
            "one of two forms is removed",
            [either("oneOf"), request(json!({ "type": "string" }))],
            REQUEST,
            [
                Kind::RequestAlternativeRemoved,
                Kind::RequestAlternativeAdded,
            ],
        ),
        nothing(
            "one of two forms, or both",
            [either("oneOf"), either("anyOf")],
        ),
        nothing(
            "forms in another order",
            [
                request(json!({ "oneOf": [by("a"), by("b")] })),
                request(json!({ "oneOf": [by("b"), by("a")] })),
            ],
        ),
        row(
            "one of two forms is narrower",
            [
                request(json!({ "oneOf": [by("a"), by("b")] })),
                request(json!({ "oneOf": [long, by("b")] })),
            ],
            &[
                (Kind::RequestAlternativeRemoved, REQUEST),
                (Kind::RequestAlternativeAdded, REQUEST),
            ],
            &[(Kind::RequestBoundLoosened, "POST /things request.name")],
        ),
        breaks(
            "null is no form any more",
            [
                request(json!({ "oneOf": [{ "type": "string" }, { "type": "null" }] })),
                request(json!({ "type": "string" })),
            ],
            REQUEST,
            [Kind::RequestNullRefused, Kind::RequestNullAccepted],
        ),
        alike(
            "the form is told by another property",
            [
                told(json!({ "propertyName": "name" })),
                told(json!({ "propertyName": "name", "mapping": { "a": "#/x" } })),
            ],
            REQUEST,
            [Kind::Unjudged; 2],
        ),
        row(
            "how the form is told is not said any more",
            [
                told(json!({ "propertyName": "name" })),
                request(json!({ "oneOf": [by("a"), by("b")] })),
            ],
            &[(Kind::Unjudged, REQUEST)],
            &[],
        ),
    ]
}
