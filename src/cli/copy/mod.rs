//! `vestibule copy`: moves an instance to another database, from any engine to any other.

mod progress;

use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgMatches, Command};

use self::progress::{Bar, Lines};
use super::outcome::{Exit, Outcome};
use super::setup::runtime;
use crate::clock::{SharedClock, SystemClock};
use crate::config::{DatabaseUrl, catalogue, plain, without_secrets};
use crate::ids::{Ids, InstanceId, SystemRandom};
use crate::store::copy::{Copied, Copy, Error};
use crate::store::db::Db;
use crate::token::SecretKey;

pub fn command() -> Command {
    let url = |name: &'static str, variable: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("URL")
            .required(true)
            .env(variable)
            // Clap would show it in its help.
            .hide_env_values(true)
            .help(help)
    };
    Command::new("copy")
        .about("Copy everything into another, empty database, such as from SQLite to PostgreSQL")
        .long_about(
            "Copy everything into another, empty database, such as from SQLite to PostgreSQL. Stop the service first. \
             A copy that was interrupted goes on when it is run again.",
        )
        .arg(url("from", "COPY_FROM", "Database to copy, spelled like DATABASE_URL"))
        .arg(url("to", "COPY_TO", "Database to copy into; its schema is made, and it must be empty"))
}

/// A database that was named on the command line.
struct Place {
    flag: &'static str,
    url: DatabaseUrl,
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let from = Place::parse(matches, "from")?;
    let to = Place::parse(matches, "to")?;
    if is_one_file(&from.url, &to.url) {
        return Err(Exit::wrong_use(Error::Same));
    }
    let source = from.open_source()?;
    let target = to.open_target()?;
    let clock: SharedClock = Arc::new(SystemClock::new());
    let ids = Ids::new(clock.clone(), Arc::new(SystemRandom));
    let copy = Copy::new(source, target, text(matches, "from"), InstanceId::new(&ids));
    println!(
        "Copying {} to {}.",
        text(matches, "from"),
        text(matches, "to")
    );
    let runtime = runtime()?;
    let now = clock.now();
    let copied = match Bar::on_terminal() {
        Some(mut bar) => {
            let copied = runtime.block_on(copy.run(now, &mut bar));
            bar.clear();
            copied
        }
        None => runtime.block_on(copy.run(now, &mut Lines::to(std::io::stderr(), clock.clone()))),
    };
    let copied = copied.map_err(|error| match error {
        error @ Error::Same => Exit::wrong_use(error),
        error => Exit::failed(error),
    })?;
    tell(&copied, clock.monotonic());
    tell_about_key(&from.url, &to.url);
    Ok(())
}

/// A URL as it may be shown.
fn text(matches: &ArgMatches, flag: &str) -> String {
    let text = matches.get_one::<String>(flag);
    without_secrets(&plain(text.map(String::as_str).unwrap_or_default()))
}

impl Place {
    fn parse(matches: &ArgMatches, flag: &'static str) -> Result<Self, Exit> {
        let given = matches.get_one::<String>(flag).map(|given| plain(given));
        match DatabaseUrl::parse(&given.unwrap_or_default()) {
            Some(DatabaseUrl::Memory) => Err(Exit::wrong_use(format!(
                "--{flag}: found a database in memory, which ends with this command; allowed: a database that stays"
            ))),
            Some(url) => {
                if let DatabaseUrl::Postgres(postgres) = &url
                    && let Some(warning) = postgres.warning
                {
                    eprintln!("warning: --{flag}: {warning}");
                }
                Ok(Self { flag, url })
            }
            None => {
                let setting = catalogue().find(|setting| setting.name == "DATABASE_URL");
                Err(Exit::wrong_use(format!(
                    "--{flag}: found {:?}; allowed: {}",
                    text(matches, flag),
                    setting.map_or("", |setting| setting.allowed)
                )))
            }
        }
    }

    /// Nothing is written to it, so it has to have the schema of this program.
    fn open_source(&self) -> Result<Db, Exit> {
        if let DatabaseUrl::File(path) = &self.url
            && !path.exists()
        {
            return Err(self.failed(format!("there is no file {}", path.display())));
        }
        let missing = Db::pending(&self.url).map_err(|error| self.failed(error))?;
        match missing.len() {
            0 => Db::open(&self.url).map_err(|error| self.failed(error)),
            number => Err(self.failed(format!(
                "{number} migrations have not been run: run `vestibule migrate` on it first"
            ))),
        }
    }

    fn open_target(&self) -> Result<Db, Exit> {
        Db::migrate(&self.url)
            .and_then(|_| Db::open(&self.url))
            .map_err(|error| self.failed(error))
    }

    fn failed(&self, reason: impl std::fmt::Display) -> Exit {
        Exit::failed(format!("--{}: {reason}", self.flag))
    }
}

/// Whether both name one file, or are spelled alike. One server that is reached in two ways shows itself later.
fn is_one_file(from: &DatabaseUrl, to: &DatabaseUrl) -> bool {
    if let (DatabaseUrl::File(from), DatabaseUrl::File(to)) = (from, to)
        && let (Ok(from), Ok(to)) = (from.canonicalize(), to.canonicalize())
    {
        return from == to;
    }
    from == to
}

fn tell(copied: &[Copied], took: Duration) {
    let width = |text: fn(&Copied) -> usize| copied.iter().map(text).max().unwrap_or(0);
    let names = width(|one| one.table.len());
    let numbers = width(|one| one.checksum.rows.to_string().len());
    for Copied {
        table,
        earlier,
        checksum,
    } in copied
    {
        let earlier = match earlier {
            0 => String::new(),
            _ => format!(", {earlier} of them by an earlier run"),
        };
        let s = if checksum.rows == 1 { " " } else { "s" };
        println!(
            "{table:names$}  {:>numbers$} row{s} SHA-256 {}{earlier}",
            checksum.rows,
            checksum.short()
        );
    }
    println!(
        "Copied in {:.1} s. Row counts and checksums are the same on both sides.",
        took.as_secs_f64()
    );
}

/// Sessions and tokens depend on it.
fn tell_about_key(from: &DatabaseUrl, to: &DatabaseUrl) {
    let former = SecretKey::beside(from).filter(|path| path.exists());
    let former = former.map_or_else(
        || "the SECRET_KEY of the source".to_owned(),
        |path| format!("what stands in {}", path.display()),
    );
    let place = SecretKey::beside(to).map_or_else(
        || "SECRET_KEY".to_owned(),
        |path| format!("SECRET_KEY or {}", path.display()),
    );
    println!(
        "Sessions and tokens stay valid when the service on the target has {former} as its {place}."
    );
}
