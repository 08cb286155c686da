//! E-mail addresses, parsed once and trusted everywhere else.

use super::types::fold;
use super::{FieldCode, FieldError};

/// An atom: no controls, no space, none of the specials `"(),.:;<>@[\]` (RFC 5322 §3.2.3), and no `?`: some programs decode
/// `=?x?q?eve?=` within an address, which RFC 2047 §5 forbids, and deliver to somebody else.
macro_rules! atom {
    () => {
        r"[^\x00-\x20\x22\x28\x29\x2c\x2e\x3a\x3b\x3c\x3e-\x40\x5b-\x5d\x7f]{1,64}"
    };
}

/// A letter, of ASCII or not.
macro_rules! letter {
    () => {
        r"[^\x00-\x40\x5b-\x60\x7b-\x7f]"
    };
}

/// A letter or digit.
macro_rules! alphanumeric {
    () => {
        r"[^\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"
    };
}

/// What may follow the first character of a label: letters, digits and hyphens, no hyphen at the end.
macro_rules! label_rest {
    () => {
        concat!(
            r"(?:[^\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]{0,61}",
            alphanumeric!(),
            ")?"
        )
    };
}

/// An e-mail address: how its owner spells it and the one key under which it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    spelling: String,
    key: String,
}

impl Email {
    /// Longest address (RFC 5321 §4.5.3.1.3, without the brackets).
    pub const MAX_BYTES: usize = 254;
    /// Longest part before the `@` (RFC 5321 §4.5.3.1.1).
    const MAX_LOCAL_BYTES: usize = 64;

    /// What [`parse`](Self::parse) takes, as an expression that every engine reads alike (JSON Schema Core §6.4): classes,
    /// counts and groups, no look-around, no character that a program's text would have to escape.
    ///
    /// Of texts in ASCII it takes exactly those that parse, but for two things that it cannot count: the 254 characters of
    /// all, and the 64 of a local part with dots in it. Among other characters it does not tell letters apart.
    pub const PATTERN: &str = concat!(
        "^",
        atom!(),
        r"(?:\.",
        atom!(),
        ")*@(?:",
        alphanumeric!(),
        label_rest!(),
        r"\.)+",
        letter!(),
        label_rest!(),
        "$"
    );

    /// Parses `local@domain` (RFC 5321 §4.1.2 as dot-string, RFC 6531 for other letters than ASCII). The domain becomes
    /// ASCII (UTS 46), the key does not tell apart case or compatible characters (NFKC).
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        if text.len() > Self::MAX_BYTES {
            return Err(FieldError::new(
                field,
                FieldCode::TooLong,
                "An e-mail address has at most 254 characters.",
            ));
        }
        Self::split(text).ok_or_else(|| {
            FieldError::new(
                field,
                FieldCode::InvalidFormat,
                "Give an e-mail address such as ada@example.com.",
            )
        })
    }

    fn split(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let local_key = fold(local);
        let ascii = to_ascii(domain)?;
        let shown = if domain.is_ascii() { domain } else { &ascii };
        let spelling = format!("{local}@{shown}");
        let fits = local.len() <= Self::MAX_LOCAL_BYTES && spelling.len() <= Self::MAX_BYTES;
        (fits && is_dot_string(&local_key) && is_public_domain(&ascii)).then(|| Self {
            spelling,
            key: format!("{local_key}@{ascii}"),
        })
    }

    /// The address as its owner spells it, the domain in ASCII.
    pub fn as_str(&self) -> &str {
        &self.spelling
    }

    /// What makes it unique.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Atoms separated by single dots (RFC 5322 §3.2.3, RFC 6532 §3.2). Looks at the folded form, so that no character can
/// turn into an `@` or a dot afterwards.
fn is_dot_string(folded: &str) -> bool {
    let is_atom_char = |c: char| match c {
        'a'..='z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=^_`{|}~".contains(c),
        c => c.is_alphanumeric(),
    };
    folded
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atom_char))
}

/// A domain in ASCII and lower case. One that is in ASCII already is what it is: its labels are names in the DNS, whatever
/// UTS 46 would make of them.
fn to_ascii(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_ascii_lowercase());
    }
    idna::domain_to_ascii_strict(domain).ok()
}

/// Two labels or more of letters, digits and hyphens (RFC 1123 §2.1). The last begins with a letter: it is no number, so
/// the whole is no IP address (RFC 3696 §2).
fn is_public_domain(ascii: &str) -> bool {
    let is_label = |label: &str| {
        label.len() <= 63
            && label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.ends_with(|c: char| c.is_ascii_alphanumeric())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let Some((_, last)) = ascii.rsplit_once('.') else {
        return false;
    };
    ascii.split('.').all(is_label) && last.starts_with(|c: char| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

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
            let is_too_long = text.len() > Email::MAX_BYTES
                || text.rfind('@').is_some_and(|local| local > Email::MAX_LOCAL_BYTES);
            let matches = PATTERN.is_match(&text) && !is_too_long;
            prop_assert_eq!(matches, key(&text).is_some());
        }
    }

    #[test]
    fn the_pattern_knows_other_letters_than_those_of_ascii() {
        for text in ["jos\u{e9}@example.com", "ada@münchen.de", "адa@пример.рф"] {
            assert!(PATTERN.is_match(text) && key(text).is_some(), "{text}");
        }
    }
}
