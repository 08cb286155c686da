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
    /// `verify-ca`: a trusted authority has signed it.
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
        // As in libpq: named certificates are used.
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
        // A private authority signs only for its own machines.
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
mod tests;
