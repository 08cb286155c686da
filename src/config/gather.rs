//! Gathers values from flags, the environment and `.env`, and tells of names that are no settings.

use std::collections::BTreeMap;
use std::path::Path;

use super::catalogue;
use super::env_file::{self, BadLine};
use super::names::{self, Stranger};
use super::setting::PREFIX;
use super::source::{ENVIRONMENT, Hint, Problem, Raw, Source};
use super::spelling::plain;
use crate::files;

/// Settings whose names have other meanings on some machines: conda and some distributions set HOST to the name of a platform or
/// machine, and many programs share one LOG_LEVEL. What is no value of ours is then not meant for us, unless it has our prefix.
const SHARED_NAMES: &[&str] = &["HOST", "LOG_LEVEL", "LOG_FORMAT"];

fn is_setting(name: &str) -> bool {
    let bare = name.strip_prefix(PREFIX).unwrap_or(name);
    catalogue().any(|setting| setting.name == bare)
}

impl Source {
    /// Just these values. A name that is no setting is a mistake of the caller's and is left out.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let mut source = Self::empty();
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), plain(value)));
        source.add("flag", pairs);
        source
    }

    /// Flags, then the environment, then the file `env_file` when there is one.
    pub fn gather(flags: Vec<(String, String)>, env_file: &Path) -> Self {
        let mut source = Self::empty();
        let flags = flags.into_iter().map(|(name, value)| (name, plain(&value)));
        source.add("flag", flags);
        let variables = std::env::vars_os();
        source.add_environment(
            variables
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string()))),
        );
        source.add_file(env_file);
        source
    }

    /// A value that is no text cannot be used, and must not be passed over: that would be another value.
    fn add_environment<E>(&mut self, variables: impl Iterator<Item = (String, Result<String, E>)>) {
        let mut pairs = Vec::new();
        for (name, value) in variables {
            match value {
                Ok(value) => pairs.push((name, plain(&value))),
                Err(_) if is_setting(&name) => self.problems.push(Problem {
                    setting: name,
                    found: "bytes that are no UTF-8 (not shown)".to_owned(),
                    allowed: "a text".to_owned(),
                }),
                Err(_) => (),
            }
        }
        self.add(ENVIRONMENT, pairs.into_iter());
    }

    fn add_file(&mut self, path: &Path) {
        let text = match files::read_text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.refuse_file(path, error.to_string()),
        };
        match env_file::parse(&text) {
            Ok(pairs) => {
                let pairs = pairs.into_iter();
                self.add(".env", pairs.map(|(name, value)| (name, plain(&value))));
            }
            // The line itself is not shown: it may hold a secret.
            Err(BadLine(number)) => {
                self.refuse_file(path, format!("line {number}, which cannot be read"))
            }
        }
    }

    fn refuse_file(&mut self, path: &Path, found: String) {
        self.problems.push(Problem {
            setting: path.display().to_string(),
            found,
            allowed: "a text file with lines of the form NAME=value".to_owned(),
        });
    }

    fn add(&mut self, origin: &'static str, pairs: impl Iterator<Item = (String, String)>) {
        let pairs: BTreeMap<String, String> = pairs.collect();
        for setting in catalogue() {
            // A Service called `vestibule` puts VESTIBULE_PORT=tcp://… into the containers of Kubernetes.
            let prefixed = pairs
                .get(&format!("{PREFIX}{}", setting.name))
                .filter(|value| setting.name != "PORT" || !names::is_port_of_a_service(value));
            let bare = pairs.get(setting.name);
            let given = prefixed
                .filter(|value| !value.is_empty())
                .map(|value| (value, false))
                .or_else(|| Some((bare.filter(|value| !value.is_empty())?, true)));
            if let Some((value, is_bare)) = given {
                self.values.entry(setting.name).or_default().push(Raw {
                    value: value.clone(),
                    origin,
                    is_shared: is_bare
                        && origin == ENVIRONMENT
                        && SHARED_NAMES.contains(&setting.name),
                });
            }
        }
        for (name, value) in pairs.iter().filter(|(name, _)| !is_setting(name)) {
            self.judge(origin, name, value);
        }
    }

    /// Tells of a name that is no setting. The environment is full of names of others: there only our prefix means us.
    fn judge(&mut self, origin: &'static str, name: &str, value: &str) {
        let place = match origin {
            ENVIRONMENT => "the environment",
            other => other,
        };
        let is_prefixed = name.starts_with(PREFIX);
        let by_prefix = names::meant_with_prefix(name, value).filter(|_| !is_prefixed);
        if let Some(meant) = by_prefix {
            let text = format!("{name} in {place} is no setting; did you mean {PREFIX}{meant}?");
            let unless_given = None;
            return self.hints.push(Hint { text, unless_given });
        }
        if origin == ENVIRONMENT && !is_prefixed {
            return;
        }
        let prefix = if is_prefixed { PREFIX } else { "" };
        let (text, unless_given) = match names::stranger(name, value) {
            Stranger::Unrelated => return,
            Stranger::Slip(meant) if is_prefixed => {
                return self.problems.push(Problem {
                    setting: name.to_owned(),
                    found: format!("a setting that does not exist; did you mean {prefix}{meant}?"),
                    allowed: "the settings that `vestibule serve --help` lists".to_owned(),
                });
            }
            Stranger::Slip(meant) => (
                format!("{name} in {place} is no setting; did you mean {meant}?"),
                None,
            ),
            Stranger::Alias(meant) => (
                format!("{name} in {place} is no setting; did you mean {prefix}{meant}?"),
                Some(meant),
            ),
            Stranger::Unknown => (format!("{name} in {place} is no setting"), None),
        };
        self.hints.push(Hint { text, unless_given });
    }
}

#[cfg(test)]
mod tests;
