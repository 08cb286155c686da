//! What a key reads as when it is the base64, base32 or hexadecimal form of something else.

/// Fewest bytes of a reading.
const SHORTEST: usize = 8;

/// Names of codings that some programs put before a value.
const MARKS: &[&str] = &[
    "base64:", "hex:", "0x", "0X", "\\x", "sha256:", "md5:", "sha1:",
];

/// One way to read a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Reading {
    /// Text in another coding.
    Text(String),
    /// Bytes that are no text.
    Bytes(Vec<u8>),
}

/// Every way to read the whole, and one more with each part that decodes to text in its plain form.
pub fn readings(text: &str) -> Vec<Reading> {
    let text = MARKS
        .iter()
        .find_map(|mark| text.strip_prefix(mark))
        .unwrap_or(text);
    let mut found: Vec<Reading> = decode(text).into_iter().map(read).collect();
    for is_part in [
        is_of_base64_or_url as fn(char) -> bool,
        is_of_base64,
        char::is_alphanumeric,
    ] {
        let plain = plain_parts(text, is_part);
        found.extend(plain.filter(|plain| plain != text).map(Reading::Text));
    }
    found
}

fn is_of_base64_or_url(c: char) -> bool {
    is_of_base64(c) || matches!(c, '-' | '_')
}

fn is_of_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// The text with each part that is a coding of text decoded; `None` when there is none.
fn plain_parts(text: &str, is_part: fn(char) -> bool) -> Option<String> {
    let mut plain = String::new();
    let mut is_any = false;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let readings = decode(part).into_iter().map(read);
        let text = readings.into_iter().find_map(|reading| match reading {
            Reading::Text(text) => Some(text),
            Reading::Bytes(_) => None,
        });
        is_any |= text.is_some();
        plain.push_str(text.as_deref().unwrap_or(part));
        let sign = after.chars().next();
        plain.extend(sign);
        rest = &after[sign.map_or(0, char::len_utf8)..];
    }
    is_any.then_some(plain)
}

/// The bytes that `text` may stand for.
fn decode(text: &str) -> Vec<Vec<u8>> {
    let bare: String = text
        .chars()
        .filter(|c| !matches!(c, ':' | ' ' | '-'))
        .collect();
    let bare = bare.trim_end_matches('=');
    let whole = text.trim_end_matches('=');
    let found = [
        digits(bare, 4, hex),
        digits(whole, 6, base64),
        digits(bare, 5, base32),
    ];
    let mut found: Vec<Vec<u8>> = found.into_iter().flatten().collect();
    found.retain(|bytes| bytes.len() >= SHORTEST);
    found
}

/// The whole bytes of a number of which each digit has `bits` bits.
fn digits(text: &str, bits: u32, value: fn(u8) -> Option<u8>) -> Option<Vec<u8>> {
    let (mut bytes, mut pending, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes() {
        pending = (pending << bits) | u32::from(value(byte)?);
        count += bits;
        if count >= 8 {
            count -= 8;
            bytes.push((pending >> count & 0xff) as u8);
            pending &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16)?.try_into().ok()
}

/// Of either alphabet (RFC 4648 §4, §5).
fn base64(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// RFC 4648 §6.
fn base32(digit: u8) -> Option<u8> {
    Some(match digit.to_ascii_uppercase() {
        upper @ b'A'..=b'Z' => upper - b'A',
        b'2'..=b'7' => digit - b'2' + 26,
        _ => return None,
    })
}

/// Bytes as text where they are text: in UTF-8, or in UTF-16 with nothing but Latin letters.
fn read(bytes: Vec<u8>) -> Reading {
    let halves = |offset: usize| bytes.iter().skip(offset).step_by(2).copied();
    let narrow: Option<Vec<u8>> = [0, 1]
        .into_iter()
        .find(|offset| halves(*offset).all(|byte| byte == 0))
        .map(|offset| halves(1 - offset).collect());
    let text = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        let is_text = text
            .chars()
            .all(|c| !c.is_control() || c.is_ascii_whitespace());
        is_text.then(|| text.trim().to_owned())
    };
    match narrow.as_deref().and_then(text).or_else(|| text(&bytes)) {
        Some(text) => Reading::Text(text),
        None => Reading::Bytes(bytes),
    }
}
