//! The schemas of requests and answers: closed where the code is, bounded where the domain is, without the wrappers that
//! poem-openapi puts around references.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{examples, member, members, reference};
use crate::domain::{Email, FullName, Username, roles};

/// An enumeration that stands within a property and is to be a type of its own.
struct Named {
    schema: &'static str,
    property: &'static str,
    name: &'static str,
    description: &'static str,
}

const NAMED: &[Named] = &[Named {
    schema: "TokenRequest",
    property: "grant_type",
    name: "GrantType",
    description: "The grants of RFC 6749 §4.3 and §6. When none is named the password grant is meant.",
}];

pub fn complete(document: &mut Value) {
    unwrap_references(document);
    make_bounds_whole(document);
    let requests = json_requests(document);
    let Some(schemas) = document.pointer_mut("/components/schemas") else {
        return;
    };
    schemas["LogoutChoice"]["default"] = "current".into();
    name_enumerations(schemas);
    for (name, schema) in members(schemas) {
        for (property, described) in member(schema, "properties").into_iter().flat_map(members) {
            // Requests and answers have schemas of their own: saying it of each property again only adds noise.
            if let Some(described) = described.as_object_mut() {
                described.remove("readOnly");
                described.remove("writeOnly");
            }
            bound(name, property, described);
        }
        if requests.contains(name) {
            schema["additionalProperties"] = false.into();
        }
    }
    examples::complete(schemas);
}

/// The schemas of JSON bodies. Unknown fields of these are refused; parameters of forms are ignored (RFC 6749 §3.2).
fn json_requests(document: &Value) -> BTreeSet<String> {
    let paths = document["paths"].as_object();
    let operations = paths
        .into_iter()
        .flat_map(Map::values)
        .filter_map(Value::as_object)
        .flat_map(Map::values);
    let body = "/requestBody/content/application~1json/schema/$ref";
    operations
        .filter_map(|operation| operation.pointer(body)?.as_str()?.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}

/// `allOf` of a reference and of annotations becomes the reference: generators make types of their own of the former.
fn unwrap_references(value: &mut Value) {
    let parts = value.get("allOf").and_then(Value::as_array);
    let wrapped = parts.and_then(|parts| parts.iter().find(|part| part["$ref"].is_string()));
    if let Some(reference) = wrapped.cloned() {
        *value = reference;
        return;
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(unwrap_references),
        Value::Array(items) => items.iter_mut().for_each(unwrap_references),
        _ => (),
    }
}

/// Bounds of integers are integers: poem-openapi writes `1.0`.
fn make_bounds_whole(value: &mut Value) {
    if value["type"] == "integer" {
        for name in ["minimum", "maximum"] {
            if let Some(bound) = value.get(name).and_then(Value::as_f64) {
                value[name] = (bound as i64).into();
            }
        }
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(make_bounds_whole),
        Value::Array(items) => items.iter_mut().for_each(make_bounds_whole),
        _ => (),
    }
}

fn name_enumerations(schemas: &mut Value) {
    for named in NAMED {
        let property = &mut schemas[named.schema]["properties"][named.property];
        let mut enumeration = std::mem::replace(property, reference("schemas", named.name));
        enumeration["title"] = named.name.into();
        enumeration["description"] = named.description.into();
        // Of a property only (OpenAPI 3.0.3, Schema Object).
        if let Some(enumeration) = enumeration.as_object_mut() {
            enumeration.remove("writeOnly");
        }
        schemas[named.name] = enumeration;
    }
}

/// Adds what the domain guarantees of a property.
fn bound(schema: &str, property: &str, described: &mut Value) {
    let known = match property {
        // An e-mail address does as well there.
        "username" if schema == "TokenRequest" => return,
        "email" => json!({ "maxLength": Email::MAX_BYTES }),
        "username" => json!({
            "minLength": Username::MIN_CHARS,
            "maxLength": Username::MAX_CHARS,
            "pattern": Username::PATTERN,
        }),
        "full_name" => json!({ "maxLength": FullName::MAX_CHARS }),
        // An empty parameter of a form is an absent one (RFC 6749 §3.2).
        "token" => json!({ "minLength": 1 }),
        "roles" => json!({ "maxItems": roles::MAX_ROLES }),
        "items" => json!({ "maxItems": 100 }),
        _ => return,
    };
    if let (Some(described), Value::Object(known)) = (described.as_object_mut(), known) {
        described.extend(known);
    }
}
