//! How hard a password is to guess, as zxcvbn sees it (Wheeler, USENIX Security 2016), in bounded time.
//!
//! zxcvbn looks at every part of a password, and does so once for every way to read its digits and signs as letters
//! (`4@8` as `aab`). Both grow fast: it is given windows of the password, in which few signs can be read in many ways.

use std::collections::HashSet;
use zeroize::Zeroizing;
use zxcvbn::{Entropy, Score};

/// Least score: "safely unguessable, moderate protection from offline slow-hash scenario".
const LEAST: Score = Score::Three;

/// Characters that are judged at once: those at the start, and then the next that repeat nothing before them. A part that
/// is hard to guess makes the whole password hard to guess: three words are enough. zxcvbn's estimates stay within 64 bits
/// up to 27 characters.
const WINDOW: usize = 24;

/// Readings that zxcvbn may try, times the square of the characters: 32 for a full window, 72 for 16 characters. Its time
/// grows with both.
const SUBSTITUTION_BUDGET: usize = 32 * WINDOW * WINDOW;

/// Why `password` is too easy to guess for a person who knows `about` (the account's e-mail and username), or
/// `None` when it is not. Takes up to some milliseconds; ends early once the answer is not wanted.
pub fn weakness(password: &str, about: &[&str], is_wanted: &dyn Fn() -> bool) -> Option<String> {
    let mut inputs: Vec<&str> = about.to_vec();
    // zxcvbn compares whole words; people also use the parts.
    inputs.extend(
        about
            .iter()
            .flat_map(|text| text.split(['@', '.', ' ', '-', '_'])),
    );
    inputs.retain(|text| text.chars().count() > 2);
    let (start, rest) = split(password);
    let judge = |window: &str| zxcvbn::zxcvbn(&within_budget(window), &inputs);
    let entropy = judge(start);
    if entropy.score() >= LEAST {
        return None;
    }
    if !rest.is_empty() && is_wanted() && judge(&unrepeated(start, rest)).score() >= LEAST {
        return None;
    }
    Some(message(&entropy))
}

fn message(entropy: &Entropy) -> String {
    let warning = entropy
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning);
    match warning {
        Some(warning) => format!("This password is easy to guess. {warning}"),
        None => "This password is easy to guess. Add another word or two.".to_owned(),
    }
}

/// The first window and what follows. A text that repeats itself is cut between two repetitions, because a piece of one at
/// the end would look like something new.
fn split(password: &str) -> (&str, &str) {
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(password.chars().take(WINDOW + 1).collect());
    if chars.len() <= WINDOW {
        return (password, "");
    }
    let period = period(&chars[..WINDOW]);
    let end = password.char_indices().nth(WINDOW / period * period);
    password.split_at(end.map_or(password.len(), |(end, _)| end))
}

/// After how many characters the text starts again from its beginning: its length less that of its longest border (Knuth,
/// Morris and Pratt, 1977).
fn period(text: &[char]) -> usize {
    let mut borders = vec![0; text.len()];
    for end in 1..text.len() {
        let mut border = borders[end - 1];
        while border > 0 && text[border] != text[end] {
            border = borders[border - 1];
        }
        borders[end] = border + usize::from(text[border] == text[end]);
    }
    text.len() - borders.last().copied().unwrap_or(0)
}

/// A window of the characters of `rest` that begin three which did not stand together before. Of a text that only goes on
/// repeating itself nothing is left.
fn unrepeated(start: &str, rest: &str) -> Zeroizing<String> {
    let folded = |text: &str| Zeroizing::new(text.to_lowercase().chars().collect::<Vec<char>>());
    let (start, rest) = (folded(start), folded(rest));
    let mut seen: HashSet<&[char]> = start.windows(3).collect();
    let fresh = rest.windows(3).filter(|three| seen.insert(three));
    Zeroizing::new(fresh.map(|three| three[0]).take(WINDOW).collect())
}

/// The text, or what it reads as once its signs are taken for the letters that they stand for most often. That keeps
/// words written with signs recognizable, and leaves only digits to be read in more than one way.
fn within_budget(window: &str) -> Zeroizing<String> {
    let length = window.chars().count();
    if readings(window) * length * length <= SUBSTITUTION_BUDGET {
        return Zeroizing::new(window.to_owned());
    }
    let letter = |sign| match sign {
        '@' => 'a',
        '(' | '{' | '[' | '<' => 'c',
        '!' => 'i',
        '|' => 'l',
        '$' => 's',
        '+' => 't',
        '%' => 'x',
        other => other,
    };
    Zeroizing::new(window.chars().map(letter).collect())
}

/// Letters and what may stand for each, as zxcvbn knows them.
const SUBSTITUTES: [(char, &str); 12] = [
    ('a', "4@"),
    ('b', "8"),
    ('c', "({[<"),
    ('e', "3"),
    ('g', "69"),
    ('i', "1!|"),
    ('l', "1|7"),
    ('o', "0"),
    ('s', "$5"),
    ('t', "+7"),
    ('x', "%"),
    ('z', "2"),
];

/// How many ways zxcvbn tries at most to read the signs: for each letter one of its substitutes, and twice as many for a
/// substitute of two letters.
fn readings(window: &str) -> usize {
    let occurs = |sign: &char| window.contains(*sign);
    let single: usize = SUBSTITUTES
        .iter()
        .map(|(_, signs)| signs.chars().filter(occurs).count().max(1))
        .product();
    let shared = ['1', '|', '7'].iter().filter(|sign| occurs(sign)).count();
    single << shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(password: &str, about: &[&str]) -> bool {
        weakness(password, about, &|| true).is_some()
    }

    #[test]
    fn common_and_personal_passwords_are_weak() {
        let about = ["ada.lovelace@example.com", "adalove"];
        for password in [
            "password",
            "12345678",
            "qwertyuiop",
            "adalove1",
            "lovelace!",
            "aaaaaaaaaaaaaaaa",
            "p@$$w0rd",
            "P4$$w0rd1!",
        ] {
            assert!(weak(password, &about), "{password}");
        }
        for strong in [
            "correct horse battery staple",
            "tr4verse-Kolibri-0pal",
            "北京烤鸭好吃得不得了呀我喜欢",
        ] {
            assert!(!weak(strong, &about), "{strong}");
        }
    }

    #[test]
    fn long_passwords_are_judged_rightly() {
        let text =
            "It was the best of times, it was the worst of times, it was the age of wisdom, "
                .repeat(3);
        for strong in [
            text.as_str(),
            &text[..100],
            &format!("{}correct horse battery staple", "a".repeat(64)),
            &format!("{}correct horse battery staple", "a".repeat(90)),
            &"Xk9#vQ2!mZ7@".repeat(20),
            &"4@8({[<369!1|70$5+%2".repeat(5),
            &"🦀🐙🦑🐚🐌🦋🐛🐜🐝🐞".repeat(20),
        ] {
            assert!(!weak(strong, &[]), "{strong}");
        }
        for password in [
            "a".repeat(256),
            "ab".repeat(128),
            "password".repeat(32),
            "1234567890".repeat(25),
            "p@$$w0rd".repeat(32),
            "P4$$w0rd!".repeat(20),
            "qwertyuiop".repeat(20),
            "ada@example.com".repeat(16),
            "2024".repeat(50),
        ] {
            assert!(weak(&password, &["ada@example.com"]), "{password}");
        }
    }

    /// Counted in readings: what zxcvbn does with a window grows with them and with its square.
    #[test]
    fn no_window_can_be_read_in_many_ways() {
        for length in 1..=256 {
            for signs in [
                "4@8({[<369!1|70$5+%2",
                "@({[<!|$+%",
                "0123456789",
                "1|7+!li",
                "aA4@",
            ] {
                let password: String = signs.chars().cycle().take(length).collect();
                let (start, rest) = split(&password);
                for window in [start, &unrepeated(start, rest)] {
                    let window = within_budget(window);
                    let length = window.chars().count();
                    assert!(length <= WINDOW);
                    // What ten digits can be read as is all that is left in a window above the budget.
                    let most = SUBSTITUTION_BUDGET.max(readings("0123456789") * length * length);
                    assert!(readings(&window) * length * length <= most, "{}", *window);
                }
            }
        }
    }

    #[test]
    fn judging_ends_when_the_client_has_gone() {
        let asked = std::cell::Cell::new(0);
        let is_wanted = || {
            asked.set(asked.get() + 1);
            false
        };
        weakness(&"a".repeat(256), &[], &is_wanted);
        assert_eq!(asked.get(), 1);
    }
}
