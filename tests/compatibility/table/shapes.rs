//! References, components, and schemas that are made of others: the names do not count, the wire does.

use serde_json::{Value, json};

use super::{
    REQUEST, Row, alike, breaks, nothing, object, problem, request, response, row, with_components,
};
use crate::kind::Kind;

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// An object with a list of the same.
fn tree(name: &str, value: Value) -> Value {
    json!({
        "type": "object",
        "properties": { "value": value, "children": { "type": "array", "items": reference(name) } },
    })
}

pub fn rows() -> Vec<Row> {
    let mut rows = components();
    rows.extend(composed());
    rows
}

fn components() -> Vec<Row> {
    let text = json!({ "type": "string" });
    let thing = |name: &str, schema: Value| {
        with_components(response(reference(name)), json!({ name: schema }))
    };
    let nodes = |value: Value| {
        with_components(
            response(reference("Node")),
            json!({ "Node": tree("Node", value) }),
        )
    };
    // The same tree, written out for one more storey.
    let unrolled = with_components(
        response(reference("Node")),
        json!({
            "Node": {
                "type": "object",
                "properties": { "value": text, "children": { "type": "array", "items": tree("Node", text.clone()) } },
            },
        }),
    );
    // Seen in two operations, it is said once, of the component.
    let shared = |property: Value| {
        let mut document = thing("Thing", object(property));
        let operation = document["paths"]["/things"]["post"].clone();
        document["paths"]["/things"]["get"] = operation;
        document
    };
    vec![
        nothing(
            "a component is said to be one",
            [thing("Thing", object(text.clone())), {
                let mut document = thing("Thing", object(text.clone()));
                let schema = json!({ "allOf": [reference("Thing")], "description": "A thing." });
                document["paths"]["/things"]["post"]["responses"]["200"]["content"]["application/json"]
                    ["schema"] = schema;
                document
            }],
        ),
        row(
            "a component has another name",
            [
                thing("Thing", object(text.clone())),
                thing("Item", object(text.clone())),
            ],
            &[(Kind::SchemaRenamed, "component Thing")],
            &[(Kind::SchemaRenamed, "component Item")],
        ),
        alike(
            "a component is written out",
            [
                thing("Thing", object(text.clone())),
                response(object(text.clone())),
            ],
            "component Thing",
            [Kind::SchemaUnnamed, Kind::SchemaNamed],
        ),
        row(
            "a component has another name and another shape",
            [
                thing("Thing", object(text.clone())),
                thing(
                    "Item",
                    object(json!({ "type": "string", "nullable": true })),
                ),
            ],
            &[
                (Kind::SchemaRenamed, "component Thing"),
                (Kind::ResponseNullPossible, "POST /things 200 response.name"),
            ],
            &[
                (Kind::SchemaRenamed, "component Item"),
                (Kind::ResponseNullExcluded, "POST /things 200 response.name"),
            ],
        ),
        breaks(
            "a component of two operations",
            [
                shared(text.clone()),
                shared(json!({ "type": "string", "nullable": true })),
            ],
            "Thing.name",
            [Kind::ResponseNullPossible, Kind::ResponseNullExcluded],
        ),
        breaks(
            "a component that contains itself",
            [
                nodes(text.clone()),
                nodes(json!({ "type": "string", "nullable": true })),
            ],
            "POST /things 200 response.value",
            [Kind::ResponseNullPossible, Kind::ResponseNullExcluded],
        ),
        row(
            "a component that contains itself, written out for one storey",
            [nodes(text), unrolled],
            &[(Kind::SchemaUnnamed, "component Node")],
            &[(Kind::SchemaNamed, "component Node")],
        ),
    ]
}

fn composed() -> Vec<Row> {
    let text = json!({ "type": "string" });
    let all = |parts: Value| request(json!({ "allOf": parts }));
    let both =
        json!({ "type": "object", "properties": { "name": text, "size": { "type": "integer" } } });
    let size = json!({ "type": "object", "properties": { "size": { "type": "integer" } } });
    let code = |codes: &[&str]| json!({ "type": "object", "properties": { "code": { "type": "string", "enum": codes } } });
    let problems = |schemas: Value, names: &[&str]| {
        let forms: Vec<Value> = names.iter().map(|name| reference(name)).collect();
        let schema = match &forms[..] {
            [one] => one.clone(),
            _ => json!({ "oneOf": forms }),
        };
        with_components(problem(schema), schemas)
    };
    vec![
        nothing(
            "an object is made of two",
            [
                request(both.clone()),
                all(json!([object(text.clone()), size])),
            ],
        ),
        nothing(
            "the narrower of two bounds holds",
            [
                request(json!({ "type": "string", "maxLength": 8, "minLength": 2, "enum": ["b"] })),
                all(json!([
                    { "type": "string", "maxLength": 8, "minLength": 1, "enum": ["a", "b"] },
                    { "maxLength": 9, "minLength": 2, "enum": ["b", "c"] },
                ])),
            ],
        ),
        breaks(
            "a part is added",
            [
                all(json!([both])),
                all(json!([both, { "required": ["size"] }])),
            ],
            "POST /things request.size",
            [
                Kind::RequestPropertyBecameRequired,
                Kind::RequestPropertyBecameOptional,
            ],
        ),
        alike(
            "parts that nobody can bring together",
            [
                all(json!([{ "type": "string", "pattern": "^a" }])),
                all(json!([{ "type": "string", "pattern": "^a" }, { "pattern": "b$" }])),
            ],
            REQUEST,
            [Kind::Unjudged; 2],
        ),
        row(
            "a problem becomes one of several, each with its codes",
            [
                problems(json!({ "Problem": code(&["a", "b"]) }), &["Problem"]),
                problems(json!({ "A": code(&["a"]), "B": code(&["b"]) }), &["A", "B"]),
            ],
            &[
                (Kind::SchemaRenamed, "component Problem"),
                (Kind::SchemaRenamed, "component Problem"),
                (Kind::ProblemCodeRemoved, "POST /things 404 response.code"),
                (Kind::ProblemCodeRemoved, "POST /things 404 response.code"),
            ],
            &[
                (Kind::SchemaRenamed, "component A"),
                (Kind::ProblemCodeAdded, "POST /things 404 response.code"),
                (
                    Kind::ResponseAlternativeRemoved,
                    "POST /things 404 response",
                ),
            ],
        ),
        row(
            "a reference that leads out of the document",
            [
                request(json!({ "$ref": "a.json" })),
                request(json!({ "$ref": "b.json" })),
            ],
            &[
                (Kind::SchemaRenamed, "component a.json"),
                (Kind::Unjudged, REQUEST),
            ],
            &[
                (Kind::SchemaRenamed, "component b.json"),
                (Kind::Unjudged, REQUEST),
            ],
        ),
    ]
}
