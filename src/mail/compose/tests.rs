//! Messages as they leave the house.

use std::fs;
use std::path::Path;

use mail_parser::{HeaderValue as Parsed, Message as Mail, MessageParser};
use uuid::Uuid;

use super::*;
use crate::clock::Timestamp;
use crate::config::{Settings, Source};

fn composer(pairs: &[(&str, &str)], public_host: Option<&str>) -> Result<Composer, MailError> {
    let settings = Settings::read(&mut Source::of(pairs)).expect("valid").mail;
    let texts = Arc::new(Texts::load(&settings).expect("loads"));
    Composer::new(&settings, public_host, texts)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A letter with everything that its kind is given by the domain.
fn letter(kind: Kind) -> Letter {
    let day = Duration::from_secs(86_400);
    let valid_for = match kind {
        Kind::VerifyEmail | Kind::EmailChange => Some(day),
        Kind::PasswordReset => Some(Duration::from_secs(1800)),
        Kind::SetPassword => Some(3 * day),
        Kind::LoginCode => Some(Duration::from_secs(600)),
        Kind::AccountExists | Kind::Test => None,
        _ => Some(7 * day),
    };
    let at = Timestamp::from_seconds(1_772_500_980);
    let is_notice = matches!(
        kind,
        Kind::EmailChanged | Kind::PasswordChanged | Kind::NewDevice | Kind::SessionsEnded
    );
    let on_notice = |text: &str| is_notice.then(|| text.to_owned());
    let has_link = !matches!(kind, Kind::AccountExists | Kind::LoginCode | Kind::Test);
    Letter {
        id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0007),
        kind,
        language: None,
        to: "ada@example.com".to_owned(),
        at,
        values: Values {
            username: some("ada"),
            link: has_link
                .then(|| "https://accounts.example.com/verify?a=1&b=2#0123456789abcdef".to_owned()),
            valid_for,
            code: (kind == Kind::LoginCode).then(|| "047113".to_owned()),
            when: is_notice.then_some(at),
            ip: on_notice("203.0.113.7"),
            device: on_notice("Firefox, Linux"),
            email: (kind == Kind::EmailChanged).then(|| "a•••@example.org".to_owned()),
        },
    }
}

fn composed(letter: &Letter, pairs: &[(&str, &str)]) -> Vec<u8> {
    let composer = composer(pairs, Some("accounts.example.com")).expect("composes");
    composer
        .compose(letter, false)
        .expect("composes")
        .formatted()
}

fn parsed(bytes: &[u8]) -> Mail<'_> {
    MessageParser::default().parse(bytes).expect("a mail")
}

fn raw<'a>(mail: &'a Mail<'_>, name: &'static str) -> &'a str {
    mail.header_raw(name).expect(name).trim()
}

fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Compares with the file, or writes it with UPDATE_SNAPSHOTS.
fn snapshot(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/mail/snapshots")
        .join(name);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes the folder");
        fs::write(path, found).expect("writes");
    } else {
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(kept, found, "{name}: run the tests with UPDATE_SNAPSHOTS=1");
    }
}

#[test]
fn every_kind_reads_well_in_every_language() {
    for language in ["en", "de"] {
        for kind in Kind::ALL {
            let letter = Letter {
                language: some(language),
                ..letter(kind)
            };
            let bytes = composed(&letter, &[]);
            let mail = parsed(&bytes);
            let name = format!("{}.{language}", kind.as_str());
            let text = unix_lines(&mail.body_text(0).expect("text"));
            let subject = mail.subject().expect("a subject");
            snapshot(
                &format!("{name}.txt"),
                &format!("Subject: {subject}\n\n{text}"),
            );
            snapshot(
                &format!("{name}.html"),
                &unix_lines(&mail.body_html(0).expect("HTML")),
            );
        }
    }
}

#[test]
fn a_sender_called_as_a_host_is_quoted() {
    for (name, expected) in [
        ("Example.com", "\"Example.com\" <a@example.com>"),
        ("Example Ltd.", "\"Example Ltd.\" <a@example.com>"),
        ("Example", "Example <a@example.com>"),
    ] {
        let settings = [("MAIL_FROM", "a@example.com"), ("PRODUCT_NAME", name)];
        let bytes = composed(&letter(Kind::VerifyEmail), &settings);
        let mail = parsed(&bytes);
        assert_eq!(raw(&mail, "From"), expected);
        let found = mail.from().and_then(|from| from.first()?.name());
        assert_eq!(found, Some(name));
        assert_eq!(
            String::from_utf8_lossy(&bytes).matches("\nFrom: ").count()
                + usize::from(bytes.starts_with(b"From: ")),
            1
        );
    }
}

#[test]
fn headers_say_who_when_and_that_nobody_need_answer() {
    let bytes = composed(
        &Letter {
            language: some("de-AT"),
            ..letter(Kind::VerifyEmail)
        },
        &[],
    );
    let mail = parsed(&bytes);
    assert_eq!(
        raw(&mail, "From"),
        "Vestibule <accounts@accounts.example.com>"
    );
    assert_eq!(raw(&mail, "To"), "ada@example.com");
    assert_eq!(raw(&mail, "Date"), "Tue, 03 Mar 2026 01:23:00 +0000");
    assert_eq!(
        raw(&mail, "Message-ID"),
        "<01900000-0000-7000-8000-000000000007@accounts.example.com>"
    );
    assert_eq!(raw(&mail, "Auto-Submitted"), "auto-generated");
    assert_eq!(raw(&mail, "Content-Language"), "de");
    assert!(raw(&mail, "Subject").starts_with("=?utf-8?") && bytes.is_ascii());
    assert_eq!(
        mail.subject(),
        Some("Bestätigen Sie Ihre E-Mail-Adresse für Vestibule")
    );
    assert!(
        matches!(mail.header("Content-Type"), Some(Parsed::ContentType(kind)) if kind.subtype() == Some("alternative"))
    );
    let longest = bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
    assert!(longest <= Some(998), "{longest:?}");
}

#[test]
fn the_sender_is_the_one_set_with_its_name_or_the_products() {
    let from = |pairs: &[(&str, &str)], host| {
        composer(pairs, host)
            .map(|composer| composer.from.to_string())
            .map_err(|error| error.to_string())
    };
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(from(&[], None), ok("Vestibule <accounts@localhost>"));
    assert_eq!(
        from(&[], Some("203.0.113.7")),
        ok("Vestibule <accounts@[203.0.113.7]>")
    );
    assert_eq!(
        from(&[], Some("[2001:db8::1]")),
        ok("Vestibule <accounts@[IPv6:2001:db8::1]>")
    );
    assert_eq!(
        from(&[("MAIL_FROM", "Ada <a@example.com>")], None),
        ok("Ada <a@example.com>")
    );
    assert_eq!(
        from(&[("MAIL_FROM", "Ada <a@bücher.example>")], None),
        ok("Ada <a@xn--bcher-kva.example>")
    );
    for (set, expected) in [
        ("a@[192.0.2.1]", "Vestibule <a@[192.0.2.1]>"),
        ("Ada <a@[IPv6:2001:db8::1]>", "Ada <a@[IPv6:2001:db8::1]>"),
        ("\"Ada, B.\" <a@[192.0.2.1]>", "\"Ada, B.\" <a@[192.0.2.1]>"),
    ] {
        assert_eq!(from(&[("MAIL_FROM", set)], None), ok(expected));
    }
    for set in [
        "a@[192.0.2.999]",
        "a@[example]",
        "<a@[192.0.2.1]",
        "[192.0.2.1]@",
    ] {
        assert!(from(&[("MAIL_FROM", set)], None).is_err(), "{set}");
    }
    let named = [
        ("MAIL_FROM", "a@example.com"),
        ("PRODUCT_NAME", "Shop, Inc."),
    ];
    assert_eq!(from(&named, None), ok("\"Shop, Inc.\" <a@example.com>"));
    let error = from(&[("MAIL_FROM", "a@@example.com")], None).expect_err("no address");
    assert!(
        error.starts_with("MAIL_FROM: found \"a@@example.com\"; allowed: "),
        "{error}"
    );
}

/// An operator who has set nothing but an address gets mails, too.
#[test]
fn a_sender_at_an_address_literal_sends_every_kind() {
    for host in ["203.0.113.7", "[2001:db8::1]", "localhost", "accounts"] {
        let composer = composer(&[], Some(host)).expect("composes");
        for kind in Kind::ALL {
            for is_for_a_file in [false, true] {
                let message = composer.compose(&letter(kind), is_for_a_file);
                let message = message.unwrap_or_else(|error| panic!("{host}: {error}"));
                let envelope = message.envelope();
                assert_eq!(envelope.from(), Some(composer.sender()));
                assert_eq!(envelope.to()[0].to_string(), "ada@example.com");
            }
        }
    }
}

#[test]
fn what_is_missing_or_no_address_is_a_defect() {
    let composer = composer(&[], None).expect("composes");
    let defect = |letter: &Letter| match composer.compose(letter, false) {
        Err(SendError::Defect(problem)) => problem,
        other => panic!("{other:?}"),
    };
    let mut reset = letter(Kind::PasswordReset);
    reset.values.link = None;
    assert_eq!(defect(&reset), "password_reset without link");
    let mut code = letter(Kind::LoginCode);
    code.values.code = None;
    assert_eq!(defect(&code), "login_code without code");
    for to in [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example.com\r\nBcc: x@example.com",
        "a b@example.com",
        "ada@example.com, x@example.com",
    ] {
        let letter = Letter {
            to: to.to_owned(),
            ..letter(Kind::Test)
        };
        assert_eq!(defect(&letter), "no address to send it to", "{to:?}");
    }
}

#[test]
fn a_domain_in_other_letters_is_sent_in_ascii() {
    let letter = Letter {
        to: "ada@bücher.example".to_owned(),
        ..letter(Kind::Test)
    };
    let composer = composer(&[], None).expect("composes");
    let message = composer.compose(&letter, false).expect("composes");
    assert_eq!(
        message.envelope().to()[0].to_string(),
        "ada@xn--bcher-kva.example"
    );
}

#[test]
fn no_value_becomes_markup() {
    let hostile = "</a><script>alert(1)</script>\"onload=\"x";
    for kind in Kind::ALL {
        let mut letter = letter(kind);
        letter.values.username = some(hostile);
        letter.values.device = some(hostile);
        letter.values.ip = some(hostile);
        letter.values.email = some(hostile);
        let bytes = composed(&letter, &[("PRODUCT_NAME", "<i>A</i> & B")]);
        let mail = parsed(&bytes);
        let html = mail.body_html(0).expect("HTML");
        for markup in ["<script", "</a><scr", "<i>", "\"onload"] {
            assert!(!html.contains(markup), "{kind:?}: {markup}");
        }
        assert!(html.contains("&lt;i&gt;A&lt;"));
    }
}

#[test]
fn no_value_becomes_a_header() {
    for kind in Kind::ALL {
        let mut letter = letter(kind);
        let hostile = some("ada\r\nBcc: x@example.com\r\n\r\n<b>\u{2028}\u{202e}body");
        letter.values.username = hostile.clone();
        letter.values.device = hostile.clone();
        letter.values.email = hostile;
        // Own words may put any value into the subject.
        let folder = tempfile::tempdir().expect("a folder");
        let words = format!(
            "[mails.{}]\nsubject = \"\"\"a\r\nX-Evil: 1\n{{{{ username }}}} {{{{ device }}}}\"\"\"",
            kind.as_str()
        );
        fs::write(folder.path().join("en.toml"), words).expect("writes");
        let bytes = composed(
            &letter,
            &[("MAIL_TEMPLATES_DIR", &folder.path().to_string_lossy())],
        );
        let mail = parsed(&bytes);
        assert!(
            mail.bcc().is_none() && mail.header("X-Evil").is_none(),
            "{kind:?}"
        );
        let subject = mail.subject().expect("a subject");
        assert!(subject.starts_with("a X-Evil: 1"), "{subject}");
        assert!(!subject.contains(['\u{202e}', '\u{2028}']));
        assert!(!mail.body_text(0).expect("text").contains("ada\r\nBcc"));
    }
}

#[test]
fn a_name_that_looks_like_an_address_greets_no_stranger() {
    for (kind, is_said) in [
        (Kind::VerifyEmail, false),
        (Kind::EmailChange, false),
        (Kind::PasswordReset, true),
    ] {
        let mut letter = letter(kind);
        letter.values.username = some("free-money.example");
        let bytes = composed(&letter, &[]);
        let text = parsed(&bytes).body_text(0).expect("text").into_owned();
        assert_eq!(text.contains("free-money"), is_said, "{kind:?}");
        letter.values.username = some("ada_1");
        let bytes = composed(&letter, &[]);
        assert!(
            parsed(&bytes)
                .body_text(0)
                .expect("text")
                .contains("Hello ada_1,")
        );
    }
}

#[test]
fn neither_link_nor_code_are_shown_by_debug() {
    let mut letter = letter(Kind::LoginCode);
    letter.values.link = some("https://example.com/#s3cr3t");
    let shown = format!("{letter:?} {:?}", letter.values);
    assert!(
        !shown.contains("s3cr3t") && !shown.contains("047113") && !shown.contains("ada@"),
        "{shown}"
    );
}

#[test]
fn html_loads_nothing_from_anywhere() {
    for kind in Kind::ALL {
        let bytes = composed(&letter(kind), &[]);
        let html = parsed(&bytes).body_html(0).expect("HTML").into_owned();
        for remote in ["src=", "url(", "@import", "<link", "<script", "<img"] {
            assert!(!html.contains(remote), "{kind:?}: {remote}");
        }
    }
}
