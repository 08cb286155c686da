//! Compares two documents: what stands beside the operations, and which operation became which.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::change::{self, Change, Place};
use crate::codes;
use crate::kind::Kind;
use crate::schema::Comparison;
use crate::security;

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// An operation with what its path gives it.
pub struct Operation<'a> {
    /// `GET /users/{id}`.
    pub name: String,
    pub path: &'a str,
    pub item: &'a Value,
    pub value: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> Option<&str> {
        self.value["operationId"].as_str()
    }
}

/// By method and path, where the names of the path's parameters do not count.
pub type Operations<'a> = BTreeMap<(String, &'static str), Operation<'a>>;

/// What a client of `old` meets with `new`.
pub fn compare(old: &Value, new: &Value) -> Vec<Change> {
    let mut comparison = Comparison::new(old, new);
    comparison.version();
    comparison.servers(&Place::document("servers"), old, new);
    security::schemes(&mut comparison);
    let (old_operations, new_operations) = (operations(old), operations(new));
    for (key, was) in &old_operations {
        let place = Place::operation(&was.name);
        if let Some(is) = new_operations.get(key) {
            comparison.operations(&place, was, is);
            continue;
        }
        let moved = new_operations.iter().find(|(key, is)| {
            was.id().is_some() && was.id() == is.id() && !old_operations.contains_key(key)
        });
        match moved {
            Some((_, is)) => {
                let (from, to) = (Some(was.name.clone()), Some(is.name.clone()));
                comparison.found(Kind::OperationMoved, &place, from, to);
                comparison.operations(&place, was, is);
            }
            None => comparison.found(Kind::OperationRemoved, &place, None, None),
        }
    }
    let known: BTreeSet<&str> = old_operations.values().filter_map(Operation::id).collect();
    for (key, is) in &new_operations {
        let is_moved = is.id().is_some_and(|id| known.contains(id));
        if !old_operations.contains_key(key) && !is_moved {
            comparison.found(
                Kind::OperationAdded,
                &Place::operation(&is.name),
                None,
                None,
            );
        }
    }
    codes::withdrawn(&mut comparison, &old_operations, &new_operations);
    change::gather(comparison.findings)
}

fn operations(document: &Value) -> Operations<'_> {
    let paths = document["paths"].as_object();
    let operations = paths.into_iter().flatten().flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| {
            let value = item.get(method)?;
            let operation = Operation {
                name: format!("{} {path}", method.to_uppercase()),
                path,
                item,
                value,
            };
            Some(((without_names(path), *method), operation))
        })
    });
    operations.collect()
}

/// `/users/{}/roles` of `/users/{id}/roles`.
fn without_names(path: &str) -> String {
    let mut parts = path.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        let after = part.split_once('}').map_or("", |(_, after)| after);
        format!("{before}{{}}{after}")
    })
}

/// The names of a path's parameters, in their order.
pub fn path_names(path: &str) -> Vec<&str> {
    let parts = path.split('{').skip(1);
    parts
        .filter_map(|part| Some(part.split_once('}')?.0))
        .collect()
}

impl Comparison<'_> {
    fn version(&mut self) {
        let version = |document: &Value| {
            let version = document["openapi"].as_str().unwrap_or_default();
            // The third number only mends the text of the specification.
            let mut numbers = version.split('.');
            format!(
                "{}.{}",
                numbers.next().unwrap_or_default(),
                numbers.next().unwrap_or_default()
            )
        };
        let (was, is) = (version(self.old.0), version(self.new.0));
        if was != is {
            let place = Place::document("openapi");
            self.found(Kind::SpecificationVersion, &place, Some(was), Some(is));
        }
    }

    /// Base URLs of documents, path items or operations.
    pub fn servers(&mut self, place: &Place, old: &Value, new: &Value) {
        let urls = |holder: &Value| -> BTreeSet<String> {
            let servers = holder["servers"].as_array().into_iter().flatten();
            servers
                .filter_map(|server| server["url"].as_str().map(str::to_owned))
                .collect()
        };
        let (mut was, mut is) = (urls(old), urls(new));
        if was.is_empty() != is.is_empty() {
            // Where none is said it is this one.
            for urls in [&mut was, &mut is]
                .into_iter()
                .filter(|urls| urls.is_empty())
            {
                urls.insert("/".to_owned());
            }
        }
        for url in was.difference(&is) {
            self.found(Kind::ServerRemoved, place, Some(url.clone()), None);
        }
        for url in is.difference(&was) {
            self.found(Kind::ServerAdded, place, None, Some(url.clone()));
        }
    }

    pub fn deprecation(&mut self, place: &Place, old: bool, new: bool) {
        if old != new {
            let told = |is_deprecated: bool| is_deprecated.then(|| "deprecated".to_owned());
            self.found(Kind::DeprecationChanged, place, told(old), told(new));
        }
    }

    /// Members that no rule looks at, but for `known` ones and extensions.
    pub fn others(&mut self, place: &Place, known: &[&str], old: &Value, new: &Value) {
        let members = |value: &Value| -> BTreeSet<String> {
            let names = value
                .as_object()
                .into_iter()
                .flat_map(|members| members.keys());
            names.cloned().collect()
        };
        for name in members(old).union(&members(new)) {
            let (was, is) = (old.get(name), new.get(name));
            if was == is || known.contains(&name.as_str()) || name.starts_with("x-") {
                continue;
            }
            let told = |value: Option<&Value>| value.map(|value| format!("{name} {value}"));
            self.found(Kind::Unjudged, place, told(was), told(is));
        }
    }
}
