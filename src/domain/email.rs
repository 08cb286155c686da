//! E-mail addresses, parsed once and trusted everywhere else.

use unicode_normalization::UnicodeNormalization;

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

    /// Parses `local@domain` (RFC 5321 §4.1.2 as dot-string, RFC 6531 for other scripts than ASCII). Blanks around it are taken
    /// off. The domain becomes ASCII (UTS 46), the local part is composed (NFC, RFC 6532 §3.1), and the key does not tell apart
    /// case, compatible characters (NFKC) or invisible joiners.
    pub fn parse(field: &str, text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
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
        let local: String = local.nfc().collect();
        let folded = fold(&local);
        let ascii = to_ascii(domain)?;
        let shown = if domain.is_ascii() { domain } else { &ascii };
        let spelling = format!("{local}@{shown}");
        let fits = local.len() <= Self::MAX_LOCAL_BYTES && spelling.len() <= Self::MAX_BYTES;
        (fits && is_dot_string(&folded) && is_public_domain(&ascii)).then(|| Self {
            spelling,
            key: format!("{}@{ascii}", without_joiners(&folded)),
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

/// Zero-width non-joiner and joiner. Persian, Hindi and other scripts are written with them.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// The local part of a key. Nobody sees joiners: two addresses that differ in them alone are not two people's.
fn without_joiners(folded: &str) -> String {
    folded.replace(JOINERS, "")
}

/// Atoms separated by single dots (RFC 5322 §3.2.3, RFC 6532 §3.2). Looks at the folded form, so that no character can
/// turn into an `@` or a dot afterwards.
fn is_dot_string(folded: &str) -> bool {
    folded.split('.').all(is_atom)
}

/// ASCII as RFC 5322 has it; of the rest what people can see and write.
fn is_atom(atom: &str) -> bool {
    let is_other = |c: Option<&char>| c.is_some_and(|c| !c.is_ascii() && !JOINERS.contains(c));
    let chars: Vec<char> = atom.chars().collect();
    let fits = |(at, c): (usize, &char)| match *c {
        'a'..='z' | '0'..='9' => true,
        c if c.is_ascii() => "!#$%&'*+-/=^_`{|}~".contains(c),
        // Between two characters of a script that has them.
        c if JOINERS.contains(&c) => {
            let before = at.checked_sub(1).and_then(|before| chars.get(before));
            is_other(before) && is_other(chars.get(at + 1))
        }
        c => !is_hidden(c),
    };
    !chars.is_empty() && chars.iter().enumerate().all(fits)
}

/// Blanks, controls, what turns the direction of writing or cannot be seen, and what is no character (Unicode: Cc, Cf, Zs, Zl, Zp,
/// Co, variation selectors and noncharacters).
fn is_hidden(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(u32::from(c),
            0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890 | 0x891 | 0x8e2
            | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0xe000..=0xf8ff | 0xfdd0..=0xfdef | 0xfe00..=0xfe0f | 0xfeff | 0xfff0..=0xffff
            | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a
            | 0xe0000..)
        || u32::from(c) & 0xfffe == 0xfffe
}

/// How the start of an address, as it is typed into a search, is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// What the keys begin with.
    pub key: String,
    /// What the domain begins with in its own letters, where the key cannot tell: a label is in ASCII as a whole only.
    domain: Option<String>,
}

impl Start {
    /// `None` for nothing but blanks.
    pub fn of(text: &str) -> Option<Self> {
        let folded = without_joiners(&fold(text.trim()));
        if folded.is_empty() {
            return None;
        }
        let start = folded
            .rsplit_once('@')
            .filter(|(_, domain)| !domain.is_ascii());
        let start = start.and_then(|(local, domain)| Self::of_domain(local, domain));
        Some(start.unwrap_or(Self {
            key: folded,
            domain: None,
        }))
    }

    /// Labels that are complete are what they are in the DNS; of the last one only its beginning is known.
    fn of_domain(local: &str, domain: &str) -> Option<Self> {
        let domain = domain.replace('\u{3002}', ".");
        let (whole, last) = domain.rsplit_once('.').unwrap_or(("", domain.as_str()));
        let whole = match whole {
            "" => String::new(),
            whole => format!("{}.", to_ascii(whole)?),
        };
        if last.is_ascii() {
            let key = format!("{local}@{whole}{last}");
            return Some(Self { key, domain: None });
        }
        Some(Self {
            key: format!("{local}@{whole}xn--"),
            domain: Some(domain),
        })
    }

    /// Whether an address whose key begins so begins with what was typed.
    pub fn is_of(&self, address: &str) -> bool {
        let Some(typed) = &self.domain else {
            return true;
        };
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let (shown, _) = idna::domain_to_unicode(domain);
        fold(&shown).starts_with(typed.as_str())
    }
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
