//! What people read, in their language: the words of mails and pages, and the layouts around them.
//! Knows neither who is told something nor how it reaches them.

use std::collections::BTreeMap;

use minijinja::{Value, context};
use serde::Serialize;

use super::catalogue::Catalogue;
use super::files::Files;
use super::languages::{self, ENGLISH};
use super::templates::Templates;
use super::{Brand, TextError};
use crate::config;

/// The texts of every language, and the layouts.
pub struct Texts {
    pub(super) templates: Templates,
    /// Tags, as they are spelled in `Content-Language`.
    languages: Vec<String>,
    default: String,
    brand: Brand,
}

impl Texts {
    /// Reads the texts built in and those of the operator. Where there are any of the latter, each text is rendered, so that
    /// what is broken is found now.
    pub fn load(settings: &config::Mail) -> Result<Self, TextError> {
        let files = Files::read(settings.templates.as_deref())?;
        let languages: Vec<String> = files.languages.keys().cloned().collect();
        let tags = || languages.iter().map(String::as_str);
        let Some(default) = languages::look_up(tags(), &settings.language) else {
            return Err(TextError::Language {
                found: settings.language.clone(),
                allowed: tags().collect::<Vec<_>>().join(", "),
            });
        };
        let brand = Brand::new(&settings.product);
        let mut templates = Templates::new(&brand);
        for (name, source) in files.layouts {
            templates.add_layout(name, source)?;
        }
        for tag in tags() {
            templates.add_language(tag, complete(&files.languages, tag, default))?;
        }
        let texts = Self {
            templates,
            default: default.to_owned(),
            languages,
            brand,
        };
        // Ours alone are tried by the tests: the start need not take longer for it.
        if settings.templates.is_some() {
            texts.try_everything()?;
        }
        Ok(texts)
    }

    fn try_everything(&self) -> Result<(), TextError> {
        self.templates.try_texts()?;
        for language in &self.languages {
            let direction = self.text(language, "language.direction", ())?;
            if !["ltr", "rtl"].contains(&direction.as_str()) {
                return Err(TextError::Override {
                    file: format!("{language}.toml"),
                    problem: "language.direction: has to be ltr or rtl".to_owned(),
                });
            }
            for name in self.mails(language) {
                self.try_mail(language, name)?;
            }
        }
        self.try_page()
    }

    /// A page with a form in which something is wrong, and one with a sentence alone.
    fn try_page(&self) -> Result<(), TextError> {
        const PASSWORD: &str = "new_password";
        let form = context! {
            token => "the-token",
            action => "the-action",
            password => context! { label => "label", hint => "hint", username => "ada" },
        };
        let page = |problem: &str, form: Value| {
            let page = context! {
                language => self.default.as_str(),
                direction => "ltr",
                style => "",
                title => "title",
                paragraphs => ["paragraph"],
                problem,
                form,
            };
            self.layout("page.html", page)
        };
        page("", Value::from(()))?;
        let page = page("problem", form)?;
        let needed = ["<form", "the-token", "the-action", PASSWORD];
        match needed.iter().find(|needed| !page.contains(**needed)) {
            Some(_) => Err(TextError::Override {
                file: "page.html".to_owned(),
                problem: "its form needs form.token, form.action and a field new_password"
                    .to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// The tags of all languages.
    pub fn languages(&self) -> impl Iterator<Item = &str> + Clone {
        self.languages.iter().map(String::as_str)
    }

    /// The language among ours that fits an `Accept-Language` header best (RFC 9110 §12.5.4, RFC 4647 §3.4).
    /// `None`: nothing fits.
    pub fn negotiate(&self, accept_language: Option<&str>) -> Option<&str> {
        languages::negotiate(self.languages(), accept_language?)
    }

    /// The language among ours for a tag (RFC 4647 §3.4), or the default.
    pub fn language(&self, tag: Option<&str>) -> &str {
        let found = tag.and_then(|tag| languages::look_up(self.languages(), tag));
        found.unwrap_or(&self.default)
    }

    /// Name and colours of the application.
    pub fn brand(&self) -> &Brand {
        &self.brand
    }

    /// The text `key` of a language that [`Texts::language`] gave, plain and not escaped. Beside `product` it may use
    /// the fields of `values`.
    pub fn text(
        &self,
        language: &str,
        key: &str,
        values: impl Serialize,
    ) -> Result<String, TextError> {
        let values = self.templates.context(values);
        self.templates.text(language, key, &values)
    }

    /// The list of texts `key`, without those that come out empty.
    pub fn list(
        &self,
        language: &str,
        key: &str,
        values: impl Serialize,
    ) -> Result<Vec<String>, TextError> {
        let values = self.templates.context(values);
        self.templates.list(language, key, &values)
    }

    /// The texts right below `table`, such as `pages.login`, by the rest of their keys.
    pub fn table(
        &self,
        language: &str,
        table: &str,
        values: impl Serialize,
    ) -> Result<BTreeMap<&str, String>, TextError> {
        let values = self.templates.context(values);
        let keys = self.templates.keys_below(language, table);
        keys.map(|(name, key)| Ok((name, self.templates.text(language, key, &values)?)))
            .collect()
    }

    /// Renders a layout, such as `mail.html`. What it is given is escaped in those that end in `.html`.
    pub fn layout(&self, name: &str, context: impl Serialize) -> Result<String, TextError> {
        self.templates.layout(name, context)
    }
}

/// The texts of `tag`, and what they lack from the language without its last parts, then the default, then English.
fn complete(languages: &BTreeMap<String, Catalogue>, tag: &str, default: &str) -> Catalogue {
    let tags = || languages.keys().map(String::as_str);
    let mut sources = vec![tag];
    let mut rest = tag;
    while let Some((shorter, _)) = rest.rsplit_once('-') {
        sources.extend(languages::look_up(tags(), shorter));
        rest = shorter;
    }
    sources.extend([default, ENGLISH]);
    let catalogues = sources.iter().filter_map(|source| languages.get(*source));
    catalogues.fold(Catalogue::default(), Catalogue::or)
}

#[cfg(test)]
mod tests;
