//! The committed `openapi.json` as a whole: whatever is changed in it is seen, but for what says nothing to programs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::current;
use crate::document::compare;
use crate::kind::Kind;

/// What may be changed without a client noticing, wherever it stands but as the name of a property.
const UNSEEN: &[&str] = &[
    "bearerFormat",
    "description",
    "example",
    "examples",
    "externalDocs",
    "links",
    "summary",
    "title",
    // Values that an answer has today, where more may come. Codes of errors among them are compared all the same.
    "x-extensible-enum",
];

/// The members of these are named by us, not by OpenAPI.
const NAMED: &[&str] = &["properties", "headers", "scopes"];

#[test]
fn it_is_compatible_with_itself() {
    assert_eq!(compare(&current(), &current()), []);
}

#[test]
fn names_of_components_do_not_count() {
    let text = current().to_string();
    let new = text.replace("#/components/schemas/", "#/components/schemas/Renamed");
    let mut new: Value = serde_json::from_str(&new).expect("JSON");
    let schemas = new["components"]["schemas"].take();
    let renamed = schemas.as_object().expect("schemas").iter();
    let renamed = renamed.map(|(name, schema)| (format!("Renamed{name}"), schema.clone()));
    new["components"]["schemas"] = Value::Object(renamed.collect());

    let changes = compare(&current(), &new);
    assert!(changes.len() >= 10, "{changes:?}");
    for change in changes {
        assert_eq!(change.kind, Kind::SchemaRenamed);
        let was = change.was.expect("a name");
        assert_eq!(change.is, Some(format!("Renamed{was}")));
    }
}

/// Changes every value and takes away every object and list, one at a time, and looks at an operation that it belongs to.
#[test]
fn nothing_changes_unseen() {
    let document = current();
    let mut unseen = Vec::new();
    let mut looked_at = 0;
    let mut walked = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let mut old = json!({ "paths": { path: { method: operation } } });
            let mut places = Vec::new();
            walk(&old["paths"], "/paths", "", &mut walked, &mut places);
            let mut components = BTreeSet::new();
            reach(&document, operation, &mut components);
            for pointer in components {
                let component = document.pointer(&pointer).expect("a component");
                let (folder, name) = pointer.rsplit_once('/').expect("a place");
                let folder = folder.rsplit('/').next().expect("a folder");
                old["components"][folder][name] = component.clone();
                walk(component, &pointer, "", &mut walked, &mut places);
            }
            looked_at += places.len();
            places.retain(|place| {
                let mut new = old.clone();
                change(&mut new, place);
                // What is only received or only sent is so by where it stands; a default stands before that of the component beneath.
                // Of single values it does not count how lists would be written. An operation that asks for no token
                // need not say so where the document asks for none either.
                let says_nothing = ["/readOnly", "/writeOnly", "/allOf/1/default", "/explode"];
                let says_nothing = says_nothing.iter().any(|end| place.ends_with(end))
                    || (place.ends_with("/security") && old.pointer(place) == Some(&json!([])));
                !says_nothing && compare(&old, &new).is_empty()
            });
            unseen.extend(places);
        }
    }
    assert!(looked_at > 1000, "only {looked_at} places");
    assert!(unseen.is_empty(), "{unseen:#?}");
}

/// Adds the pointers of all components that a value leads to.
fn reach(document: &Value, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let pointer = members.get("$ref").and_then(Value::as_str);
            if let Some(pointer) = pointer.and_then(|reference| reference.strip_prefix('#'))
                && found.insert(pointer.to_owned())
            {
                reach(
                    document,
                    document.pointer(pointer).expect("a component"),
                    found,
                );
            }
            members
                .values()
                .for_each(|member| reach(document, member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| reach(document, item, found)),
        _ => (),
    }
}

/// Adds the places of all members whose change has to be seen, once of what stands in many places.
fn walk(
    value: &Value,
    place: &str,
    name: &str,
    walked: &mut BTreeSet<String>,
    places: &mut Vec<String>,
) {
    if !walked.insert(format!("{name}: {value}")) {
        return;
    }
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                if UNSEEN.contains(&key.as_str()) && !NAMED.contains(&name) {
                    continue;
                }
                let place = format!("{place}/{}", key.replace('~', "~0").replace('/', "~1"));
                walk(member, &place, key, walked, places);
                places.push(place);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let place = format!("{place}/{index}");
                walk(item, &place, "", walked, places);
                places.push(place);
            }
        }
        _ => (),
    }
}

/// A value becomes another one, anything else goes.
fn change(document: &mut Value, place: &str) {
    match document.pointer_mut(place) {
        Some(Value::Bool(flag)) => return *flag = !*flag,
        Some(Value::String(text)) => return text.push('x'),
        Some(number @ Value::Number(_)) => {
            return *number = (number.as_f64().expect("a number") + 1.0).into();
        }
        _ => (),
    }
    let (holder, key) = place.rsplit_once('/').expect("a place");
    match document.pointer_mut(holder) {
        Some(Value::Object(members)) => {
            let key = key.replace("~1", "/").replace("~0", "~");
            assert!(members.remove(&key).is_some(), "{place}");
        }
        Some(Value::Array(items)) => {
            items.remove(key.parse().expect("an index"));
        }
        other => panic!("{place}: {other:?}"),
    }
}
