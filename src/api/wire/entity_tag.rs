//! Entity tags as they are written in headers (RFC 9110 §8.8.3): a revision of an account as a strong one, and lists of
//! them read back. What a tag is compared for is said elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use poem::http::HeaderValue;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

use crate::domain::Revision;

/// 16 bytes in base64url.
const OPAQUE_BYTES: usize = 22;

/// The entity tag of a revision, always strong: equal tags stand for equal bytes.
pub fn entity_tag(revision: Revision) -> Option<HeaderValue> {
    let mut tag = [b'"'; OPAQUE_BYTES + 2];
    let opaque = &mut tag[1..=OPAQUE_BYTES];
    URL_SAFE_NO_PAD
        .encode_slice(revision.as_bytes(), opaque)
        .ok()?;
    HeaderValue::from_bytes(&tag).ok()
}

/// One entity tag, as an expression.
#[cfg(test)]
macro_rules! tag {
    () => {
        r#"(?:W/)?"[\x21\x23-\x7e\x80-\xff]*""#
    };
}

/// What [`Tags::parse`] takes as one line, for those who read it as ISO-8859-1.
#[cfg(test)]
pub const PATTERN: &str = concat!(
    r"^[ \t]*(?:\*|(?:",
    tag!(),
    r")?[ \t]*(?:,[ \t]*(?:",
    tag!(),
    r")?[ \t]*)*)[ \t]*$"
);

/// An entity tag, or several, in the specification.
pub fn schema() -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))
}

/// What `If-Match` or `If-None-Match` names.
#[derive(Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`: whatever there is.
    Any,
    These(Vec<Tag>),
}

/// One entity tag of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Tag {
    is_weak: bool,
    /// `None` for a tag that is none of ours, and so is that of nothing here.
    revision: Option<Revision>,
}

impl Tags {
    /// Reads the values of all lines of one header, which are one list (RFC 9110 §5.3). `None` when they are not as
    /// §13.1.1 wants them.
    pub fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut tags = Vec::new();
        let mut stars = 0;
        for line in lines {
            if trim(line) == b"*" {
                stars += 1;
            } else {
                read_list(line, &mut tags)?;
            }
        }
        match (stars, tags.is_empty()) {
            (0, _) => Some(Self::These(tags)),
            (1, true) => Some(Self::Any),
            _ => None,
        }
    }
}

impl Tag {
    /// What the tag names in a strong comparison (RFC 9110 §8.8.3.2): a weak one never names anything.
    pub fn strongly(&self) -> Option<Revision> {
        self.revision.filter(|_| !self.is_weak)
    }

    /// What the tag names in a weak comparison.
    pub fn weakly(&self) -> Option<Revision> {
        self.revision
    }
}

fn trim(bytes: &[u8]) -> &[u8] {
    // Optional whitespace is spaces and tabs (RFC 9110 §5.6.3).
    let is_text = |byte: &u8| !matches!(byte, b' ' | b'\t');
    match (
        bytes.iter().position(is_text),
        bytes.iter().rposition(is_text),
    ) {
        (Some(first), Some(last)) => &bytes[first..=last],
        _ => &[],
    }
}

/// Reads a list of entity tags. Its elements may be empty (RFC 9110 §5.6.1.2), and a comma may be part of a tag.
fn read_list(line: &[u8], tags: &mut Vec<Tag>) -> Option<()> {
    let mut rest = trim(line);
    while !rest.is_empty() {
        if rest[0] != b',' {
            let (tag, after) = read_tag(rest)?;
            tags.push(tag);
            rest = trim(after);
        }
        rest = match rest.split_first() {
            Some((b',', after)) => trim(after),
            Some(_) => return None,
            None => rest,
        };
    }
    Some(())
}

fn read_tag(bytes: &[u8]) -> Option<(Tag, &[u8])> {
    let weak = bytes.strip_prefix(b"W/");
    let opaque = weak.unwrap_or(bytes).strip_prefix(b"\"")?;
    let end = opaque.iter().position(|byte| *byte == b'"')?;
    let (opaque, after) = (&opaque[..end], &opaque[end + 1..]);
    let is_etagc = |byte: &u8| *byte > b' ' && *byte != 0x7f;
    opaque.iter().all(is_etagc).then(|| {
        let revision = URL_SAFE_NO_PAD.decode(opaque).ok();
        let tag = Tag {
            is_weak: weak.is_some(),
            revision: revision
                .and_then(|bytes| bytes.try_into().ok())
                .map(Revision::from_bytes),
        };
        (tag, after)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    static LINE: LazyLock<Regex> = LazyLock::new(|| Regex::new(PATTERN).expect("an expression"));

    const OURS: Revision = Revision::from_bytes([0xfb; Revision::BYTES]);
    const TEXT: &str = "\"-_v7-_v7-_v7-_v7-_v7-w\"";

    fn parse(lines: &[&str]) -> Option<Tags> {
        Tags::parse(lines.iter().map(|line| line.as_bytes()))
    }

    fn tag(is_weak: bool, revision: Option<Revision>) -> Tag {
        Tag { is_weak, revision }
    }

    #[test]
    fn a_revision_is_a_strong_tag_in_base64url() {
        let value = entity_tag(OURS).expect("a value");
        assert_eq!(value, TEXT);
    }

    #[test]
    fn lists_are_read_as_the_grammar_says() {
        let ours = || tag(false, Some(OURS));
        let foreign = || tag(false, None);
        let weak = format!("W/{TEXT}");
        for (lines, expected) in [
            (vec![TEXT], vec![ours()]),
            (vec![&weak], vec![tag(true, Some(OURS))]),
            (vec!["\"\""], vec![foreign()]),
            (vec!["\"a,b\" ,\t\"*\""], vec![foreign(), foreign()]),
            (vec![" ,, \"x\",\t, ", TEXT], vec![foreign(), ours()]),
            (vec!["\"x\",\"\u{e9}\""], vec![foreign(), foreign()]),
            (
                vec!["W/\"x\",W/\"y\""],
                vec![tag(true, None), tag(true, None)],
            ),
            (vec![""], vec![]),
            (vec![" , "], vec![]),
            // As long as ours, and not what we write: the last character has bits left over.
            (vec!["\"-_v7-_v7-_v7-_v7-_v7-x\""], vec![foreign()]),
            (vec!["\"-_v7-_v7-_v7-_v7-_v7-w==\""], vec![foreign()]),
        ] {
            assert_eq!(parse(&lines), Some(Tags::These(expected)), "{lines:?}");
        }
        assert_eq!(parse(&[" * "]), Some(Tags::Any));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for lines in [
            &["x"] as &[&str],
            &["\"x"],
            &["x\""],
            &["\"x\"y"],
            &["\"x\" \"y\""],
            &["w/\"x\""],
            &["W /\"x\""],
            &["W/x"],
            &["W/"],
            &["'x'"],
            &["\"a b\""],
            &["\"a\tb\""],
            &["\"\u{7f}\""],
            &["**"],
            &["*, \"x\""],
            &["\"x\", *"],
            &["*", "*"],
            &["*", "\"x\""],
            &["\"x\"", "*"],
            &["\"x", "y\""],
        ] {
            assert_eq!(parse(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn weak_tags_name_nothing_strongly() {
        let weak = tag(true, Some(OURS));
        assert_eq!((weak.strongly(), weak.weakly()), (None, Some(OURS)));
        let strong = tag(false, Some(OURS));
        assert_eq!(
            (strong.strongly(), strong.weakly()),
            (Some(OURS), Some(OURS))
        );
    }

    proptest! {
        #[test]
        fn every_revision_is_read_back(bytes in any::<[u8; Revision::BYTES]>()) {
            let revision = Revision::from_bytes(bytes);
            let value = entity_tag(revision).expect("a value");
            let read = Tags::parse(std::iter::once(value.as_bytes()));
            prop_assert_eq!(read, Some(Tags::These(vec![tag(false, Some(revision))])));
        }

        #[test]
        fn the_pattern_is_the_grammar(line in "[\"W/*, a\t\u{7f}\u{e9}]{0,6}|((W/)?\"[!#a*]{0,2}\"?|[ ,\t*]){0,6}") {
            let bytes: Vec<u8> = line.chars().map(|c| u8::try_from(c).expect("ISO-8859-1")).collect();
            let is_read = Tags::parse(std::iter::once(bytes.as_slice())).is_some();
            prop_assert_eq!(LINE.is_match(&line), is_read);
        }

        #[test]
        fn nothing_that_is_sent_breaks_the_reader(lines in prop::collection::vec("[\"W/*, a\t\u{e9}]{0,12}", 0..3)) {
            let _ = Tags::parse(lines.iter().map(|line| line.as_bytes()));
        }
    }
}
