//! `vestibule openapi`: writes the specification to a file, or checks that the file is the specification.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::{Exit, Outcome};
use crate::api;

pub fn command() -> Command {
    let check = Arg::new("check")
        .long("check")
        .action(ArgAction::SetTrue)
        .help("Compare instead of writing; fails when they differ");
    let path = Arg::new("path")
        .value_name("PATH")
        .default_value("openapi.json")
        .value_parser(value_parser!(PathBuf))
        .help("The file; - for standard output");
    Command::new("openapi")
        .about("Write openapi.json, or check it")
        .arg(check)
        .arg(path)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let document = api::document();
    let Some(path) = matches.get_one::<PathBuf>("path") else {
        return Ok(());
    };
    let failed = |error: std::io::Error| Exit::failed(format!("{}: {error}", path.display()));
    if path.as_os_str() == "-" {
        print!("{document}");
    } else if matches.get_flag("check") {
        let written = std::fs::read_to_string(path).map_err(failed)?;
        if written != document {
            return Err(Exit::failed(format!(
                "{} is not the specification of this program: run `vestibule openapi`",
                path.display()
            )));
        }
    } else {
        std::fs::write(path, document).map_err(failed)?;
    }
    Ok(())
}
