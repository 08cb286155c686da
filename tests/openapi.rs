//! `openapi.json` is what the program serves, and generators of clients can live with it.

use std::sync::LazyLock;

use serde_json::Value;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    std::fs::read_to_string(path).expect("openapi.json is committed")
});

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&TEXT).expect("JSON"));

/// Every operation as `GET /path` with its description.
fn operations() -> Vec<(String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations").iter();
        methods.map(move |(method, operation)| {
            (format!("{} {path}", method.to_uppercase()), operation)
        })
    });
    operations.collect()
}

/// Calls `visit` with every object of the document and the place where it stands.
fn walk(value: &Value, place: &str, visit: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(place, members);
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, &format!("{place}/{name}"), visit);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{place}/{index}"), visit);
            }
        }
        _ => (),
    }
}

#[track_caller]
fn report(violations: &[String]) {
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn the_committed_specification_is_the_one_of_this_program() {
    assert!(
        *TEXT == vestibule::api::document(),
        "openapi.json has drifted: run `vestibule openapi`"
    );
}

#[test]
fn every_operation_has_a_name_a_summary_a_tag_and_its_failure() {
    let tags = DOCUMENT["tags"].as_array().expect("tags");
    let mut seen = Vec::new();
    let mut violations = Vec::new();
    for (name, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap_or_default();
        if id.is_empty() || seen.contains(&id) {
            violations.push(format!("{name}: operationId {id:?} is missing or taken"));
        }
        seen.push(id);
        if operation["summary"].as_str().is_none_or(str::is_empty) {
            violations.push(format!("{name}: no summary"));
        }
        let own = operation["tags"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if own.len() != 1 || !tags.iter().any(|tag| tag["name"] == own[0]) {
            violations.push(format!("{name}: one known tag is wanted, found {own:?}"));
        }
        let responses = operation["responses"].as_object().expect("responses");
        if !responses.contains_key("500") {
            violations.push(format!("{name}: 500 is not told"));
        }
        if !responses.keys().any(|status| status.starts_with('2')) {
            violations.push(format!("{name}: no success is told"));
        }
        for (status, response) in responses {
            if response["description"].as_str().is_none_or(str::is_empty) {
                violations.push(format!("{name}: {status} has no description"));
            }
        }
    }
    report(&violations);
}

#[test]
fn every_reference_leads_somewhere() {
    let mut violations = Vec::new();
    walk(&DOCUMENT, "#", &mut |place, members| {
        if let Some(Value::String(reference)) = members.get("$ref") {
            let target = reference
                .strip_prefix('#')
                .and_then(|pointer| DOCUMENT.pointer(pointer));
            if target.is_none() {
                violations.push(format!("{place}: {reference}"));
            }
        }
    });
    report(&violations);
}

#[test]
fn media_types_have_no_parameters() {
    let mut violations = Vec::new();
    walk(&DOCUMENT, "#", &mut |place, members| {
        if let Some(Value::Object(content)) = members.get("content") {
            violations.extend(
                content
                    .keys()
                    .filter(|kind| kind.contains(';'))
                    .map(|kind| format!("{place}: {kind}")),
            );
        }
    });
    report(&violations);
}

#[test]
fn every_example_and_default_has_the_type_of_its_schema() {
    let fits = |kind: &str, value: &Value| match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    let mut examples = 0;
    let mut violations = Vec::new();
    walk(&DOCUMENT, "#", &mut |place, members| {
        let Some(Value::String(kind)) = members.get("type") else {
            return;
        };
        for name in ["example", "default"] {
            let Some(value) = members.get(name) else {
                continue;
            };
            examples += 1;
            let length = value.as_str().map_or(0, |text| text.chars().count() as u64);
            let is_short = members
                .get("minLength")
                .and_then(Value::as_u64)
                .is_some_and(|least| length < least);
            let is_long = members
                .get("maxLength")
                .and_then(Value::as_u64)
                .is_some_and(|most| length > most);
            if !fits(kind, value) || is_short || is_long {
                violations.push(format!("{place}/{name}: {value} is no such {kind}"));
            }
        }
    });
    report(&violations);
    assert!(examples >= 10, "only {examples} examples");
}

#[test]
fn every_error_is_problem_details_or_an_oauth_error() {
    let mut violations = Vec::new();
    for (name, operation) in operations() {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            if status.starts_with('2') || status.starts_with('3') {
                continue;
            }
            let content = response["content"].as_object();
            let forms: Vec<(&str, &str)> = content
                .into_iter()
                .flatten()
                .map(|(kind, body)| {
                    (
                        kind.as_str(),
                        body["schema"]["$ref"].as_str().unwrap_or_default(),
                    )
                })
                .collect();
            let is_known = matches!(
                forms[..],
                [("application/problem+json", "#/components/schemas/Problem")]
                    | [("application/json", "#/components/schemas/OAuthError")]
            );
            if !is_known {
                violations.push(format!("{name}: {status} has {forms:?}"));
            }
        }
    }
    report(&violations);
}

/// Generated clients and Swagger UI log in by themselves: a password flow with a scope, or a bearer token.
#[test]
fn both_ways_to_authorize_are_described() {
    let schemes = DOCUMENT["components"]["securitySchemes"]
        .as_object()
        .expect("schemes");
    let flow = schemes
        .values()
        .find_map(|scheme| scheme["flows"].get("password"))
        .expect("a password flow");
    assert_eq!(flow["tokenUrl"], "/auth/token");
    assert!(
        !flow["scopes"].as_object().expect("scopes").is_empty(),
        "{flow}"
    );
    assert!(
        schemes
            .values()
            .any(|scheme| scheme["type"] == "http" && scheme["scheme"] == "bearer")
    );
    for (name, operation) in operations() {
        let alternatives = operation["security"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            assert!(
                alternative
                    .keys()
                    .all(|scheme| schemes.contains_key(scheme)),
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_is_null() {
    fn nulls(place: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Null => found.push(place.to_owned()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    nulls(&format!("{place}/{index}"), item, found);
                }
            }
            Value::Object(members) => {
                for (name, member) in members {
                    nulls(&format!("{place}/{name}"), member, found);
                }
            }
            _ => (),
        }
    }
    let document: Value = serde_json::from_str(&vestibule::api::document()).expect("JSON");
    let mut found = Vec::new();
    nulls("", &document, &mut found);
    assert!(found.is_empty(), "{found:?}");
}
