//! Which database, in the URL spellings of SQLAlchemy.

use std::path::PathBuf;

use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[Setting {
    name: "DATABASE_URL",
    default: Some("sqlite:///./app.db"),
    allowed: "sqlite:///relative/path, sqlite:////absolute/path or sqlite::memory:",
    help: "The database. SQLite needs nothing to be set up; the file is created at the first start.",
    secret: false,
}];

/// Where the data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    File(PathBuf),
    /// SQLite in memory: gone when the process ends.
    Memory,
}

impl DatabaseUrl {
    /// Parses `sqlite:///path` (with or without a `+driver`), `sqlite://` and the spellings of `:memory:`.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let dialect = scheme
            .split_once('+')
            .map_or(scheme, |(dialect, _driver)| dialect);
        if dialect != "sqlite" {
            return None;
        }
        let path = rest
            .strip_prefix("///")
            .or_else(|| rest.strip_prefix("//"))
            .unwrap_or(rest);
        match path {
            "" | ":memory:" | "memory:" => Some(Self::Memory),
            _ if rest.starts_with("///") && !path.contains('?') => {
                Some(Self::File(PathBuf::from(path)))
            }
            _ => None,
        }
    }
}

/// The database section.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: DatabaseUrl,
}

impl Database {
    pub(super) fn read(source: &mut Source) -> Self {
        Self {
            url: source.required(&SETTINGS[0], DatabaseUrl::parse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_spellings_of_sqlalchemy() {
        let file = |path: &str| Some(DatabaseUrl::File(PathBuf::from(path)));
        for (url, expected) in [
            ("sqlite:///./app.db", file("./app.db")),
            ("sqlite:///app.db", file("app.db")),
            ("sqlite:////var/lib/app.db", file("/var/lib/app.db")),
            ("sqlite+aiosqlite:///app.db", file("app.db")),
            ("sqlite+pysqlite:////data/a b.db", file("/data/a b.db")),
            ("sqlite://", Some(DatabaseUrl::Memory)),
            ("sqlite::memory:", Some(DatabaseUrl::Memory)),
            ("sqlite:///:memory:", Some(DatabaseUrl::Memory)),
            ("sqlite://app.db", None),
            ("mysql://localhost/app", None),
            ("app.db", None),
            ("", None),
        ] {
            assert_eq!(DatabaseUrl::parse(url), expected, "{url}");
        }
    }
}
