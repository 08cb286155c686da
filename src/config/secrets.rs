//! The key from which all others are derived.

use std::fmt;
use std::path::PathBuf;

use super::key_strength::is_guessable;
use super::{Secret, Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "SECRET_KEY",
        default: None,
        allowed: "32 or more random characters, for example from `openssl rand -base64 32`",
        help: "Signs tokens; all keys are derived from it. Unset: created once beside the SQLite file, readable by its owner only. Required with PostgreSQL, the same for every instance.",
        secret: true,
    },
    Setting {
        name: "SECRET_KEY_FILE",
        default: None,
        allowed: "the path of a file that holds the key; SECRET_KEY must then be unset",
        help: "A file to read SECRET_KEY from, as Docker and Kubernetes hand out secrets.",
        secret: false,
    },
    Setting {
        name: "SECRET_KEY_PREVIOUS",
        default: None,
        allowed: "the former SECRET_KEY, of 32 or more random characters",
        help: "While the key is being changed: tokens made with this one stay valid until they expire.",
        secret: true,
    },
];

/// Fewest characters of a key.
const MIN_LENGTH: usize = 32;

/// Parts of keys that stand in tutorials and templates.
const PLACEHOLDERS: &[&str] = &[
    "changeme",
    "change-me",
    "change_me",
    "change this",
    "changethis",
    "change-this",
    "change_this",
    "your-secret",
    "your secret",
    "your-256-bit",
    "your_jwt",
    "your-jwt",
    "my-secret",
    "my_secret",
    "mysecret",
    "secret-key",
    "secret_key",
    "secretkey",
    "secret key",
    "generate-",
    "generate_",
    "example-key",
    "example_key",
    "dummy-key",
    "dummy_key",
    "<secret",
    "<your",
    "xxxxxxxx",
    "your_secret",
    "yoursecret",
    "replace-",
    "replace_",
    "replaceme",
    "replace me",
    "replace this",
    "placeholder",
    "insert-",
    "super-secret",
    "supersecret",
    "insecure",
    "do-not-use",
    "do_not_use",
    "donotuse",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
];

/// Signs around a name that a value was to be put in place of.
const BRACKETS: &[(&str, &str)] = &[
    ("${", "}"),
    ("$(", ")"),
    ("{{", "}}"),
    ("<", ">"),
    ("%", "%"),
];

/// Why a key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// It stands in tutorials and templates.
    Placeholder,
    /// So many characters.
    Short(usize),
    /// It does not look random, or is known.
    Guessable,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placeholder => f.write_str("a placeholder, as it stands in examples (not shown)"),
            Self::Short(1) => f.write_str("a key of 1 character (not shown)"),
            Self::Short(length) => write!(f, "a key of {length} characters (not shown)"),
            Self::Guessable => f.write_str(
                "a key that does not look random and can be guessed: words, a phrase, a pattern, or the code or digest of one (not shown)",
            ),
        }
    }
}

/// Why `key` is no key, if it is none.
pub fn weakness(key: &str) -> Option<Weakness> {
    let lower = key.to_lowercase();
    let length = key.chars().count();
    let is_bracketed = |(start, end): &(&str, &str)| key.starts_with(start) && key.ends_with(end);
    let is_example = PLACEHOLDERS.iter().any(|known| lower.contains(known));
    if is_example || (length > 1 && BRACKETS.iter().any(is_bracketed)) {
        Some(Weakness::Placeholder)
    } else if length < MIN_LENGTH {
        Some(Weakness::Short(length))
    } else {
        is_guessable(key).then_some(Weakness::Guessable)
    }
}

/// The secrets section.
#[derive(Debug, Clone)]
pub struct Secrets {
    pub key: Option<Secret>,
    pub key_file: Option<PathBuf>,
    pub previous: Option<Secret>,
}

impl Secrets {
    pub(super) fn read(source: &mut Source) -> Self {
        let secret = |text: &str| match weakness(text) {
            Some(weakness) => Err(weakness.to_string()),
            None => Ok(Secret::new(text)),
        };
        let secrets = Self {
            key: source.optional_or(&SETTINGS[0], secret),
            key_file: source.optional(&SETTINGS[1], |text| Some(PathBuf::from(text))),
            previous: source.optional_or(&SETTINGS[2], secret),
        };
        if secrets.key.is_some() && secrets.key_file.is_some() {
            source.refuse(
                &SETTINGS[1],
                "a path while SECRET_KEY is set too".to_owned(),
            );
        }
        secrets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_key_is_called_what_it_is() {
        for (key, expected) in [
            ("", Weakness::Short(0)),
            ("short", Weakness::Short(5)),
            ("5f1c0e7a9b3d48e2a6c4f0b8d7e19a2", Weakness::Short(31)),
            ("changeme", Weakness::Placeholder),
            ("${SECRET_KEY}", Weakness::Placeholder),
            (
                "changeme-changeme-changeme-changeme-changeme",
                Weakness::Placeholder,
            ),
            (
                "Your-Secret-Key-That-Is-Long-Enough-To-Pass",
                Weakness::Placeholder,
            ),
            (
                "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
                Weakness::Placeholder,
            ),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                Weakness::Guessable,
            ),
            ("correcthorsecorrecthorsecorrecthorse", Weakness::Guessable),
            ("insecure-dev-key-do-not-use", Weakness::Placeholder),
        ] {
            assert_eq!(weakness(key), Some(expected), "{key}");
        }
        assert_eq!(weakness("5f1c0e7a9b3d48e2a6c4f0b8d7e19a23"), None);
    }
}
