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
mod report;
mod response;
mod schema;
mod security;
mod shape;
mod table;
mod value;
mod whole;

use std::path::Path;

use serde_json::Value;

use crate::base::Base;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// With `SPEC_BASE_REQUIRED=1` it is a failure when nothing is known of what was before.
#[test]
fn the_contract_of_the_last_release_holds() {
    let wanted = std::env::var("SPEC_BASE")
        .ok()
        .filter(|wanted| !wanted.is_empty());
    let is_required = std::env::var("SPEC_BASE_REQUIRED").is_ok_and(|required| required == "1");
    let (name, old, is_release) = match base::find(Path::new(ROOT), wanted.as_deref()) {
        Base::Found {
            name,
            document,
            is_release,
        } => (name, document, is_release),
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
        report::changes(&verdict, is_release)
    );
    assert!(
        verdict.undeclared.is_empty() && verdict.faults.is_empty(),
        "{}",
        report::refusal(&verdict)
    );
}

fn current() -> Value {
    let text = std::fs::read_to_string(Path::new(ROOT).join("openapi.json"));
    serde_json::from_str(&text.expect("openapi.json is committed")).expect("JSON")
}
