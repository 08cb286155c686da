//! No two files import each other, directly or by a longer circle. `map.rs` says what counts as an import.

use std::collections::{BTreeMap, BTreeSet};

use crate::map::{self, Arrow, Map};
use crate::{files, report};

/// A circle for each knot of files that lead back to themselves.
fn circles(arrows: &BTreeSet<Arrow>) -> Vec<String> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from).or_default().insert(&arrow.to);
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut found = Vec::new();
    for start in next.keys() {
        if told.contains(start) {
            continue;
        }
        if let Some(circle) = shortest(start, &next) {
            told.extend(&circle);
            found.push(spell(&circle, arrows));
        }
    }
    found
}

/// A circle, with a path that makes each of its arrows.
fn spell(circle: &[&str], arrows: &BTreeSet<Arrow>) -> String {
    let after = circle.iter().cycle().skip(1);
    let hops = circle.iter().zip(after).map(|(from, to)| {
        let mut arrows = arrows.iter();
        let arrow = arrows.find(|arrow| arrow.from == *from && arrow.to == *to);
        let path = arrow.map_or("", |arrow| arrow.path.as_str());
        format!("{from} uses {path} of {to}")
    });
    hops.collect::<Vec<_>>().join(", ")
}

/// The shortest way from a file back to itself.
fn shortest<'a>(
    start: &'a str,
    next: &BTreeMap<&'a str, BTreeSet<&'a str>>,
) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for file in way
                .last()
                .and_then(|last| next.get(last))
                .into_iter()
                .flatten()
            {
                if *file == start {
                    return Some(way);
                }
                if seen.insert(*file) {
                    longer.push([way.as_slice(), &[*file]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

#[test]
fn no_files_import_each_other() {
    report(circles(&Map::of(&files()).arrows()));
}

#[test]
fn a_circle_of_files_is_found() {
    let map = map::of(&[
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "pub struct B; fn f() { crate::c::C }"),
        ("c.rs", "use super::a::A; pub struct C;"),
        ("d.rs", "use crate::a::A;"),
    ]);
    assert_eq!(
        circles(&map.arrows()),
        [
            "a.rs uses crate::b::B of b.rs, b.rs uses crate::c::C of c.rs, c.rs uses super::a::A of a.rs"
        ]
    );
}

#[test]
fn a_folder_and_its_files_are_a_circle_only_where_both_have_items_for_the_other() {
    let child = ("a/b.rs", "use super::A; pub struct B;");
    let of =
        |parent| circles(&map::of(&[("lib.rs", "mod a;"), ("a/mod.rs", parent), child]).arrows());
    assert_eq!(
        of("mod b; pub use self::b::B; pub struct A;"),
        ["a/b.rs uses super::A of a/mod.rs, a/mod.rs uses self::b::B of a/b.rs"]
    );
    assert!(of("mod b; pub struct A;").is_empty());
}
