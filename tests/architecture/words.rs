//! Words that belong to some files alone, and what every file has. The time and randomness of the system are for
//! `clippy.toml`.

use crate::{files, report};

/// Database crates, at home in `store/db` alone.
const ENGINES: &[&str] = &[
    "rusqlite",
    "refinery",
    "r2d2",
    "r2d2_sqlite",
    "tokio_postgres",
];

/// HTTP crates; nothing below `http` knows of requests and answers.
const HTTP: &[&str] = &["poem", "poem_openapi", "hyper", "hyper_util", "http"];
const KNOWS_NO_HTTP: &[&str] = &[
    "domain", "store", "password", "token", "mail", "text", "worker", "clock", "ids",
];

/// What ends a thread, and the places that may, with the reason why it cannot happen or is wanted.
const PANICS: &[&str] = &[
    ".unwrap()",
    ".expect(",
    "panic!(",
    "unreachable!(",
    "todo!(",
    "unimplemented!(",
];
const MAY_PANIC: &[(&str, &str)] = &[
    (
        "ids.rs",
        "without randomness no key, salt or id can be made",
    ),
    ("token/keys.rs", "HKDF gives more bytes than any key has"),
    ("config/source.rs", "a test reads every default"),
    (
        "http/limits.rs",
        "a parsed limit has an interval above zero",
    ),
    (
        "password/engine/worker.rs",
        "only where a test asks for it, and in its tests",
    ),
];

const LONGEST_FILE: usize = 400;

/// A file of `src/` without comments, literals and its test module.
struct Source {
    name: String,
    text: String,
    code: String,
}

impl Source {
    fn of(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            code: code_of(text),
        }
    }

    /// The room it stands in: the first part of its path.
    fn room(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    fn violation(&self, what: impl std::fmt::Display) -> String {
        format!("src/{}: {what}", self.name)
    }
}

fn sources() -> Vec<Source> {
    let files = files();
    let files = files.iter().filter(|(name, _)| !is_test(name));
    files.map(|(name, text)| Source::of(name, text)).collect()
}

/// Tests that have outgrown the file that they test.
fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

/// Lines of code. Test modules stand at the end of their files.
fn code_of(text: &str) -> String {
    let product = text
        .split("\n#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let lines = product
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let lines = lines.map(|line| line.split(" // ").next().unwrap_or_default());
    lines.map(without_strings).collect::<Vec<_>>().join("\n")
}

/// Empties the string literals of a line, so that words in messages count for nothing.
fn without_strings(line: &str) -> String {
    let mut code = String::new();
    let mut inside = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if inside => drop(characters.next()),
            '"' => {
                inside = !inside;
                code.push('"');
            }
            _ if inside => (),
            _ => code.push(character),
        }
    }
    code
}

/// Whether the code names a crate in a path.
fn names(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"_:$".contains(before))
    })
}

fn engines_elsewhere(source: &Source) -> Vec<String> {
    if source.name.starts_with("store/db/") {
        return Vec::new();
    }
    let named = ENGINES.iter().filter(|engine| names(&source.code, engine));
    named
        .map(|engine| source.violation(format!("names {engine}")))
        .collect()
}

fn http_below(source: &Source) -> Vec<String> {
    if !KNOWS_NO_HTTP.contains(&source.room()) {
        return Vec::new();
    }
    let named = HTTP.iter().filter(|library| names(&source.code, library));
    named
        .map(|library| source.violation(format!("names {library}")))
        .collect()
}

fn panics(source: &Source) -> Vec<String> {
    if MAY_PANIC.iter().any(|(name, _)| *name == source.name) {
        return Vec::new();
    }
    let found = PANICS.iter().filter(|word| source.code.contains(**word));
    found
        .map(|word| source.violation(format!("{word} outside of tests")))
        .collect()
}

fn unread(source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    if !source.text.starts_with("//! ") {
        violations.push(source.violation("does not begin with `//! `"));
    }
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        violations.push(source.violation(format!("{lines} lines, {LONGEST_FILE} at most")));
    }
    violations
}

#[test]
fn engines_are_named_in_the_engine_room_alone() {
    report(sources().iter().flat_map(engines_elsewhere).collect());
}

#[test]
fn an_engine_elsewhere_is_found() {
    let of = |name, code| engines_elsewhere(&Source::of(name, code));
    assert_eq!(
        of("store/users.rs", "fn f(row: rusqlite::Row) {}"),
        ["src/store/users.rs: names rusqlite"]
    );
    assert!(
        of(
            "store/users.rs",
            "fn f(row: not_rusqlite::Row) { \"rusqlite::\" }"
        )
        .is_empty()
    );
    assert!(of("store/db/row.rs", "fn f(row: rusqlite::Row) {}").is_empty());
}

#[test]
fn nothing_below_the_server_knows_http() {
    report(sources().iter().flat_map(http_below).collect());
}

#[test]
fn http_in_the_domain_is_found() {
    let of = |name| http_below(&Source::of(name, "use poem::Request;"));
    assert_eq!(of("domain/users.rs"), ["src/domain/users.rs: names poem"]);
    assert!(of("api/users.rs").is_empty());
}

#[test]
fn nothing_panics_without_a_reason() {
    let sources = sources();
    let mut violations: Vec<String> = sources.iter().flat_map(panics).collect();
    for (name, _) in MAY_PANIC {
        let is_needed = sources.iter().any(|source| {
            source.name == *name && PANICS.iter().any(|word| source.code.contains(word))
        });
        if !is_needed {
            violations.push(format!(
                "src/{name} does not panic any more: take it off the list"
            ));
        }
    }
    report(violations);
}

#[test]
fn a_panic_is_found_outside_of_tests_alone() {
    let of = |text| panics(&Source::of("domain/users.rs", text));
    assert_eq!(
        of("fn f() { g().unwrap() }"),
        ["src/domain/users.rs: .unwrap() outside of tests"]
    );
    assert!(of("fn f() {}\n#[cfg(test)]\nmod tests { g().unwrap() }").is_empty());
    assert!(of("fn f() {} // g().unwrap()").is_empty());
}

#[test]
fn every_file_says_what_it_is_for_and_can_be_read_at_one_sitting() {
    report(sources().iter().flat_map(unread).collect());
}

#[test]
fn a_long_file_without_a_head_is_found() {
    let text = "fn f() {}\n".repeat(LONGEST_FILE + 1);
    assert_eq!(
        unread(&Source::of("a.rs", &text)),
        [
            "src/a.rs: does not begin with `//! `",
            "src/a.rs: 401 lines, 400 at most",
        ]
    );
}
