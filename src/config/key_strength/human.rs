//! What people and their fingers make: words of any language, rows of keys, counting, dates. Each find is a number of characters
//! and the bits that choosing it takes.

/// What counting and fingers make, forwards and backwards. Walks over the keyboard are found by themselves.
const ROWS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "0123456789abcdef0123456789abcdef",
    "00112233445566778899aabbccddeeff00112233",
    "0246802468",
    "1357913579",
    "acegikmoqsuwy",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "a1b2c3d4e5f6g7h8i9j0",
    "1a2b3c4d5e6f7g8h9i0j",
    "112233445566778899001122",
    "abc123abc123",
    "deadbeef",
    "cafebabe",
    "feedface",
    "deadc0de",
    "badc0ffee",
    "c0ffee",
    "31415926535897932384626433832795",
    "27182818284590452353602874713526",
];
const SHORTEST_IN_ROW: usize = 4;
const LONGEST_ROW: usize = 64;
/// Bits of a place in one of them and a direction.
const ROW: f64 = 10.0;

/// The keys of a keyboard by their places, with and without shift.
const KEYBOARD: &[&str] = &["1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"];
const SHIFTED: &str = "!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>?";
const SHORTEST_WALK: usize = 6;

/// Bits of a letter in a word: languages are predictable.
const LETTER: f64 = 2.0;
/// Fewest letters of one case in a row that are taken for a word. Random text has few such that can be spoken.
const SHORTEST_WORD: usize = 5;
/// The same in a text of digits and the letters a to f, and in one without either capitals or small letters.
const SHORTEST_HEXADECIMAL: usize = 6;
const SHORTEST_OF_ONE_CASE: usize = 7;
/// The same of words that run into each other, each with a capital (`MyKeyForThisApp`), and of each of them.
const SHORTEST_PHRASE: usize = 10;
const SHORTEST_CAPITALISED: usize = 2;
/// The same of a word in which signs stand for letters.
const SHORTEST_DISGUISED: usize = 8;
/// Most consonants, and vowels, in a row that are spoken.
const MOST_CONSONANTS: usize = 4;
const MOST_VOWELS: usize = 3;

/// Bits of what stands between words.
const SEPARATOR: f64 = 2.0;
/// More different signs than this are no separators.
const MOST_SEPARATORS: usize = 5;

/// Bits of a day within a century, and of a year within two.
const DATE: f64 = 15.0;
const YEAR: f64 = 8.0;

/// All that begins at `at`. `lower` are the same characters in lower case.
pub fn finds(chars: &[char], lower: &[char], at: usize) -> Vec<(usize, f64)> {
    let (here, lower) = (&chars[at..], &lower[at..]);
    let is_hexadecimal = is_hexadecimal(chars);
    let as_word = |count: usize| LETTER * count as f64;
    let mut found = Vec::new();
    let mut add_words = |shortest: usize, longest: usize| {
        let spoken = spoken(&lower[..longest]).into_iter();
        let long_enough = spoken.filter(|count| *count >= shortest);
        found.extend(long_enough.map(|count| (count, as_word(count))));
    };
    if is_hexadecimal {
        add_words(SHORTEST_HEXADECIMAL, word(here));
    } else {
        let has_both = [char::is_ascii_lowercase, char::is_ascii_uppercase]
            .iter()
            .all(|is: &fn(&char) -> bool| chars.iter().any(is));
        let shortest = if has_both {
            SHORTEST_WORD
        } else {
            SHORTEST_OF_ONE_CASE
        };
        add_words(shortest, word(here));
        add_words(SHORTEST_PHRASE, capitalised(here));
        add_words(SHORTEST_DISGUISED, disguised(here));
    }
    let in_row = SHORTEST_IN_ROW..=row(lower);
    found.extend(in_row.map(|count| (count, ROW + (count as f64).log2())));
    let on_walk = SHORTEST_WALK..=walk(here);
    found.extend(on_walk.map(|count| (count, 4.0 + 2.0 * count as f64)));
    if has_separators(chars) {
        if let Some(count) = short_word(chars, at).filter(|_| !is_hexadecimal) {
            found.push((count, as_word(count)));
        }
        if is_sign(chars[at]) {
            found.push((1, SEPARATOR));
        }
    }
    found.extend(dates(lower));
    found
}

fn is_sign(c: char) -> bool {
    c.is_ascii_punctuation() || c == ' '
}

/// Whether signs stand between words here, rather than being drawn like any character.
fn has_separators(chars: &[char]) -> bool {
    let mut signs: Vec<char> = chars.iter().copied().filter(|c| is_sign(*c)).collect();
    signs.sort_unstable();
    signs.dedup();
    (1..=MOST_SEPARATORS).contains(&signs.len())
}

fn is_hexadecimal(chars: &[char]) -> bool {
    chars.iter().all(|c| c.is_ascii_hexdigit() || is_sign(*c))
}

/// Which beginnings can be spoken, in whatever language: vowels and consonants take turns.
fn spoken(letters: &[char]) -> Vec<usize> {
    let mut counts = Vec::new();
    let (mut vowels, mut in_turn, mut was_vowel) = (0, 0, false);
    for (at, c) in letters.iter().enumerate() {
        let is_vowel = matches!(plain(*c), 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        in_turn = if at > 0 && is_vowel == was_vowel {
            in_turn + 1
        } else {
            1
        };
        was_vowel = is_vowel;
        vowels += usize::from(is_vowel);
        let most = if is_vowel {
            MOST_VOWELS
        } else {
            MOST_CONSONANTS
        };
        if in_turn > most {
            break;
        }
        if vowels * 4 > at {
            counts.push(at + 1);
        }
    }
    counts
}

/// The letter that a sign stands for.
fn plain(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}

/// Letters of one case from here on, of which the first may be a capital.
fn word(here: &[char]) -> usize {
    let run = |is: fn(&char) -> bool, from: usize| {
        from + here.iter().skip(from).take_while(|c| is(c)).count()
    };
    let is_lower = |c: &char| c.is_ascii_lowercase();
    let is_upper = |c: &char| c.is_ascii_uppercase();
    match here.first() {
        Some(first) if is_upper(first) => run(is_upper, 0).max(run(is_lower, 1)),
        Some(first) if is_lower(first) => run(is_lower, 0),
        _ => 0,
    }
}

/// Words with a capital each that follow each other without anything between them.
fn capitalised(here: &[char]) -> usize {
    let mut end = 0;
    while here.get(end).is_some_and(char::is_ascii_uppercase) {
        let rest = here[end + 1..].iter();
        let count = 1 + rest.take_while(|c| c.is_ascii_lowercase()).count();
        if count < SHORTEST_CAPITALISED {
            break;
        }
        end += count;
    }
    end
}

/// A word in which single digits and signs stand for letters.
fn disguised(here: &[char]) -> usize {
    let mut inner = here.iter().skip(1).filter(|c| c.is_ascii_alphabetic());
    let is_lower = inner.next().is_some_and(char::is_ascii_lowercase);
    let mut end = 0;
    let mut letters = 0;
    let mut was_letter = true;
    for (at, c) in here.iter().enumerate() {
        let is_letter = if is_lower {
            c.is_ascii_lowercase() || (at == 0 && c.is_ascii_uppercase())
        } else {
            c.is_ascii_uppercase() || (at == 0 && c.is_ascii_lowercase())
        };
        if !(is_letter || was_letter && plain(*c) != *c) {
            break;
        }
        was_letter = is_letter;
        letters += usize::from(is_letter);
        // A disguise leaves most of a word as it is.
        if letters * 5 >= (at + 1) * 3 {
            end = at + 1;
        }
    }
    end
}

/// A word of any length that stands between signs.
fn short_word(chars: &[char], at: usize) -> Option<usize> {
    let is_start = at == 0 || !chars[at - 1].is_alphanumeric();
    let count = word(&chars[at..]).max(disguised(&chars[at..]));
    let is_end = chars.get(at + count).is_none_or(|c| !c.is_alphanumeric());
    (is_start && is_end && count > 0).then_some(count)
}

/// How many characters from here on stand in a row.
fn row(here: &[char]) -> usize {
    let here: Vec<char> = here
        .iter()
        .take(LONGEST_ROW)
        .map(|c| without_shift(*c))
        .collect();
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

/// How many characters from here on a finger finds by going from a key to itself or the next.
fn walk(here: &[char]) -> usize {
    let is_step = |pair: &[char]| match (key(pair[0]), key(pair[1])) {
        // A row is a third of a key to the right of that above it.
        (Some((row, column)), Some((next_row, next_column))) => {
            row.abs_diff(next_row) <= 1 && column.abs_diff(next_column) <= 1
        }
        _ => false,
    };
    let steps = here.windows(2).take_while(|pair| is_step(pair)).count();
    if steps == 0 { 0 } else { steps + 1 }
}

fn key(c: char) -> Option<(usize, usize)> {
    let c = without_shift(c);
    let mut rows = KEYBOARD.iter().enumerate();
    rows.find_map(|(row, keys)| Some((row, keys.find(c)?)))
}

/// What the same key gives without shift.
fn without_shift(c: char) -> char {
    let mut keys = SHIFTED
        .chars()
        .zip(KEYBOARD.iter().flat_map(|row| row.chars()));
    match keys.find(|(shifted, _)| *shifted == c) {
        Some((_, key)) => key,
        None => c.to_ascii_lowercase(),
    }
}

/// Dates and years that begin here.
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
