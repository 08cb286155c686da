//! `vestibule migrate`: brings the schema up to date, or says what that would take.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::outcome::{Exit, Outcome};
use super::setup::settings;
use crate::store::db::{Db, Migration};

pub fn command() -> Command {
    let dry_run = Arg::new("dry-run")
        .long("dry-run")
        .action(ArgAction::SetTrue)
        .help("Only print what would be run");
    Command::new("migrate")
        .about("Bring the database's schema up to date")
        .arg(dry_run)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let database = settings(matches)?.database;
    let url = database.url;
    let dry_run = matches.get_flag("dry-run");
    let migrations = Db::reach(&url, database.wait).and_then(|()| {
        if dry_run {
            Db::pending(&url)
        } else {
            Db::migrate(&url).map(|migrated| migrated.applied)
        }
    });
    let migrations = migrations.map_err(|error| Exit::failed(format!("DATABASE_URL: {error}")))?;
    let verb = if dry_run { "would run" } else { "ran" };
    if migrations.is_empty() {
        println!("The schema is up to date.");
    }
    for Migration { version, name } in migrations {
        println!("{verb} V{version:04}__{name}");
    }
    Ok(())
}
