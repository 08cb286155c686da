//! Where raw values come from and which wins: a flag, then the environment, then `.env`, then the default.
//! In each place `VESTIBULE_NAME` is taken before `NAME`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::env_file::{self, BadLine};
use super::{Setting, catalogue};

/// Environment variables with our prefix that are no settings: scripts name the binary by them.
const NOT_SETTINGS: &[&str] = &["VESTIBULE_BIN"];

const PREFIX: &str = "VESTIBULE_";

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

/// Raw values by setting, the problems found so far and what is in force.
pub struct Source {
    values: BTreeMap<&'static str, (String, &'static str)>,
    problems: Vec<Problem>,
    effective: Vec<Effective>,
    /// Names in the file that look like settings, and are none.
    hints: Vec<String>,
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
        source.add(
            "flag",
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        source
    }

    /// Flags, then the environment, then the file `env_file` when there is one.
    pub fn gather(flags: Vec<(String, String)>, env_file: &Path) -> Self {
        let mut source = Self::empty();
        source.add("flag", flags.into_iter());
        source.add(
            "environment",
            std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            }),
        );
        source.add_file(env_file);
        source
    }

    fn add_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.refuse_file(path, error.to_string()),
        };
        match env_file::parse(&text) {
            Ok(pairs) => {
                let misspelt = pairs
                    .iter()
                    .filter_map(|(name, _)| Some((name, meant(name)?)));
                self.hints.extend(misspelt.map(|(name, meant)| {
                    format!(
                        "{name} in {} is no setting; did you mean {meant}?",
                        path.display()
                    )
                }));
                self.add(".env", pairs.into_iter());
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
            let value = pairs
                .get(&format!("{PREFIX}{}", setting.name))
                .or_else(|| pairs.get(setting.name))
                .filter(|value| !value.is_empty());
            if let Some(value) = value {
                self.values
                    .entry(setting.name)
                    .or_insert_with(|| (value.clone(), origin));
            }
        }
        for name in pairs.keys().filter(|name| is_unknown(name)) {
            self.problems.push(Problem {
                setting: name.clone(),
                found: "a setting that does not exist".to_owned(),
                allowed: "the settings that `vestibule serve --help` lists".to_owned(),
            });
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
        let Some((raw, origin)) = self.values.get(setting.name).cloned() else {
            self.show(setting, setting.default.unwrap_or(""), "default");
            return setting.default.and_then(parse);
        };
        self.show(setting, &raw, origin);
        let parsed = parse(&raw);
        if parsed.is_none() {
            let found = if setting.secret {
                format!("{} characters (not shown)", raw.chars().count())
            } else {
                format!("{:?}", without_secrets(&raw))
            };
            self.refuse(setting, found);
        }
        parsed
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

    pub(super) fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }

    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// Every setting that was read, in the order of the sections.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }
}

/// The text as it may be shown: of a URL, what stands between `://` and `@` is masked, for it is a password more often than
/// not, and so is every parameter that is called one.
pub fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (userinfo, rest) = match rest.rsplit_once('@') {
        Some((_userinfo, rest)) => ("********@", rest),
        None => ("", rest),
    };
    let Some((address, query)) = rest.split_once('?') else {
        return format!("{scheme}://{userinfo}{rest}");
    };
    let query: Vec<String> = query.split('&').map(without_password).collect();
    format!("{scheme}://{userinfo}{address}?{}", query.join("&"))
}

fn without_password(parameter: &str) -> String {
    let name = parameter.split('=').next().unwrap_or_default();
    let spelled_out = percent_decode_str(name).decode_utf8_lossy();
    if spelled_out.to_ascii_lowercase().contains("password") {
        format!("{name}=********")
    } else {
        parameter.to_owned()
    }
}

/// The setting whose name this very likely was to be: other programs may have theirs in the same file.
fn meant(name: &str) -> Option<&'static str> {
    const TYPOS: usize = 2;
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let distances = catalogue().map(|setting| {
        let distance = strsim::damerau_levenshtein(&name.to_ascii_uppercase(), setting.name);
        (distance, setting.name)
    });
    let (distance, meant) = distances.min()?;
    // A short name is soon another's.
    let is_typo = name != meant && distance <= TYPOS && meant.len() >= 4 * TYPOS;
    is_typo.then_some(meant)
}

fn is_unknown(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| {
        !NOT_SETTINGS.contains(&name) && catalogue().all(|setting| setting.name != rest)
    })
}

/// Parses `true`/`false` and the spellings that people use for them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Parses a whole number of seconds, minutes, hours or days: `30s`, `15m`, `24h`, `7d`.
pub fn duration(text: &str) -> Option<Duration> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let count: u32 = count.parse().ok()?;
    Some(Duration::from_secs(u64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    #[test]
    fn a_prefixed_name_is_taken_and_an_unknown_one_refused() {
        let mut source = Source::of(&[("VESTIBULE_PORT", "9000"), ("VESTIBULE_PROT", "1")]);
        let problems = Settings::read(&mut source).expect_err("one unknown");
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].setting, "VESTIBULE_PROT");
        let port = source
            .effective()
            .iter()
            .find(|e| e.name == "PORT")
            .expect("listed");
        assert_eq!(port.value, "9000");
    }

    #[test]
    fn a_flag_wins_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(".env");
        std::fs::write(&file, "PORT=1111\nHOST=0.0.0.0\n# comment\nUNRELATED=x\n").expect("writes");
        let mut source = Source::empty();
        source.add("flag", [("PORT".to_owned(), "2222".to_owned())].into_iter());
        source.add_file(&file);
        let settings = Settings::read(&mut source).expect("valid");
        assert_eq!(settings.server.port, 2222);
        assert_eq!(settings.server.host.to_string(), "0.0.0.0");
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        let mut source = Source::of(&[("DATABASE_URL", "mysql://user:s3cr3t@host/app")]);
        let problems = Settings::read(&mut source).expect_err("no such database");
        assert!(
            problems[0]
                .to_string()
                .contains("mysql://********@host/app"),
            "{}",
            problems[0]
        );
        assert!(
            source
                .effective()
                .iter()
                .all(|e| !e.value.contains("s3cr3t"))
        );
    }

    #[test]
    fn passwords_among_the_parameters_of_urls_are_masked_too() {
        for (url, shown) in [
            (
                "postgresql://db?password=s3cr3t",
                "postgresql://db?password=********",
            ),
            (
                "postgresql://ada@db/app?sslmode=require&PassWord=s3=cr3t&x=1",
                "postgresql://********@db/app?sslmode=require&PassWord=********&x=1",
            ),
            (
                "postgresql://db?ssl%70assword=s3cr3t&password",
                "postgresql://db?ssl%70assword=********&password=********",
            ),
            (
                "postgresql://db/app?sslmode=require",
                "postgresql://db/app?sslmode=require",
            ),
            ("sqlite:///./app.db", "sqlite:///./app.db"),
            ("8000", "8000"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }

    #[test]
    fn secrets_are_masked_and_not_quoted_in_problems() {
        let mut source = Source::of(&[("SECRET_KEY", "tooshort-but-secret")]);
        let problems = Settings::read(&mut source).expect_err("too short");
        assert!(
            !problems[0].to_string().contains("tooshort"),
            "{}",
            problems[0]
        );
        assert!(
            source
                .effective()
                .iter()
                .all(|e| !e.value.contains("tooshort"))
        );
    }
}
