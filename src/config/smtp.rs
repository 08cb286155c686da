//! `smtp://…` and `smtps://…`: reads such a URL. What connections are made of it is for the room `mail`.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::Secret;
use super::spelling::is_loopback;

/// Ports of message submission (RFC 6409 §3.1, RFC 8314 §3.3).
const SUBMISSION: u16 = 587;
const SUBMISSIONS: u16 = 465;

/// How to reach the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// A name, or an address without brackets.
    pub host: String,
    pub port: u16,
    /// TLS from the first byte on, not by STARTTLS.
    pub implicit_tls: bool,
    pub tls: SmtpTls,
    /// Certificates to trust besides the system's, in PEM.
    pub ca: Option<PathBuf>,
    /// User and password.
    pub credentials: Option<(String, Secret)>,
}

/// Whether a connection may go without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// No TLS, no mail.
    Required,
    /// TLS where the server offers it.
    Opportunistic,
    None,
}

impl Smtp {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let implicit_tls = match scheme {
            "smtp" => false,
            "smtps" => true,
            _ => return None,
        };
        let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
        let address = address.strip_suffix('/').unwrap_or(address);
        let (credentials, address) = match address.rsplit_once('@') {
            Some((credentials, address)) => (Some(user_and_password(credentials)?), address),
            None => (None, address),
        };
        let default_port = if implicit_tls {
            SUBMISSIONS
        } else {
            SUBMISSION
        };
        let (host, port) = host_and_port(address)?;
        let mut smtp = Self {
            tls: if implicit_tls || !is_loopback(&host) {
                SmtpTls::Required
            } else {
                SmtpTls::Opportunistic
            },
            host,
            port: port.unwrap_or(default_port),
            implicit_tls,
            ca: None,
            credentials,
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            smtp.parameter(name, &decoded(value)?)?;
        }
        Some(smtp)
    }

    fn parameter(&mut self, name: &str, value: &str) -> Option<()> {
        match (name, value) {
            ("tls", "required") => self.tls = SmtpTls::Required,
            ("tls", "opportunistic") if !self.implicit_tls => self.tls = SmtpTls::Opportunistic,
            ("tls", "none") if !self.implicit_tls => self.tls = SmtpTls::None,
            ("ca", path) if !path.is_empty() => self.ca = Some(PathBuf::from(path)),
            _ => return None,
        }
        Some(())
    }

    /// Whether others between here and the server can read the password.
    pub(super) fn may_reveal_password(&self) -> bool {
        self.credentials.is_some() && self.tls != SmtpTls::Required && !is_loopback(&self.host)
    }
}

/// A `%` that encodes nothing is an error: a literal one must be encoded (RFC 3986 §2.1).
fn decoded(text: &str) -> Option<String> {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let mut escapes = text.split('%').skip(1).map(str::as_bytes);
    if !escapes.all(|rest| rest.get(..2).is_some_and(is_hex)) {
        return None;
    }
    let text = percent_decode_str(text).decode_utf8().ok()?;
    (!text.contains(char::is_control)).then(|| text.into_owned())
}

fn user_and_password(text: &str) -> Option<(String, Secret)> {
    let (user, password) = text.split_once(':')?;
    let (user, password) = (decoded(user)?, decoded(password)?);
    (!user.is_empty() && !password.is_empty()).then(|| (user, Secret::new(password)))
}

/// A name, an IPv4 address, or an IPv6 address in brackets.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(text) => {
            let (host, rest) = text.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (
                host,
                rest.strip_prefix(':').or((!rest.is_empty()).then_some("")),
            )
        }
        None => {
            let (host, port) = text
                .split_once(':')
                .map_or((text, None), |(host, port)| (host, Some(port)));
            let is_of_names = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            (!host.is_empty() && host.chars().all(is_of_names)).then_some(())?;
            (host, port)
        }
    };
    let port = match port {
        Some(port) => Some(port.parse().ok().filter(|port| *port != 0)?),
        None => None,
    };
    Some((host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Smtp {
        Smtp::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn ports_and_encryption_have_the_defaults_of_their_schemes() {
        for (url, host, port, implicit_tls, tls) in [
            (
                "smtp://mail.example.com",
                "mail.example.com",
                587,
                false,
                SmtpTls::Required,
            ),
            (
                "smtp://Mail.Example.com:25/",
                "mail.example.com",
                25,
                false,
                SmtpTls::Required,
            ),
            (
                "smtps://mail.example.com",
                "mail.example.com",
                465,
                true,
                SmtpTls::Required,
            ),
            (
                "smtps://localhost",
                "localhost",
                465,
                true,
                SmtpTls::Required,
            ),
            (
                "smtp://localhost:1025",
                "localhost",
                1025,
                false,
                SmtpTls::Opportunistic,
            ),
            (
                "smtp://127.0.0.2",
                "127.0.0.2",
                587,
                false,
                SmtpTls::Opportunistic,
            ),
            (
                "smtp://[::1]:1025",
                "::1",
                1025,
                false,
                SmtpTls::Opportunistic,
            ),
            (
                "smtp://localhost?tls=required",
                "localhost",
                587,
                false,
                SmtpTls::Required,
            ),
            ("smtp://relay?tls=none", "relay", 587, false, SmtpTls::None),
            (
                "smtp://[2001:db8::1]?tls=opportunistic",
                "2001:db8::1",
                587,
                false,
                SmtpTls::Opportunistic,
            ),
        ] {
            let smtp = parse(url);
            assert_eq!((smtp.host.as_str(), smtp.port), (host, port), "{url}");
            assert_eq!((smtp.implicit_tls, smtp.tls), (implicit_tls, tls), "{url}");
        }
    }

    #[test]
    fn user_password_and_path_are_decoded_and_the_password_is_not_shown() {
        let smtp = parse(
            "smtp://ada%40example.com:p%2Fw%3A%3F@mail.example.com?ca=/etc/my%20ca.pem&tls=required",
        );
        let (user, password) = smtp.credentials.clone().expect("given");
        assert_eq!(
            (user.as_str(), password.reveal()),
            ("ada@example.com", "p/w:?")
        );
        assert_eq!(smtp.ca, Some(PathBuf::from("/etc/my ca.pem")));
        assert!(!format!("{smtp:?}").contains("p/w"));
    }

    #[test]
    fn what_is_no_such_url_is_refused() {
        for url in [
            "smtp://",
            "smtp:mail.example.com",
            "http://mail.example.com",
            "smtp://mail.example.com:0",
            "smtp://mail.example.com:port",
            "smtp://mail.example.com/path",
            "smtp://ada@mail.example.com",
            "smtp://ada:@mail.example.com",
            "smtp://:secret@mail.example.com",
            "smtp://ada:a%0D%0Ab@mail.example.com",
            "smtp://ada:100%@mail.example.com",
            "smtp://ada:100%zz@mail.example.com",
            "smtp://mail.example.com?tls=maybe",
            "smtp://mail.example.com?tls",
            "smtp://mail.example.com?ssl=true",
            "smtps://mail.example.com?tls=none",
            "smtp://mail.example.com?ca=",
            "smtp://::1",
            "smtp://[mail]",
            "smtp://[::1]25",
        ] {
            assert_eq!(Smtp::parse(url), None, "{url}");
        }
    }
}
