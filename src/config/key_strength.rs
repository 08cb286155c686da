//! How many guesses a key withstands at most. A key is described in the shortest way that is known here (characters, words,
//! repetitions, rows of keys, dates), and the length of that description is its entropy. Random text has no short description,
//! so it is never called weak.

/// Fewest bits of a key. A random key of 128 bits, the shortest that is reasonable, stays well above in spite of chance finds.
const MIN_BITS: f64 = 96.0;

/// What is looked at; more only makes a key better.
const LONGEST: usize = 256;

/// Common words, sorted, one a line.
const WORDS: &str = include_str!("words.txt");
/// Their lengths.
const WORD_LENGTHS: std::ops::RangeInclusive<usize> = 4..=15;
/// Bits of one: there are some 12,000.
const WORD: f64 = 13.5;
/// Ends of words that are not in the list.
const ENDINGS: &[&str] = &["s", "ed", "d", "ing", "er", "r", "ly"];

/// Words that are too short for the list.
const SHORT_WORDS: &[&str] = &[
    "all", "and", "any", "api", "app", "are", "big", "but", "can", "cat", "day", "dev", "dog",
    "for", "fox", "get", "has", "her", "him", "his", "hot", "how", "jwt", "key", "let", "man",
    "may", "new", "not", "now", "old", "one", "our", "out", "own", "put", "red", "run", "say",
    "see", "set", "she", "the", "top", "too", "two", "use", "was", "way", "web", "who", "why",
    "you", "am", "an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is", "it", "me",
    "my", "no", "of", "on", "or", "so", "to", "up", "us", "we",
];
const SHORT_WORD: f64 = 8.0;

/// What fingers and counting make, forwards and backwards.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "0123456789abcdef0123456789abcdef",
    "0246802468",
    "1357913579",
    "acegikmoqsuwy",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "qazwsxedcrfvtgbyhnujmikolp",
    "112233445566778899001122",
    "abc123abc123",
    "31415926535897932384626433832795",
    "27182818284590452353602874713526",
];
const SHORTEST_IN_ROW: usize = 4;
/// Bits of a place in one of them and a direction.
const ROW: f64 = 10.0;

/// Bits of what stands between words, the first time.
const SEPARATOR: f64 = 5.0;

/// Bits of a day within a century, and of a year within two.
const DATE: f64 = 15.0;
const YEAR: f64 = 8.0;

/// Whether `key` is made of so little that it can be guessed.
pub fn is_guessable(key: &str) -> bool {
    let chars: Vec<char> = key.chars().take(LONGEST).collect();
    repeats(&chars) || bits(&chars) < MIN_BITS
}

/// Whether it is one text two or more times over, whatever that text is.
fn repeats(chars: &[char]) -> bool {
    let is_period = |period: usize| (period..chars.len()).all(|at| chars[at] == chars[at - period]);
    (1..=chars.len() / 2).any(is_period)
}

/// Length of the shortest description, in bits.
fn bits(chars: &[char]) -> f64 {
    let length = chars.len();
    let character = (alphabet(chars) as f64).log2();
    let lower: Vec<char> = chars.iter().map(char::to_ascii_lowercase).collect();
    let mut shortest = vec![f64::INFINITY; length + 1];
    shortest[0] = 0.0;
    for at in 0..length {
        let so_far = shortest[at];
        let mut describe = |count: usize, cost: f64| {
            let place = &mut shortest[at + count];
            *place = place.min(so_far + cost);
        };
        let is_separator = chars[at].is_ascii_punctuation() || chars[at] == ' ';
        let separator = if lower[..at].contains(&lower[at]) {
            2.0
        } else {
            SEPARATOR
        };
        describe(
            1,
            if is_separator {
                character.min(separator)
            } else {
                character
            },
        );
        let again = repetition(&lower, at);
        for count in 3..=again {
            describe(
                count,
                2.0 + ((at + 1) as f64).log2() + (count as f64).log2(),
            );
        }
        let in_row = row(&lower[at..]);
        for count in SHORTEST_IN_ROW..=in_row {
            describe(count, ROW + (count as f64).log2());
        }
        for (count, cost) in words(&lower[at..]).chain(dates(&lower[at..])) {
            describe(count, cost);
        }
    }
    shortest[length]
}

/// How many different characters a key of this kind is drawn from.
fn alphabet(chars: &[char]) -> usize {
    let all = |is: fn(char) -> bool| chars.iter().all(|c| is(*c));
    let any = |is: fn(char) -> bool| chars.iter().any(|c| is(*c));
    let is_lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_upper_hex = |c: char| c.is_ascii_digit() || ('A'..='F').contains(&c);
    if all(|c| c.is_ascii_digit()) {
        10
    } else if all(is_lower_hex) || all(is_upper_hex) {
        16
    } else {
        let classes = [
            (any(|c| c.is_ascii_digit()), 10),
            (any(|c| c.is_ascii_lowercase()), 26),
            (any(|c| c.is_ascii_uppercase()), 26),
            (any(|c| c.is_ascii() && !c.is_ascii_alphanumeric()), 33),
            (any(|c| !c.is_ascii()), 128),
        ];
        let there = classes.iter().filter(|(is_there, _)| *is_there);
        there.map(|(_, size)| size).sum()
    }
}

/// How many characters from here on stand before it already, forwards or backwards.
fn repetition(lower: &[char], at: usize) -> usize {
    let here = &lower[at..];
    let common = |earlier: &mut dyn Iterator<Item = &char>| {
        here.iter().zip(earlier).take_while(|(a, b)| a == b).count()
    };
    let alike = (0..at).filter(|start| lower[*start] == lower[at]);
    let lengths = alike.map(|start| {
        let forwards = common(&mut lower[start..].iter());
        forwards.max(common(&mut lower[..=start].iter().rev()))
    });
    lengths.max().unwrap_or(0)
}

/// How many characters from here on stand in a row.
fn row(here: &[char]) -> usize {
    let Some(first) = here.first().and_then(|c| u8::try_from(*c).ok()) else {
        return 0;
    };
    let common = |row: &mut dyn Iterator<Item = &u8>| {
        here.iter()
            .zip(row)
            .take_while(|(a, b)| **a == char::from(**b))
            .count()
    };
    let mut longest = 0;
    for row in ROWS.iter().map(|row| row.as_bytes()) {
        let starts = (0..row.len()).filter(|start| row[*start] == first);
        for start in starts {
            longest = longest.max(common(&mut row[start..].iter()));
            longest = longest.max(common(&mut row[..=start].iter().rev()));
        }
    }
    longest
}

/// Words that begin here: their lengths and bits. Digits and signs that stand for letters are taken for them.
fn words(here: &[char]) -> impl Iterator<Item = (usize, f64)> {
    let letters: String = here
        .iter()
        .take(*WORD_LENGTHS.end())
        .map_while(|c| letter(*c))
        .collect();
    let plain = here.iter().take_while(|c| c.is_ascii_lowercase()).count();
    // Most text is no word, and is soon found to be none.
    let shortest = *WORD_LENGTHS.start();
    let longest = match letters.get(..shortest) {
        Some(start) if !begins_word(start) => shortest - 1,
        _ => letters.len(),
    };
    (2..=longest).filter_map(move |length| {
        let word = &letters[..length];
        let disguise = if length <= plain { 0.0 } else { 2.0 };
        let is_short = length < *WORD_LENGTHS.start();
        if is_short {
            return SHORT_WORDS
                .contains(&word)
                .then_some((length, SHORT_WORD + disguise));
        }
        let without_ending = |ending: &&str| word.strip_suffix(*ending);
        let mut forms = std::iter::once(word).chain(ENDINGS.iter().filter_map(without_ending));
        forms.any(is_word).then_some((length, WORD + disguise))
    })
}

fn letter(c: char) -> Option<char> {
    Some(match c {
        'a'..='z' => c,
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        _ => return None,
    })
}

fn is_word(word: &str) -> bool {
    WORD_LENGTHS.contains(&word.len()) && first_from(word) == word
}

fn begins_word(start: &str) -> bool {
    first_from(start).starts_with(start)
}

/// The first word of the list that is `text` or comes after it.
fn first_from(text: &str) -> &'static str {
    let line = |at: usize| {
        let start = WORDS[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = WORDS[start..]
            .find('\n')
            .map_or(WORDS.len(), |length| start + length);
        start..end
    };
    let (mut from, mut to) = (0, WORDS.len());
    while from < to {
        let middle = line(from + (to - from) / 2);
        if &WORDS[middle.clone()] < text {
            from = middle.end + 1;
        } else {
            to = middle.start;
        }
    }
    WORDS.get(line(from.min(WORDS.len()))).unwrap_or_default()
}

/// Dates and years that begin here: their lengths and bits.
fn dates(here: &[char]) -> impl Iterator<Item = (usize, f64)> {
    let number = move |from: usize, count: usize| -> Option<u32> {
        let digits = here.get(from..from + count)?;
        digits
            .iter()
            .try_fold(0, |number, digit| Some(number * 10 + digit.to_digit(10)?))
    };
    let is = |found: Option<u32>, range: std::ops::RangeInclusive<u32>| {
        found.is_some_and(|found| range.contains(&found))
    };
    let is_year = move |from| is(number(from, 4), 1900..=2099);
    // Day and month, or the other way round.
    let is_day = move |from, to| {
        is(number(from, 2), 1..=31)
            && is(number(to, 2), 1..=31)
            && (is(number(from, 2), 1..=12) || is(number(to, 2), 1..=12))
    };
    let is_separator = move |at: usize| here.get(at).is_some_and(|c| !c.is_alphanumeric());
    let separated = |first: usize, second: usize| is_separator(first) && is_separator(second);
    let found = [
        (is_year(0), 4, YEAR),
        (is_year(0) && is_day(4, 6), 8, DATE),
        (is_day(0, 2) && is_year(4), 8, DATE),
        (is_year(0) && separated(4, 7) && is_day(5, 8), 10, DATE),
        (separated(2, 5) && is_day(0, 3) && is_year(6), 10, DATE),
    ];
    found
        .into_iter()
        .filter(|(holds, _, _)| *holds)
        .map(|(_, count, cost)| (count, cost))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn keys_that_people_make_are_guessable() {
        for key in [
            "correcthorsecorrecthorsecorrecthorsecorrecthorse",
            "correct horse correct horse correct horse",
            "correcthorsebatterystaplecorrecthorsebatterystaple",
            "Correct-Horse-Battery-Staple-2026!",
            "abcabcabcabcabcabcabcabcabcabcabcabc",
            "passwordpasswordpasswordpassword1234",
            "vestibule00000000000000000000000000000",
            "dragon..............................!1",
            "qwertyuiopasdfghjklzxcvbnm1234567890",
            "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
            "zyxwvutsrqponmlkjihgfedcba9876543210",
            "abcdefghijklmnopqrstuvwxyz0123456789",
            "0123456789abcdef0123456789abcdef",
            "0123456789abcdeffedcba9876543210",
            "2001-01-01,1999-12-31,24.12.1987,20260704",
            "01012001020220020303200304042004",
            "thisisaverylongsecretkeyforjwttokens",
            "my_sup3r_s3cr3t_jwt_s1gn1ng_k3y_2026",
            "P@ssw0rd!P@ssw0rd!P@ssw0rd!P@ssw0rd!1",
            "monkeydragonfootballshadowmonkeydragon",
            "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeee",
            "00000000-0000-0000-0000-000000000001",
            "31415926535897932384626433832795",
            "11223344556677889900aabbccddeeff",
            "пароль пароль пароль пароль пароль",
            "deadbeefdeadbeefdeadbeefdeadbeef",
            "the quick brown fox jumps over it",
        ] {
            assert!(is_guessable(key), "{key}");
        }
    }

    #[test]
    fn a_random_half_twice_is_guessable() {
        assert!(is_guessable(
            "5f1c0e7a9b3d48e2a6c4f0b8d7e19a235f1c0e7a9b3d48e2a6c4f0b8d7e19a23"
        ));
    }

    #[test]
    fn random_keys_of_all_kinds_are_taken() {
        let mut state = 7_u64;
        // SplitMix64.
        let mut draw = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        let mut bytes = |count: usize| -> Vec<u8> {
            let words = (0..count.div_ceil(8)).flat_map(|_| draw().to_le_bytes());
            words.take(count).collect()
        };
        let hex =
            |bytes: Vec<u8>| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let check = |key: &str| {
            assert!(!is_guessable(key), "{key}");
        };
        for _ in 0..10_000 {
            check(&hex(bytes(32)));
            check(&STANDARD.encode(bytes(24)));
        }
        for _ in 0..300 {
            let keys = [
                hex(bytes(16)),
                hex(bytes(16)).to_uppercase(),
                URL_SAFE_NO_PAD.encode(bytes(32)),
                uuid::Builder::from_random_bytes(bytes(16).try_into().expect("sixteen"))
                    .into_uuid()
                    .to_string(),
                bytes(32)
                    .iter()
                    .map(|byte| char::from(b'!' + byte % 94))
                    .collect(),
            ];
            for key in &keys {
                check(key);
            }
        }
    }

    #[test]
    fn every_word_of_the_list_is_found() {
        let words: Vec<&str> = WORDS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert!(words.len() > 9000);
        assert!(words.iter().all(|word| is_word(word)));
        for stranger in ["zzzz", "aaaa", "abcd", "vestib", ""] {
            assert!(!is_word(stranger), "{stranger}");
        }
    }
}
