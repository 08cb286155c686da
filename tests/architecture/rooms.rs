//! Which room may use which. `src/lib.rs` shows the same as a picture.

use std::collections::BTreeSet;

use crate::map::{self, Arrow, Map};
use crate::{files, report};

/// The rooms by height: a room may use those further down, none beside it and none above.
const HEIGHTS: &[(&str, u8)] = &[
    ("main", 0),
    ("cli", 1),
    ("app", 2),
    ("api", 3),
    ("web", 3),
    ("worker", 3),
    ("http", 4),
    ("domain", 5),
    ("store", 6),
    ("password", 6),
    ("token", 6),
    ("mail", 6),
    ("text", 7),
    ("log", 7),
    ("config", 8),
    ("clock", 8),
    ("ids", 8),
    ("files", 9),
];

/// Uses between rooms of one height, each with its reason: what its path begins with, the room that is used, why.
const BESIDE: &[(&str, &str, &str)] = &[
    ("ids", "clock", "a UUIDv7 begins with the time"),
    (
        "web/docs/",
        "api",
        "the documentation shows the specification",
    ),
];

/// What reaches the store through the domain alone.
const BEHIND_THE_DOMAIN: &[&str] = &["api", "web", "http"];

fn room(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or_default();
    first.trim_end_matches(".rs")
}

fn height(room: &str) -> Option<u8> {
    let found = HEIGHTS.iter().find(|(name, _)| *name == room);
    found.map(|(_, height)| *height)
}

fn wrong_arrows(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let wrong = arrows.iter().filter(|arrow| {
        let (from, to) = (room(&arrow.from), room(&arrow.to));
        let is_beside = BESIDE
            .iter()
            .any(|(start, used, _)| arrow.from.starts_with(start) && *used == to);
        from != to && height(from) >= height(to) && !is_beside
    });
    wrong
        .map(|Arrow { from, to, path, .. }| {
            format!("{from} → {to} by {path} points back or sideways")
        })
        .collect()
}

/// By paths as they are written: the domain hands on what is the store's.
fn shortcuts(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let wrong = arrows.iter().filter(|arrow| {
        let mut path = arrow.path.split("::");
        BEHIND_THE_DOMAIN.contains(&room(&arrow.from))
            && path.next() == Some("crate")
            && path.next() == Some("store")
    });
    wrong
        .map(|Arrow { from, path, .. }| format!("{from} uses {path}"))
        .collect()
}

/// Paths that leave their room say so.
fn climbs(files: &[String], arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let unknown = files
        .iter()
        .filter(|file| *file != "lib.rs" && height(room(file)).is_none())
        .map(|file| format!("{file}: a room without a place in the house"));
    let climbing =
        arrows
            .iter()
            .filter(|arrow| arrow.climbs)
            .map(|Arrow { from, path, .. }| {
                format!("{from}: {path} leads out of the room: say crate::")
            });
    unknown.chain(climbing).collect()
}

#[test]
fn every_arrow_points_down() {
    report(wrong_arrows(&Map::of(&files()).arrows()));
}

#[test]
fn an_arrow_that_points_back_is_found() {
    let map = map::of(&[
        ("lib.rs", "mod api; mod domain; mod store; mod web;"),
        ("api/mod.rs", "mod a;"),
        ("api/a.rs", "use crate::domain::D; pub struct A;"),
        (
            "domain.rs",
            "pub struct D; pub use crate::store::S; fn f() { crate::api::a::A }",
        ),
        ("store.rs", "pub struct S;"),
        ("web/mod.rs", "mod docs; mod pages;"),
        ("web/docs/mod.rs", "use crate::api::a::A;"),
        ("web/pages.rs", "use crate::api::a::A;"),
    ]);
    assert_eq!(
        wrong_arrows(&map.arrows()),
        [
            "domain.rs → api/a.rs by crate::api::a::A points back or sideways",
            "web/pages.rs → api/a.rs by crate::api::a::A points back or sideways",
        ]
    );
}

#[test]
fn the_store_is_reached_through_the_domain_alone() {
    report(shortcuts(&Map::of(&files()).arrows()));
}

#[test]
fn a_shortcut_to_the_store_is_found() {
    let map = map::of(&[
        ("lib.rs", "mod api; mod domain; mod store;"),
        ("api.rs", "use crate::domain::S; fn f() { crate::store::S }"),
        ("domain.rs", "pub use crate::store::S;"),
        ("store.rs", "pub struct S;"),
    ]);
    assert_eq!(shortcuts(&map.arrows()), ["api.rs uses crate::store::S"]);
}

#[test]
fn every_room_has_its_place_and_no_path_climbs_out_of_one() {
    let map = Map::of(&files());
    report(climbs(map.files(), &map.arrows()));
}

#[test]
fn a_new_room_and_a_climbing_path_are_found() {
    let map = map::of(&[
        ("lib.rs", "mod api; mod attic; mod http;"),
        ("api.rs", "use super::http::H;"),
        ("attic.rs", ""),
        ("http.rs", "pub struct H;"),
    ]);
    assert_eq!(
        climbs(map.files(), &map.arrows()),
        [
            "attic.rs: a room without a place in the house",
            "api.rs: super::http::H leads out of the room: say crate::",
        ]
    );
}
