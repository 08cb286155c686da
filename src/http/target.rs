//! What a request is for: the one `Host` that it has to name, and its target in the normal form by which routes are found.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use percent_encoding::percent_decode_str;
use poem::Request;
use poem::http::uri::{PathAndQuery, Uri};
use poem::http::{HeaderMap, HeaderValue, Method, Version, header};

use super::problem::Failure;

/// The path of a request in normal form: unreserved characters are themselves and all others keep their encoding (RFC 3986
/// §6.2.2.2). Dots are no way up: a path with `..` in it is not found.
///
/// # Errors
/// [`Failure::Malformed`] for a target that is no path, and for one that encodes something other than text.
pub fn path(request: &Request) -> Result<String, Failure> {
    let uri = request.uri();
    let is_url = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_path = uri.scheme().is_none() && (uri.authority().is_none() || has_frames(request));
    let has_user = uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'));
    let path = uri.path();
    if path == "*" && request.method() == Method::OPTIONS {
        return Ok(path.to_owned());
    }
    if !(is_url || is_path) || has_user || !path.starts_with('/') {
        return Err(malformed("The target of the request is no path."));
    }
    normal(path).map(Cow::into_owned)
}

/// HTTP/2 and later, which have an authority with every target.
fn has_frames(request: &Request) -> bool {
    request.version() > Version::HTTP_11
}

fn normal(path: &str) -> Result<Cow<'_, str>, Failure> {
    if !path.contains('%') {
        return Ok(path.into());
    }
    let is_text = percent_decode_str(path).decode_utf8().is_ok();
    let mut normal = String::with_capacity(path.len());
    let mut parts = path.split('%');
    normal.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part
            .get(..2)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (Some(byte), true) = (byte, is_text) else {
            return Err(malformed(
                "The path has an encoding (%) that cannot be used.",
            ));
        };
        if is_unreserved(byte) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&format!("%{byte:02X}"));
        }
        normal.push_str(&part[2..]);
    }
    Ok(normal.into())
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Makes `path` that of the request.
pub fn set_path(request: &mut Request, path: &str) -> Result<(), Failure> {
    if request.uri().path() == path {
        return Ok(());
    }
    let target = match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let target: PathAndQuery = target.parse().map_err(|_| Failure::NotFound)?;
    *request.uri_mut() = Uri::from(target);
    Ok(())
}

/// Header fields of a request. Browsers and proxies send some thirty.
pub const MAX_HEADERS: usize = 100;

/// Requires what says what is asked for, and in which form, to be said once.
///
/// # Errors
/// [`Failure::Malformed`] for a body whose end is told in two ways, and for too many fields.
/// [`Failure::Malformed`] when the header `Host` is missing, repeated or no host (RFC 9112 §3.2), when it is another one
/// than that of an HTTP/2 request's target (RFC 9113 §8.3.1), or when there are two media types.
pub fn check_headers(request: &Request) -> Result<(), Failure> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let authority = request.uri().authority().filter(|_| has_frames(request));
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err(malformed("The header Host is given twice.")),
        (Some(host), None) => {
            let host = host.to_str().ok().filter(|host| is_host(host));
            let host = host.ok_or_else(|| malformed("The header Host is not a host."))?;
            if authority.is_some_and(|authority| !authority.as_str().eq_ignore_ascii_case(host)) {
                return Err(malformed("The header Host is not that of the target."));
            }
        }
        (None, _) => match authority {
            Some(authority) if is_host(authority.as_str()) => (),
            Some(_) => return Err(malformed("The target's authority is not a host.")),
            None if request.version() == Version::HTTP_10 => (),
            None => return Err(malformed("The header Host is missing.")),
        },
    }
    check_framing(request.headers())?;
    // HTTP/1 does not get this far.
    if request.headers().len() > MAX_HEADERS {
        return Err(malformed("There are more than 100 headers."));
    }
    let types = request.headers().get_all(header::CONTENT_TYPE);
    if types.iter().count() > 1 {
        return Err(malformed("The header Content-Type is given twice."));
    }
    Ok(())
}

/// Requires the end of the body to be told in one way: programs on the way of a request must not find it in different places
/// (RFC 9112 §6.1, §6.3).
///
/// # Errors
/// [`Failure::Malformed`] for a transfer coding besides one `chunked`, and for two lengths.
fn check_framing(headers: &HeaderMap) -> Result<(), Failure> {
    let is_chunked = |coding: &HeaderValue| {
        let coding = coding.as_bytes().trim_ascii();
        coding.eq_ignore_ascii_case(b"chunked")
    };
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => (),
        (Some(coding), None) if is_chunked(coding) => (),
        _ => {
            return Err(malformed(
                "The header Transfer-Encoding can be chunked alone, and once.",
            ));
        }
    }
    if headers.get_all(header::CONTENT_LENGTH).iter().count() > 1 {
        return Err(malformed("The header Content-Length is given twice."));
    }
    Ok(())
}

/// Whether no more requests are to be taken from the connection of this one. A `Content-Length` besides `Transfer-Encoding` is
/// passed over before it gets here, and to a program on the way what follows the body may be a part of it (RFC 9112 §6.1). Few
/// clients send bodies in chunks.
pub fn ends_connection(request: &Request) -> bool {
    !has_frames(request) && request.headers().contains_key(header::TRANSFER_ENCODING)
}

/// Whether it is a host with or without a port (RFC 9110 §7.2), in characters that names of hosts have.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let is_port = port.bytes().all(|digit| digit.is_ascii_digit())
        && (port.is_empty() || port.parse::<u16>().is_ok());
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    is_port
        && match address {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(is_unreserved),
        }
}

fn malformed(detail: &str) -> Failure {
    Failure::Malformed {
        detail: detail.to_owned(),
        errors: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unreserved_characters_are_decoded_and_no_others() {
        for (path, expected) in [
            ("/users/me", "/users/me"),
            ("/%75sers/%6D%65", "/users/me"),
            ("/%7Eada/%2D%2e%5f", "/~ada/-._"),
            ("/users%2fme", "/users%2Fme"),
            ("/users%2Fme%3f%23%25%20", "/users%2Fme%3F%23%25%20"),
            ("/%2541", "/%2541"),
            ("/%c3%a9", "/%C3%A9"),
            ("/%00%0a%7f", "/%00%0A%7F"),
        ] {
            assert_eq!(normal(path).ok().as_deref(), Some(expected), "{path}");
        }
        for bad in ["/%", "/%4", "/%zz", "/%é", "/%ff", "/%c3"] {
            assert!(normal(bad).is_err(), "{bad}");
        }
    }

    /// RFC 9113 §8.3.1.
    #[test]
    fn http_2_has_one_host_in_whatever_place() {
        let is_good = |version, target: &str, hosts: &[&str]| {
            let target: Uri = target.parse().expect("a target");
            let request = Request::builder().version(version).uri(target);
            let request = hosts
                .iter()
                .fold(request, |request, host| request.header("host", *host));
            check_headers(&request.finish()).is_ok()
        };
        let target = "https://Example.com:8443/users";
        assert!(is_good(Version::HTTP_2, target, &[]));
        assert!(is_good(Version::HTTP_2, target, &["example.com:8443"]));
        assert!(is_good(Version::HTTP_2, "/users", &["example.com"]));
        for hosts in [
            &["example.com"][..],
            &["evil.example:8443"],
            &[""],
            &["a b"],
            &["example.com:8443", "example.com:8443"],
        ] {
            assert!(!is_good(Version::HTTP_2, target, hosts), "{hosts:?}");
        }
        assert!(!is_good(Version::HTTP_2, "/users", &[]));
        assert!(!is_good(Version::HTTP_2, "https://a,b/users", &[]));
        // RFC 9112 §3.2.2: the target counts, and the header has to be there.
        assert!(is_good(Version::HTTP_11, target, &["other.example"]));
        assert!(!is_good(Version::HTTP_11, target, &[]));
        let request = Request::builder().version(Version::HTTP_2);
        let many = (0..=MAX_HEADERS).fold(request, |request, field| {
            request.header(format!("x-{field}"), "y")
        });
        assert!(check_headers(&many.header("host", "x").finish()).is_err());
    }

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        for host in [
            "example.com",
            "example.com:8000",
            "example.com:",
            "EXAMPLE.com.",
            "my_service",
            "xn--mnchen-3ya.de",
            "127.0.0.1:1",
            "[::1]",
            "[2001:db8::1]:443",
        ] {
            assert!(is_host(host), "{host}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a,b",
            "a/b",
            "user@a",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:+1",
            "::1",
            "[::1",
            "[::1]x",
            "[]",
            "[a]",
            "a\tb",
            "a?b",
            "a#b",
            "münchen.de",
            "a%",
            "a\\b",
            "<a>",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }
}
