//! A message as it goes over the line.

use std::fmt;

/// What follows `DATA`: the message in lines that end with CR LF and nothing else, dots at their beginnings doubled, and the line
/// with one dot that ends it (RFC 5321 §4.5.2). It is written at once: a dot that came after the rest might have to wait until
/// the other side acknowledges that, which it may put off (RFC 1122 §4.2.3.2). Neither CR nor LF stands alone anywhere: servers
/// disagree on what such a line end means, so that one mail may become two.
pub struct Content<'a>(pub &'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            let dot = if line.starts_with('.') { "." } else { "" };
            write!(f, "{dot}{line}\r\n")?;
            rest = after
                .strip_prefix("\r\n")
                .or_else(|| after.strip_prefix(['\r', '\n']))
                .unwrap_or_default();
        }
        f.write_str(".\r\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_ends_with_its_dot_and_with_no_other() {
        for (message, expected) in [
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n.\r\n"),
            (".\r\n..\r\n.a\r\na.\r\n", "..\r\n...\r\n..a\r\na.\r\n.\r\n"),
            // How mails are smuggled.
            ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n\r.\r\n", "a\r\n\r\n..\r\n.\r\n"),
            ("a\r\n\u{b7}.\r\n", "a\r\n\u{b7}.\r\n.\r\n"),
        ] {
            assert_eq!(Content(message).to_string(), expected, "{message:?}");
        }
    }
}
