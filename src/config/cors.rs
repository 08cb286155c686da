//! Which web pages may call: origins (RFC 6454) as browsers send them, so that what is configured is what is compared.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::public_suffix::is_public;

/// Which origins may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Just these; none by default.
    These(Vec<AllowedOrigin>),
    /// Any.
    Any,
}

/// An origin that may call, or all below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// As browsers write it.
    Exact(String),
    /// `https://*.example.com`: every subdomain, not the domain itself.
    Subdomains {
        /// `https://`.
        start: String,
        /// `.example.com`, with the port if there is one.
        end: String,
    },
}

/// Schemes whose pages have the origin `null`, or no pages.
const WITHOUT_ORIGIN: &[&str] = &[
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "mailto",
    "view-source",
    "ws",
    "wss",
];

impl CorsOrigins {
    /// Whether a page of `origin`, the value of the header, may call.
    pub fn allows(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::These(list) => list.iter().any(|allowed| allowed.allows(origin)),
        }
    }

    /// Reads a list, separated by commas. Gives what was taken in another form than it was written, in sentences.
    ///
    /// # Errors
    /// Says why an item could never match.
    pub fn parse(text: &str) -> Result<(Self, Vec<String>), String> {
        if text.trim() == "*" {
            return Ok((Self::Any, Vec::new()));
        }
        let (mut list, mut notes) = (Vec::new(), Vec::new());
        for item in text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
        {
            let allowed = AllowedOrigin::parse(item).map_err(|why| format!("{item:?}: {why}"))?;
            let written = allowed.to_string();
            if written != item {
                notes.push(format!(
                    "CORS_ORIGINS: {item} is taken as {written}, which is how browsers write it"
                ));
            }
            if !list.contains(&allowed) {
                list.push(allowed);
            }
        }
        if list.is_empty() {
            return Err("it names no origin".to_owned());
        }
        Ok((Self::These(list), notes))
    }
}

impl std::fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(origin) => f.write_str(origin),
            Self::Subdomains { start, end } => write!(f, "{start}*{end}"),
        }
    }
}

impl AllowedOrigin {
    fn allows(&self, origin: &[u8]) -> bool {
        match self {
            Self::Exact(known) => known.as_bytes() == origin,
            Self::Subdomains { start, end } => {
                let labels = origin.strip_prefix(start.as_bytes());
                let labels = labels.and_then(|rest| rest.strip_suffix(end.as_bytes()));
                labels.is_some_and(|labels| {
                    labels.split(|byte| *byte == b'.').all(|label| {
                        !label.is_empty()
                            && label.iter().all(|byte| {
                                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
                            })
                    })
                })
            }
        }
    }

    fn parse(item: &str) -> Result<Self, &'static str> {
        if item == "*" {
            return Err("* stands alone, for every page");
        }
        if item.eq_ignore_ascii_case("null") {
            return Err(
                "null is the origin of every sandboxed page and local file, so it names nobody",
            );
        }
        let Some((scheme, rest)) = item.split_once("://") else {
            return Err("an origin begins with a scheme, such as https://");
        };
        let scheme = scheme.to_ascii_lowercase();
        if !is_scheme(&scheme) {
            return Err("a scheme has letters and digits alone");
        }
        if WITHOUT_ORIGIN.contains(&&*scheme) {
            return Err("no page has an origin with this scheme");
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return Err("an origin has no path: leave out what follows the host");
        }
        if authority.contains('@') {
            return Err("an origin has no user: leave out what stands before the @");
        }
        if authority
            .chars()
            .any(|char| char.is_whitespace() || char.is_control())
        {
            return Err("it has a blank in it: separate origins by commas");
        }
        let (host, port) = split_port(authority)?;
        let default = match &*scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        let port = port.filter(|port| Some(*port) != default);
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let is_web = default.is_some();
        if let Some(domain) = host.strip_prefix("*.") {
            if !is_web {
                return Err("only http:// and https:// have subdomains");
            }
            let domain = domain_name(domain)?;
            if domain.parse::<Ipv4Addr>().is_ok() {
                return Err("an address has no subdomains");
            }
            if is_public(&domain) {
                return Err(
                    "anyone can have a site below a top-level domain, a registry such as co.uk or a host such as github.io: \
                     write your own domain, as in https://*.example.com",
                );
            }
            return Ok(Self::Subdomains {
                start: format!("{scheme}://"),
                end: format!(".{domain}{port}"),
            });
        }
        if host.contains('*') {
            return Err("* stands for whole subdomains alone, as in https://*.example.com");
        }
        let host = if is_web {
            web_host(host)?
        } else {
            app_host(host)?
        };
        Ok(Self::Exact(format!("{scheme}://{host}{port}")))
    }
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            if port.is_empty() {
                return Ok((host, None));
            }
            let digits = port.bytes().all(|digit| digit.is_ascii_digit());
            let port = port.parse().ok().filter(|_| digits);
            port.map(|port| (host, Some(port)))
                .ok_or("a port is a number up to 65535")
        }
        _ => Ok((authority, None)),
    }
}

/// A host as browsers write it (WHATWG URL §3.5).
fn web_host(host: &str) -> Result<String, &'static str> {
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(address) = address {
        let address: Ipv6Addr = address.parse().map_err(|_| "this is no IPv6 address")?;
        // Browsers never write the last four bytes with dots.
        return Ok(match address.to_ipv4_mapped() {
            Some(_) => {
                let [.., high, low] = address.segments();
                format!("[::ffff:{high:x}:{low:x}]")
            }
            None => format!("[{address}]"),
        });
    }
    domain_name(host)
}

/// In ASCII, in lower case.
fn domain_name(name: &str) -> Result<String, &'static str> {
    let name = idna::domain_to_ascii(name).map_err(|_| "this is no host name")?;
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    let labels = name.strip_suffix('.').unwrap_or(&name);
    if !is_name || labels.split('.').any(str::is_empty) {
        return Err("this is no host name");
    }
    let last = labels.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if is_number && name.parse::<Ipv4Addr>().is_err() {
        return Err("this is no IPv4 address");
    }
    Ok(name)
}

/// Of an app or an extension: a name that its shell gives it.
fn app_host(host: &str) -> Result<String, &'static str> {
    let is_name = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if host.is_empty() || !is_name {
        return Err(
            "what follows the scheme is the name of an app or extension, such as capacitor://localhost",
        );
    }
    Ok(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        match CorsOrigins::parse(text) {
            Ok((CorsOrigins::These(list), _)) => list.iter().map(ToString::to_string).collect(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn origins_are_taken_as_browsers_write_them() {
        for (text, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.com/", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("https://app.example.com:", "https://app.example.com"),
            ("http://localhost:80/", "http://localhost"),
            ("http://localhost:443", "http://localhost:443"),
            ("http://localhost:03000", "http://localhost:3000"),
            ("https://münchen.de", "https://xn--mnchen-3ya.de"),
            ("http://[0:0::1]:3000", "http://[::1]:3000"),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
            ("http://127.0.0.1:5173", "http://127.0.0.1:5173"),
            ("https://*.Example.com:443", "https://*.example.com"),
            ("http://*.localhost:3000", "http://*.localhost:3000"),
            ("https://*.ada.github.io", "https://*.ada.github.io"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("tauri://localhost/", "tauri://localhost"),
            ("app://obsidian.md", "app://obsidian.md"),
            (
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
                "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            ),
            (
                "moz-extension://0190163D-8694-739b-aea5-966c26f8ad91",
                "moz-extension://0190163d-8694-739b-aea5-966c26f8ad91",
            ),
        ] {
            assert_eq!(read(text), [expected], "{text}");
        }
        let (origins, notes) =
            CorsOrigins::parse("https://a.example, https://a.example:443,").expect("valid");
        assert_eq!(
            origins,
            CorsOrigins::These(vec![AllowedOrigin::Exact("https://a.example".to_owned())])
        );
        assert_eq!(
            notes,
            [
                "CORS_ORIGINS: https://a.example:443 is taken as https://a.example, which is how browsers write it"
            ]
        );
        assert_eq!(
            CorsOrigins::parse(" * "),
            Ok((CorsOrigins::Any, Vec::new()))
        );
    }

    #[test]
    fn what_could_never_match_is_refused_with_a_reason() {
        for (text, reason) in [
            ("app.example.com", "scheme"),
            ("*.example.com", "scheme"),
            ("https://a.example, *", "stands alone"),
            ("null", "sandboxed"),
            ("https://a.example/path", "no path"),
            ("https://a.example?x", "no path"),
            ("https://user@a.example", "no user"),
            ("https://a.example https://b.example", "no path"),
            ("https://a.example b.example", "commas"),
            ("https://a.example:65536", "port"),
            ("https://a.example:x", "port"),
            ("https://*", "whole subdomains"),
            ("https://*.com", "top-level"),
            ("https://*.com.", "top-level"),
            ("https://*.co.uk", "registry"),
            ("http://*.CO.UK:8080", "registry"),
            ("https://*.github.io", "registry"),
            ("https://*.s3.eu-west-1.amazonaws.com", "registry"),
            ("https://app.*.example.com", "whole subdomains"),
            ("https://*app.example.com", "whole subdomains"),
            ("https://*.*.example.com", "no host name"),
            ("https://*.10.0.0.1", "no subdomains"),
            ("chrome-extension://*", "whole subdomains"),
            ("capacitor://*.localhost", "only http"),
            ("capacitor://", "app or extension"),
            ("https://", "no host name"),
            ("https://:443", "no host name"),
            ("https://a..example", "no host name"),
            ("https://127.1", "no IPv4"),
            ("https://[::1", "no host name"),
            ("https://[a]", "no IPv6"),
            ("file:///index.html", "no page"),
            ("wss://a.example", "no page"),
            ("1a://b", "letters"),
            ("", "no origin"),
            (" , ", "no origin"),
        ] {
            let refused = CorsOrigins::parse(text).expect_err(text);
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn subdomains_are_all_below_a_domain_and_nothing_else() {
        let (origins, _) = CorsOrigins::parse("https://*.example.com:8443").expect("valid");
        for origin in [
            "https://a.example.com:8443",
            "https://a.b-c.example.com:8443",
        ] {
            assert!(origins.allows(origin.as_bytes()), "{origin}");
        }
        for origin in [
            "https://example.com:8443",
            "https://.example.com:8443",
            "https://a..example.com:8443",
            "https://a.example.com",
            "http://a.example.com:8443",
            "https://aexample.com:8443",
            "https://a.example.com.evil.example:8443",
            "https://evil.example/.example.com:8443",
            "https://evil.example#.example.com:8443",
            "https://user@a.example.com:8443",
            "https://evil.example:1.example.com:8443",
            "null",
            "",
        ] {
            assert!(!origins.allows(origin.as_bytes()), "{origin}");
        }
    }
}
