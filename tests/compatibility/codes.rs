//! The codes of errors over all operations: one that no answer has any more was renamed or withdrawn, and clients wait for
//! it in vain. Where an operation answers fewer of them is seen by the comparison of schemas.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::change::{Place, is_code};
use crate::document::Operations;
use crate::kind::Kind;
use crate::response::is_error;
use crate::schema::Comparison;
use crate::shape::{Document, Shape};

/// How deep errors are looked into: `errors[].code` is the second.
const DEEPEST: usize = 6;

/// By the way to the property (`code`, `errors[].code`) the codes it may have; none, if it may have any.
type Codes = BTreeMap<String, Option<BTreeSet<String>>>;

pub fn withdrawn(comparison: &mut Comparison, old: &Operations, new: &Operations) {
    let remaining = old.iter().filter(|(key, _)| new.contains_key(key));
    let was = codes(
        comparison.old.0,
        remaining.map(|(_, operation)| operation.value),
    );
    let is = codes(
        comparison.new.0,
        new.values().map(|operation| operation.value),
    );
    for (way, was) in was {
        let (Some(was), Some(Some(is))) = (was, is.get(&way)) else {
            continue;
        };
        let place = Place::document(&format!("problem {way}"));
        for code in was.difference(is) {
            comparison.found(Kind::ProblemCodeWithdrawn, &place, Some(code.clone()), None);
        }
    }
}

fn codes<'v>(document: &Value, operations: impl Iterator<Item = &'v Value>) -> Codes {
    let mut codes = Codes::new();
    let document = Document(document);
    for operation in operations {
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            let content = document.resolve(response)["content"].as_object();
            for media_type in content
                .into_iter()
                .flatten()
                .map(|(_, media_type)| media_type)
            {
                if let Some(schema) = media_type.get("schema").filter(|_| is_error(status)) {
                    collect(&document, schema, "", 0, &mut codes);
                }
            }
        }
    }
    codes
}

fn collect(document: &Document, schema: &Value, way: &str, depth: usize, codes: &mut Codes) {
    if depth == DEEPEST {
        return;
    }
    for form in document.forms(schema) {
        let shape = Shape::of(document, &form);
        if shape.items != true {
            collect(
                document,
                &shape.items,
                &format!("{way}[]"),
                depth + 1,
                codes,
            );
        }
        for (name, schema) in &shape.properties {
            let way = match way {
                "" => name.clone(),
                _ => format!("{way}.{name}"),
            };
            match is_code(name) {
                true => add(document, schema, way, codes),
                false => collect(document, schema, &way, depth + 1, codes),
            }
        }
    }
}

fn add(document: &Document, schema: &Value, way: String, codes: &mut Codes) {
    let known = codes.entry(way).or_insert_with(|| Some(BTreeSet::new()));
    for form in document.forms(schema) {
        match (&mut *known, documented(document, &form)) {
            (Some(known), Some(values)) => {
                let texts = values.iter().filter_map(Value::as_str);
                known.extend(texts.map(str::to_owned));
            }
            // One that may be any makes the list worthless.
            _ => *known = None,
        }
    }
}

/// The codes that a schema lists: all there are, or those of today where more may come.
fn documented(document: &Document, form: &Value) -> Option<Vec<Value>> {
    Shape::of(document, form)
        .values
        .or_else(|| document.documented_values(form))
}
