//! Enumerations in answers are open: a plain string whose known values stand in `x-extensible-enum`. A client that was made
//! from this document has to live with a code or a status that it does not know. Requests keep closed enumerations.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::api::document::{member, members};

const NOTE: &str = "New values may come.";

/// Opens every enumeration that an answer may hold.
pub fn open(document: &mut Value) {
    let mut names = BTreeSet::new();
    for response in responses(document) {
        collect(document, response, &mut names);
    }
    for (_, path) in member(document, "paths").into_iter().flat_map(members) {
        for (_, operation) in members(path) {
            open_all(&mut operation["responses"]);
        }
    }
    let Some(components) = member(document, "components") else {
        return;
    };
    for kind in ["responses", "headers"] {
        if let Some(part) = member(components, kind) {
            open_all(part);
        }
    }
    for (name, schema) in member(components, "schemas").into_iter().flat_map(members) {
        if names.contains(name) {
            if schema.get("enum").is_some() {
                schema["title"] = name.as_str().into();
            }
            open_all(schema);
        }
    }
}

/// Where answers and their headers are described.
fn responses(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().into_iter();
    let operations = paths
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    operations
        .map(|operation| &operation["responses"])
        .chain([&document["components"]["headers"]])
}

/// Adds the names of the schemas that `value` refers to, however far away.
fn collect(document: &Value, value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let is_new = match reference.strip_prefix("#/components/schemas/") {
                    Some(name) => names.insert(name.to_owned()),
                    None => true,
                };
                let target = reference
                    .strip_prefix('#')
                    .and_then(|at| document.pointer(at));
                if let Some(target) = target.filter(|_| is_new) {
                    collect(document, target, names);
                }
            }
            members
                .values()
                .for_each(|member| collect(document, member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(document, item, names)),
        _ => (),
    }
}

fn open_all(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("enum").is_some_and(Value::is_array)
                && let Some(values) = members.remove("enum")
            {
                members.insert("x-extensible-enum".to_owned(), values);
                let told = members.get("description").and_then(Value::as_str);
                let told = told.map_or_else(|| NOTE.to_owned(), |told| format!("{told} {NOTE}"));
                members.insert("description".to_owned(), told.into());
            }
            for (name, member) in members {
                // What is shown is no schema.
                if !matches!(name.as_str(), "example" | "examples") {
                    open_all(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(open_all),
        _ => (),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn enumerations_of_answers_are_opened_wherever_they_stand() {
        let mut document = json!({
            "paths": { "/": { "post": {
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Asked" } } } },
                "responses": {
                    "200": { "headers": { "X": { "schema": { "type": "string", "enum": ["x"] } } } },
                    "400": { "$ref": "#/components/responses/Refused" },
                },
            } } },
            "components": {
                "responses": { "Refused": { "content": { "application/json": { "schema": {
                    "type": "array", "items": { "$ref": "#/components/schemas/Outer" },
                } } } } },
                "schemas": {
                    "Asked": { "type": "object", "properties": { "kind": { "type": "string", "enum": ["k"] } } },
                    "Outer": { "type": "object", "properties": { "inner": { "$ref": "#/components/schemas/Inner" } } },
                    "Inner": { "type": "string", "enum": ["i"], "description": "A word." },
                },
            },
        });
        open(&mut document);
        let opened = |at: &str| document.pointer(at).expect("there")["x-extensible-enum"].clone();
        assert_eq!(
            opened("/paths/~1/post/responses/200/headers/X/schema"),
            json!(["x"])
        );
        let inner = &document["components"]["schemas"]["Inner"];
        assert_eq!(
            *inner,
            json!({ "type": "string", "x-extensible-enum": ["i"], "title": "Inner", "description": "A word. New values may come." })
        );
        let asked = &document["components"]["schemas"]["Asked"];
        assert_eq!(asked["properties"]["kind"]["enum"], json!(["k"]));
    }
}
