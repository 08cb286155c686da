//! The HTTP contract of the last release holds: `openapi.json` is compared with the one of the last release, and what breaks
//! clients fails unless `declared.json` says that it is meant. What breaks and what does not: `README.md` beside this file.

mod base;
mod change;
mod codes;
mod declared;
mod document;
mod facet;
mod kind;
mod operation;
mod response;
mod schema;
mod security;
mod shape;
mod table;
mod value;
mod whole;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::base::Base;
use crate::change::Change;
use crate::declared::{Entry, Verdict};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// With `SPEC_BASE_REQUIRED=1` it is a failure when nothing is known of what was before.
#[test]
fn the_contract_of_the_last_release_holds() {
    let wanted = std::env::var("SPEC_BASE")
        .ok()
        .filter(|wanted| !wanted.is_empty());
    let is_required = std::env::var("SPEC_BASE_REQUIRED").is_ok_and(|required| required == "1");
    let (name, old) = match base::find(Path::new(ROOT), wanted.as_deref()) {
        Base::Found { name, document } => (name, document),
        Base::None(reason) => return println!("There is nothing to compare with: {reason}."),
        Base::Unknown(reason) => {
            assert!(
                !is_required,
                "There is nothing to compare with, and there has to be: {reason}"
            );
            return println!("There is nothing to compare with: {reason}.");
        }
    };
    let changes = document::compare(&old, &current());
    let text = include_str!("declared.json");
    let entries = declared::read(text).unwrap_or_else(|error| panic!("{error}"));
    let verdict = declared::judge(&changes, &entries);
    println!(
        "openapi.json, compared with that of {name}:\n{}",
        report(&verdict)
    );
    assert!(
        verdict.undeclared.is_empty() && verdict.faults.is_empty(),
        "{}",
        refusal(&verdict)
    );
}

fn current() -> Value {
    let text = std::fs::read_to_string(Path::new(ROOT).join("openapi.json"));
    serde_json::from_str(&text.expect("openapi.json is committed")).expect("JSON")
}

/// Everything that changed, and what was declared of it.
fn report(verdict: &Verdict) -> String {
    let Verdict {
        undeclared,
        declared,
        compatible,
        ..
    } = verdict;
    let mut lines = vec![format!(
        "{} breaking and undeclared, {} breaking and declared, {} compatible",
        undeclared.len(),
        declared.len(),
        compatible.len()
    )];
    lines.extend(
        undeclared
            .iter()
            .map(|change| format!("BREAKS      {}", told(change))),
    );
    for (change, entry) in declared {
        lines.push(format!("declared    {}", told(change)));
        lines.push(format!("            {}", entry.reason()));
    }
    // The same in many places is said once.
    let mut places: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for change in compatible {
        let key = (change.kind, change.told());
        places.entry(key).or_default().push(place(change));
    }
    for ((_, told), places) in places {
        lines.push(format!(
            "compatible  {told}\n            {}",
            places.join(", ")
        ));
    }
    for entry in &verdict.unused {
        let shown = serde_json::to_string(entry).unwrap_or_default();
        lines.push(format!(
            "warning     matches nothing, take it out of declared.json: {shown}"
        ));
    }
    lines.join("\n")
}

fn told(change: &Change) -> String {
    format!("{}\n            {}", change.told(), place(change))
}

/// The place, with the operations where it shows when the place does not say it.
fn place(change: &Change) -> String {
    let Change {
        place, operations, ..
    } = change;
    let is_said = operations
        .iter()
        .any(|operation| place.starts_with(operation.as_str()));
    match is_said || operations.is_empty() {
        true => place.clone(),
        false => format!("{place} (in {})", operations.join(", ")),
    }
}

/// What to do about it.
fn refusal(verdict: &Verdict) -> String {
    let mut parts = Vec::new();
    if !verdict.faults.is_empty() {
        parts.push(format!(
            "declared.json has entries that never match:\n{}",
            verdict.faults.join("\n")
        ));
    }
    if !verdict.undeclared.is_empty() {
        let entries: Vec<Entry> = verdict
            .undeclared
            .iter()
            .map(|change| Entry::of(change))
            .collect();
        let entries = serde_json::to_string_pretty(&entries).unwrap_or_default();
        parts.push(format!(
            "openapi.json breaks clients of the last release. Where that is not meant, mend it. Where it is, add to \
             tests/compatibility/declared.json, each with its reason:\n{entries}"
        ));
    }
    parts.join("\n\n")
}
