//! Texts and layouts as templates. A text names nothing that it is not given; `.html` escapes.
//!
//! Texts are checked once and compiled again each time one is rendered: a compiled one takes 40 KiB, all of them 4 MiB, and
//! they are rendered for mails and pages alone.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, merge_maps};
use minijinja::{AutoEscape, Environment, Error, Template, UndefinedBehavior, Value, context};
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

/// Layouts by name, and each language's texts by key.
pub struct Templates {
    environment: Environment<'static>,
    languages: BTreeMap<String, Catalogue>,
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

    pub fn add_language(&mut self, tag: &str, catalogue: Catalogue) -> Result<(), TextError> {
        for text in texts(&catalogue) {
            self.compile(&text.name, text.source)?;
        }
        self.languages.insert(tag.to_owned(), catalogue);
        Ok(())
    }

    fn compile<'a>(
        &'a self,
        name: &'a str,
        source: &'a str,
    ) -> Result<Template<'a, 'a>, TextError> {
        let compiled = self.environment.template_from_named_str(name, source);
        compiled.map_err(|error| problem(name, &error))
    }

    /// Renders every text once with something in every name and once with nothing.
    pub fn try_texts(&self) -> Result<(), TextError> {
        let something = self.context(Value::from_pairs(NAMES.iter().map(|name| (*name, "2"))));
        for text in self.languages.values().flat_map(texts) {
            self.render_text(&text, &something)?;
            self.render_text(&text, &self.nothing)?;
        }
        Ok(())
    }

    /// `values`, and nothing for what texts may use beside them.
    pub fn context(&self, values: impl Serialize) -> Value {
        // Of two with one name the last counts.
        merge_maps([self.nothing.clone(), Value::from(Serde(values))])
    }

    pub fn text(&self, language: &str, key: &str, values: &Value) -> Result<String, TextError> {
        let (file, words) = self.words(language, key)?;
        match words {
            Words::One(source) => self.render_text(&Text::new(file, key, source), values),
            Words::Many(_) => Err(TextError::Render(format!("{key} is a list"))),
        }
    }

    pub fn list(
        &self,
        language: &str,
        key: &str,
        values: &Value,
    ) -> Result<Vec<String>, TextError> {
        let (file, Words::Many(sources)) = self.words(language, key)? else {
            return Err(TextError::Render(format!("{key} is no list")));
        };
        let mut texts = Vec::with_capacity(sources.len());
        for text in numbered(file, key, sources) {
            texts.push(self.render_text(&text, values)?);
        }
        texts.retain(|text| !text.trim().is_empty());
        Ok(texts)
    }

    /// The file that a text comes from, and its source.
    fn words(&self, language: &str, key: &str) -> Result<(&str, &Words), TextError> {
        let words = self.languages.get(language);
        let words = words.and_then(|catalogue| catalogue.get(key));
        words.ok_or_else(|| TextError::Render(format!("there is no text {key} in {language}")))
    }

    /// The texts, not lists, right below `table`: the rest of the key, and the key.
    pub fn keys_below(&self, language: &str, table: &str) -> impl Iterator<Item = (&str, &str)> {
        let catalogues = self.languages.get(language).into_iter();
        let words = catalogues.flat_map(Catalogue::iter);
        words.filter_map(move |(key, _, words)| {
            let name = key.strip_prefix(table)?.strip_prefix('.')?;
            let is_there = matches!(words, Words::One(_)) && !name.contains('.');
            is_there.then_some((name, key))
        })
    }

    /// The names of the tables right below `table`.
    pub fn tables_below(&self, language: &str, table: &str) -> impl Iterator<Item = &str> {
        let catalogues = self.languages.get(language).into_iter();
        let words = catalogues.flat_map(Catalogue::iter);
        let mut last = None;
        words.filter_map(move |(key, _, _)| {
            let name = key
                .strip_prefix(table)?
                .strip_prefix('.')?
                .split_once('.')?
                .0;
            (last.replace(name) != Some(name)).then_some(name)
        })
    }

    pub fn layout(&self, name: &str, context: impl Serialize) -> Result<String, TextError> {
        let layout = self.environment.get_template(name);
        let rendered = layout.and_then(|layout| layout.render(Value::from(Serde(context))));
        rendered.map_err(|error| problem(name, &error))
    }

    fn render_text(&self, text: &Text<'_>, values: &Value) -> Result<String, TextError> {
        let rendered = self.compile(&text.name, text.source)?.render(values);
        rendered.map_err(|error| problem(&text.name, &error))
    }
}

/// The source of a text, with the name of its template.
struct Text<'a> {
    name: String,
    source: &'a str,
}

impl<'a> Text<'a> {
    fn new(file: &str, key: &str, source: &'a str) -> Self {
        Self {
            name: format!("{file}{IN}{key}"),
            source,
        }
    }
}

/// The texts of a list.
fn numbered<'a>(file: &str, key: &str, sources: &'a [String]) -> impl Iterator<Item = Text<'a>> {
    let numbered = sources.iter().enumerate();
    numbered.map(move |(number, source)| Text::new(file, &format!("{key}[{number}]"), source))
}

/// All texts of a language, those of lists one by one.
fn texts(catalogue: &Catalogue) -> impl Iterator<Item = Text<'_>> {
    catalogue.iter().flat_map(|(key, file, words)| match words {
        Words::One(source) => vec![Text::new(file, key, source)],
        Words::Many(sources) => numbered(file, key, sources).collect(),
    })
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
