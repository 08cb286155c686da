//! The words of one language: a TOML file as a flat list of texts by key, such as `mails.test.subject`.
//! What is missing comes from other languages; what English does not have is a mistake.

use std::collections::BTreeMap;

/// A text, or a list of them. Each is a template's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    One(String),
    Many(Vec<String>),
}

/// Texts with where each comes from.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    texts: BTreeMap<String, Origin>,
}

#[derive(Debug, Clone)]
struct Origin {
    /// Name of the file, for messages.
    file: String,
    words: Words,
}

impl Catalogue {
    /// Reads a file's content. The problem is one line.
    pub fn parse(file: &str, content: &str) -> Result<Self, String> {
        let table: toml::Table = content.parse().map_err(|error| located(content, &error))?;
        let mut catalogue = Self::default();
        catalogue.add(file, "", &table)?;
        Ok(catalogue)
    }

    fn add(&mut self, file: &str, above: &str, table: &toml::Table) -> Result<(), String> {
        for (name, value) in table {
            let key = format!("{above}{name}");
            let words = match value {
                toml::Value::Table(table) => {
                    self.add(file, &format!("{key}."), table)?;
                    continue;
                }
                toml::Value::String(text) => Words::One(text.clone()),
                toml::Value::Array(items) => {
                    let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                    let texts = texts.collect::<Option<_>>();
                    Words::Many(texts.ok_or(format!("{key}: a list has texts only"))?)
                }
                _ => return Err(format!("{key}: neither a text nor a list of texts")),
            };
            let file = file.to_owned();
            self.texts.insert(key, Origin { file, words });
        }
        Ok(())
    }

    /// Finds a text that `measure` does not have, or has as a list where here is one or the other way round.
    pub fn check(&self, measure: &Self) -> Result<(), String> {
        for (key, origin) in &self.texts {
            match (
                &origin.words,
                measure.texts.get(key).map(|origin| &origin.words),
            ) {
                (_, None) => return Err(format!("{key}: there is no such text")),
                // A mail has a subject, and one that brings a link has a button for it.
                (Words::One(own), Some(Words::One(other)))
                    if own.trim().is_empty()
                        && !other.is_empty()
                        && (key.ends_with(".subject") || key.ends_with(".action")) =>
                {
                    return Err(format!("{key}: must not be empty"));
                }
                (Words::One(_), Some(Words::Many(_))) => {
                    return Err(format!("{key}: has to be a list of texts"));
                }
                (Words::Many(_), Some(Words::One(_))) => {
                    return Err(format!("{key}: has to be one text"));
                }
                (Words::Many(own), Some(Words::Many(other)))
                    if key == MONTHS && own.len() != other.len() =>
                {
                    return Err(format!("{key}: {} months, not {}", other.len(), own.len()));
                }
                _ => (),
            }
        }
        Ok(())
    }

    /// These texts, and in place of missing ones those of `other`.
    pub fn or(mut self, other: &Self) -> Self {
        for (key, origin) in &other.texts {
            let entry = self.texts.entry(key.clone());
            entry.or_insert_with(|| origin.clone());
        }
        self
    }

    /// File and words of a text.
    pub fn get(&self, key: &str) -> Option<(&str, &Words)> {
        let origin = self.texts.get(key)?;
        Some((origin.file.as_str(), &origin.words))
    }

    /// Key, file and words of every text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Words)> {
        let texts = self.texts.iter();
        texts.map(|(key, origin)| (key.as_str(), origin.file.as_str(), &origin.words))
    }
}

/// The list whose length counts.
const MONTHS: &str = "dates.months";

/// The message with the number of its line.
fn located(content: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| content.get(..span.start));
    match before {
        Some(before) => format!(
            "line {}: {}",
            before.matches('\n').count() + 1,
            error.message()
        ),
        None => error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content: &str) -> Catalogue {
        Catalogue::parse("xx.toml", content).expect("parses")
    }

    #[test]
    fn tables_become_keys_and_gaps_are_filled() {
        let own = parse("[a.b]\nc = 'own'");
        let other = parse("[a]\nd = ['x', 'y']\n[a.b]\nc = 'other'");
        let both = own.or(&other);
        let texts: Vec<_> = both
            .iter()
            .map(|(key, _, words)| (key, words.clone()))
            .collect();
        let list = Words::Many(vec!["x".to_owned(), "y".to_owned()]);
        assert_eq!(
            texts,
            [("a.b.c", Words::One("own".to_owned())), ("a.d", list)]
        );
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_place() {
        let problem = |content: &str| {
            let read = Catalogue::parse("xx.toml", content);
            read.and_then(|own| {
                own.check(&parse(
                    "a = 'text'\nb = ['list']\n[c]\naction = 'x'\n[dates]\nmonths = ['1', '2']",
                ))
            })
            .expect_err(content)
        };
        assert!(problem("a = 'x'\nb = ").starts_with("line 2: "));
        assert_eq!(problem("a = 1"), "a: neither a text nor a list of texts");
        assert_eq!(problem("b = [1]"), "b: a list has texts only");
        assert_eq!(problem("a = ['x']"), "a: has to be one text");
        assert_eq!(problem("b = 'x'"), "b: has to be a list of texts");
        assert_eq!(problem("[a]\nc = 'x'"), "a.c: there is no such text");
        assert_eq!(problem("[c]\naction = ' '"), "c.action: must not be empty");
        assert_eq!(
            problem("[dates]\nmonths = ['1']"),
            "dates.months: 2 months, not 1"
        );
    }
}
