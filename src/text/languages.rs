//! Which of our languages fits: look-up by tag (RFC 4647 §3.4) and by `Accept-Language` (RFC 9110 §12.5.4).

/// A header names no more languages than this that count. Browsers send a handful.
const MOST_RANGES: usize = 32;

/// A language range with its weight in thousandths.
struct Range<'a> {
    tag: &'a str,
    weight: u16,
}

/// The one of `ours` for `tag`: itself, or what is left when its last parts are cut off one after the other.
pub fn look_up<'a>(ours: impl Iterator<Item = &'a str> + Clone, tag: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let mut fitting = ours.clone().filter(|own| own.eq_ignore_ascii_case(rest));
        if let Some(own) = fitting.next() {
            return Some(own);
        }
        rest = rest.rsplit_once('-')?.0;
        // A single letter begins an extension, and means nothing at the end.
        if let Some((shorter, last)) = rest.rsplit_once('-')
            && last.len() == 1
        {
            rest = shorter;
        }
    }
}

/// The one of `ours` that a header asks for most. `*` asks for none of them.
pub fn negotiate<'a>(ours: impl Iterator<Item = &'a str> + Clone, header: &str) -> Option<&'a str> {
    let mut ranges: Vec<Range<'_>> = header
        .split(',')
        .filter_map(range)
        .take(MOST_RANGES)
        .collect();
    let refused = |own: &str| {
        let mut refused = ranges.iter().filter(|range| range.weight == 0);
        refused.any(|range| range.tag.eq_ignore_ascii_case(own))
    };
    let ours: Vec<&str> = ours.filter(|own| !refused(own)).collect();
    ranges.retain(|range| range.weight > 0);
    // Stable: of two with one weight the first counts.
    ranges.sort_by_key(|range| std::cmp::Reverse(range.weight));
    let mut found = ranges
        .iter()
        .filter_map(|range| look_up(ours.iter().copied(), range.tag));
    found.next()
}

/// Reads `de-AT;q=0.8`; what is no such thing counts as not there.
fn range(text: &str) -> Option<Range<'_>> {
    let (tag, parameters) = text.split_once(';').unwrap_or((text, ""));
    let tag = tag.trim();
    let is_tag = !tag.is_empty() && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let weight = match parameters.trim() {
        "" => 1000,
        parameters => {
            let (name, value) = parameters.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then_some(())?;
            weight(value.trim())?
        }
    };
    is_tag.then_some(Range { tag, weight })
}

/// A `qvalue` (RFC 9110 §12.4.2) in thousandths.
fn weight(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

/// The language that has every text.
pub(super) const ENGLISH: &str = "en";

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: [&str; 4] = ["de", "en", "pt-BR", "zh-Hant"];

    #[test]
    fn a_tag_is_cut_until_it_fits() {
        for (tag, found) in [
            ("de", Some("de")),
            ("DE-at-1996", Some("de")),
            ("pt-br", Some("pt-BR")),
            ("pt", None),
            ("pt-PT", None),
            ("zh-Hant-TW", Some("zh-Hant")),
            ("zh", None),
            ("zh-Hant-a-x", Some("zh-Hant")),
            ("en-x-private", Some("en")),
            ("deu", None),
            ("", None),
            ("-", None),
        ] {
            assert_eq!(look_up(OURS.into_iter(), tag), found, "{tag}");
        }
    }

    #[test]
    fn a_header_is_weighed() {
        for (header, found) in [
            ("de", Some("de")),
            ("de-AT,de;q=0.9,en;q=0.8", Some("de")),
            ("en-US,en;q=0.9,de;q=0.8", Some("en")),
            ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", Some("en")),
            ("en;q=0.5, de;q=0.9", Some("de")),
            ("en;q=0.8,de;q=0.8", Some("en")),
            ("da, en-gb;q=0.8, en;q=0.7", Some("en")),
            ("EN ; Q=0.3 , de;q=0.25", Some("en")),
            ("de-AT, de;q=0", None),
            ("de;q=0, en;q=0.001", Some("en")),
            ("fr", None),
            ("*", None),
            ("fr, *;q=0.5", None),
            ("", None),
            (",,;q=1,", None),
            ("de;q=1.5, en;q=0.1", Some("en")),
            ("de;q=0.1234, en;q=0.1", Some("en")),
            ("de;level=1, en;q=0.1", Some("en")),
            ("../../de", None),
        ] {
            assert_eq!(negotiate(OURS.into_iter(), header), found, "{header}");
        }
    }

    #[test]
    fn a_header_without_end_is_cut() {
        let header = format!("{}de", "fr,".repeat(10_000));
        assert_eq!(negotiate(OURS.into_iter(), &header), None);
    }
}
