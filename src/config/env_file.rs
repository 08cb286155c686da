//! The file `.env`: lines of the form NAME=value. A value is what stands there: nothing in it is expanded.

/// A line that cannot be read, by its number from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLine(pub usize);

/// The names and values of a file. Blank lines, lines that start with `#` and an `export` before a name are passed over.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, BadLine> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines();
    let meant = lines
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    let meant = meant.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    meant
        .map(|(number, line)| assignment(line).ok_or(BadLine(number)))
        .collect()
}

fn assignment(line: &str) -> Option<(String, String)> {
    let (name, value) = line
        .strip_prefix("export ")
        .unwrap_or(line)
        .split_once('=')?;
    let name = name.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    Some((name.to_owned(), value_of(value.trim())?))
}

/// The text inside the quotes around all of `text`, by the rules of this file. `None`: they are none.
pub fn unquoted(text: &str) -> Option<String> {
    let (value, after) = quoted(text)?;
    after.is_empty().then_some(value)
}

/// `'as it stands'`, `"with \" and \\ and \n"`, or bare up to a ` #`.
fn value_of(text: &str) -> Option<String> {
    if text.starts_with(['\'', '"']) {
        let (value, after) = quoted(text)?;
        return is_comment(after).then_some(value);
    }
    let value = text
        .split_once(" #")
        .map_or(text, |(value, _comment)| value);
    Some(value.trim_end().to_owned())
}

/// What stands in the quotes that `text` begins with, and what comes after them.
fn quoted(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('\'') {
        let (value, after) = rest.split_once('\'')?;
        return Some((value.to_owned(), after));
    }
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
}

fn is_comment(after: &str) -> bool {
    let after = after.trim_start();
    after.is_empty() || after.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_stands_there() {
        let text = "\u{feff}# comment\n\nA=1\r\nexport B = two words # not this\nC='a # b $x'\nD=\"a \\\"q\\\" \\\\ $y\" # c\n\
                    SECRET_KEY=0123$xyzzy${HOME}#456\nE=\n";
        let pairs = parse(text).expect("valid");
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a # b $x"),
            ("D", "a \"q\" \\ $y"),
            ("SECRET_KEY", "0123$xyzzy${HOME}#456"),
            ("E", ""),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, expected);
    }

    #[test]
    fn a_bad_line_is_told_by_its_number() {
        for (text, number) in [
            ("A=1\nnonsense", 2),
            ("A B=1", 1),
            ("\n\nA='open", 3),
            ("A=\"x\" y", 1),
            ("=1", 1),
        ] {
            assert_eq!(parse(text), Err(BadLine(number)), "{text}");
        }
    }
}
