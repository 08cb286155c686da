//! How values are spelled: what containers and editors put around them is taken off, and a few kinds of values are parsed.

use std::net::IpAddr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::env_file;

/// Marks of byte order and of width that editors leave at the ends of a text.
const INVISIBLE: &[char] = &['\u{feff}', '\u{200b}', '\u{2060}', '\0'];

/// The value that is meant by `text`: without blanks, newlines and byte order marks around it, and without the quotes that
/// `docker --env-file` and `systemctl set-environment` hand over as they stand. A file, the environment and a flag mean the
/// same by the same text. What is read twice, by a shell from `.env` and then from the environment, means the same too: quotes
/// within quotes are taken off as well.
pub fn plain(text: &str) -> String {
    let mut bare = trimmed(text).to_owned();
    // Each turn makes it shorter.
    while let Some(value) = env_file::unquoted(&bare) {
        bare = trimmed(&value).to_owned();
    }
    bare
}

/// Without what is not seen at either end.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || INVISIBLE.contains(&c))
}

/// Parses `true`/`false` and the spellings that people use for them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Parses a whole number of seconds, minutes, hours or days: `30s`, `15m`, `24h`, `7d`.
pub fn duration(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let count: u32 = count.parse().ok()?;
    Some(Duration::from_secs(u64::from(count) * seconds))
}

/// A URL with its host as the DNS has it: `https://münchen.example` with `xn--mnchen-3ya.example`. `None`: it is no host name.
pub(super) fn with_ascii_host(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.is_ascii() {
        return Some(url.to_owned());
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, format!(":{port}")),
        None => (authority, String::new()),
    };
    let host = idna::domain_to_ascii(host).ok()?;
    Some(format!("{scheme}://{host}{port}{rest}"))
}

/// The text as it may be shown: of a URL, what stands between `://` and `@` is masked, for it is a password more often than
/// not, and so is every parameter that is called one.
pub fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (userinfo, rest) = match rest.rsplit_once('@') {
        Some((_userinfo, rest)) => ("********@", rest),
        None => ("", rest),
    };
    let Some((address, query)) = rest.split_once('?') else {
        return format!("{scheme}://{userinfo}{rest}");
    };
    let query: Vec<String> = query.split('&').map(without_password).collect();
    format!("{scheme}://{userinfo}{address}?{}", query.join("&"))
}

fn without_password(parameter: &str) -> String {
    let name = parameter.split('=').next().unwrap_or_default();
    let spelled_out = percent_decode_str(name).decode_utf8_lossy();
    if spelled_out.to_ascii_lowercase().contains("password") {
        format!("{name}=********")
    } else {
        parameter.to_owned()
    }
}

/// Whether a host, a name or an address, is this machine.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host
        .trim_matches(['[', ']'])
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let is_address = |address: IpAddr| address.to_canonical().is_loopback();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_in_many_spellings_is_one_value() {
        for text in [
            "abc",
            "abc\n",
            "abc\r\n",
            " abc\t",
            "\u{feff}abc",
            "\"abc\"",
            "'abc'",
            "\"abc\"\n",
            "'abc\r\n'",
            "'\"abc\"'",
            "\"'abc'\"",
            r#""\"abc\"""#,
            "\u{feff}' \"abc\"\n'",
            "\u{feff}\"abc\"\r\n",
            "\u{a0}abc\u{a0}",
        ] {
            assert_eq!(plain(text), "abc", "{text:?}");
        }
    }

    #[test]
    fn quotes_inside_a_value_stay() {
        for text in [
            "\"Example, Inc.\" <accounts@example.com>",
            "it's",
            "'open",
            "open\"",
            "\"a\" and \"b\"",
            "'a'b'",
        ] {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain(r#""a \"b\" \\ c""#), r#"a "b" \ c"#);
        assert_eq!(plain("''"), "");
    }

    #[test]
    fn hosts_are_written_as_the_dns_has_them() {
        for (url, written) in [
            ("https://münchen.example", "https://xn--mnchen-3ya.example"),
            (
                "https://MÜNCHEN.example:8443/a?b#c",
                "https://xn--mnchen-3ya.example:8443/a?b#c",
            ),
            ("https://Example.com/a", "https://Example.com/a"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ] {
            assert_eq!(with_ascii_host(url).as_deref(), Some(written));
        }
        assert_eq!(with_ascii_host("münchen.example"), None);
    }

    #[test]
    fn passwords_among_the_parameters_of_urls_are_masked_too() {
        for (url, shown) in [
            (
                "postgresql://db?password=s3cr3t",
                "postgresql://db?password=********",
            ),
            (
                "postgresql://ada@db/app?sslmode=require&PassWord=s3=cr3t&x=1",
                "postgresql://********@db/app?sslmode=require&PassWord=********&x=1",
            ),
            (
                "postgresql://db?ssl%70assword=s3cr3t&password",
                "postgresql://db?ssl%70assword=********&password=********",
            ),
            (
                "postgresql://db/app?sslmode=require",
                "postgresql://db/app?sslmode=require",
            ),
            ("sqlite:///./app.db", "sqlite:///./app.db"),
            ("8000", "8000"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
