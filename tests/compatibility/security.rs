//! Compares the ways to authenticate, and which of them an operation asks for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::change::Place;
use crate::kind::Kind;
use crate::schema::Comparison;

/// Says nothing of what is accepted.
const ANNOTATIONS: [&str; 2] = ["bearerFormat", "description"];

/// The schemes that together let a client in, each with the scopes that it needs. Empty: nothing is needed.
type Credentials = BTreeMap<String, BTreeSet<String>>;

pub fn schemes(comparison: &mut Comparison) {
    let (old, new) = (declared(comparison.old.0), declared(comparison.new.0));
    let renamed = renamed(&old, &new);
    for (name, was) in &old {
        let place = Place::document(&format!("security scheme {name}"));
        if let Some(is) = new.get(name) {
            scheme(comparison, &place, was, is);
            continue;
        }
        let new_name = renamed.iter().find(|(_, old_name)| *old_name == name);
        match new_name {
            Some((new_name, _)) => {
                let (was, is) = (Some(name.clone()), Some(new_name.clone()));
                comparison.found(Kind::SecuritySchemeRenamed, &place, was, is);
            }
            None => comparison.found(Kind::SecuritySchemeRemoved, &place, None, None),
        }
    }
    for name in new
        .keys()
        .filter(|name| !old.contains_key(*name) && !renamed.contains_key(*name))
    {
        let place = Place::document(&format!("security scheme {name}"));
        comparison.found(Kind::SecuritySchemeAdded, &place, None, None);
    }
}

fn declared(document: &Value) -> BTreeMap<String, Map<String, Value>> {
    let schemes = document["components"]["securitySchemes"].as_object();
    let schemes = schemes.into_iter().flatten().map(|(name, scheme)| {
        let mut scheme = scheme.as_object().cloned().unwrap_or_default();
        scheme.retain(|key, _| !ANNOTATIONS.contains(&key.as_str()) && !key.starts_with("x-"));
        (name.clone(), scheme)
    });
    schemes.collect()
}

/// From the new name of a scheme to its old one.
fn renamed(
    old: &BTreeMap<String, Map<String, Value>>,
    new: &BTreeMap<String, Map<String, Value>>,
) -> BTreeMap<String, String> {
    let mut renamed = BTreeMap::new();
    for (name, scheme) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        let same = new.iter().find(|(new_name, new_scheme)| {
            !old.contains_key(*new_name)
                && !renamed.contains_key(*new_name)
                && *new_scheme == scheme
        });
        if let Some((new_name, _)) = same {
            renamed.insert(new_name.clone(), name.clone());
        }
    }
    renamed
}

fn scheme(
    comparison: &mut Comparison,
    place: &Place,
    old: &Map<String, Value>,
    new: &Map<String, Value>,
) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys.into_iter().filter(|key| *key != "flows") {
        let (was, is) = (old.get(key), new.get(key));
        if was != is {
            let told = |value: Option<&Value>| value.map(|value| format!("{key} {value}"));
            comparison.found(Kind::SecuritySchemeChanged, place, told(was), told(is));
        }
    }
    let (was, is) = (flows(old), flows(new));
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    for name in names {
        let told = || Some(format!("flow {name}"));
        match (was.get(name), is.get(name)) {
            (Some(was), Some(is)) => flow(comparison, place, was, is),
            (Some(_), None) => comparison.found(Kind::ScopeRemoved, place, told(), None),
            _ => comparison.found(Kind::ScopeAdded, place, None, told()),
        }
    }
}

fn flows(scheme: &Map<String, Value>) -> BTreeMap<String, &Value> {
    let flows = scheme.get("flows").and_then(Value::as_object);
    let flows = flows.into_iter().flatten();
    flows.map(|(name, flow)| (name.clone(), flow)).collect()
}

fn flow(comparison: &mut Comparison, place: &Place, old: &Value, new: &Value) {
    for key in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
        let (was, is) = (old.get(key), new.get(key));
        // One more URL takes nothing from who did without.
        if was.is_some() && was != is {
            let told = |value: Option<&Value>| value.map(|value| format!("{key} {value}"));
            comparison.found(Kind::SecuritySchemeChanged, place, told(was), told(is));
        }
    }
    let scopes = |flow: &Value| -> BTreeSet<String> {
        let scopes = flow["scopes"]
            .as_object()
            .into_iter()
            .flat_map(|scopes| scopes.keys());
        scopes.cloned().collect()
    };
    let (was, is) = (scopes(old), scopes(new));
    for scope in was.difference(&is) {
        comparison.found(Kind::ScopeRemoved, place, Some(scope.clone()), None);
    }
    for scope in is.difference(&was) {
        comparison.found(Kind::ScopeAdded, place, None, Some(scope.clone()));
    }
}

/// Who came in has to come in again.
pub fn requirements(comparison: &mut Comparison, place: &Place, old: &Value, new: &Value) {
    let renamed = renamed(&declared(comparison.old.0), &declared(comparison.new.0));
    let was = alternatives(old, comparison.old.0, &BTreeMap::new());
    let is = alternatives(new, comparison.new.0, &renamed);
    for credentials in was.iter().filter(|credentials| !lets_in(&is, credentials)) {
        let more: Vec<&Credentials> = is
            .iter()
            .filter(|wanted| credentials.keys().all(|scheme| wanted.contains_key(scheme)))
            .collect();
        let (kind, is) = match more.is_empty() {
            true => (Kind::SecurityAlternativeRemoved, None),
            false => (Kind::SecurityAdded, Some(more)),
        };
        let is = is.map(|wanted| {
            let wanted: Vec<String> = wanted.into_iter().map(told).collect();
            wanted.join(" or ")
        });
        comparison.found(kind, place, Some(told(credentials)), is);
    }
    for credentials in is.iter().filter(|credentials| !lets_in(&was, credentials)) {
        comparison.found(
            Kind::SecurityAlternativeAdded,
            place,
            None,
            Some(told(credentials)),
        );
    }
}

/// Those of the operation, else those of the document. `renamed` leads from new names to old ones.
fn alternatives(
    operation: &Value,
    document: &Value,
    renamed: &BTreeMap<String, String>,
) -> Vec<Credentials> {
    let listed = operation
        .get("security")
        .or_else(|| document.get("security"));
    let listed = listed.and_then(Value::as_array).into_iter().flatten();
    let mut alternatives: Vec<Credentials> = Vec::new();
    for alternative in listed.filter_map(Value::as_object) {
        let credentials = alternative.iter().map(|(name, scopes)| {
            let scopes = scopes.as_array().into_iter().flatten();
            let scopes = scopes.filter_map(|scope| scope.as_str().map(str::to_owned));
            (renamed.get(name).unwrap_or(name).clone(), scopes.collect())
        });
        alternatives.push(credentials.collect());
    }
    if alternatives.is_empty() {
        alternatives.push(Credentials::new());
    }
    alternatives
}

fn lets_in(alternatives: &[Credentials], has: &Credentials) -> bool {
    alternatives.iter().any(|wanted| {
        wanted.iter().all(|(scheme, scopes)| {
            has.get(scheme)
                .is_some_and(|granted| scopes.is_subset(granted))
        })
    })
}

/// For people.
fn told(credentials: &Credentials) -> String {
    if credentials.is_empty() {
        return "nothing".to_owned();
    }
    let schemes = credentials.iter().map(|(scheme, scopes)| {
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        match scopes.is_empty() {
            true => scheme.clone(),
            false => format!("{scheme} ({})", scopes.join(" ")),
        }
    });
    let schemes: Vec<String> = schemes.collect();
    schemes.join(" + ")
}
