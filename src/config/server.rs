//! Where the service listens, who stands in front of it and what it is called from outside.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::spelling::{boolean, with_ascii_host};
use super::{CorsOrigins, Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "HOST",
        default: Some("127.0.0.1"),
        allowed: "an IP address such as 127.0.0.1, 0.0.0.0 or ::, or localhost",
        help: "Address to listen on.",
        secret: false,
    },
    Setting {
        name: "PORT",
        default: Some("8000"),
        allowed: "a port from 0 to 65535 (0 takes a free one)",
        help: "Port to listen on.",
        secret: false,
    },
    Setting {
        name: "PUBLIC_URL",
        default: None,
        allowed: "http:// or https:// with a host and without query, such as https://accounts.example.com",
        help: "What the service is called from outside: the issuer of its tokens and the start of every link it sends. A path in it is for a proxy to take off. Unset: links lead to the address listened on.",
        secret: false,
    },
    Setting {
        name: "CORS_ORIGINS",
        default: None,
        allowed: "origins such as https://app.example.com, https://*.example.com for all its subdomains or capacitor://localhost, separated by commas, or * alone",
        help: "Web pages and apps that may call the API from a browser. Unset: none but those of this service.",
        secret: false,
    },
    Setting {
        name: "TRUSTED_PROXIES",
        default: None,
        allowed: "addresses or CIDR ranges such as 10.0.0.0/8, separated by commas",
        help: "Proxies whose X-Forwarded-For is believed, read from right to left. Their connections count against MAX_CONNECTIONS and make room last. Unset: no proxy.",
        secret: false,
    },
    Setting {
        name: "MAX_CONNECTIONS",
        default: Some("10000"),
        allowed: "a whole number from 1 to 1000000",
        help: "Connections held at one time. At the limit a newcomer gets the place of the idlest connection of the network that holds most.",
        secret: false,
    },
    Setting {
        name: "TLS_CERT",
        default: None,
        allowed: "the path of a PEM file with the certificate chain; needs TLS_KEY",
        help: "Serve HTTPS with this certificate. It is read again when the file changes and on SIGHUP.",
        secret: false,
    },
    Setting {
        name: "TLS_KEY",
        default: None,
        allowed: "the path of a PEM file with the private key; needs TLS_CERT",
        help: "Private key of TLS_CERT.",
        secret: false,
    },
    Setting {
        name: "METRICS_ADDR",
        default: None,
        allowed: "an address and port such as 127.0.0.1:9000, or off",
        help: "Address for /metrics alone. Unset: /metrics is served with the API, to everyone who can reach it. off: nowhere.",
        secret: false,
    },
    Setting {
        name: "DOCS_ENABLED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether to serve /docs, /reference and the specification (/openapi.json, /openapi-3.1.json). The pages at /problems stay.",
        secret: false,
    },
    Setting {
        name: "SHUTDOWN_TIMEOUT_SECONDS",
        default: Some("30"),
        allowed: "a whole number of seconds from 0 to 3600",
        help: "How long a stop waits for requests and mails under way.",
        secret: false,
    },
];

/// Certificate chain and key, as PEM files.
#[derive(Debug, Clone)]
pub struct Tls {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    /// At the address of the API.
    WithApi,
    /// At this one alone.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

impl Metrics {
    /// Their own address, if they have one.
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::At(address) => Some(address),
            Self::WithApi | Self::Off => None,
        }
    }
}

/// The server section.
#[derive(Debug, Clone)]
pub struct Server {
    pub host: IpAddr,
    pub port: u16,
    /// Without a slash at its end.
    pub public_url: Option<String>,
    pub cors_origins: CorsOrigins,
    /// What was taken in another form than it was written.
    pub notes: Vec<String>,
    pub trusted_proxies: Vec<IpNet>,
    pub max_connections: usize,
    pub tls: Option<Tls>,
    pub metrics: Metrics,
    /// Whether the documentation and the specification are served.
    pub has_docs: bool,
    pub shutdown_timeout: Duration,
}

impl Server {
    pub(super) fn read(source: &mut Source) -> Self {
        let path = |text: &str| Some(PathBuf::from(text));
        let host = source.required(&SETTINGS[0], host);
        let port = source.required(&SETTINGS[1], |text| text.parse().ok());
        let public_url = source.optional(&SETTINGS[2], public_url);
        let origins = source.optional(&SETTINGS[3], |text| Some(CorsOrigins::parse(text)));
        let origins =
            origins.and_then(|parsed| parsed.map_err(|why| source.refuse(&SETTINGS[3], why)).ok());
        let (cors_origins, notes) =
            origins.unwrap_or_else(|| (CorsOrigins::These(Vec::new()), Vec::new()));
        let trusted_proxies = source.optional(&SETTINGS[4], networks).unwrap_or_default();
        let max_connections = source.required(&SETTINGS[5], |text| {
            text.parse()
                .ok()
                .filter(|count| (1..=1_000_000).contains(count))
        });
        let tls = match (
            source.optional(&SETTINGS[6], path),
            source.optional(&SETTINGS[7], path),
        ) {
            (Some(certificate), Some(key)) => Some(Tls { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                source.refuse(&SETTINGS[7], "nothing while TLS_CERT is set".to_owned());
                None
            }
            (None, Some(_)) => {
                source.refuse(&SETTINGS[6], "nothing while TLS_KEY is set".to_owned());
                None
            }
        };
        Self {
            host,
            port,
            public_url,
            cors_origins,
            notes,
            trusted_proxies,
            max_connections,
            tls,
            metrics: source
                .optional(&SETTINGS[8], metrics)
                .unwrap_or(Metrics::WithApi),
            has_docs: source.required(&SETTINGS[9], boolean),
            shutdown_timeout: source.required(&SETTINGS[10], |text| {
                text.parse()
                    .ok()
                    .filter(|seconds| *seconds <= 3600)
                    .map(Duration::from_secs)
            }),
        }
    }
}

/// An address, in brackets or not. Of names only `localhost` is one: any other means another address tomorrow.
fn host(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let in_brackets = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    in_brackets.unwrap_or(text).parse().ok()
}

fn metrics(text: &str) -> Option<Metrics> {
    if text.eq_ignore_ascii_case("off") {
        return Some(Metrics::Off);
    }
    socket_address(text).map(Metrics::At)
}

fn socket_address(text: &str) -> Option<SocketAddr> {
    let of_localhost = || {
        let (name, port) = text.rsplit_once(':')?;
        let address = Some(name).filter(|name| name.eq_ignore_ascii_case("localhost"))?;
        Some(SocketAddr::new(host(address)?, port.parse().ok()?))
    };
    text.parse().ok().or_else(of_localhost)
}

/// An absolute HTTP URL whose authority is a host and perhaps a port.
pub(super) fn http_url(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority()?;
    let has_host = !authority.host().is_empty() && !authority.as_str().contains('@');
    (is_http && has_host && is_port_sound(authority)).then_some(uri)
}

/// Whether there is no port, or one that can be connected to.
fn is_port_sound(authority: &http::uri::Authority) -> bool {
    let Some(rest) = authority.as_str().strip_prefix(authority.host()) else {
        return false;
    };
    rest.is_empty()
        || rest.strip_prefix(':').is_some_and(|port| {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && port.parse::<u16>().is_ok_and(|port| port > 0)
        })
}

/// Whether a path has only the characters of RFC 3986 §3.3, and no segment that a client would take away.
fn is_path_sound(path: &str) -> bool {
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let is_sound = match byte {
            b'%' => [rest.next(), rest.next()]
                .iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte),
        };
        if !is_sound {
            return false;
        }
    }
    let plain = path.replace("%2e", ".").replace("%2E", ".");
    !plain
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}

fn public_url(text: &str) -> Option<String> {
    let text = with_ascii_host(text)?;
    let uri = http_url(&text)?;
    let plain = uri.query().is_none() && !text.contains('#') && is_path_sound(uri.path());
    plain.then(|| text.trim_end_matches('/').to_owned())
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split(',')
        .map(str::trim)
        .map(|part| {
            part.parse()
                .ok()
                .or_else(|| part.parse::<IpAddr>().ok().map(IpNet::from))
                .map(plain_network)
        })
        .collect()
}

/// An IPv4 network written as an IPv6 one (`::ffff:10.0.0.0/104`) as what it is: addresses are compared in that form.
fn plain_network(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else {
        return network;
    };
    let address = mapped.addr().to_ipv4_mapped();
    let prefix = mapped.prefix_len().checked_sub(96);
    let plain = address.zip(prefix);
    let plain = plain.and_then(|(address, prefix)| IpNet::new(address.into(), prefix).ok());
    plain.unwrap_or(network)
}

#[cfg(test)]
mod tests;
