//! `vestibule send-test-mail`: sends one mail with the settings of the service, and says what became of it.

use std::sync::Arc;

use clap::{Arg, ArgMatches, Command};

use super::outcome::{Exit, Outcome, explain};
use super::setup::{runtime, settings};
use crate::app;
use crate::clock::{Clock, SystemClock};
use crate::domain::Email;
use crate::ids::{Ids, MailId, SystemRandom};
use crate::mail::{Kind, Letter, Sent, Values};

pub fn command() -> Command {
    Command::new("send-test-mail")
        .about("Send a mail with the settings of the service, and say what became of it")
        .arg(
            Arg::new("address")
                .value_name("ADDRESS")
                .required(true)
                .help("Where to send it"),
        )
}

pub fn run(matches: &ArgMatches) -> Outcome {
    let settings = settings(matches)?;
    let address = matches.get_one::<String>("address").cloned();
    let address = Email::parse("ADDRESS", &address.unwrap_or_default())
        .map_err(|error| Exit::wrong_use(format!("{}: {}", error.field, error.message)))?;
    let (_, mailer) = app::mail(&settings).map_err(explain)?;
    let clock = Arc::new(SystemClock::new());
    let ids = Ids::new(clock.clone(), Arc::new(SystemRandom));
    let letter = Letter {
        id: MailId::new(&ids).0,
        kind: Kind::Test,
        language: None,
        to: address.as_str().to_owned(),
        at: clock.now(),
        values: Values::default(),
    };
    match runtime()?.block_on(mailer.send(&letter)) {
        Ok(Sent::Smtp) => println!("The mail server has taken a mail to {}.", address.as_str()),
        Ok(Sent::File(path)) => println!(
            "SMTP_URL is unset: the mail was written to {}.",
            path.display()
        ),
        Err(error) => return Err(Exit::failed(error)),
    }
    Ok(())
}
