//! `vestibule restore`: makes a backup the database.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::backup::{describe, explain, file};
use super::outcome::{Exit, Outcome};
use super::setup::settings;
use crate::clock::{Clock, SystemClock};
use crate::store::db::{self, BackupError, Migration};
use crate::token::SecretKey;

pub fn command() -> Command {
    let force = Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("Replace the database that is there; it is kept beside the new one");
    Command::new("restore")
        .about("Check a backup and make it the database; the service must be stopped")
        .arg(file("Backup to restore"))
        .arg(force)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let settings = settings(matches)?;
    let Some(file) = matches.get_one::<PathBuf>("file") else {
        return Ok(());
    };
    let force = matches.get_flag("force");
    let url = &settings.database.url;
    let restored =
        db::restore(url, file, force, SystemClock::new().now()).map_err(|error| match error {
            error @ BackupError::Exists(_) if !force => Exit::failed(format!(
                "{error}; with --force it is replaced, and kept beside"
            )),
            error => explain(error),
        })?;
    println!(
        "Restored {}: {}.",
        file.display(),
        describe(restored.copied)
    );
    for Migration { version, name } in restored.migrated {
        println!("ran V{version:04}__{name}");
    }
    if let Some(former) = restored.former {
        println!("The former database is {}.", former.display());
    }
    if let Some(key) = SecretKey::place(&settings.secrets, url).filter(|key| !key.exists()) {
        println!(
            "There is no secret key in {}: put the one there that was kept with the backup.",
            key.display()
        );
    }
    Ok(())
}
