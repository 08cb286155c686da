//! `vestibule create-admin`: makes an administrator. The password never stands on the command line, where every user of
//! the machine can read it: it comes from ADMIN_PASSWORD, from a hidden prompt, or as one line of standard input.

use std::io::IsTerminal;

use clap::{Arg, ArgMatches, Command};

use super::outcome::{Exit, Outcome};
use super::setup::{build, runtime, settings};
use crate::config::{DatabaseUrl, Secret};
use crate::domain::{Email, Error, Invalid, Password, Username, users};

pub fn command() -> Command {
    let required = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).required(true).help(help)
    };
    Command::new("create-admin")
        .about("Create an administrator; the password is taken from ADMIN_PASSWORD, a prompt or standard input")
        .arg(required("email", "E-mail address of the administrator"))
        .arg(required("username", "Username of the administrator"))
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let settings = settings(matches)?;
    if settings.database.url == DatabaseUrl::Memory {
        return Err(Exit::wrong_use(
            "DATABASE_URL: found a database in memory, which ends with this command; allowed: a database that stays",
        ));
    }
    let text = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let mut invalid = Invalid::default();
    let email = invalid.keep(Email::parse("--email", &text("email")));
    let username = invalid.keep(Username::parse("--username", &text("username")));
    let (Some(email), Some(username)) = (email, username) else {
        return Err(explain(Error::Invalid(invalid)));
    };
    let password =
        Password::parse("password", read_password()?).map_err(|error| explain(error.into()))?;
    let app = build(settings)?;
    let created = runtime()?.block_on(users::create_admin(
        &app.services,
        email,
        username,
        password,
    ));
    let user = created.map_err(explain)?;
    println!("Created the administrator {} ({}).", user.username, user.id);
    Ok(())
}

fn read_password() -> Result<Secret, Exit> {
    let failed = |error: std::io::Error| Exit::failed(format!("cannot read the password: {error}"));
    if let Some(password) = std::env::var_os("ADMIN_PASSWORD") {
        let password = password.into_string().map_err(|_| {
            Exit::wrong_use(
                "ADMIN_PASSWORD: found bytes that are no UTF-8 (not shown); allowed: a text",
            )
        })?;
        return given("ADMIN_PASSWORD", &password);
    }
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(failed)?;
        return given("password", &line);
    }
    let password = rpassword::prompt_password("Password: ").map_err(failed)?;
    let again = rpassword::prompt_password("Password again: ").map_err(failed)?;
    if password == again {
        Ok(Secret::new(password))
    } else {
        Err(Exit::failed("the two passwords differ"))
    }
}

/// A password as a line: without the newline at its end, taken as it stands.
fn given(name: &str, line: &str) -> Result<Secret, Exit> {
    let password = line.strip_suffix('\n').unwrap_or(line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Exit::wrong_use(format!(
            "{name}: found nothing; allowed: a password as one line of standard input, at a prompt, or in ADMIN_PASSWORD"
        )));
    }
    Ok(Secret::new(password))
}

fn explain(error: Error) -> Exit {
    match error {
        Error::Invalid(invalid) => {
            let lines: Vec<String> = invalid
                .0
                .iter()
                .map(|error| format!("{}: {}", error.field, error.message))
                .collect();
            Exit::wrong_use(lines.join("\nvestibule: "))
        }
        error => Exit::failed(error),
    }
}
