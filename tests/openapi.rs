//! `openapi.json` is what the program serves, and generators of clients can live with it.

#[path = "support/specification.rs"]
#[allow(dead_code, reason = "the tests of the API use the rest")]
mod specification;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::Value;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    std::fs::read_to_string(path).expect("openapi.json is committed")
});

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&TEXT).expect("JSON"));

/// What a reference leads to; anything else as it is.
fn resolve(value: &Value) -> &Value {
    let target = value["$ref"].as_str().map(|reference| {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        DOCUMENT.pointer(pointer).expect("leads somewhere")
    });
    target.unwrap_or(value)
}

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

/// The same but for what the versions say in other ways.
#[test]
fn openapi_3_1_has_the_same_operations_and_components() {
    let other = &specification::DOCUMENT;
    assert_eq!(other["openapi"], "3.1.0");
    for place in [
        "/paths",
        "/components/schemas",
        "/components/responses",
        "/components/headers",
    ] {
        let names = |document: &Value| -> Vec<String> {
            let members = document
                .pointer(place)
                .and_then(Value::as_object)
                .expect("there");
            members.keys().cloned().collect()
        };
        assert_eq!(names(&DOCUMENT), names(other));
    }
    walk(other, "#", &mut |place, members| {
        assert!(!members.contains_key("nullable"), "{place}");
    });
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
        for member in ["summary", "description"] {
            if operation[member].as_str().is_none_or(str::is_empty) {
                violations.push(format!("{name}: no {member}"));
            }
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
            if resolve(response)["description"]
                .as_str()
                .is_none_or(str::is_empty)
            {
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

/// A schema, a parameter, a header or a body shows at least one value, and each is what its schema asks for.
#[test]
fn every_example_and_default_is_what_its_schema_asks_for() {
    let mut shown = 0;
    let mut violations = Vec::new();
    let mut check = |place: &str, schema: &Value, value: &Value| {
        shown += 1;
        let found = specification::violations(schema, value);
        violations.extend(found.into_iter().map(|found| format!("{place}: {found}")));
    };
    walk(&specification::DOCUMENT, "#", &mut |place, members| {
        if let Some(schema) = members.get("schema") {
            let examples = members.get("examples").and_then(Value::as_object);
            let named = examples
                .into_iter()
                .flatten()
                .map(|(_, example)| &example["value"]);
            for value in members.get("example").into_iter().chain(named) {
                check(place, schema, value);
            }
        }
        let is_schema = members
            .get("type")
            .is_some_and(|kind| kind.is_string() || kind.is_array());
        if is_schema {
            let schema = Value::Object(members.clone());
            let examples = members.get("examples").and_then(Value::as_array);
            for value in examples.into_iter().flatten().chain(members.get("default")) {
                check(place, &schema, value);
            }
        }
    });
    report(&violations);
    assert!(shown >= 300, "only {shown} examples");
}

/// Many tools fill in every example and send it: what is not sent, as a rule, has none.
const NOT_FILLED_IN: &[&str] = &[
    "TokenForm.token_type_hint",
    "TokenRequest.client_id",
    "TokenRequest.client_secret",
    "TokenRequest.refresh_token",
];

#[test]
fn everything_is_described_and_shown() {
    let mut violations = Vec::new();
    let document: &Value = &DOCUMENT;
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .expect("schemas")
    {
        let properties = schema["properties"].as_object().into_iter().flatten();
        let parts = properties.map(|(property, schema)| (format!("{name}.{property}"), schema));
        for (place, schema) in parts.chain([(name.clone(), schema)]) {
            let is_reference = schema["$ref"].is_string();
            if !is_reference && !is_text(&schema["description"]) {
                violations.push(format!("{place} is not described"));
            }
            let is_filled_in = !NOT_FILLED_IN.contains(&place.as_str());
            if !is_reference && schema["example"].is_null() == is_filled_in {
                violations.push(format!("{place} has no example, or one that is not sent"));
            }
        }
        let is_closed = !schema["enum"].is_null();
        if schema["title"] != **name && !is_closed {
            violations.push(format!("{name} has the title {}", schema["title"]));
        }
    }
    walk(document, "#", &mut |place, members| {
        if !members.contains_key("schema") {
            return;
        }
        let is_optional_parameter = members.contains_key("in")
            && members.get("required") != Some(&true.into())
            && resolve(&members["schema"])["default"].is_null();
        let is_shown = members.contains_key("example") || members.contains_key("examples");
        if place.contains("x-www-form-urlencoded") {
            // That of the schema is filled in everywhere; one beside it keeps Scalar from doing so.
            if is_shown || !resolve(&members["schema"])["example"].is_object() {
                violations.push(format!("{place}: a form is shown by its schema alone"));
            }
        } else if is_shown == is_optional_parameter {
            violations.push(format!("{place} has no example, or one that is not sent"));
        }
        let is_body = place.contains("/content/");
        if !is_body && !members.get("description").is_some_and(is_text) {
            violations.push(format!("{place} is not described"));
        }
    });
    for (name, operation) in operations() {
        let body = &operation["requestBody"];
        if !body.is_null() && !is_text(&body["description"]) {
            violations.push(format!("{name}: the body is not described"));
        }
    }
    report(&violations);
}

/// A generated function has one type of result.
#[test]
fn every_operation_has_at_most_one_schema_of_success() {
    let mut violations = Vec::new();
    for (name, operation) in operations() {
        let mut seen: Vec<&Value> = Vec::new();
        let responses = operation["responses"].as_object().expect("responses");
        let successes = responses
            .iter()
            .filter(|(status, _)| status.starts_with('2'));
        for (_, response) in successes {
            let content = resolve(response)["content"].as_object();
            // An answer without a body is another shape than one with a body.
            let schemas = content.map_or_else(
                || vec![&Value::Null],
                |content| content.values().map(|body| &body["schema"]).collect(),
            );
            for schema in schemas {
                if !seen.contains(&schema) {
                    seen.push(schema);
                }
            }
        }
        if seen.len() > 1 {
            violations.push(format!("{name}: {seen:?}"));
        }
    }
    report(&violations);
}

/// What an answer may hold, wherever it is described.
fn answers() -> Vec<(String, Value)> {
    fn add(
        place: &str,
        value: &'static Value,
        seen: &mut Vec<String>,
        all: &mut Vec<(String, Value)>,
    ) {
        all.push((place.to_owned(), value.clone()));
        walk(value, place, &mut |_, members| {
            if let Some(Value::String(reference)) = members.get("$ref")
                && !seen.contains(reference)
            {
                seen.push(reference.clone());
                let pointer = reference.strip_prefix('#').expect("a local reference");
                let target = DOCUMENT.pointer(pointer).expect("leads somewhere");
                add(reference, target, seen, all);
            }
        });
    }
    let (mut seen, mut all) = (Vec::new(), Vec::new());
    for (name, operation) in operations() {
        add(&name, &operation["responses"], &mut seen, &mut all);
    }
    all
}

/// New codes and statuses come; a generated client that refuses one it does not know would fail then.
#[test]
fn answers_have_no_closed_enumerations() {
    let (mut violations, mut open) = (Vec::new(), 0);
    for (place, answer) in answers() {
        walk(&answer, &place, &mut |place, members| {
            let is_schema = members.get("type").is_some_and(Value::is_string);
            if is_schema && members.contains_key("enum") {
                violations.push(place.to_owned());
            }
            if members.contains_key("x-extensible-enum") {
                open += 1;
                let told = members["description"].as_str().unwrap_or_default();
                if members["type"] != "string" || !told.contains("New values may come.") {
                    violations.push(format!("{place} is not told to be open"));
                }
            }
        });
    }
    report(&violations);
    assert!(open >= 40, "only {open} open enumerations");
}

/// What generators of many languages make of it has to compile and to mean the same.
#[test]
fn patterns_formats_and_forms_mean_the_same_in_every_language() {
    let mut violations = Vec::new();
    walk(&DOCUMENT, "#", &mut |place, members| {
        if let Some(Value::String(pattern)) = members.get("pattern") {
            let is_plain = pattern.bytes().all(|byte| (b' '..=b'~').contains(&byte))
                && !pattern.contains('\\')
                && !pattern.contains("[^");
            if !is_plain {
                violations.push(format!("{place}: the pattern {pattern}"));
            }
        }
        // It knows ASCII alone.
        if members
            .get("format")
            .is_some_and(|format| format == "email")
        {
            violations.push(format!("{place}: the format"));
        }
        let is_header = members.get("in").is_some_and(|place| place == "header");
        if is_header && !members["schema"]["pattern"].is_null() {
            violations.push(format!("{place}: a header with a pattern"));
        }
    });
    for (name, operation) in operations() {
        let form = &operation["requestBody"]["content"]["application/x-www-form-urlencoded"];
        let fields = resolve(&form["schema"])["properties"].as_object();
        for (field, schema) in fields.into_iter().flatten() {
            if schema["type"] != "string" {
                violations.push(format!(
                    "{name}: the field {field} of the form is no plain text"
                ));
            }
        }
    }
    report(&violations);
}

/// Generators make arguments in this order.
#[test]
fn properties_stand_in_the_order_of_need() {
    for (first, then) in [
        (
            "\"RegisterRequest\": {",
            &["email", "username", "password", "full_name"][..],
        ),
        (
            "\"TokenRequest\": {",
            &["grant_type", "username", "password", "scope"],
        ),
        (
            "\"User\": {",
            &["id", "email", "username", "full_name", "created_at"],
        ),
        (
            "\"ValidationProblem\": {",
            &["type", "title", "status", "code", "detail", "errors"],
        ),
        ("\"FieldProblem\": {", &["field", "code", "message"]),
    ] {
        let (_, schema) = TEXT
            .split_once(&format!("\n      {first}"))
            .expect("a schema");
        let (schema, _) = schema.split_once("\n      }").expect("its end");
        let (_, properties) = schema.split_once("\"properties\": {").expect("properties");
        let places: Vec<Option<usize>> = then
            .iter()
            .map(|name| properties.find(&format!("\n          \"{name}\": {{")))
            .collect();
        assert!(places.iter().all(Option::is_some), "{first} {places:?}");
        assert!(places.is_sorted(), "{first} {places:?}");
    }
}

/// A client that is told of no server takes the first.
#[test]
fn the_first_server_is_a_whole_url() {
    let url = DOCUMENT["servers"][0]["url"].as_str().expect("a URL");
    assert!(
        url.starts_with("http") && url.contains("127.0.0.1:8000"),
        "{url}"
    );
}

/// Inline objects and enumerations get names that each generator makes up for itself.
#[test]
fn objects_are_components() {
    let mut violations = Vec::new();
    walk(&DOCUMENT, "#", &mut |place, members| {
        let is_object = members.get("type").is_some_and(|kind| kind == "object");
        let is_component =
            place.matches('/').count() == 3 && place.starts_with("#/components/schemas/");
        if is_object && !is_component {
            violations.push(place.to_owned());
        }
        if members.contains_key("allOf")
            || members.contains_key("oneOf")
            || members.contains_key("anyOf")
        {
            violations.push(format!("{place} is composed"));
        }
    });
    report(&violations);
}

/// Every error answer: where it stands, its operation and its status, and the answer itself.
fn errors() -> Vec<(String, &'static Value, u16, &'static Value)> {
    let mut errors = Vec::new();
    for (name, operation) in operations() {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            let status: u16 = status.parse().expect("a status");
            if status >= 400 {
                errors.push((
                    format!("{name}: {status}"),
                    operation,
                    status,
                    resolve(response),
                ));
            }
        }
    }
    errors
}

const OAUTH: &[&str] = &["issueToken", "revokeToken", "introspectToken"];

#[test]
fn every_error_is_problem_details_and_at_oauth_endpoints_an_oauth_error_too() {
    let mut violations = Vec::new();
    for (place, operation, status, response) in errors() {
        let is_oauth = OAUTH.iter().any(|id| operation["operationId"] == *id);
        let expected: &[&str] = match (is_oauth, status) {
            (true, 400) => &["application/json"],
            (true, _) => &["application/json", "application/problem+json"],
            _ => &["application/problem+json"],
        };
        let content = response["content"].as_object().expect("content");
        let kinds: Vec<&String> = content.keys().collect();
        if kinds != expected {
            violations.push(format!("{place} has {kinds:?}"));
        }
        for (kind, body) in content {
            let reference = body["schema"]["$ref"].as_str().unwrap_or_default();
            let is_known = match kind.as_str() {
                "application/json" => reference == "#/components/schemas/OAuthError",
                _ => reference.ends_with("Problem"),
            };
            if !is_known {
                violations.push(format!("{place} has {reference} as {kind}"));
            }
        }
    }
    report(&violations);
}

/// Each problem has its own status, its own codes, and for each of them an example.
#[test]
fn problems_are_typed_by_status_and_code() {
    let mut violations = Vec::new();
    for (place, _, status, response) in errors() {
        let body = &response["content"]["application/problem+json"];
        if body.is_null() {
            continue;
        }
        let properties = &resolve(&body["schema"])["properties"];
        if properties["status"]["example"] != status {
            violations.push(format!("{place}: {}", properties["status"]));
        }
        let codes = properties["code"]["x-extensible-enum"]
            .as_array()
            .expect("known codes");
        let examples = body["examples"].as_object().expect("examples");
        let shown: Vec<&Value> = examples.values().map(|one| &one["value"]["code"]).collect();
        if shown != codes.iter().collect::<Vec<_>>() {
            violations.push(format!("{place}: {shown:?} of {codes:?} are shown"));
        }
        let names: Vec<&str> = examples.keys().map(String::as_str).collect();
        if names != codes.iter().filter_map(Value::as_str).collect::<Vec<_>>() {
            violations.push(format!("{place}: {names:?}"));
        }
        let told = response["description"].as_str().unwrap_or_default();
        violations.extend(
            names
                .iter()
                .filter(|code| !told.contains(&format!("`{code}`: ")))
                .map(|code| format!("{place}: {code} is not explained")),
        );
        let has_errors = !properties["errors"].is_null();
        let may_have = names
            .iter()
            .any(|code| matches!(*code, "malformed_request" | "validation_failed"));
        if has_errors != may_have {
            violations.push(format!("{place}: errors of fields are told wrongly"));
        }
    }
    report(&violations);
}

/// An operation that may be refused for a permission or a scope names it, in its description and as the scope of a login.
#[test]
fn permissions_are_told_as_scopes() {
    let mut violations = Vec::new();
    for (name, operation) in operations() {
        let forbidden = resolve(&operation["responses"]["403"]);
        let examples = &forbidden["content"]["application/problem+json"]["examples"];
        let needs_permission = examples.get("permission_denied").is_some();
        let needs_scope = examples.get("insufficient_scope").is_some();
        let requirements = operation["security"].as_array().expect("security");
        let scopes = requirements
            .iter()
            .filter_map(|one| one["PasswordAuth"].as_array());
        let scopes: Vec<&str> = scopes.flatten().filter_map(Value::as_str).collect();
        let told = operation["description"].as_str().unwrap_or_default();
        let is_told = scopes
            .iter()
            .all(|scope| told.contains(&format!("`{scope}`")));
        // Whether a logout needs one depends on what it ends.
        let has_scope = scopes.len() == 1 || name.ends_with("/auth/logout");
        if needs_scope != has_scope || (needs_permission && !needs_scope) || !is_told {
            violations.push(format!("{name}: {scopes:?}"));
        }
        if needs_scope && forbidden["headers"]["WWW-Authenticate"].is_null() {
            violations.push(format!("{name}: the challenge of 403 is not told"));
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
    let all = operations();
    let needed: BTreeSet<&str> = all
        .iter()
        .flat_map(|(_, operation)| operation["security"].as_array())
        .flatten()
        .filter_map(|alternative| alternative["PasswordAuth"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .chain(["account"])
        .collect();
    let told = flow["scopes"].as_object().expect("scopes").keys();
    assert!(
        told.map(String::as_str).eq(needed),
        "a scope that no operation needs is told, or one is not: {flow}"
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
