//! How many guesses a key withstands at most. A key must look random: what people write, in whatever language, counts for
//! little, and random text has no short description, so it is never called weak.
//!
//! A key is described in the shortest way that is known here: characters, words, repetitions, rows of keys, dates. The length of
//! that description is its entropy. Text in base64, base32 or hexadecimal is described by what it decodes to.

mod decoded;
mod human;
mod known;

/// Fewest bits of a key, of which [`MAX_HUMAN_BITS`] at most may be made by people. A random key of 128 bits, the shortest that is
/// reasonable, stays above in spite of chance finds.
const MIN_BITS: f64 = 80.0;

/// Most bits that words, rows, dates and what stands between them count for, however many there are: a phrase may be one that is
/// known.
const MAX_HUMAN_BITS: f64 = 32.0;

/// What is looked at; more only makes a key better.
const LONGEST: usize = 256;

/// Times that a text is decoded again.
const DEPTH: usize = 4;

/// Whether `key` is made of so little that it can be guessed.
pub fn is_guessable(key: &str) -> bool {
    let key: String = key.chars().take(LONGEST).collect();
    known::is_known(&key) || is_plain(&key, DEPTH)
}

/// Whether the text is weak as it stands, or in any way of reading it.
fn is_plain(text: &str, depth: usize) -> bool {
    let chars: Vec<char> = text.chars().take(LONGEST).collect();
    if repeats(&chars) || bits(&chars) < MIN_BITS {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else {
        return true;
    };
    let is_weak = |reading: decoded::Reading| match reading {
        decoded::Reading::Text(text) => known::is_known(&text) || is_plain(&text, depth),
        decoded::Reading::Bytes(bytes) => known::is_digest(&bytes) || is_regular(&bytes),
    };
    decoded::readings(text).into_iter().any(is_weak)
}

/// Whether it is one text two or more times over, whatever that text is.
fn repeats<T: PartialEq>(items: &[T]) -> bool {
    let is_period = |period: usize| (period..items.len()).all(|at| items[at] == items[at - period]);
    (1..=items.len() / 2).any(is_period)
}

/// Whether bytes follow from each other: the same steps between most of them, or few different ones.
fn is_regular(bytes: &[u8]) -> bool {
    let steps: Vec<u8> = bytes
        .windows(2)
        .map(|pair| pair[1].wrapping_sub(pair[0]))
        .collect();
    let different = |bytes: &[u8]| {
        let mut sorted = bytes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len()
    };
    repeats(bytes) || different(bytes) * 3 < bytes.len() || different(&steps) * 3 < steps.len()
}

/// What a description counts for.
#[derive(Clone, Copy)]
struct Length {
    random: f64,
    human: f64,
}

impl Length {
    /// Of two descriptions, the one that shows more to be made by people is preferred.
    fn weight(self) -> f64 {
        self.random + self.human / 4.0
    }
}

/// Length of the shortest description, in bits.
fn bits(chars: &[char]) -> f64 {
    let length = chars.len();
    let character = (alphabet(chars) as f64).log2();
    let lower: Vec<char> = chars.iter().map(char::to_ascii_lowercase).collect();
    let nothing = Length {
        random: 0.0,
        human: 0.0,
    };
    let unknown = Length {
        random: f64::INFINITY,
        human: 0.0,
    };
    let mut shortest = vec![unknown; length + 1];
    shortest[0] = nothing;
    for at in 0..length {
        let so_far = shortest[at];
        let mut describe = |count: usize, random: f64, human: f64| {
            let place = &mut shortest[at + count];
            let found = Length {
                random: so_far.random + random,
                human: so_far.human + human,
            };
            if found.weight() < place.weight() {
                *place = found;
            }
        };
        // No generator of keys draws from all letters that there are.
        if chars[at].is_ascii() {
            describe(1, character, 0.0);
        } else {
            describe(1, 0.0, character);
        }
        let again = repetition(&lower, at);
        for count in 3..=again {
            let cost = 2.0 + ((at + 1) as f64).log2() + (count as f64).log2();
            describe(count, cost, 0.0);
        }
        for (count, cost) in human::finds(chars, &lower, at) {
            describe(count, 0.0, cost);
        }
    }
    let Length { random, human } = shortest[length];
    random + human.min(MAX_HUMAN_BITS)
}

/// How many different characters a key of this kind is drawn from.
fn alphabet(chars: &[char]) -> usize {
    let all = |is: fn(char) -> bool| chars.iter().all(|c| is(*c));
    let any = |is: fn(char) -> bool| chars.iter().any(|c| is(*c));
    let is_lower_hex =
        |c: char| !c.is_alphanumeric() || c.is_ascii_digit() || ('a'..='f').contains(&c);
    let is_upper_hex =
        |c: char| !c.is_alphanumeric() || c.is_ascii_digit() || ('A'..='F').contains(&c);
    let is_digit = |c: char| !c.is_alphanumeric() || c.is_ascii_digit();
    let signs = chars.iter().filter(|c| !c.is_alphanumeric()).count();
    // A few signs between the characters of a number or UUID make it no better.
    let is_plain = signs * 4 <= chars.len();
    if is_plain && all(is_digit) {
        10
    } else if is_plain && (all(is_lower_hex) || all(is_upper_hex)) {
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
        there.map(|(_, size)| size).sum::<usize>().max(2)
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

#[cfg(test)]
mod tests;
