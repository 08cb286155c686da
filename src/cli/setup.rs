//! What commands begin with: the settings, the service, a runtime.

use std::path::Path;
use std::sync::Arc;

use clap::ArgMatches;

use super::outcome::{Exit, explain, first_of};
use crate::app::{App, Groundwork, StartError};
use crate::clock::SystemClock;
use crate::config::{self, Settings, Source};
use crate::ids::SystemRandom;

/// Settings in the current folder.
pub(super) const ENV_FILE: &str = ".env";

/// Raw settings from flags, environment and `.env` in the current folder.
pub(super) fn source(matches: &ArgMatches) -> Source {
    let flags = config::catalogue().filter_map(|setting| {
        let value = matches.get_one::<String>(setting.name)?;
        Some((setting.name.to_owned(), value.clone()))
    });
    Source::gather(flags.collect(), Path::new(ENV_FILE))
}

/// The settings, or the first problem on one line.
pub(super) fn settings(matches: &ArgMatches) -> Result<Settings, Exit> {
    Settings::read(&mut source(matches)).map_err(|problems| first_of(&problems))
}

pub(super) fn build(settings: Settings) -> Result<App, Exit> {
    Groundwork::lay(settings)
        .and_then(build_on)
        .map_err(explain)
}

pub(super) fn build_on(groundwork: Groundwork) -> Result<App, StartError> {
    let clock = Arc::new(SystemClock::new());
    App::build_on(groundwork, clock, Arc::new(SystemRandom))
}

/// The runtime of a command: this thread alone. Connections are served by threads of their own; what is left, accepting
/// them and background jobs, never keeps a thread busy.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Exit::failed(format!("cannot wait for the system: {error}")))
}
