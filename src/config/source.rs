//! Where raw values come from and which wins: a flag, then the environment, then `.env`, then the default.
//! In each place `VESTIBULE_NAME` is taken before `NAME`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::env_file::{self, BadLine};
use super::names::{self, PREFIX, Stranger};
use super::spelling::{plain, without_secrets};
use super::{Setting, catalogue};
use crate::files;

/// Settings whose names have other meanings on some machines: conda and some distributions set HOST to the name of a platform or
/// machine, and many programs share one LOG_LEVEL. What is no value of ours is then not meant for us, unless it has our prefix.
const SHARED_NAMES: &[&str] = &["HOST", "LOG_LEVEL", "LOG_FORMAT"];

const ENVIRONMENT: &str = "environment";

/// A setting with a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub setting: String,
    /// What was found, quoted, or described when it is a secret.
    pub found: String,
    pub allowed: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: found {}; allowed: {}",
            self.setting, self.found, self.allowed
        )
    }
}

/// The value in force for one setting, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    pub name: &'static str,
    /// Masked when the setting is a secret.
    pub value: String,
    /// `flag`, `environment`, `.env` or `default`.
    pub origin: &'static str,
}

/// A value as it was given.
#[derive(Clone)]
struct Raw {
    value: String,
    origin: &'static str,
    /// Whether it may have been meant for another program.
    is_shared: bool,
}

/// What an operator should know of a name or value that is not used.
struct Hint {
    text: String,
    /// Not worth telling when this setting is given.
    unless_given: Option<&'static str>,
}

/// Raw values by setting, the problems found so far and what is in force.
pub struct Source {
    /// For each setting, what wins first.
    values: BTreeMap<&'static str, Vec<Raw>>,
    problems: Vec<Problem>,
    effective: Vec<Effective>,
    hints: Vec<Hint>,
}

impl Source {
    /// No values: every setting has its default.
    pub fn empty() -> Self {
        Self {
            values: BTreeMap::new(),
            problems: Vec::new(),
            effective: Vec::new(),
            hints: Vec::new(),
        }
    }

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

    /// Whether a value was given, be it good or bad.
    pub(super) fn is_given(&self, setting: &Setting) -> bool {
        self.values.contains_key(setting.name)
    }

    /// The value of a setting that has a default.
    pub(super) fn required<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let value = self.optional(setting, &parse);
        value
            .or_else(|| setting.default.and_then(&parse))
            .expect("the default of every setting is valid: a test reads them all")
    }

    /// The value of a setting that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        self.optional_or(setting, |text| {
            parse(text).ok_or_else(|| match setting.secret {
                true => format!("{} characters (not shown)", text.chars().count()),
                false => format!("{:?}", without_secrets(text)),
            })
        })
    }

    /// The same where `parse` describes what it finds and cannot use.
    pub(super) fn optional_or<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        for raw in self.values.get(setting.name).cloned().unwrap_or_default() {
            match parse(&raw.value) {
                Err(_) if raw.is_shared => self.pass_over(setting, &raw.value),
                parsed => {
                    self.show(setting, &raw.value, raw.origin);
                    return parsed.map_err(|found| self.refuse(setting, found)).ok();
                }
            }
        }
        self.show(setting, setting.default.unwrap_or(""), "default");
        setting.default.and_then(|default| parse(default).ok())
    }

    fn pass_over(&mut self, setting: &'static Setting, value: &str) {
        let Setting { name, allowed, .. } = setting;
        let text = format!(
            "{name}={value} in the environment is ignored, as it is not meant for Vestibule: it is none of {allowed}. \
             {PREFIX}{name} is always meant"
        );
        self.hints.push(Hint {
            text,
            unless_given: None,
        });
    }

    /// Records that what `found` describes cannot be used for `setting`.
    pub(super) fn refuse(&mut self, setting: &'static Setting, found: String) {
        self.problems.push(Problem {
            setting: setting.name.to_owned(),
            found,
            allowed: setting.allowed.to_owned(),
        });
    }

    fn show(&mut self, setting: &'static Setting, raw: &str, origin: &'static str) {
        let value = if setting.secret && !raw.is_empty() {
            "********"
        } else {
            &without_secrets(raw)
        };
        self.effective.push(Effective {
            name: setting.name,
            value: value.to_owned(),
            origin,
        });
    }

    /// Whether `.env` gives something that must not be shown.
    pub(super) fn env_file_has_secrets(&self) -> bool {
        let masked = |one: &Effective| one.origin == ".env" && one.value.contains("********");
        self.effective.iter().any(masked)
    }

    /// What an operator should know of what is not used, one sentence each.
    pub(super) fn hints(&self) -> Vec<String> {
        let is_worth_telling = |hint: &&Hint| {
            let meant = hint.unless_given;
            meant.is_none_or(|meant| !self.values.contains_key(meant))
        };
        let hints = self.hints.iter().filter(is_worth_telling);
        hints.map(|hint| hint.text.clone()).collect()
    }

    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// Every setting that was read, in the order of the sections.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }
}

fn is_setting(name: &str) -> bool {
    let bare = name.strip_prefix(PREFIX).unwrap_or(name);
    catalogue().any(|setting| setting.name == bare)
}

#[cfg(test)]
mod tests;
