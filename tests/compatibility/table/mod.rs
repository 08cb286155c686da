//! The table, row by row: a pair of documents, what is found from the first to the second, and what on the way back.

mod documents;
mod limits;
mod operations;
mod requests;
mod responses;
mod shapes;

use std::path::Path;

use serde_json::{Value, json};

use crate::document::compare;
use crate::kind::Kind;

/// Where most rows have their difference.
const OPERATION: &str = "POST /things";
const REQUEST: &str = "POST /things request";
const RESPONSE: &str = "POST /things 200 response";
const PROBLEM: &str = "POST /things 404 response";

type Expected = Vec<(Kind, String)>;

struct Row {
    title: &'static str,
    old: Value,
    new: Value,
    there: Expected,
    back: Expected,
}

/// At one place one thing is found that breaks, and on the way back one that does not.
fn breaks(title: &'static str, [old, new]: [Value; 2], place: &str, kinds: [Kind; 2]) -> Row {
    let [there, back] = kinds;
    assert!(
        there.breaks() && !back.breaks(),
        "{title}: a row that breaks one way alone"
    );
    row(title, [old, new], &[(there, place)], &[(back, place)])
}

/// At one place something is found that is compatible both ways, or breaks both ways.
fn alike(title: &'static str, [old, new]: [Value; 2], place: &str, kinds: [Kind; 2]) -> Row {
    let [there, back] = kinds;
    assert_eq!(
        there.breaks(),
        back.breaks(),
        "{title}: a row that is alike both ways"
    );
    row(title, [old, new], &[(there, place)], &[(back, place)])
}

/// Nothing is found.
fn nothing(title: &'static str, documents: [Value; 2]) -> Row {
    row(title, documents, &[], &[])
}

fn row(
    title: &'static str,
    [old, new]: [Value; 2],
    there: &[(Kind, &str)],
    back: &[(Kind, &str)],
) -> Row {
    let expected = |found: &[(Kind, &str)]| -> Expected {
        let mut found: Expected = found
            .iter()
            .map(|(kind, place)| (*kind, (*place).to_owned()))
            .collect();
        found.sort();
        found
    };
    Row {
        title,
        old,
        new,
        there: expected(there),
        back: expected(back),
    }
}

/// With one operation, `POST /things`.
fn document(operation: Value) -> Value {
    json!({ "openapi": "3.0.3", "paths": { "/things": { "post": operation } } })
}

/// That operation with a body of this schema.
fn request(schema: Value) -> Value {
    let content = json!({ "application/json": { "schema": schema } });
    document(json!({ "requestBody": { "content": content }, "responses": { "204": {} } }))
}

/// That operation with an answer of this schema.
fn response(schema: Value) -> Value {
    document(
        json!({ "responses": { "200": { "content": { "application/json": { "schema": schema } } } } }),
    )
}

/// That operation with an error of this schema.
fn problem(schema: Value) -> Value {
    let content = json!({ "application/problem+json": { "schema": schema } });
    document(json!({ "responses": { "404": { "content": content } } }))
}

/// An object of one property.
fn object(property: Value) -> Value {
    json!({ "type": "object", "properties": { "name": property } })
}

fn with_components(mut document: Value, schemas: Value) -> Value {
    document["components"]["schemas"] = schemas;
    document
}

fn rows() -> Vec<Row> {
    let mut rows = documents::rows();
    rows.extend(limits::rows());
    rows.extend(operations::rows());
    rows.extend(requests::rows());
    rows.extend(responses::rows());
    rows.extend(shapes::rows());
    rows
}

fn found(old: &Value, new: &Value) -> Expected {
    let changes = compare(old, new).into_iter();
    let mut found: Expected = changes.map(|change| (change.kind, change.place)).collect();
    found.sort();
    found
}

#[test]
fn every_row_is_judged_as_it_says_and_so_is_the_way_back() {
    let mut failures = Vec::new();
    for row in rows() {
        let ways = [
            ("there", found(&row.old, &row.new), row.there),
            ("back", found(&row.new, &row.old), row.back),
        ];
        for (way, found, expected) in ways {
            if found != expected {
                failures.push(format!(
                    "{}, {way}:\n  found    {found:?}\n  expected {expected:?}",
                    row.title
                ));
            }
        }
        for document in [&row.old, &row.new] {
            let found = found(document, document);
            if !found.is_empty() {
                failures.push(format!("{}, no way at all: found {found:?}", row.title));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_kind_has_a_row() {
    let rows = rows();
    let missing: Vec<&str> = Kind::ALL
        .iter()
        .filter(|kind| {
            let has = |expected: &Expected| expected.iter().any(|(found, _)| found == *kind);
            !rows.iter().any(|row| has(&row.there) || has(&row.back))
        })
        .map(|kind| kind.name())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// `UPDATE_SNAPSHOTS=1` writes it anew.
#[test]
fn the_readme_has_the_table() {
    const START: &str = "| kind | breaks | |\n|---|---|---|\n";
    let path = Path::new(crate::ROOT).join("tests/compatibility/README.md");
    let text = std::fs::read_to_string(&path).expect("README.md is committed");
    let lines = Kind::ALL.iter().map(|kind| {
        let breaks = match kind.breaks() {
            true => "yes",
            false => "no",
        };
        format!("| `{}` | {breaks} | {} |\n", kind.name(), kind.meaning())
    });
    let table: String = lines.collect();
    let before = text.split(START).next().expect("a start");
    let expected = format!("{before}{START}{table}");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, expected).expect("writes");
        return;
    }
    assert!(text == expected, "run it with UPDATE_SNAPSHOTS=1");
}
