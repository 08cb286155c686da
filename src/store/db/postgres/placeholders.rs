//! `?1` to `$1`, once a statement.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

type Known = HashMap<Box<str>, Arc<str>>;

/// Statements seen so far. There are as many as the program has.
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

/// The statement as PostgreSQL spells it.
pub fn translated(sql: &str) -> Arc<str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(translated) = known.get(sql) {
        return translated.clone();
    }
    drop(known);
    let translated: Arc<str> = translate(sql).into();
    KNOWN
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(sql.into(), translated.clone());
    translated
}

/// A `?` before a digit is a placeholder, unless it stands in a string or a quoted name.
fn translate(sql: &str) -> String {
    let mut translated = String::with_capacity(sql.len());
    let mut quote = None;
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\'' | '"', None) => quote = Some(character),
            (_, Some(open)) if open == character => quote = None,
            _ => (),
        }
        let is_placeholder = character == '?'
            && quote.is_none()
            && characters.peek().is_some_and(char::is_ascii_digit);
        translated.push(if is_placeholder { '$' } else { character });
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_alone_are_rewritten() {
        for (sql, expected) in [
            (
                "SELECT ?1, ?12 FROM t WHERE a = ?1",
                "SELECT $1, $12 FROM t WHERE a = $1",
            ),
            (
                "SELECT 'what?1', \"odd?2\", ?3",
                "SELECT 'what?1', \"odd?2\", $3",
            ),
            ("SELECT 'it''s ?1' || ?1", "SELECT 'it''s ?1' || $1"),
            ("SELECT a ? 'b'", "SELECT a ? 'b'"),
        ] {
            assert_eq!(translate(sql), expected);
            assert_eq!(&*translated(sql), expected);
            assert_eq!(&*translated(sql), expected, "the second time too");
        }
    }
}
