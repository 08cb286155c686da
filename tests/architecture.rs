//! The arrows of the house hold: reads the files under `src/` and reports everything that points the wrong way at once.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms by height: a room may use those further down, none beside it and none above.
const HEIGHTS: &[(&str, u8)] = &[
    ("cli", 0),
    ("app", 1),
    ("api", 2),
    ("worker", 2),
    ("domain", 3),
    ("store", 4),
    ("password", 4),
    ("token", 4),
    ("mail", 4),
    ("text", 5),
    ("log", 5),
    ("config", 6),
    ("clock", 6),
    ("ids", 6),
    ("files", 7),
];

/// Uses between rooms of one height, each with its reason.
const BESIDE: &[(&str, &str, &str)] = &[("ids", "clock", "a UUIDv7 begins with the time")];

/// Database crates, at home in `store/db` alone.
const ENGINES: &[&str] = &[
    "rusqlite",
    "refinery",
    "r2d2",
    "r2d2_sqlite",
    "tokio_postgres",
];

/// HTTP crates; nothing below `api` knows of requests and answers.
const HTTP: &[&str] = &["poem", "poem_openapi", "hyper", "hyper_util", "http"];
const KNOWS_NO_HTTP: &[&str] = &[
    "domain", "store", "password", "token", "mail", "text", "worker", "clock", "ids",
];

/// What asks the system for the time, and the files that may.
const TIME: &[&str] = &["SystemTime::now", "Instant::now", "now_utc(", "now_local("];
/// The password engine measures how long its steps take.
const MAY_ASK_THE_TIME: &[&str] = &[
    "clock.rs",
    "password/bench_passwords.rs",
    "password/engine/",
];

/// What asks the system for randomness, and the files that may.
const RANDOMNESS: &[&str] = &[
    "rand::",
    "getrandom",
    "thread_rng",
    "Uuid::new_v4(",
    "now_v7(",
    "OsRng",
];
const MAY_DRAW: &[&str] = &["ids.rs"];

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
    ("api/limits.rs", "a parsed limit has an interval above zero"),
    (
        "password/engine/worker.rs",
        "only where a test asks for it, and in its tests",
    ),
];

const LONGEST_FILE: usize = 400;

/// A file of `src/` without comments, literals and its test module.
struct Source {
    path: PathBuf,
    text: String,
    code: String,
}

impl Source {
    fn name(&self) -> String {
        self.path.to_string_lossy().replace('\\', "/")
    }

    /// The room it stands in: the first part of its path.
    fn room(&self) -> String {
        let first = self.path.components().next().expect("a path");
        first
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned()
    }

    /// How many modules it is below the crate's root.
    fn depth(&self) -> usize {
        let is_folder = self.path.file_name().is_some_and(|name| name == "mod.rs");
        self.path.components().count() - usize::from(is_folder)
    }

    fn violation(&self, what: impl std::fmt::Display) -> String {
        format!("src/{}: {what}", self.name())
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("lists") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path)
            {
                let text = fs::read_to_string(&path).expect("reads");
                let path = path.strip_prefix(&root).expect("below src").to_owned();
                let code = code_of(&text);
                sources.push(Source { path, text, code });
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(sources.len() > 30, "only {} files found", sources.len());
    sources
}

/// Tests that have outgrown the file that they test.
fn is_test(path: &Path) -> bool {
    path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests")
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

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What follows each `word` that begins a path.
fn after<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    code.match_indices(word).filter_map(move |(at, _)| {
        let before = code[..at].chars().next_back();
        let is_start =
            before.is_none_or(|before| !is_word(before) && before != ':' && before != '$');
        is_start.then(|| &code[at + word.len()..])
    })
}

/// The names at the head of `rest`: one, or those of a group in braces.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim()
            .chars()
            .take_while(|character| is_word(*character))
            .collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 0;
    let mut names = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().expect("one").push(character),
            _ => (),
        }
    }
    names
        .iter()
        .map(|name| word(name))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether the code names a crate in a path.
fn names(code: &str, name: &str) -> bool {
    after(code, &format!("{name}::")).next().is_some()
}

fn height(room: &str) -> Option<u8> {
    HEIGHTS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, height)| *height)
}

#[track_caller]
fn report(violations: Vec<String>) {
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations.join("\n")
    );
}

#[test]
fn every_arrow_points_down() {
    let mut violations = Vec::new();
    for source in sources() {
        let room = source.room();
        if room == "lib" {
            continue;
        }
        // `main` hands over to `cli`, which is the highest room.
        let own = if room == "main" {
            Some(0)
        } else {
            height(&room)
        };
        let Some(own) = own else {
            violations.push(source.violation("a room without a place in the house"));
            continue;
        };
        for used in after(&source.code, "crate::").flat_map(heads) {
            let Some(other) = height(&used) else {
                violations.push(source.violation(format!("crate::{used} is no room")));
                continue;
            };
            let is_beside = BESIDE
                .iter()
                .any(|(from, to, _)| *from == room && *to == used);
            if used != room && other <= own && !is_beside {
                violations
                    .push(source.violation(format!("{room} → {used} points back or sideways")));
            }
        }
        let climbs = after(&source.code, "super::").filter(|rest| {
            let more = rest
                .split("super::")
                .take_while(|part| part.is_empty())
                .count();
            more + 1 >= source.depth()
        });
        for _ in climbs {
            violations.push(source.violation("super:: leads out of the room: say crate::"));
        }
    }
    report(violations);
}

#[test]
fn the_api_sees_the_store_through_the_domain_alone() {
    let api = sources()
        .into_iter()
        .filter(|source| source.room() == "api");
    let seen = api.filter(|source| {
        after(&source.code, "crate::")
            .flat_map(heads)
            .any(|used| used == "store")
    });
    report(seen.map(|source| source.violation("api → store")).collect());
}

#[test]
fn engines_are_named_in_the_engine_room_alone() {
    let mut violations = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| !source.name().starts_with("store/db/"))
    {
        for engine in ENGINES.iter().filter(|engine| names(&source.code, engine)) {
            violations.push(source.violation(format!("names {engine}")));
        }
    }
    report(violations);
}

#[test]
fn nothing_below_the_api_knows_http() {
    let mut violations = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| KNOWS_NO_HTTP.contains(&source.room().as_str()))
    {
        for library in HTTP.iter().filter(|library| names(&source.code, library)) {
            violations.push(source.violation(format!("names {library}")));
        }
    }
    report(violations);
}

#[test]
fn time_and_randomness_come_from_outside() {
    let mut violations = Vec::new();
    for source in sources() {
        for (words, allowed) in [(TIME, MAY_ASK_THE_TIME), (RANDOMNESS, MAY_DRAW)] {
            let found = words.iter().filter(|word| after_any(&source.code, word));
            for word in
                found.filter(|_| !allowed.iter().any(|place| source.name().starts_with(place)))
            {
                violations.push(source.violation(format!("asks the system by itself: {word}")));
            }
        }
    }
    report(violations);
}

/// Whether `word` stands in the code, and not as the end of a longer name.
fn after_any(code: &str, word: &str) -> bool {
    code.match_indices(word)
        .any(|(at, _)| !code[..at].chars().next_back().is_some_and(is_word))
}

#[test]
fn nothing_panics_without_a_reason() {
    let mut violations = Vec::new();
    for source in sources() {
        let found = PANICS.iter().filter(|word| source.code.contains(**word));
        for word in found.filter(|_| MAY_PANIC.iter().all(|(name, _)| *name != source.name())) {
            violations.push(source.violation(format!("{word} outside of tests")));
        }
    }
    for (name, _) in MAY_PANIC {
        let is_needed = sources().iter().any(|source| {
            source.name() == *name && PANICS.iter().any(|word| source.code.contains(word))
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
fn every_file_says_what_it_is_for_and_can_be_read_at_one_sitting() {
    let mut violations = Vec::new();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            violations.push(source.violation("does not begin with `//! `"));
        }
        let lines = source.text.lines().count();
        if lines > LONGEST_FILE {
            violations.push(source.violation(format!("{lines} lines, {LONGEST_FILE} at most")));
        }
    }
    report(violations);
}

#[test]
fn the_reader_of_sources_reads_them_right() {
    let code = code_of(
        "use crate::{a::{x, y}, b};\nlet t = \"crate::text\"; // crate::comment\n//! crate::doc\n",
    );
    let used: Vec<String> = after(&code, "crate::").flat_map(heads).collect();
    assert_eq!(used, ["a", "b"]);
    assert!(names("rusqlite::Row", "rusqlite") && !names("r2d2_rusqlite::Row", "rusqlite"));
    assert!(!code_of("fn a() {}\n#[cfg(test)]\nmod tests { b.unwrap() }").contains("unwrap"));
}
