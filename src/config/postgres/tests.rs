//! Tests of the file above.

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
