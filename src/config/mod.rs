//! Settings: one file a section, each with its table of settings and a `read` that validates them.
//! Reads flags, the environment and `.env`; touches nothing else.

mod accounts;
mod audit;
mod backups;
mod cors;
mod database;
mod env_file;
mod exposure;
mod gather;
mod key_strength;
mod limits;
mod logging;
mod mail;
mod names;
mod passwords;
mod postgres;
mod public_suffix;
mod secret;
mod secrets;
mod server;
mod sessions;
mod setting;
mod smtp;
mod source;
mod spelling;
mod tokens;

pub use self::setting::Setting;

pub use accounts::Accounts;
pub use audit::Audit;
pub use backups::Backups;
pub use cors::{AllowedOrigin, CorsOrigins};
pub use database::{Database, DatabaseUrl};
pub use limits::{Limit, Limits};
pub use logging::{LogFormat, Logging};
pub use mail::{LinkTemplates, Mail, MailTransport, Notices, Product};
pub use passwords::Passwords;
pub use postgres::{Certificate, Postgres};
pub use secret::Secret;
pub use secrets::{Secrets, Weakness, weakness};
pub use server::{Metrics, Server, Tls};
pub use sessions::Sessions;
pub use smtp::{Smtp, SmtpTls};
pub use source::{Effective, Problem, Source};
pub use spelling::{duration, plain, without_secrets};
pub use tokens::{Algorithm, Tokens};

/// The settings by section, in the order in which they are documented.
pub const SECTIONS: &[(&str, &[Setting])] = &[
    ("Database", database::SETTINGS),
    ("Backups", backups::SETTINGS),
    ("Secrets", secrets::SETTINGS),
    ("Server", server::SETTINGS),
    ("Tokens", tokens::SETTINGS),
    ("Sessions", sessions::SETTINGS),
    ("Passwords", passwords::SETTINGS),
    ("Accounts", accounts::SETTINGS),
    ("Rate limits", limits::SETTINGS),
    ("Mail", mail::SETTINGS),
    ("Audit", audit::SETTINGS),
    ("Logging", logging::SETTINGS),
];

/// Every setting there is.
pub fn catalogue() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|(_, settings)| settings.iter())
}

/// All settings, validated.
#[derive(Debug, Clone)]
pub struct Settings {
    pub database: Database,
    /// `None`: the service makes none.
    pub backups: Option<Backups>,
    pub secrets: Secrets,
    pub server: Server,
    pub tokens: Tokens,
    pub sessions: Sessions,
    pub passwords: Passwords,
    pub accounts: Accounts,
    pub limits: Limits,
    pub mail: Mail,
    pub audit: Audit,
    pub logging: Logging,
    /// Whether `.env` holds one of the secrets.
    pub env_file_has_secrets: bool,
    hints: Vec<String>,
}

impl Settings {
    /// Words that make a new password easy to guess: the name of the product, where it is found, and those of the operator.
    pub fn context_words(&self) -> Vec<String> {
        let host = self.server.public_url.as_deref().and_then(server::http_url);
        let host = host.and_then(|url| url.host().map(str::to_owned));
        let own = ["vestibule".to_owned(), self.mail.product.name.clone()];
        let all = own.into_iter().chain(host);
        all.chain(self.passwords.context_words.iter().cloned())
            .collect()
    }

    /// Validates what `source` holds. Everything wrong is reported at once.
    pub fn read(source: &mut Source) -> Result<Self, Vec<Problem>> {
        let database = Database::read(source);
        let settings = Self {
            backups: Backups::read(source, &database.url),
            database,
            secrets: Secrets::read(source),
            server: Server::read(source),
            tokens: Tokens::read(source),
            sessions: Sessions::read(source),
            passwords: Passwords::read(source),
            accounts: Accounts::read(source),
            limits: Limits::read(source),
            mail: Mail::read(source),
            audit: Audit::read(source),
            logging: Logging::read(source),
            env_file_has_secrets: source.env_file_has_secrets(),
            hints: source.hints(),
        };
        let is_given = |setting: &&Setting| source.is_given(setting);
        if settings.database.url.is_shared()
            && !secrets::SETTINGS[..2]
                .iter()
                .any(|setting| is_given(&setting))
        {
            // Every instance must have the same one.
            source.refuse(
                &secrets::SETTINGS[0],
                "nothing, with a PostgreSQL database".to_owned(),
            );
        }
        match source.take_problems() {
            problems if problems.is_empty() => Ok(settings),
            problems => Err(problems),
        }
    }

    /// What an operator should know of these settings, one sentence each.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.hints.clone();
        if self.passwords.cost < passwords::WEAK_BELOW {
            warnings.push(format!(
                "BCRYPT_COST={} is for tests: use {} or more for people's passwords",
                self.passwords.cost,
                passwords::WEAK_BELOW
            ));
        }
        if self.passwords.cost > passwords::SLOW_ABOVE {
            warnings.push(format!(
                "BCRYPT_COST={} takes many seconds a login: see `vestibule bench-passwords`",
                self.passwords.cost
            ));
        }
        warnings.extend(exposure::warnings(&self.server, &self.database.url));
        if self.tokens.refresh_lifetime > self.sessions.max_age {
            warnings.push(
                "REFRESH_TOKEN_EXPIRE_DAYS is longer than SESSION_MAX_AGE_DAYS: sessions end after the latter".to_owned(),
            );
        }
        warnings.extend(self.server.notes.clone());
        warnings.extend(self.mail.warnings(self.server.public_url.as_deref()));
        if !self.limits.enabled {
            warnings
                .push("RATE_LIMIT_ENABLED=false: nothing slows down password guessing".to_owned());
        }
        warnings
    }
}

/// `.env.example`: every setting with its default and a comment.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of Vestibule with its default. Copy to .env and uncomment what you change.\n\
         # Each is also an environment variable and a flag: PORT=8000, VESTIBULE_PORT=8000, --port 8000.\n\
         # A flag wins over the environment, the environment over .env.\n",
    );
    for (section, settings) in SECTIONS {
        text.push_str(&format!("\n# --- {section}\n"));
        for setting in *settings {
            text.push_str(&format!(
                "\n# {}\n# Allowed: {}.\n#{}={}\n",
                setting.help,
                setting.allowed,
                setting.name,
                setting.default.unwrap_or("")
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        Settings::read(&mut Source::empty()).expect("defaults are valid");
    }

    #[test]
    fn every_problem_is_found_and_names_setting_value_and_what_is_allowed() {
        let mut source = Source::of(&[
            ("PORT", "http"),
            ("BCRYPT_COST", "3"),
            ("RATE_LIMIT_IP", "many"),
        ]);
        let problems = Settings::read(&mut source).expect_err("three bad values");
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        assert_eq!(
            lines,
            [
                "PORT: found \"http\"; allowed: a port from 0 to 65535 (0 takes a free one)",
                "BCRYPT_COST: found \"3\"; allowed: a whole number from 4 to 31",
                "RATE_LIMIT_IP: found \"many\"; allowed: N/period such as 300/1m (periods in s, m, h, d, up to 366d; N up to 1000 a second), or off",
            ]
        );
    }

    #[test]
    fn env_example_is_true() {
        let committed = include_str!("../../.env.example");
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(
                concat!(env!("CARGO_MANIFEST_DIR"), "/.env.example"),
                env_example(),
            )
            .expect("writes .env.example");
        } else {
            assert_eq!(
                committed,
                env_example(),
                "run the tests with UPDATE_SNAPSHOTS=1"
            );
        }
    }
}
