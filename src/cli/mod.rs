//! The command line: one file a subcommand. Every setting is a flag as well.

mod backup;
mod bench_passwords;
mod check_config;
mod copy;
mod create_admin;
mod exposed_files;
mod healthcheck;
mod migrate;
mod openapi;
mod outcome;
mod restore;
mod send_test_mail;
mod serve;
mod setup;
mod signals;

use std::process::ExitCode;

use clap::{Arg, Command};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use self::outcome::Exit;
use self::setup::runtime;
use crate::store::db::WAITING;
use crate::{config, files};

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let matches = command()
        .try_get_matches()
        .unwrap_or_else(|error| refuse(&error));
    if !matches!(matches.subcommand(), None | Some(("serve", _))) {
        tell_what_is_waited_for();
        if let Err(Exit(code)) = clean_up_when_stopped() {
            return ExitCode::from(code);
        }
    }
    let outcome = match matches.subcommand() {
        Some(("migrate", matches)) => migrate::run(matches),
        Some(("openapi", matches)) => openapi::run(matches),
        Some(("create-admin", matches)) => create_admin::run(matches),
        Some(("check-config", matches)) => check_config::run(matches),
        Some(("backup", matches)) => backup::run(matches),
        Some(("restore", matches)) => restore::run(matches),
        Some(("copy", matches)) => copy::run(matches),
        Some(("healthcheck", matches)) => healthcheck::run(matches),
        Some(("send-test-mail", matches)) => send_test_mail::run(matches),
        Some(("bench-passwords", matches)) => bench_passwords::run(matches),
        Some((_, matches)) => serve::run(matches),
        None => serve::run(&matches),
    };
    outcome.map_or_else(|code| ExitCode::from(code.0), |()| ExitCode::SUCCESS)
}

/// Says what is wrong with the command line, or what was asked for: help or version. Where there is no such command, says which
/// there are.
fn refuse(error: &clap::Error) -> ! {
    let _ = error.print();
    if error.kind() == clap::error::ErrorKind::InvalidSubcommand {
        let command = command();
        let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        eprintln!("Commands: {}.", names.join(", "));
    }
    std::process::exit(error.exit_code())
}

/// Lets SIGTERM and Ctrl-C end a command as ever, but for the files that it has begun: those are deleted.
fn clean_up_when_stopped() -> Result<(), Exit> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let cannot =
            |error: std::io::Error| Exit::failed(format!("cannot listen for signals: {error}"));
        let runtime = runtime()?;
        let context = runtime.enter();
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
        drop(context);
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                let signal = runtime.block_on(async {
                    tokio::select! {
                        _ = terminate.recv() => SignalKind::terminate(),
                        _ = interrupt.recv() => SignalKind::interrupt(),
                    }
                });
                files::delete_unfinished();
                // As a shell reports a command that a signal has ended.
                std::process::exit(128 + signal.as_raw_value())
            })
            .map_err(cannot)?;
    }
    Ok(())
}

/// Commands have no log, but say on standard error why they stand still.
fn tell_what_is_waited_for() {
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .with_level(false)
        .with_ansi(false)
        .with_filter(Targets::new().with_target(WAITING, LevelFilter::INFO));
    tracing_subscriber::registry().with(layer).init();
}

fn command() -> Command {
    let settings = config::SECTIONS.iter().flat_map(|(section, settings)| {
        settings.iter().map(move |setting| {
            let default = setting
                .default
                .map(|value| format!(" [default: {value}]"))
                .unwrap_or_default();
            Arg::new(setting.name)
                .long(flag(setting.name))
                .value_name("VALUE")
                .global(true)
                .help_heading(*section)
                .help(format!("{}{default} [env: {}]", setting.help, setting.name))
        })
    });
    Command::new("vestibule")
        .version(env!("CARGO_PKG_VERSION"))
        .about("User accounts and authentication in one binary. Without a command it serves.")
        .args(settings)
        .subcommand(Command::new("serve").about("Migrate the database and serve the API"))
        .subcommand(migrate::command())
        .subcommand(openapi::command())
        .subcommand(create_admin::command())
        .subcommand(check_config::command())
        .subcommand(backup::command())
        .subcommand(restore::command())
        .subcommand(copy::command())
        .subcommand(healthcheck::command())
        .subcommand(send_test_mail::command())
        .subcommand(bench_passwords::command())
}

/// `BCRYPT_COST` as `bcrypt-cost`.
fn flag(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::setup::source;
    use super::*;
    use crate::config::Settings;

    #[test]
    fn the_command_line_is_sound_and_takes_every_setting() {
        command().debug_assert();
        let matches = command()
            .try_get_matches_from([
                "vestibule",
                "serve",
                "--port",
                "9000",
                "--rate-limit-ip",
                "off",
            ])
            .expect("parses");
        let (_, serve) = matches.subcommand().expect("serve");
        let settings = Settings::read(&mut source(serve)).expect("valid");
        assert_eq!(settings.server.port, 9000);
        assert!(settings.limits.ip.is_none());
    }
}
