//! The specification as OpenAPI 3.1. Its schemas are JSON Schema 2020-12, where `null` is a type, a schema has `examples`,
//! and an exclusive bound is a number.

use serde_json::{Map, Value, json};

pub fn upgrade(document: &mut Value) {
    document["openapi"] = "3.1.0".into();
    find_schemas(document);
}

/// Upgrades the schemas in the document, wherever one stands.
fn find_schemas(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "schema" => schema(member),
                    "schemas" => each(member),
                    // What is shown is no part of the specification.
                    "example" | "examples" => (),
                    _ => find_schemas(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(find_schemas),
        _ => (),
    }
}

fn each(schemas: &mut Value) {
    match schemas {
        Value::Object(schemas) => schemas.values_mut().for_each(schema),
        Value::Array(schemas) => schemas.iter_mut().for_each(schema),
        _ => (),
    }
}

fn schema(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    if members.remove("nullable") == Some(true.into()) {
        allow_null(members);
    }
    if let Some(example) = members.remove("example") {
        members.insert("examples".to_owned(), json!([example]));
    }
    exclude(members, "minimum", "exclusiveMinimum");
    exclude(members, "maximum", "exclusiveMaximum");
    for (name, member) in members {
        match name.as_str() {
            "properties" | "allOf" | "anyOf" | "oneOf" => each(member),
            "items" | "additionalProperties" | "not" => self::schema(member),
            _ => (),
        }
    }
}

fn allow_null(schema: &mut Map<String, Value>) {
    if let Some(kind) = schema.get_mut("type") {
        *kind = json!([kind.take(), "null"]);
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut)
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
}

/// A bound with a flag beside it becomes a bound of the other kind.
fn exclude(schema: &mut Map<String, Value>, bound: &str, exclusive: &str) {
    match schema.remove(exclusive) {
        Some(Value::Bool(true)) => {
            if let Some(value) = schema.remove(bound) {
                schema.insert(exclusive.to_owned(), value);
            }
        }
        Some(Value::Bool(false)) | None => (),
        Some(number) => {
            schema.insert(exclusive.to_owned(), number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_become_json_schema() {
        let mut document = json!({
            "components": { "schemas": { "Thing": {
                "type": "object",
                "properties": {
                    // A property may have the name of a keyword.
                    "example": { "type": "string", "nullable": true, "enum": ["a"], "example": "a" },
                    "list": { "type": "array", "items": {
                        "type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false,
                    } },
                    "other": { "nullable": false, "type": "string", "format": "password" },
                },
                "example": { "nullable": true },
            } } },
            "paths": { "/": { "get": { "parameters": [
                { "name": "n", "schema": { "type": "integer", "nullable": true }, "example": { "schema": { "nullable": true } } },
            ] } } },
        });
        upgrade(&mut document);
        let expected = json!({
            "openapi": "3.1.0",
            "components": { "schemas": { "Thing": {
                "type": "object",
                "properties": {
                    "example": { "type": ["string", "null"], "enum": ["a", null], "examples": ["a"] },
                    "list": { "type": "array", "items": { "type": "integer", "exclusiveMinimum": 1, "maximum": 9 } },
                    "other": { "type": "string", "format": "password" },
                },
                "examples": [{ "nullable": true }],
            } } },
            "paths": { "/": { "get": { "parameters": [
                { "name": "n", "schema": { "type": ["integer", "null"] }, "example": { "schema": { "nullable": true } } },
            ] } } },
        });
        assert_eq!(document, expected);
    }
}
