//! Tests of the file above.

use super::*;
use crate::config::Settings;

fn read(pairs: &[(&str, &str)]) -> Result<Settings, Vec<crate::config::Problem>> {
    Settings::read(&mut Source::of(pairs))
}

#[test]
fn urls_and_origins_are_normalised() {
    let settings = read(&[
        ("PUBLIC_URL", "https://accounts.example.com/"),
        (
            "CORS_ORIGINS",
            "https://App.example.com, http://localhost:3000/",
        ),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1,::1"),
    ])
    .expect("valid");
    assert_eq!(
        settings.server.public_url.as_deref(),
        Some("https://accounts.example.com")
    );
    assert_eq!(
        settings.server.cors_origins,
        CorsOrigins::parse("https://app.example.com,http://localhost:3000")
            .expect("valid")
            .0
    );
    assert_eq!(settings.server.trusted_proxies.len(), 3);
    let warnings = settings.warnings();
    let told = warnings
        .iter()
        .filter(|line| line.starts_with("CORS_ORIGINS: "));
    assert_eq!(told.count(), 2, "{warnings:?}");
    let problems = read(&[("CORS_ORIGINS", "https://*.com")]).expect_err("too much");
    assert!(
        problems[0].to_string().contains("top-level"),
        "{}",
        problems[0]
    );
}

#[test]
fn localhost_and_brackets_are_addresses() {
    for (text, expected) in [
        ("localhost", "127.0.0.1"),
        ("LocalHost", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::", "::"),
    ] {
        let settings = read(&[("HOST", text)]).expect("valid");
        assert_eq!(settings.server.host.to_string(), expected);
    }
    let settings = read(&[("METRICS_ADDR", "localhost:9000")]).expect("valid");
    let address = settings.server.metrics.address().expect("given");
    assert_eq!(address.to_string(), "127.0.0.1:9000");
}

#[test]
fn ports_and_paths_of_urls_are_taken_as_written() {
    for url in [
        "http://[::1]:8000",
        "https://example.com:65535/a.b/..c/%C3%9F",
        "https://example.com/~a:b@c;d=e,f/(g)!",
    ] {
        let settings = read(&[("PUBLIC_URL", url)]).expect("valid");
        assert_eq!(settings.server.public_url.as_deref(), Some(url));
    }
}

#[test]
fn mapped_networks_of_proxies_are_ipv4_networks() {
    let text = "::ffff:127.0.0.0/104, ::ffff:10.0.0.1, 2001:db8::/32, ::ffff:0:0/95";
    let settings = read(&[("TRUSTED_PROXIES", text)]).expect("valid");
    let networks = settings.server.trusted_proxies.iter();
    let networks: Vec<String> = networks.map(ToString::to_string).collect();
    assert_eq!(
        networks,
        [
            "127.0.0.0/8",
            "10.0.0.1/32",
            "2001:db8::/32",
            "::ffff:0.0.0.0/95"
        ]
    );
}

#[test]
fn what_cannot_work_is_refused() {
    for (name, value) in [
        ("HOST", "accounts.example.com"),
        ("HOST", "x86_64-conda-linux-gnu"),
        ("HOST", "[127.0.0.1"),
        ("PORT", "65536"),
        ("PUBLIC_URL", "accounts.example.com"),
        ("PUBLIC_URL", "https://user@example.com"),
        ("PUBLIC_URL", "https://example.com/?a=b"),
        ("PUBLIC_URL", "https://example.com:0"),
        ("PUBLIC_URL", "https://example.com:99999/auth"),
        ("PUBLIC_URL", "https://example.com:"),
        ("PUBLIC_URL", "https://[::1]:65536"),
        ("PUBLIC_URL", "https://example.com/a/../b"),
        ("PUBLIC_URL", "https://example.com/%2E./b"),
        ("PUBLIC_URL", "https://example.com/./b"),
        ("PUBLIC_URL", "https://example.com/%zz"),
        ("PUBLIC_URL", "https://example.com/a%2"),
        ("PUBLIC_URL", "https://example.com/a\"b"),
        ("PUBLIC_URL", "https://example.com/straße"),
        ("CORS_ORIGINS", "https://app.example.com/path"),
        ("CORS_ORIGINS", "*.example.com"),
        ("CORS_ORIGINS", "https://*.com"),
        ("CORS_ORIGINS", "null"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("TLS_CERT", "cert.pem"),
        ("TLS_KEY", "key.pem"),
        ("MAX_CONNECTIONS", "0"),
        ("METRICS_ADDR", "9000"),
        ("METRICS_ADDR", "on"),
        ("DOCS_ENABLED", "maybe"),
        ("CORS_ORIGINS", "https://*.co.uk"),
    ] {
        assert!(read(&[(name, value)]).is_err(), "{name}={value}");
    }
}
