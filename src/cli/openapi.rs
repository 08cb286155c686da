//! `vestibule openapi`: writes the specification to a file, or checks that the file is the specification.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::outcome::{Exit, Outcome};
use crate::api;

pub fn command() -> Command {
    let check = Arg::new("check")
        .long("check")
        .action(ArgAction::SetTrue)
        .help("Compare instead of writing; fails when they differ");
    let version = Arg::new("oas")
        .long("oas")
        .value_name("VERSION")
        .value_parser(["3.0", "3.1"])
        .default_value("3.0")
        .help("Version of OpenAPI");
    let path = Arg::new("path")
        .value_name("PATH")
        .default_value("openapi.json")
        .default_value_if("oas", "3.1", "openapi-3.1.json")
        .value_parser(value_parser!(PathBuf))
        .help("The file; - for standard output");
    Command::new("openapi")
        .about("Write openapi.json, or check it")
        .arg(check)
        .arg(version)
        .arg(path)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let is_3_1 = matches
        .get_one::<String>("oas")
        .is_some_and(|version| version == "3.1");
    let document = if is_3_1 {
        api::document_3_1()
    } else {
        api::document()
    };
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
