//! Examples: one for every property, and out of these one for every object, body and parameter, so that they all tell of
//! the same user.

use serde_json::{Map, Value, json};

use crate::api::document::{member, members};

pub const USER_ID: &str = "01981d2c-7b5e-7c3a-9f10-5a2b6c8d4e1f";
const SESSION_ID: &str = "01981d2d-0c44-7d18-8a6b-3e9f1c7b2a50";
const ACCESS_TOKEN: &str =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIwMTk4MWQyYyJ9.c2lnbmF0dXJl";
const REFRESH_TOKEN: &str = "vrt1_AZgdLQxEfRiKaz6fHHsqUAAAAAAAAAAAN2Y0ZTk1YzE2MDhiM2QyYQ";
const MAILED_TOKEN: &str = "q0nSyz3rYd7dXQh6m1cVx5uB2k8WjPZ4fT9eLgAoRiE";
const HANDLE: &str = "Zk3vN8bTq1sWcY5dLxR7mUe2hJ0gPaFo9iKtVyBnQwM";
const CURSOR: &str = "AZgdLHtefDqfEForaI1OHw";
/// 2026-01-02T03:04:05Z.
const ISSUED_AT: i64 = 1_767_323_045;

/// Properties without an example: tools fill examples in, and these are not sent, as a rule.
const NOT_FILLED_IN: &[(&str, &str)] = &[
    ("TokenRequest", "client_id"),
    ("TokenRequest", "client_secret"),
    ("TokenRequest", "refresh_token"),
    ("TokenForm", "token_type_hint"),
];

/// The example of a property, where its type does not bring one.
fn of_property(schema: &str, property: &str) -> Option<Value> {
    let example = match (schema, property) {
        // As an example of a change it has to differ from the current one.
        ("PasswordChange", "new_password") => json!("seven purple elephants dancing"),
        ("Introspection", "token_type") => json!("Bearer"),
        ("Introspection", "token_use") => json!("access_token"),
        ("MailedToken" | "PasswordReset", "token") => json!(MAILED_TOKEN),
        (_, "handle") => json!(HANDLE),
        ("PasswordResetLink", "url") => json!(format!(
            "https://accounts.example.com/reset-password?token={MAILED_TOKEN}"
        )),
        ("PasswordResetLink", "expires_at") => json!("2026-01-02T03:34:05.678Z"),
        ("MailCheck", "oldest_waiting_seconds") => json!(3),
        ("MailCheck", "given_up") => json!(0),
        (_, "new_email") => json!("ada.lovelace@example.com"),
        (_, "code") => json!("271828"),
        (_, "id" | "sub") => json!(USER_ID),
        (_, "sid") => json!(SESSION_ID),
        (_, "jti") => json!("01981d2d-0c45-7f02-b1c9-64d0a7e83f12"),
        (_, "email") => json!("ada@example.com"),
        (_, "username") => json!("ada"),
        (_, "full_name") => json!("Ada Lovelace"),
        (_, "roles") => json!(["user"]),
        ("User", "updated_at") => json!("2026-01-05T12:30:00.000Z"),
        ("User", "last_login_at") => json!("2026-02-03T08:15:42.250Z"),
        (_, "email_verified" | "is_active" | "active") => json!(true),
        (_, "mfa_enabled") => json!(false),
        (_, "next_cursor") => json!(CURSOR),
        (_, "access_token") => json!(ACCESS_TOKEN),
        (_, "refresh_token" | "token") => json!(REFRESH_TOKEN),
        (_, "expires_in") => json!(1800),
        (_, "refresh_expires_in") => json!(604_800),
        // Every user has this one.
        (_, "scope") => json!("account"),
        (_, "aud" | "iss") => json!("http://127.0.0.1:8000"),
        (_, "iat" | "nbf") => json!(ISSUED_AT),
        (_, "exp") => json!(ISSUED_AT + 1800),
        _ => return None,
    };
    Some(example)
}

/// The example of a parameter. Many tools fill it in and send it: only what has to be sent has one, and what changes nothing.
pub fn of_parameter(parameter: &Value) -> Option<Value> {
    match parameter["name"].as_str()? {
        "id" => Some(json!(USER_ID)),
        "scope" => Some(json!("current")),
        _ => parameter["schema"].get("default").cloned(),
    }
}

/// Gives every property and every object of `schemas` its example.
pub fn complete(schemas: &mut Value) {
    let names: Vec<String> = members(schemas).map(|(name, _)| name.clone()).collect();
    for name in names {
        of_schema(schemas, &name);
    }
}

/// The example of a component; made when it has none.
fn of_schema(schemas: &mut Value, name: &str) -> Value {
    if let Some(example) = schemas[name].get("example") {
        return example.clone();
    }
    let mut schema = schemas[name].take();
    let is_object = schema["type"] == "object";
    let example = match member(&mut schema, "properties") {
        Some(properties) => {
            let members = members(properties).filter_map(|(property, described)| {
                if NOT_FILLED_IN.contains(&(name, property.as_str())) {
                    described.as_object_mut()?.remove("example");
                    return None;
                }
                let example = of_described(schemas, name, property, described);
                // A login without it may do all that its user may.
                let is_shown = (name, property.as_str()) != ("TokenRequest", "scope");
                is_shown.then(|| (property.clone(), example))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        None if is_object => json!({}),
        None => first_of_enumeration(&schema),
    };
    schema["example"] = example.clone();
    schemas[name] = schema;
    example
}

fn of_described(schemas: &mut Value, schema: &str, property: &str, described: &mut Value) -> Value {
    if let Some(component) = component(described) {
        return of_schema(schemas, &component);
    }
    let items = member(described, "items").and_then(|items| component(items));
    let example = match items {
        Some(component) => json!([of_schema(schemas, &component)]),
        None => of_property(schema, property)
            .or_else(|| described.get("example").cloned())
            .unwrap_or_else(|| first_of_enumeration(described)),
    };
    if let (Some(items), Some(first)) = (member(described, "items"), example.get(0))
        && component(items).is_none()
    {
        items["example"] = first.clone();
    }
    described["example"] = example.clone();
    example
}

fn first_of_enumeration(schema: &Value) -> Value {
    schema["enum"][0].clone()
}

/// The name of the component that a reference leads to.
fn component(value: &Value) -> Option<String> {
    let reference = value.get("$ref")?.as_str()?;
    reference
        .strip_prefix("#/components/schemas/")
        .map(str::to_owned)
}

/// Whom administrators create and change is not who registers: tried out one after the other, both have to work.
fn tell_of_another(user: &mut Value) {
    for (property, value) in members(user) {
        match property.as_str() {
            "email" => *value = json!("grace@example.com"),
            "username" => *value = json!("grace"),
            "full_name" => *value = json!("Grace Hopper"),
            _ => (),
        }
    }
}

/// The examples of a body: of a request in JSON (status `None`) or of an answer.
pub fn of_body(schemas: &Value, id: &str, status: Option<&str>, content: &Value) -> Value {
    let mut whole = component(&content["schema"])
        .map(|name| schemas[&name]["example"].clone())
        .unwrap_or_default();
    if matches!(id, "createUser" | "updateUser") {
        tell_of_another(&mut whole);
    }
    let only = |names: &[&str]| {
        let chosen = names
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), whole.get(name)?.clone())));
        Value::Object(chosen.collect())
    };
    match (id, status) {
        ("updateUser", None) => {
            json!({ "request": { "summary": "What to send", "value": only(&["full_name"]) } })
        }
        ("introspectToken", Some("200")) => json!({
            "active": { "summary": "A good access token", "value": whole },
            "inactive": { "summary": "Any other text", "value": { "active": false } },
        }),
        (_, None) => json!({ "request": { "summary": "What to send", "value": whole } }),
        _ => json!({ "success": { "summary": "What comes back", "value": whole } }),
    }
}
