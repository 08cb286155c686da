//! A schema in one form, whatever it is written with: references and `allOf` resolved, `nullable`, `const` and lists of
//! types of OpenAPI 3.0 and 3.1 brought together. Compares nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Says something to people or generators, nothing about what is valid.
const ANNOTATIONS: &[&str] = &[
    "$comment",
    "description",
    "example",
    "examples",
    "externalDocs",
    "title",
];

/// In one schema that refers to others, what counts before what they say.
const OWN: &[&str] = &["default", "deprecated", "nullable", "readOnly", "writeOnly"];

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// References that lead to each other end here.
const DEEPEST: usize = 32;

/// An OpenAPI document.
pub struct Document<'a>(pub &'a Value);

impl Document<'_> {
    /// Follows a reference within the document; one that leads nowhere stays what it is.
    pub fn resolve<'v>(&'v self, value: &'v Value) -> &'v Value {
        let mut at = value;
        for _ in 0..DEEPEST {
            let Some(target) = reference(at).and_then(|pointer| self.0.pointer(pointer)) else {
                break;
            };
            at = target;
        }
        at
    }

    /// Whether a schema, or what it refers to, has the flag.
    pub fn has_flag(&self, schema: &Value, flag: &str) -> bool {
        match is_made_of_others(schema) {
            true => self.flatten(schema, 0).get(flag) == Some(&Value::Bool(true)),
            false => schema.get(flag) == Some(&Value::Bool(true)),
        }
    }

    /// The forms that a schema may take, each a schema without `oneOf` and `anyOf`: itself, if it is such a one.
    pub fn forms(&self, schema: &Value) -> Vec<Value> {
        let mut forms = Vec::new();
        self.add_forms(schema, 0, &mut forms);
        forms
    }

    fn add_forms(&self, schema: &Value, depth: usize, forms: &mut Vec<Value>) {
        if !is_made_of_others(schema) {
            return forms.push(schema.clone());
        }
        let mut keywords = self.flatten(schema, 0);
        let key = match ["oneOf", "anyOf"].map(|key| keywords.contains_key(key)) {
            [true, false] if depth < DEEPEST => "oneOf",
            [false, true] if depth < DEEPEST => "anyOf",
            _ => return forms.push(schema.clone()),
        };
        let listed = take_array(&mut keywords, key);
        keywords.remove("discriminator");
        keywords.retain(|key, _| !is_annotation(key));
        let is_null = |form: &Value| form.get("type") == Some(&"null".into());
        let is_nullable =
            listed.iter().any(is_null) || keywords.remove("nullable") == Some(Value::Bool(true));
        let beside = Value::Object(keywords);
        for form in listed.iter().filter(|form| !is_null(form)) {
            let mut form = match beside == json!({}) {
                true => form.clone(),
                false => json!({ "allOf": [form, beside] }),
            };
            if is_nullable {
                form = json!({ "allOf": [form], "nullable": true });
            }
            self.add_forms(&form, depth + 1, forms);
        }
    }

    /// How it is told which of several forms a value has.
    pub fn discriminator(&self, schema: &Value) -> Option<Value> {
        let discriminator = self.flatten(schema, 0).remove("discriminator")?;
        let mapped = discriminator["mapping"].as_object();
        // What they lead to is found with the forms; a component may have another name.
        let values: Option<Vec<&String>> = mapped.map(|mapping| mapping.keys().collect());
        Some(json!({ "propertyName": discriminator["propertyName"], "values": values }))
    }

    /// The values that an open enumeration lists (`x-extensible-enum`).
    pub fn documented_values(&self, schema: &Value) -> Option<Vec<Value>> {
        let values = self.flatten(schema, 0).remove("x-extensible-enum")?;
        values.as_array().cloned()
    }

    /// The keywords of a schema, with those of what it refers to.
    fn flatten(&self, schema: &Value, depth: usize) -> Map<String, Value> {
        let Some(own) = schema.as_object() else {
            // `true` takes everything, `false` nothing (JSON Schema).
            return match schema {
                Value::Bool(false) => Map::from_iter([("not".to_owned(), json!({}))]),
                _ => Map::new(),
            };
        };
        let mut parts: Vec<&Value> = own
            .get("allOf")
            .and_then(Value::as_array)
            .map(|parts| parts.iter().collect())
            .unwrap_or_default();
        let target = reference(schema).and_then(|pointer| self.0.pointer(pointer));
        parts.extend(target);
        let mut keywords = own.clone();
        if depth == DEEPEST || parts.is_empty() {
            return keywords;
        }
        keywords.remove("allOf");
        if target.is_some() {
            keywords.remove("$ref");
        }
        let mut inherited = Map::new();
        for part in parts {
            merge(&mut inherited, self.flatten(part, depth + 1));
        }
        for key in OWN {
            if let Some(value) = keywords.remove(*key) {
                inherited.insert((*key).to_owned(), value);
            }
        }
        merge(&mut inherited, keywords);
        inherited
    }
}

/// The component that a schema is, if it is one and adds nothing to it.
pub fn component_name(schema: &Value) -> Option<&str> {
    let schema = schema.as_object()?;
    let is_reference = |key: &str| ["$ref", "allOf"].contains(&key);
    let adds = schema
        .keys()
        .any(|key| !is_reference(key) && !is_annotation(key) && !OWN.contains(&key.as_str()));
    if adds {
        return None;
    }
    match (schema.get("$ref"), schema.get("allOf")) {
        (Some(Value::String(reference)), None) => reference.rsplit('/').next(),
        (None, Some(Value::Array(parts))) if parts.len() == 1 => component_name(&parts[0]),
        _ => None,
    }
}

fn is_made_of_others(schema: &Value) -> bool {
    let keywords = ["$ref", "allOf", "oneOf", "anyOf"];
    keywords.iter().any(|keyword| schema.get(keyword).is_some())
}

fn reference(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix('#')
}

fn is_annotation(key: &str) -> bool {
    ANNOTATIONS.contains(&key) || key.starts_with("x-")
}

/// Both have to hold.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        let Some(there) = into.get_mut(&key) else {
            into.insert(key, value);
            continue;
        };
        if is_annotation(&key) || *there == value {
            continue;
        }
        match (key.as_str(), &mut *there, value) {
            ("properties", Value::Object(there), Value::Object(more)) => {
                for (name, property) in more {
                    let both = match there.remove(&name) {
                        Some(other) if other != property => json!({ "allOf": [other, property] }),
                        _ => property,
                    };
                    there.insert(name, both);
                }
            }
            ("required", Value::Array(there), Value::Array(more)) => there.extend(more),
            ("enum", Value::Array(there), Value::Array(more)) => {
                there.retain(|value| more.contains(value));
            }
            ("additionalProperties", there, Value::Bool(false)) => *there = false.into(),
            ("additionalProperties", Value::Bool(false), _) => (),
            ("nullable", there, _) => *there = false.into(),
            ("minimum" | "minLength" | "minItems" | "minProperties", there, more) => {
                if is_less(there, &more) {
                    *there = more;
                }
            }
            ("maximum" | "maxLength" | "maxItems" | "maxProperties", there, more) => {
                if is_less(&more, there) {
                    *there = more;
                }
            }
            // Kept apart, to be found as it stands when it changes.
            (_, _, value) => {
                let rest = into.entry("allOf").or_insert_with(|| json!([]));
                if let Value::Array(rest) = rest {
                    rest.push(json!({ key: value }));
                }
            }
        }
    }
}

/// Of two numbers; whole ones exactly.
pub fn is_less(a: &Value, b: &Value) -> bool {
    let whole = |value: &Value| {
        let signed = value.as_i64().map(i128::from);
        signed.or_else(|| value.as_u64().map(i128::from))
    };
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_f64() < b.as_f64(),
    }
}

/// What a schema of one form asks for.
#[derive(Debug)]
pub struct Shape {
    /// The types that it takes, without null.
    pub types: BTreeSet<&'static str>,
    pub takes_null: bool,
    /// The values that it takes, without null, if it lists them.
    pub values: Option<Vec<Value>>,
    /// The least and the most, as `(value, is excluded)`.
    pub least: Option<(Value, bool)>,
    pub most: Option<(Value, bool)>,
    pub properties: BTreeMap<String, Value>,
    pub required: BTreeSet<String>,
    /// What properties that are not listed have to be; `false` if there are none.
    pub further: Value,
    pub items: Value,
    /// Everything else by keyword, but for annotations.
    pub rest: Map<String, Value>,
}

impl Shape {
    pub fn of(document: &Document, schema: &Value) -> Self {
        let mut rest = document.flatten(schema, 0);
        rest.retain(|key, _| !is_annotation(key));
        let (types, takes_null) = types(&mut rest);
        let required: BTreeSet<String> = take_array(&mut rest, "required")
            .into_iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect();
        let mut properties: BTreeMap<String, Value> = match rest.remove("properties") {
            Some(Value::Object(properties)) => properties.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        for name in &required {
            properties.entry(name.clone()).or_insert(true.into());
        }
        Self {
            types,
            takes_null,
            values: values(&mut rest),
            least: bound(&mut rest, "minimum", "exclusiveMinimum", |a, b| {
                is_less(b, a)
            }),
            most: bound(&mut rest, "maximum", "exclusiveMaximum", is_less),
            properties,
            required,
            further: rest.remove("additionalProperties").unwrap_or(true.into()),
            items: rest.remove("items").unwrap_or(true.into()),
            rest,
        }
    }

    /// Whether every type may come, as of `{}`.
    pub fn takes_every_type(&self) -> bool {
        self.types.len() == TYPES.len()
    }

    /// For people: `string`, `integer or string`, `anything`.
    pub fn types_told(&self) -> String {
        if self.takes_every_type() {
            return "anything".to_owned();
        }
        // A number may be a whole one.
        let is_said = |name: &&str| *name != "integer" || !self.types.contains("number");
        let types: Vec<&str> = self.types.iter().copied().filter(is_said).collect();
        types.join(" or ")
    }
}

fn types(keywords: &mut Map<String, Value>) -> (BTreeSet<&'static str>, bool) {
    let listed = match keywords.remove("type") {
        Some(Value::Array(listed)) => listed,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let is_listed = |name: &&str| listed.is_empty() || listed.iter().any(|one| one == name);
    let mut types: BTreeSet<&str> = TYPES.iter().copied().filter(is_listed).collect();
    if types.contains("number") {
        types.insert("integer");
    }
    let takes_null = match keywords.remove("nullable") {
        Some(nullable) => nullable == true,
        None if listed.is_empty() => match keywords.get("enum") {
            Some(Value::Array(values)) => values.contains(&Value::Null),
            _ => !keywords.contains_key("const"),
        },
        None => listed.iter().any(|one| one == "null"),
    };
    (types, takes_null)
}

fn values(keywords: &mut Map<String, Value>) -> Option<Vec<Value>> {
    let one = keywords.remove("const").map(|value| vec![value]);
    let mut values = match keywords.remove("enum") {
        Some(Value::Array(values)) => values,
        _ => one?,
    };
    values.retain(|value| !value.is_null());
    Some(values)
}

/// As OpenAPI 3.0 writes it (a flag beside the bound) or 3.1 (a bound of its own); the narrower of both.
fn bound(
    keywords: &mut Map<String, Value>,
    key: &str,
    exclusive_key: &str,
    is_narrower: impl Fn(&Value, &Value) -> bool,
) -> Option<(Value, bool)> {
    let bound = keywords.remove(key);
    match keywords.remove(exclusive_key) {
        Some(Value::Bool(is_excluded)) => bound.map(|bound| (bound, is_excluded)),
        Some(excluded) => match bound {
            Some(bound) if is_narrower(&bound, &excluded) => Some((bound, false)),
            _ => Some((excluded, true)),
        },
        None => bound.map(|bound| (bound, false)),
    }
}

fn take_array(keywords: &mut Map<String, Value>, key: &str) -> Vec<Value> {
    match keywords.remove(key) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    }
}
