//! Which database, in the URL spellings of SQLAlchemy and libpq.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, TargetSessionAttrs};

use super::{Setting, Source};

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
];

/// Connections where nothing is said.
const POOL_SIZE: usize = 16;

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

/// How to reach PostgreSQL, or a cluster that speaks its protocol.
#[derive(Clone, PartialEq, Eq)]
pub struct Postgres {
    /// What the client library is told: hosts, user, password, database.
    pub connect: tokio_postgres::Config,
    /// What is asked of the server's certificate.
    pub certificate: Certificate,
    /// Certificates to trust instead of the system's, in PEM (`sslrootcert`).
    pub roots: Option<PathBuf>,
    /// Connections at most.
    pub pool_size: usize,
}

/// What is asked of the server's certificate, by the `sslmode` of libpq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// `disable`, `allow`, `prefer`, `require`: nothing.
    Any,
    /// `verify-ca`: that somebody we trust has signed it.
    Signed,
    /// `verify-full`: also that it is for the host we called.
    SignedForHost,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("hosts", &self.connect.get_hosts())
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
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
                postgres(rest).map(|postgres| Self::Postgres(Box::new(postgres)))
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

/// `rest` is what follows `postgresql:`. The client library knows neither how to verify certificates nor the spellings of
/// asyncpg, so those parameters are taken out before it sees the URL.
fn postgres(rest: &str) -> Option<Postgres> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut mode = "prefer".to_owned();
    let mut roots = None;
    let mut others = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        let decoded = || percent_decode_str(value).decode_utf8().ok();
        match name {
            "sslmode" | "ssl" => mode = decoded()?.into_owned(),
            "sslrootcert" => roots = Some(PathBuf::from(decoded()?.into_owned())),
            // Passwords have one place, which is masked wherever the URL is shown.
            "password" => return None,
            _ => others.push(pair),
        }
    }
    let (library_mode, certificate) = match mode.as_str() {
        "disable" => ("disable", Certificate::Any),
        "allow" | "prefer" => ("prefer", Certificate::Any),
        // As libpq: whoever names certificates to trust wants them to count.
        "require" if roots.is_some() => ("require", Certificate::Signed),
        "require" => ("require", Certificate::Any),
        "verify-ca" => ("require", Certificate::Signed),
        "verify-full" => ("require", Certificate::SignedForHost),
        _ => return None,
    };
    let library_mode = format!("sslmode={library_mode}");
    others.push(&library_mode);
    let mut connect: tokio_postgres::Config = format!("postgresql:{address}?{}", others.join("&"))
        .parse()
        .ok()?;
    let is_remote = |host: &Host| match host {
        Host::Tcp(name) => !name.is_empty(),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let hosts = connect.get_hosts().len();
    if hosts == 0 || !connect.get_hosts().iter().all(is_remote) || connect.get_user().is_none() {
        return None;
    }
    // Of several hosts one takes writes, and it need not be the same tomorrow.
    if hosts > 1 && !query.contains("target_session_attrs") {
        connect.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Some(Postgres {
        connect,
        certificate,
        roots,
        pool_size: POOL_SIZE,
    })
}

/// The database section.
#[derive(Debug, Clone)]
pub struct Database {
    pub url: DatabaseUrl,
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
        Self { url }
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
    fn server(url: &str) -> Option<Postgres> {
        match DatabaseUrl::parse(url)? {
            DatabaseUrl::Postgres(postgres) => Some(*postgres),
            _ => None,
        }
    }

    #[test]
    fn takes_the_spellings_of_libpq_and_asyncpg() {
        let one = server("postgresql+asyncpg://ada:s%40crt@db.example.com:6432/accounts")
            .expect("is valid");
        assert_eq!(one.connect.get_dbname(), Some("accounts"));
        assert_eq!(one.connect.get_password(), Some(&b"s@crt"[..]));
        assert_eq!(one.connect.get_ports(), [6432]);
        assert_eq!(one.certificate, Certificate::Any);
        assert!(!format!("{one:?}").contains("crt@"), "{one:?}");
        for (parameters, expected) in [
            ("sslmode=require", Certificate::Any),
            ("sslmode=require&sslrootcert=/ca.pem", Certificate::Signed),
            ("sslmode=verify-ca", Certificate::Signed),
            ("ssl=verify-full", Certificate::SignedForHost),
        ] {
            let url = format!("postgres://ada@db/accounts?{parameters}");
            assert_eq!(
                server(&url).expect("is valid").certificate,
                expected,
                "{url}"
            );
        }
        for url in [
            "postgresql://",
            "postgresql:///accounts",
            "postgresql://db/accounts",
            "postgresql://ada@db/accounts?sslmode=sometimes",
            "postgresql://ada@db/accounts?no_such_parameter=1",
            "postgresql://ada@db:port/accounts",
            "postgresql://ada@db/accounts?password=secret",
        ] {
            assert_eq!(DatabaseUrl::parse(url), None, "{url}");
        }
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_meant() {
        let attributes = |url| {
            server(url)
                .expect("is valid")
                .connect
                .get_target_session_attrs()
        };
        assert_eq!(
            attributes("postgres://ada@one:5432,two:5433/accounts"),
            TargetSessionAttrs::ReadWrite
        );
        assert_eq!(
            attributes("postgres://ada@one,two/accounts?target_session_attrs=any"),
            TargetSessionAttrs::Any
        );
        assert_eq!(
            attributes("postgres://ada@one/accounts"),
            TargetSessionAttrs::Any
        );
    }
}
