//! The key from which all others are derived.

use std::path::PathBuf;

use super::{Secret, Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "SECRET_KEY",
        default: None,
        allowed: "32 or more characters that are no placeholder, for example from `openssl rand -hex 32`",
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
        allowed: "the former SECRET_KEY, of 32 or more characters",
        help: "While the key is being changed: tokens made with this one stay valid until they expire.",
        secret: true,
    },
];

/// Fewest characters of a key.
const MIN_LENGTH: usize = 32;

/// A key with fewer different characters than this was typed, not drawn.
const MIN_DISTINCT: usize = 8;

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
    "your_secret",
    "yoursecret",
    "replace-me",
    "replace_me",
    "replaceme",
    "placeholder",
    "insert-",
    "super-secret",
    "supersecret",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
];

/// Whether `key` is one that the whole world knows, or too short or simple to be one.
pub fn is_placeholder(key: &str) -> bool {
    let lower = key.to_lowercase();
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    key.chars().count() < MIN_LENGTH
        || distinct.len() < MIN_DISTINCT
        || PLACEHOLDERS.iter().any(|known| lower.contains(known))
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
        let secret = |text: &str| (!is_placeholder(text)).then(|| Secret::new(text));
        let secrets = Self {
            key: source.optional(&SETTINGS[0], secret),
            key_file: source.optional(&SETTINGS[1], |text| Some(PathBuf::from(text))),
            previous: source.optional(&SETTINGS[2], secret),
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
    fn refuses_what_stands_in_tutorials() {
        for key in [
            "short",
            "changeme-changeme-changeme-changeme-changeme",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "Your-Secret-Key-That-Is-Long-Enough-To-Pass",
            "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        ] {
            assert!(is_placeholder(key), "{key}");
        }
        assert!(!is_placeholder("5f1c0e7a9b3d48e2a6c4f0b8d7e19a23"));
    }
}
