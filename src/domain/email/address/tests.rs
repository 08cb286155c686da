//! Which addresses there are, and which of them are one.

use std::sync::LazyLock;

use proptest::prelude::*;
use regex::Regex;

use super::*;
use crate::domain::email::Start;

static PATTERN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(Email::PATTERN).expect("an expression"));

fn key(text: &str) -> Option<String> {
    Email::parse("email", text).ok().map(|email| email.key)
}

/// Two spellings of one address have one key.
#[test]
fn one_address_has_one_key() {
    for (text, expected) in [
        ("ada@example.com", "ada@example.com"),
        ("Ada@EXAMPLE.com", "ada@example.com"),
        ("ada+tag@example.com", "ada+tag@example.com"),
        ("ＡＤＡ@example.com", "ada@example.com"),
        ("ada@münchen.de", "ada@xn--mnchen-3ya.de"),
        ("ada@MÜNCHEN.de", "ada@xn--mnchen-3ya.de"),
        ("ada@xn--mnchen-3ya.de", "ada@xn--mnchen-3ya.de"),
        ("ada@ｅxample.com", "ada@example.com"),
        ("ada@R3---Sn-5u.example.com", "ada@r3---sn-5u.example.com"),
        ("jos\u{e9}@example.com", "jos\u{e9}@example.com"),
        ("JOSE\u{301}@example.com", "jos\u{e9}@example.com"),
        (" ada@example.com\t", "ada@example.com"),
        ("\u{3000}ada@example.com\u{a0}\r\n", "ada@example.com"),
        // A Turkish capital, composed and not, is neither of the letters without its dot.
        ("\u{130}pek@example.com", "i\u{307}pek@example.com"),
        ("I\u{307}pek@example.com", "i\u{307}pek@example.com"),
        ("Ipek@example.com", "ipek@example.com"),
        ("\u{131}pek@example.com", "\u{131}pek@example.com"),
        // With and without a joiner.
        (
            "\u{645}\u{6cc}\u{200c}\u{62e}@example.com",
            "\u{645}\u{6cc}\u{62e}@example.com",
        ),
        (
            "\u{645}\u{6cc}\u{62e}@example.com",
            "\u{645}\u{6cc}\u{62e}@example.com",
        ),
    ] {
        assert_eq!(key(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn the_spelling_is_kept() {
    let email = Email::parse("email", "Ada.Lovelace@Example.COM").expect("valid");
    assert_eq!(email.as_str(), "Ada.Lovelace@Example.COM");
    let email = Email::parse("email", "Ada@münchen.de").expect("valid");
    assert_eq!(email.as_str(), "Ada@xn--mnchen-3ya.de");
}

/// Each with vowel signs, tone marks or conjuncts that are no letters by themselves.
#[test]
fn a_local_part_is_in_any_script() {
    for local in [
        "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
        "\u{e20}\u{e32}\u{e29}\u{e32}\u{e44}\u{e17}\u{e22}.\u{e19}\u{e49}\u{e33}",
        "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}",
        "\u{c24}\u{c46}\u{c32}\u{c41}\u{c17}\u{c41}",
        "\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}",
        "\u{1019}\u{103c}\u{1014}\u{103a}\u{1019}\u{102c}",
        "\u{1ecd}\u{300}la\u{301}",
        "\u{130}STANBUL",
        "\u{995}\u{9cd}\u{200d}\u{9b7}",
        "\u{5e9}\u{5b8}\u{5dc}\u{5d5}\u{5b9}\u{5dd}",
        "\u{645}\u{64f}\u{62d}\u{64e}\u{645}\u{651}\u{62f}",
        "\u{dc3}\u{dd2}\u{d82}\u{dc4}\u{dbd}",
        "\u{c548}\u{b155}",
        "\u{1f600}",
    ] {
        let text = format!("{local}@example.com");
        let email = Email::parse("email", &text);
        let email = email.unwrap_or_else(|error| panic!("{text}: {error:?}"));
        assert!(PATTERN.is_match(&text), "{text}");
        // The mail server gets it composed, and every spelling has the same key.
        let composed: String = text.nfc().collect();
        let decomposed: String = text.nfd().collect();
        assert_eq!(email.as_str(), composed);
        for spelling in [&composed, &decomposed, &text.to_lowercase()] {
            assert_eq!(key(spelling).as_deref(), Some(email.key()), "{spelling}");
        }
        assert_eq!(key(email.key()).as_deref(), Some(email.key()), "{text}");
    }
}

proptest! {
    /// What had a key before marks were allowed keeps it: letters and digits have no joiners.
    #[test]
    fn keys_of_letters_and_digits_are_their_folded_form(local in "[\\p{L}\\p{Nd}]{1,12}") {
        let folded = fold(&local);
        if folded.chars().all(char::is_alphanumeric)
            && let Some(key) = key(&format!("{local}@example.com"))
        {
            prop_assert_eq!(key, format!("{folded}@example.com"));
        }
    }

    #[test]
    fn a_key_is_its_own_key(local in "\\PC{1,12}") {
        if let Some(found) = key(&format!("{local}@example.com")) {
            prop_assert_eq!(key(&found), Some(found));
        }
    }
}

#[test]
fn the_start_of_an_address_is_looked_for_as_it_is_stored() {
    for (typed, key, is_found, is_not) in [
        ("Ada", "ada", "ada@example.com", ""),
        (" ada@Ex ", "ada@ex", "ada@example.com", ""),
        (
            "ada@m\u{fc}nchen.de",
            "ada@xn--mnchen-3ya.de",
            "ada@xn--mnchen-3ya.de",
            "",
        ),
        (
            "ada@M\u{dc}NCHEN.d",
            "ada@xn--mnchen-3ya.d",
            "ada@xn--mnchen-3ya.de",
            "",
        ),
        (
            "ada@m\u{fc}n",
            "ada@xn--",
            "ada@xn--mnchen-3ya.de",
            "ada@xn--bcher-kva.de",
        ),
        (
            "ada@mu\u{308}n",
            "ada@xn--",
            "ada@xn--mnchen-3ya.de",
            "ada@xn--bcher-kva.de",
        ),
        (
            "ada@mail.m\u{fc}n",
            "ada@mail.xn--",
            "ada@mail.xn--mnchen-3ya.de",
            "ada@mail.xn--bcher-kva.de",
        ),
        (
            "ada@\u{43f}\u{440}\u{438}\u{43c}\u{435}\u{440}.\u{440}",
            "ada@xn--e1afmkfd.xn--",
            "ada@xn--e1afmkfd.xn--p1ai",
            "ada@xn--e1afmkfd.xn--j1amh",
        ),
        ("ada@xn--mnc", "ada@xn--mnc", "ada@xn--mnchen-3ya.de", ""),
    ] {
        let start = Start::of(typed).expect("something");
        assert_eq!(start.key, key, "{typed}");
        assert!(
            is_found.starts_with(&start.key) && start.is_of(is_found),
            "{typed}"
        );
        assert!(is_not.is_empty() || !start.is_of(is_not), "{typed}");
    }
    assert_eq!(Start::of(" \t"), None);
}

#[test]
fn what_is_no_address_is_refused() {
    let long = format!("{}@example.com", "a".repeat(65));
    for text in [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@localhost",
        "ada@127.0.0.1",
        "ada@example.4com",
        "ada@ex_ample.com",
        "ada@[127.0.0.1]",
        "a b@example.com",
        "ada@exa mple.com",
        "ada@@example.com",
        "ada＠b@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..b@example.com",
        "\"ada\"@example.com",
        "=?x?q?eve?=@example.com",
        "ada@example.com.",
        "ada@-example.com",
        "ada@example..com",
        "ada\0@example.com",
        "ada\n@example.com",
        "ada\u{200b}@example.com",
        "ada\u{ad}@example.com",
        "ada\u{2060}@example.com",
        "ada\u{202e}@example.com",
        "ada\u{2067}b@example.com",
        "ada\u{61c}@example.com",
        "ada\u{feff}@example.com",
        "ada\u{fe0f}@example.com",
        "ada\u{85}b@example.com",
        "ada\u{a0}b@example.com",
        "ada\u{2003}b@example.com",
        "ada\u{e0041}@example.com",
        "ada\u{fffd}@example.com",
        "ada\u{e000}@example.com",
        "a\u{200d}da@example.com",
        "\u{200c}\u{645}@example.com",
        "\u{645}\u{200c}@example.com",
        "\u{645}\u{200c}\u{200d}\u{645}@example.com",
        "ada\u{2026}b@example.com",
        "ada\u{ff0c}b@example.com",
        "ada@exam\u{0}ple.com",
        "<ada@example.com>",
        "ada@example.com,bob@example.com",
        long.as_str(),
    ] {
        assert_eq!(key(text), None, "{text:?}");
    }
}
#[test]
fn an_address_has_its_longest() {
    let domain = "a.".repeat(123) + "com";
    for (local, domain, is_valid) in [
        ("a".repeat(64), "example.com".to_owned(), true),
        ("a".repeat(65), "example.com".to_owned(), false),
        ("a.".repeat(32) + "a", "example.com".to_owned(), false),
        ("a".to_owned(), format!("{}.com", "b".repeat(63)), true),
        ("a".to_owned(), format!("{}.com", "b".repeat(64)), false),
        ("a".repeat(4), domain.clone(), true),
        ("a".repeat(5), domain, false),
        // Shorter than what it becomes in ASCII.
        ("a".repeat(64), format!("{}de", "ü.".repeat(60)), false),
    ] {
        let text = format!("{local}@{domain}");
        assert_eq!(key(&text).is_some(), is_valid, "{} {text}", text.len());
    }
}

/// Texts that are addresses, or nearly.
fn nearly_an_address() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        8 => "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,8}",
        1 => "[a-z]{60,66}",
        1 => r#"[ -~]{0,3}"#,
        1 => "[\\x00-\\x1f\\x7f]{1,2}",
    ];
    let label = prop_oneof![
        3 => "[A-Za-z0-9-]{1,5}",
        2 => "[0-9]{1,3}",
        1 => "[a-z0-9-]{60,66}",
        8 => "[A-Za-z0-9][A-Za-z0-9-]{1,6}[A-Za-z0-9]",
        1 => r#"[ -~]{0,3}"#,
        1 => "xn--[a-z0-9-]{1,8}",
    ];
    let local = prop::collection::vec(atom, 1..4).prop_map(|atoms| atoms.join("."));
    let domain = prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."));
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn the_pattern_is_the_grammar(text in nearly_an_address()) {
        // Blanks around an address are taken off before it is looked at.
        let text = text.trim();
        let is_too_long = text.len() > Email::MAX_BYTES
            || text.rfind('@').is_some_and(|local| local > Email::MAX_LOCAL_BYTES);
        let matches = PATTERN.is_match(text) && !is_too_long;
        prop_assert_eq!(matches, key(text).is_some());
    }
}

#[test]
fn the_pattern_knows_other_letters_than_those_of_ascii() {
    for text in ["jos\u{e9}@example.com", "ada@münchen.de", "адa@пример.рф"] {
        assert!(PATTERN.is_match(text) && key(text).is_some(), "{text}");
    }
}
