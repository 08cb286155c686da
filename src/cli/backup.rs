//! `vestibule backup`: copies the database to a file, also while the service runs.

use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};

use super::outcome::{Exit, Outcome};
use super::setup::settings;
use crate::clock::{Clock, SystemClock};
use crate::store::db::{self, BackupError, Copied};
use crate::token::SecretKey;

pub fn command() -> Command {
    Command::new("backup")
        .about("Copy the database to a file, also while the service runs, and check the copy")
        .arg(file("File to write; must not exist"))
}

/// The argument that `backup` and `restore` have.
pub fn file(help: &'static str) -> Arg {
    Arg::new("file")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help(help)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let settings = settings(matches)?;
    let Some(file) = matches.get_one::<PathBuf>("file") else {
        return Ok(());
    };
    let clock = SystemClock::new();
    let copied = db::backup(&settings.database.url, file).map_err(explain)?;
    let took = clock.monotonic().as_millis();
    println!(
        "Wrote {}: {}, in {took} ms. The copy was checked.",
        file.display(),
        describe(copied)
    );
    let key = SecretKey::place(&settings.secrets, &settings.database.url);
    println!(
        "The secret key is not in it. Keep a copy of {} too, apart from the backups: without it all users have to log in again.",
        key.as_deref()
            .map_or("SECRET_KEY".into(), Path::to_string_lossy)
    );
    Ok(())
}

/// `3 users, 116 KiB`.
pub fn describe(copied: Copied) -> String {
    let Copied { bytes, users } = copied;
    let s = if users == 1 { "" } else { "s" };
    let kib = bytes.div_ceil(1024);
    match kib {
        0..10_240 => format!("{users} user{s}, {kib} KiB"),
        _ => format!("{users} user{s}, {} MiB", kib / 1024),
    }
}

pub fn explain(error: BackupError) -> Exit {
    match error {
        error @ (BackupError::Elsewhere(_) | BackupError::Same(_)) => Exit::wrong_use(error),
        error => Exit::failed(error),
    }
}
