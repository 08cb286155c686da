//! `postgresql://…`: checks the form of such a URL as libpq describes it, and keeps it as text. What connections are made of
//! it is for the engine.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::Secret;
use super::spelling::is_loopback;

/// Connections where nothing is said.
const POOL_SIZE: usize = 16;

/// How to reach PostgreSQL, or a cluster that speaks its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The URL as the client library understands it: with user and password, hosts and database; `sslmode` is `disable`,
    /// `prefer` or `require`.
    pub url: Secret,
    /// What is asked of the server's certificate.
    pub certificate: Certificate,
    /// Certificates to trust instead of the system's, in PEM (`sslrootcert`).
    pub roots: Option<PathBuf>,
    /// Connections at most.
    pub pool_size: usize,
    /// Whether the URL says nothing of encryption, so that ours is the choice.
    pub is_mode_ours: bool,
    /// What others on the network may do by the mode that was chosen.
    pub warning: Option<&'static str>,
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

/// Whether a parameter may have this value.
type Rule = fn(&str) -> bool;

/// The parameters that are handed on, and what their values may be.
const PARAMETERS: &[(&str, Rule)] = &[
    ("application_name", |_| true),
    ("channel_binding", |value| {
        matches!(value, "disable" | "prefer" | "require")
    }),
    ("connect_timeout", is_a::<i32>),
    ("dbname", |_| true),
    ("host", |value| !value.is_empty()),
    ("hostaddr", |value| value.split(',').all(is_a::<IpAddr>)),
    ("keepalives", is_a::<u32>),
    ("keepalives_idle", is_a::<i32>),
    ("keepalives_interval", is_a::<i32>),
    ("keepalives_retries", is_a::<u32>),
    ("load_balance_hosts", |value| {
        matches!(value, "disable" | "random")
    }),
    ("options", |_| true),
    ("port", are_ports),
    ("sslnegotiation", |value| {
        matches!(value, "postgres" | "direct")
    }),
    ("target_session_attrs", |value| {
        matches!(value, "any" | "read-write" | "read-only")
    }),
    ("tcp_user_timeout", is_a::<i32>),
    ("user", |value| !value.is_empty()),
];

fn is_a<T: FromStr>(value: &str) -> bool {
    value.parse::<T>().is_ok()
}

/// One for each host; an empty one is the usual.
fn are_ports(value: &str) -> bool {
    value
        .split(',')
        .all(|port| port.is_empty() || is_a::<u16>(port))
}

/// What has to be known of a URL to judge it.
#[derive(Default)]
struct Seen {
    has_user: bool,
    hosts: usize,
    /// Whether one of the hosts is another machine, as far as names tell.
    has_remote_name: bool,
    /// The same of the addresses that count in place of the names.
    has_remote_address: Option<bool>,
    names_kind_of_server: bool,
}

impl Postgres {
    /// Parses what follows `postgresql:`. The client library knows neither how to verify certificates nor the spellings of
    /// asyncpg, so those parameters are taken out.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut seen = authority(address)?;
        // The library would take it for the end of the user's name.
        if !address.contains('@') && query.contains('@') {
            return None;
        }
        let mut chosen = None;
        let mut roots = None;
        let mut others = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (decoded(name)?, decoded(value)?);
            match name.as_ref() {
                "sslmode" | "ssl" => chosen = Some(value),
                "sslrootcert" => roots = Some(PathBuf::from(value.into_owned())),
                // Passwords have one place.
                "password" => return None,
                name => {
                    seen.parameter(name, &value)?;
                    others.push(pair);
                }
            }
        }
        if !seen.has_user || seen.hosts == 0 {
            return None;
        }
        let is_remote = seen.has_remote_address.unwrap_or(seen.has_remote_name);
        let ours = if is_remote { "verify-full" } else { "prefer" };
        let mode = chosen.as_deref().unwrap_or(ours);
        let (library_mode, certificate) = asked_by(mode, roots.is_some())?;
        let warning = if is_remote {
            risk_of(library_mode, certificate, roots.is_some())
        } else {
            None
        };
        others.push(library_mode);
        // Of several hosts one takes writes, and it need not be the same tomorrow.
        if seen.hosts > 1 && !seen.names_kind_of_server {
            others.push("target_session_attrs=read-write");
        }
        Some(Self {
            url: Secret::new(format!("postgresql:{address}?{}", others.join("&"))),
            certificate,
            roots,
            pool_size: POOL_SIZE,
            is_mode_ours: chosen.is_none(),
            warning,
        })
    }
}

impl Seen {
    /// Looks at a parameter; `None` when there is no such one, or none with such a value.
    fn parameter(&mut self, name: &str, value: &str) -> Option<()> {
        let (_, fits) = PARAMETERS.iter().find(|(known, _)| *known == name)?;
        match name {
            "host" => {
                self.hosts += 1;
                self.has_remote_name |= value.split(',').any(is_remote);
            }
            "hostaddr" => self.has_remote_address = Some(value.split(',').any(is_remote)),
            "user" => self.has_user = true,
            "target_session_attrs" => self.names_kind_of_server = true,
            _ => (),
        }
        fits(value).then_some(())
    }
}

/// What the library is told for an `sslmode` of libpq, and what is left to us.
fn asked_by(mode: &str, has_roots: bool) -> Option<(&'static str, Certificate)> {
    Some(match mode {
        "disable" => ("sslmode=disable", Certificate::Any),
        "allow" | "prefer" => ("sslmode=prefer", Certificate::Any),
        // As libpq: whoever names certificates to trust wants them to count.
        "require" if has_roots => ("sslmode=require", Certificate::Signed),
        "require" => ("sslmode=require", Certificate::Any),
        "verify-ca" => ("sslmode=require", Certificate::Signed),
        "verify-full" => ("sslmode=require", Certificate::SignedForHost),
        _ => return None,
    })
}

/// What others on the way to another machine may do.
fn risk_of(library_mode: &str, certificate: Certificate, has_roots: bool) -> Option<&'static str> {
    match (library_mode, certificate) {
        (_, Certificate::SignedForHost) => None,
        // Somebody's own authority signs for his machines alone.
        (_, Certificate::Signed) if has_roots => None,
        (_, Certificate::Signed) => Some(
            "sslmode=verify-ca takes a certificate that any public authority has signed for any host; use sslmode=verify-full",
        ),
        ("sslmode=require", Certificate::Any) => Some(
            "sslmode=require does not verify the server: another machine may take its place and read everything; \
             use sslmode=verify-full",
        ),
        (_, Certificate::Any) => Some(
            "this sslmode lets passwords and data cross the network unencrypted; use sslmode=verify-full",
        ),
    }
}

/// Whether a host is another machine: neither loopback nor the folder or abstract name of a socket.
fn is_remote(host: &str) -> bool {
    !host.starts_with(['/', '@']) && !is_loopback(host)
}

/// Looks at `//user:password@host:port,host:port/database`.
fn authority(address: &str) -> Option<Seen> {
    let address = address.strip_prefix("//")?;
    let (credentials, rest) = match address.split_once('@') {
        Some((credentials, rest)) => (Some(credentials), rest),
        None => (None, address),
    };
    let mut seen = Seen::default();
    if let Some(credentials) = credentials {
        let (user, _password) = credentials.split_once(':').unwrap_or((credentials, ""));
        seen.has_user = !decoded(user)?.is_empty();
    }
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    decoded(database)?;
    for text in hosts.split(',').filter(|_| !hosts.is_empty()) {
        let (host, port) = host_and_port(text)?;
        if decoded(host)?.is_empty() || !are_ports(&decoded(port)?) {
            return None;
        }
        seen.hosts += 1;
        seen.has_remote_name |= is_remote(&decoded(host)?);
    }
    Some(seen)
}

/// A host may be an IPv6 address in brackets, or the folder of a socket, percent-encoded.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let Some(text) = text.strip_prefix('[') else {
        return Some(text.split_once(':').unwrap_or((text, "")));
    };
    let (host, rest) = text.split_once(']')?;
    match rest.strip_prefix(':') {
        Some(port) => Some((host, port)),
        None => rest.is_empty().then_some((host, "")),
    }
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(rest: &str) -> Option<Postgres> {
        Postgres::parse(&format!("//{rest}"))
    }

    #[track_caller]
    fn url(rest: &str) -> String {
        let parsed = parse(rest).unwrap_or_else(|| panic!("{rest} is refused"));
        parsed.url.reveal().to_owned()
    }

    #[test]
    fn the_mode_says_what_is_asked_of_certificates() {
        for (parameters, mode, certificate) in [
            ("", "require", Certificate::SignedForHost),
            ("sslrootcert=/ca.pem", "require", Certificate::SignedForHost),
            ("sslmode=disable", "disable", Certificate::Any),
            ("sslmode=allow", "prefer", Certificate::Any),
            ("sslmode=prefer", "prefer", Certificate::Any),
            ("ssl=prefer", "prefer", Certificate::Any),
            ("sslmode=require", "require", Certificate::Any),
            (
                "sslmode=require&sslrootcert=/ca.pem",
                "require",
                Certificate::Signed,
            ),
            (
                "sslrootcert=/ca.pem&sslmode=require",
                "require",
                Certificate::Signed,
            ),
            ("sslmode=verify-ca", "require", Certificate::Signed),
            ("ssl=verify-full", "require", Certificate::SignedForHost),
            (
                "ssl%6dode=verify%2Dfull",
                "require",
                Certificate::SignedForHost,
            ),
        ] {
            let parsed = parse(&format!("ada@db/accounts?{parameters}")).expect(parameters);
            let expected = format!("postgresql://ada@db/accounts?sslmode={mode}");
            assert_eq!(parsed.url.reveal(), expected, "{parameters}");
            assert_eq!(parsed.certificate, certificate, "{parameters}");
        }
        let named = parse("ada@db?sslmode=verify-ca&sslrootcert=%2Fetc%2Fmy%20ca.pem");
        let roots = named.and_then(|parsed| parsed.roots);
        assert_eq!(roots, Some(PathBuf::from("/etc/my ca.pem")));
    }

    #[test]
    fn what_the_library_understands_is_handed_on_as_it_is() {
        for rest in [
            "ada:s%40crt@db.example.com:6432/accounts?sslmode=require",
            "ada@[::1]:6432/accounts?sslmode=prefer",
            "ada@[::1]?sslmode=prefer",
            "ada@db:/?sslmode=require",
            "ada@%2Frun%2Fpostgresql/accounts?sslmode=prefer",
            "ada@/accounts?host=/run/postgresql&port=6432&sslmode=prefer",
            "db?user=ada&dbname=accounts&options=-c%20geqo%3Doff&sslmode=require",
            "ada@db?hostaddr=127.0.0.1,::1&connect_timeout=3&sslmode=prefer",
        ] {
            let (given, _) = rest.rsplit_once("sslmode").expect("a mode");
            assert_eq!(url(given), format!("postgresql://{rest}"));
        }
    }

    #[test]
    fn another_machine_is_verified_unless_the_url_says_otherwise() {
        for rest in [
            "ada@db/x",
            "ada@10.0.0.1",
            "ada@localhost,db",
            "ada@/x?host=db",
            "ada@localhost?hostaddr=10.0.0.1",
        ] {
            let parsed = parse(rest).expect(rest);
            assert_eq!(parsed.certificate, Certificate::SignedForHost, "{rest}");
            assert!(parsed.is_mode_ours && parsed.warning.is_none(), "{rest}");
        }
        for rest in [
            "ada@localhost",
            "ada@LOCALHOST.",
            "ada@127.0.0.9:5433/x",
            "ada@[::1]",
            "ada@%2Frun%2Fpostgresql",
            "ada@/x?host=/run/postgresql",
            "ada@db?hostaddr=127.0.0.1",
        ] {
            let parsed = parse(rest).expect(rest);
            assert_eq!(parsed.certificate, Certificate::Any, "{rest}");
            assert!(parsed.url.reveal().contains("sslmode=prefer"), "{rest}");
            let weaker = parse(&format!(
                "{rest}{}sslmode=disable",
                if rest.contains('?') { '&' } else { '?' }
            ));
            assert_eq!(weaker.expect(rest).warning, None, "{rest}");
        }
        for (parameters, words) in [
            ("sslmode=disable", "unencrypted"),
            ("sslmode=allow", "unencrypted"),
            ("ssl=prefer", "unencrypted"),
            ("sslmode=require", "does not verify"),
            ("sslmode=verify-ca", "any public authority"),
        ] {
            let warning = parse(&format!("ada@db?{parameters}"))
                .expect(parameters)
                .warning;
            assert!(
                warning.is_some_and(|warning| warning.contains(words)),
                "{parameters}"
            );
        }
        for parameters in [
            "sslmode=verify-full",
            "sslmode=verify-ca&sslrootcert=/ca.pem",
            "sslrootcert=/ca.pem",
        ] {
            let parsed = parse(&format!("ada@db?{parameters}")).expect(parameters);
            assert_eq!(parsed.warning, None, "{parameters}");
        }
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_meant() {
        let asks_for_writes = |rest: &str| url(rest).ends_with("&target_session_attrs=read-write");
        assert!(asks_for_writes("ada@one:5432,two:5433/accounts"));
        assert!(asks_for_writes("ada@one/accounts?host=two"));
        assert!(!asks_for_writes("ada@one/accounts"));
        let any = url("ada@one,two/accounts?target_session_attrs=any");
        assert_eq!(any.matches("target_session_attrs").count(), 1);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for rest in [
            "",
            "/accounts",
            "db/accounts",
            "@db/accounts",
            ":secret@db/accounts",
            "ada@",
            "ada@/accounts",
            "ada@:5432",
            "ada@one,,two",
            "ada@one,",
            "ada@db:port/accounts",
            "ada@db:65536/accounts",
            "ada@db:-1",
            "ada@[::1",
            "ada@[::1]5432",
            "ada@[]",
            "%ff@db",
            "ada@%ff",
            "ada@db/%ff",
            "ada@db?application_name=%ff",
            "ada@db?sslmode=sometimes",
            "ada@db?sslmode=",
            "ada@db?no_such_parameter=1",
            "ada@db?sslmode",
            "ada@db?=",
            "ada@db?password=secret",
            "ada@db?pass%77ord=secret",
            "ada@db?host=",
            "ada@db?user=",
            "ada@db?port=5432,x",
            "ada@db?hostaddr=localhost",
            "ada@db?connect_timeout=soon",
            "ada@db?connect_timeout=9223372036854775807",
            "ada@db?tcp_user_timeout=1.5",
            "ada@db?keepalives=yes",
            "ada@db?keepalives_idle=",
            "ada@db?keepalives_interval=1s",
            "ada@db?keepalives_retries=-1",
            "ada@db?target_session_attrs=primary",
            "ada@db?channel_binding=on",
            "ada@db?load_balance_hosts=yes",
            "ada@db?sslnegotiation=tls",
            "db/accounts?user=ada&application_name=a@b",
            "ada:pa?ss@db/accounts",
        ] {
            assert_eq!(parse(rest), None, "{rest}");
        }
        assert_eq!(Postgres::parse("ada@db/accounts"), None);
        assert_eq!(Postgres::parse("/ada@db/accounts"), None);
    }

    #[test]
    fn debug_shows_no_password() {
        let parsed = parse("ada:s%40crt@db/accounts").expect("is valid");
        let shown = format!("{parsed:?}");
        assert!(!shown.contains("crt") && !shown.contains("ada"), "{shown}");
    }
}
