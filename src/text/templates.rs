//! Texts and layouts as templates, ready to be rendered. A text names nothing that it is not given; `.html` escapes.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, merge_maps};
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::catalogue::{Catalogue, Words};
use super::{Brand, TextError};

/// Between the file and the key in the name of a text's template.
const IN: &str = ": ";

/// What texts may use. Each is there for every text, empty when there is nothing to tell, so that a wrong name is found.
const NAMES: &[&str] = &[
    "code",
    "count",
    "day",
    "device",
    "email",
    "ip",
    "link",
    "month",
    "product",
    "time",
    "username",
    "valid_for",
    "when",
    "year",
];

/// Templates by name, and the names for each language's keys.
pub struct Templates {
    environment: Environment<'static>,
    languages: BTreeMap<String, BTreeMap<String, Words>>,
    /// Every name that a text may use, with nothing in it but the product.
    nothing: Value,
}

impl Templates {
    pub fn new(brand: &Brand) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Errors then tell what was undefined; where there is none it costs nothing.
        environment.set_debug(true);
        environment.set_syntax(syntax());
        environment.set_auto_escape_callback(|name| {
            // A text is plain whatever its key is called.
            if name.ends_with(".html") && !name.contains(IN) {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        environment.add_global("brand", Value::from(Serde(brand)));
        let nothing = NAMES.iter().map(|name| (*name, ""));
        let product = context! { product => brand.name.as_str() };
        Self {
            environment,
            languages: BTreeMap::new(),
            nothing: merge_maps([Value::from_pairs(nothing), product]),
        }
    }

    pub fn add_layout(&mut self, name: &'static str, source: String) -> Result<(), TextError> {
        let added = self.environment.add_template_owned(name, source);
        added.map_err(|error| problem(name, &error))
    }

    pub fn add_language(&mut self, tag: &str, catalogue: &Catalogue) -> Result<(), TextError> {
        let mut names = BTreeMap::new();
        for (key, file, words) in catalogue.iter() {
            let words = match words {
                Words::One(source) => Words::One(self.add_text(file, key, source)?),
                Words::Many(sources) => {
                    let numbered = sources.iter().enumerate();
                    let added = numbered.map(|(number, source)| {
                        self.add_text(file, &format!("{key}[{number}]"), source)
                    });
                    Words::Many(added.collect::<Result<_, _>>()?)
                }
            };
            names.insert(key.to_owned(), words);
        }
        self.languages.insert(tag.to_owned(), names);
        Ok(())
    }

    /// Gives the template's name.
    fn add_text(&mut self, file: &str, key: &str, source: &str) -> Result<String, TextError> {
        let name = format!("{file}{IN}{key}");
        let added = self
            .environment
            .add_template_owned(name.clone(), source.to_owned());
        added.map_err(|error| problem(&name, &error))?;
        Ok(name)
    }

    /// Renders every text once with something in every name and once with nothing.
    pub fn try_texts(&self) -> Result<(), TextError> {
        let something = self.context(Value::from_pairs(NAMES.iter().map(|name| (*name, "2"))));
        for words in self.languages.values().flat_map(BTreeMap::values) {
            let names = match words {
                Words::One(name) => std::slice::from_ref(name),
                Words::Many(names) => names,
            };
            for name in names {
                self.render(name, &something)?;
                self.render(name, &self.nothing)?;
            }
        }
        Ok(())
    }

    /// `values`, and nothing for what texts may use beside them.
    pub fn context(&self, values: impl Serialize) -> Value {
        // Of two with one name the last counts.
        merge_maps([self.nothing.clone(), Value::from(Serde(values))])
    }

    pub fn text(&self, language: &str, key: &str, values: &Value) -> Result<String, TextError> {
        match self.words(language, key)? {
            Words::One(name) => self.render(name, values),
            Words::Many(_) => Err(TextError::Render(format!("{key} is a list"))),
        }
    }

    pub fn list(
        &self,
        language: &str,
        key: &str,
        values: &Value,
    ) -> Result<Vec<String>, TextError> {
        let Words::Many(names) = self.words(language, key)? else {
            return Err(TextError::Render(format!("{key} is no list")));
        };
        let mut texts = Vec::with_capacity(names.len());
        for name in names {
            texts.push(self.render(name, values)?);
        }
        texts.retain(|text| !text.trim().is_empty());
        Ok(texts)
    }

    fn words(&self, language: &str, key: &str) -> Result<&Words, TextError> {
        let words = self.languages.get(language).and_then(|keys| keys.get(key));
        words.ok_or_else(|| TextError::Render(format!("there is no text {key} in {language}")))
    }

    /// The texts, not lists, right below `table`: the rest of the key, and the key.
    pub fn keys_below(&self, language: &str, table: &str) -> impl Iterator<Item = (&str, &str)> {
        let words = self.languages.get(language).into_iter().flatten();
        words.filter_map(move |(key, words)| {
            let name = key.strip_prefix(table)?.strip_prefix('.')?;
            let is_there = matches!(words, Words::One(_)) && !name.contains('.');
            is_there.then_some((name, key.as_str()))
        })
    }

    /// The names of the tables right below `table`.
    pub fn tables_below(&self, language: &str, table: &str) -> impl Iterator<Item = &str> {
        let words = self.languages.get(language).into_iter().flatten();
        let mut last = None;
        words.filter_map(move |(key, _)| {
            let name = key
                .strip_prefix(table)?
                .strip_prefix('.')?
                .split_once('.')?
                .0;
            (last.replace(name) != Some(name)).then_some(name)
        })
    }

    pub fn layout(&self, name: &str, context: impl Serialize) -> Result<String, TextError> {
        self.render(name, &Value::from(Serde(context)))
    }

    fn render(&self, name: &str, values: &Value) -> Result<String, TextError> {
        let template = self.environment.get_template(name);
        let rendered = template.and_then(|template| template.render(values));
        rendered.map_err(|error| problem(name, &error))
    }
}

/// A tag on a line of its own leaves no line behind.
fn syntax() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true);
    // Only delimiters of one's own can be wrong.
    syntax.build().unwrap_or_default()
}

/// One line with file, key or line, and what is wrong.
fn problem(name: &str, error: &Error) -> TextError {
    let (file, key) = match name.split_once(IN) {
        Some((file, key)) => (file, Some(key)),
        None => (name, None),
    };
    let mut problem = match (key, error.line()) {
        (Some(key), _) => format!("{key}: "),
        (None, Some(line)) => format!("line {line}: "),
        (None, None) => String::new(),
    };
    problem.push_str(&error.kind().to_string());
    if let Some(detail) = error.detail() {
        problem.push_str(&format!(": {detail}"));
    }
    TextError::Override {
        file: file.to_owned(),
        problem: problem.replace(char::is_control, " "),
    }
}
