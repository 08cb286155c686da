//! The schemas of requests and answers: closed where the code is, bounded where the domain is, without the wrappers that
//! poem-openapi puts around references.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::examples;
use crate::api::document::{member, members};
use crate::domain::authorization::roles;
use crate::domain::{Email, FullName, Username};

pub fn complete(document: &mut Value) {
    unwrap_references(document);
    make_bounds_whole(document);
    let requests = json_requests(document);
    let Some(schemas) = document.pointer_mut("/components/schemas") else {
        return;
    };
    schemas["LogoutChoice"]["default"] = "current".into();
    for (name, schema) in members(schemas) {
        for (property, described) in member(schema, "properties").into_iter().flat_map(members) {
            // Requests and answers have schemas of their own: saying it of each property again only adds noise.
            if let Some(described) = described.as_object_mut() {
                described.remove("readOnly");
                described.remove("writeOnly");
            }
            make_portable(described);
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

/// Takes out what means another thing in other languages. A pattern with an escape or an excluded set is one: Ruby takes no
/// `\x80`, PHP no `\u0000`, and others read bytes where characters are meant. A format for ASCII alone is another: addresses may
/// have letters of any script. The service says what is wrong in its answer.
fn make_portable(described: &mut Value) {
    let is_plain = |pattern: &str| !pattern.contains('\\') && !pattern.contains("[^");
    let pattern = described.get("pattern").and_then(Value::as_str);
    let has_to_go = pattern.is_some_and(|pattern| !is_plain(pattern));
    if let Some(described) = described.as_object_mut().filter(|_| has_to_go) {
        described.remove("pattern");
    }
    if described["format"] == "email" {
        described["format"] = "idn-email".into();
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::api::wire::{entity_tag, fields, idempotency};
    use crate::domain::Password;

    /// What the service takes and the specification does not say, for the tests that send what is and is not allowed.
    #[test]
    fn the_patterns_of_the_fuzzer_are_those_of_the_service() {
        let patterns = json!({
            "email": Email::PATTERN,
            "full_name": fields::FULL_NAME,
            "password": Password::PATTERN,
            "cursor": fields::CURSOR,
            "entity_tag": entity_tag::PATTERN,
            "idempotency_key": idempotency::PATTERN,
        });
        let text = serde_json::to_string_pretty(&patterns).expect("JSON") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/patterns.json");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(&path, &text).expect("writes");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(text == kept, "run the tests with UPDATE_SNAPSHOTS=1");
    }
}
