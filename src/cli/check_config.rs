//! `vestibule check-config`: prints the settings in force, secrets masked, and every problem found.

use std::fmt::Display;

use clap::{ArgMatches, Command};

use super::exposed_files::Secret;
use super::outcome::{Exit, Outcome, WRONG_USE};
use super::setup::source;
use crate::app;
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;

pub fn command() -> Command {
    Command::new("check-config").about("Print the settings in force and every problem found")
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let mut source = source(matches);
    let settings = Settings::read(&mut source);
    let width = source
        .effective()
        .iter()
        .map(|setting| setting.name.len())
        .max()
        .unwrap_or(0);
    for setting in source.effective() {
        let value = match setting.value.as_str() {
            "" => "unset",
            value => value,
        };
        println!("{:width$}  {value}  ({})", setting.name, setting.origin);
    }
    match settings {
        Ok(settings) => {
            let now = SystemClock::new().now();
            let exposed = Secret::of(&settings).warnings();
            let files = app::warnings(&settings, now).into_iter().chain(exposed);
            for warning in settings.warnings().into_iter().chain(files) {
                eprintln!("warning: {warning}");
            }
            told(&app::problems(&settings, now))
        }
        Err(problems) => told(&problems),
    }
}

fn told(problems: &[impl Display]) -> Outcome {
    for problem in problems {
        eprintln!("problem: {problem}");
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Exit(WRONG_USE))
    }
}
