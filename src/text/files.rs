//! The files that texts are in: those built in, and the operator's in their place. Reads a folder, writes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::TextError;
use super::catalogue::Catalogue;
use super::languages::ENGLISH;
use crate::files;

const LANGUAGES: [(&str, &str); 2] = [
    (ENGLISH, include_str!("en.toml")),
    ("de", include_str!("de.toml")),
];

const LAYOUTS: [(&str, &str); 4] = [
    ("mail.html", include_str!("mail.html")),
    ("mail.txt", include_str!("mail.txt")),
    ("page.css", include_str!("page.css")),
    ("page.html", include_str!("page.html")),
];

/// Languages by tag, and layouts by name.
pub struct Files {
    pub languages: BTreeMap<String, Catalogue>,
    pub layouts: BTreeMap<&'static str, String>,
}

impl Files {
    /// What is built in, and what stands in `folder`. Files that are neither TOML nor layouts are left alone.
    pub fn read(folder: Option<&Path>) -> Result<Self, TextError> {
        let mut files = Self {
            languages: BTreeMap::new(),
            layouts: BTreeMap::new(),
        };
        for (tag, content) in LANGUAGES {
            let file = format!("{tag}.toml");
            let catalogue = Catalogue::parse(&file, content);
            let catalogue = catalogue.map_err(|problem| broken(&file, problem))?;
            files.languages.insert(tag.to_owned(), catalogue);
        }
        for (name, content) in LAYOUTS {
            files.layouts.insert(name, content.to_owned());
        }
        if let Some(folder) = folder {
            files.add(folder)?;
        }
        Ok(files)
    }

    fn add(&mut self, folder: &Path) -> Result<(), TextError> {
        let unreadable = |error: std::io::Error| broken(&folder.display().to_string(), error);
        let entries = fs::read_dir(folder).map_err(unreadable)?;
        let mut names = Vec::new();
        for entry in entries {
            names.extend(entry.map_err(unreadable)?.file_name().into_string());
        }
        names.sort();
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            let Some((stem, extension)) = name.rsplit_once('.') else {
                continue;
            };
            match extension {
                "toml" => self.add_language(stem, name, &content(folder, name)?)?,
                "css" | "html" | "txt" => self.add_layout(name, content(folder, name)?)?,
                _ => (),
            }
        }
        Ok(())
    }

    fn add_language(&mut self, tag: &str, name: &str, content: &str) -> Result<(), TextError> {
        // What the languages of people have (RFC 5646 §2.2.1).
        let language = tag.split('-').next().unwrap_or_default();
        let is_language =
            (2..=3).contains(&language.len()) && language.chars().all(|c| c.is_ascii_alphabetic());
        let is_tag = is_language && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !is_tag {
            return Err(broken(name, "not named by a language tag, such as fr.toml"));
        }
        let catalogue = Catalogue::parse(name, content);
        let catalogue = catalogue.map_err(|problem| broken(name, problem))?;
        if let Some(english) = self.languages.get(ENGLISH) {
            let checked = catalogue.check(english);
            checked.map_err(|problem| broken(name, problem))?;
        }
        let built_in = self
            .languages
            .keys()
            .find(|own| own.eq_ignore_ascii_case(tag));
        let tag = built_in.cloned().unwrap_or_else(|| tag.to_owned());
        let catalogue = match self.languages.get(&tag) {
            Some(built_in) => catalogue.or(built_in),
            None => catalogue,
        };
        self.languages.insert(tag, catalogue);
        Ok(())
    }

    fn add_layout(&mut self, name: &str, content: String) -> Result<(), TextError> {
        match LAYOUTS.iter().find(|(known, _)| *known == name) {
            Some((known, _)) => {
                self.layouts.insert(known, content);
                Ok(())
            }
            None => {
                let known = LAYOUTS.map(|(known, _)| known).join(", ");
                Err(broken(
                    name,
                    format!("no layout has this name; they are {known}"),
                ))
            }
        }
    }
}

fn content(folder: &Path, name: &str) -> Result<String, TextError> {
    let text = files::read_text(&folder.join(name)).map_err(|error| broken(name, error))?;
    Ok(text.to_string())
}

fn broken(file: &str, problem: impl ToString) -> TextError {
    TextError::Override {
        file: file.to_owned(),
        problem: problem.to_string(),
    }
}
