//! `vestibule bench-passwords`: how fast this machine hashes, to choose BCRYPT_COST by.

use clap::{Arg, ArgMatches, Command, value_parser};

use super::outcome::{Exit, Outcome};
use super::setup::settings;
use crate::password::bench_passwords::table;

pub fn command() -> Command {
    let cost = Arg::new("cost")
        .long("cost")
        .value_name("COST")
        .value_parser(value_parser!(u32).range(4..=31))
        .help("bcrypt cost to show [default: BCRYPT_COST]");
    Command::new("bench-passwords")
        .about("Measure password hashing on this machine")
        .arg(cost)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let cost = match matches.get_one("cost") {
        Some(cost) => *cost,
        None => settings(matches)?.passwords.cost,
    };
    table(cost, &mut std::io::stdout())
        .map_err(|error| Exit::failed(format!("cannot print: {error}")))
}
