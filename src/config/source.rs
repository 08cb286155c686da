//! Where raw values come from and which wins: a flag, then the environment, then `.env`, then the default.
//! In each place `VESTIBULE_NAME` is taken before `NAME`.

use std::collections::BTreeMap;
use std::fmt;

use super::Setting;
use super::setting::PREFIX;
use super::spelling::without_secrets;

pub(super) const ENVIRONMENT: &str = "environment";

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
pub(super) struct Raw {
    pub(super) value: String,
    pub(super) origin: &'static str,
    /// Whether it may have been meant for another program.
    pub(super) is_shared: bool,
}

/// What an operator should know of a name or value that is not used.
pub(super) struct Hint {
    pub(super) text: String,
    /// Not worth telling when this setting is given.
    pub(super) unless_given: Option<&'static str>,
}

/// Raw values by setting, the problems found so far and what is in force.
pub struct Source {
    /// For each setting, what wins first.
    pub(super) values: BTreeMap<&'static str, Vec<Raw>>,
    pub(super) problems: Vec<Problem>,
    effective: Vec<Effective>,
    pub(super) hints: Vec<Hint>,
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
