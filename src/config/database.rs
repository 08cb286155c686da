//! Which database, in the URL spellings of SQLAlchemy and libpq.

use std::path::PathBuf;
use std::time::Duration;

use super::{Postgres, Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "DATABASE_URL",
        default: Some("sqlite:///./app.db"),
        allowed: "sqlite:///relative/path, sqlite:////absolute/path, sqlite::memory: or postgresql://user:password@host:5432/database (several hosts: host1:5432,host2:5432; ?sslmode=verify-full&sslrootcert=/path/ca.pem)",
        help: "The database. SQLite needs nothing to be set up; the file is created at the first start. PostgreSQL serves many instances at once.",
        secret: false,
    },
    Setting {
        name: "DATABASE_POOL_SIZE",
        default: Some("16"),
        allowed: "a whole number from 2 to 1000",
        help: "Connections to PostgreSQL that this instance opens at most. SQLite takes no notice of it.",
        secret: false,
    },
    Setting {
        name: "DATABASE_WAIT_SECONDS",
        default: Some("60"),
        allowed: "a whole number of seconds from 0 to 86400",
        help: "How long a start waits for a PostgreSQL server that is away. 0: it gives up at once.",
        secret: false,
    },
];

/// Where the data is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// An SQLite file.
    File(PathBuf),
    /// SQLite in memory: gone when the process ends.
    Memory,
    /// A PostgreSQL server.
    Postgres(Box<Postgres>),
}

impl DatabaseUrl {
    /// Parses `sqlite:///path` (with or without a `+driver`), `sqlite://`, the spellings of `:memory:`, and
    /// `postgresql://` or `postgres://` as libpq does.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let dialect = scheme
            .split_once('+')
            .map_or(scheme, |(dialect, _driver)| dialect);
        match dialect {
            "sqlite" => sqlite(rest),
            "postgresql" | "postgres" => {
                Postgres::parse(rest).map(|postgres| Self::Postgres(Box::new(postgres)))
            }
            _ => None,
        }
    }

    /// Whether many processes on many machines may use it at once.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

fn sqlite(rest: &str) -> Option<DatabaseUrl> {
    let path = rest
        .strip_prefix("///")
        .or_else(|| rest.strip_prefix("//"))
        .unwrap_or(rest);
    match path {
        "" | ":memory:" | "memory:" => Some(DatabaseUrl::Memory),
        _ if rest.starts_with("///") && !path.contains('?') => {
            Some(DatabaseUrl::File(PathBuf::from(path)))
        }
        _ => None,
    }
}

/// The database section.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: DatabaseUrl,
    /// How long a start waits for it.
    pub wait: Duration,
}

impl Database {
    pub(super) fn read(source: &mut Source) -> Self {
        let mut url = source.required(&SETTINGS[0], DatabaseUrl::parse);
        let pool_size = source.required(&SETTINGS[1], |text| {
            text.parse().ok().filter(|size| (2..=1000).contains(size))
        });
        if let DatabaseUrl::Postgres(postgres) = &mut url {
            postgres.pool_size = pool_size;
        }
        let wait = source.required(&SETTINGS[2], |text| {
            let seconds = text.parse().ok().filter(|seconds| *seconds <= 86_400);
            seconds.map(Duration::from_secs)
        });
        Self { url, wait }
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

    #[test]
    fn takes_the_schemes_of_libpq_and_asyncpg() {
        for scheme in ["postgresql", "postgres", "postgresql+asyncpg"] {
            let url = DatabaseUrl::parse(&format!("{scheme}://ada@db/accounts"));
            assert!(matches!(url, Some(DatabaseUrl::Postgres(_))), "{scheme}");
        }
        for url in ["postgresql:", "postgresql", "postgresqlx://ada@db/accounts"] {
            assert_eq!(DatabaseUrl::parse(url), None, "{url}");
        }
    }
}
