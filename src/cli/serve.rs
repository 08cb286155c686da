//! `vestibule serve`: the service itself.

use std::sync::Arc;

use clap::ArgMatches;

use super::exposed_files::Secret;
use super::outcome::{Exit, Outcome, explain, first_of};
use super::setup::{build_on, runtime, source};
use super::signals::{self, Hangup};
use crate::app::{self, App, Groundwork, StartError};
use crate::clock::{SharedClock, SystemClock};
use crate::config::{self, LogFormat, Settings};
use crate::domain::Services;
use crate::domain::authorization::roles;
use crate::files;
use crate::http::MetricsListener;
use crate::log::{self, Log};
use crate::token::Found;

#[cfg(target_os = "linux")]
use crate::http::LEAVING;

pub fn run(matches: &ArgMatches) -> Outcome {
    let mut log = None;
    let runtime = runtime()?;
    let outcome = runtime.block_on(serve(matches, &mut log));
    // What still runs beside is not waited for: the time for that is over.
    runtime.shutdown_background();
    files::delete_unfinished();
    // The last lines are written.
    drop(log);
    outcome
}

async fn serve(matches: &ArgMatches, log: &mut Option<Log>) -> Outcome {
    // From the first moment: no signal ends the first process of a container that does not listen to it.
    let mut stop = std::pin::pin!(signals::stop()?);
    signals::ignore_others()?;
    let hangup = Hangup::listen()?;
    let mut settings = settings_or_tell(matches)?;
    *log = Some(Log::start(&settings.logging));
    log_panics();
    settings.server.max_connections = take_all_descriptors(&settings.server);
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let scheme = if settings.server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let cost = settings.passwords.cost;
    let secret = Secret::of(&settings);
    let has_docs = settings.server.has_docs;
    let clock: SharedClock = Arc::new(SystemClock::new());
    let bindings = app::bind(&settings, &clock).await.map_err(explain)?;
    let starting = async {
        let groundwork = beside(move || Groundwork::lay(settings)).await?;
        // Whoever comes while the database is away is refused. Of two services that start at one moment with one address, one
        // ends here, and has made nothing.
        let listeners = bindings.listen().map_err(explain)?;
        let app = beside(move || build_on(groundwork)).await?;
        Ok::<_, Exit>((app, listeners))
    };
    let (app, listeners) = tokio::select! {
        started = starting => started?,
        () = &mut stop => {
            tracing::info!("stopped before the start was done");
            return Ok(());
        }
    };
    tell_about(&app);
    for warning in secret.warnings() {
        tracing::warn!("{warning}");
    }
    let services = app.services.clone();
    let bound = app.serve_at(listeners).map_err(explain)?;
    let address = bound.address;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        "listening on {scheme}://{address}"
    );
    if has_docs {
        tracing::info!("API documentation: {scheme}://{address}/docs");
    }
    if let Some(address) = bound.metrics_address() {
        tracing::info!("metrics: http://{address}/metrics");
    }
    if let Ok(false) = roles::has_admin(&services).await {
        tracing::info!(
            "there is no administrator yet: vestibule create-admin --email you@example.com --username you"
        );
    }
    tokio::spawn(hangup.reload(bound.tls()));
    let passwords = services.clone();
    tokio::task::spawn_blocking(move || tell_about_passwords(&passwords, cost));
    if bound.serve(stop).await {
        tracing::info!("stopped; every request under way was finished");
    } else {
        tracing::warn!("stopped; requests still under way were cut off");
    }
    Ok(())
}

/// Does a part of the start that blocks, so that signals are heard meanwhile.
async fn beside<T: Send + 'static>(
    part: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, Exit> {
    let done = tokio::task::spawn_blocking(part).await;
    let done = done.map_err(|error| Exit::failed(format!("the start was cut off: {error}")))?;
    done.map_err(explain)
}

/// The settings, or the first problem: in the form of the log where that much can be read.
fn settings_or_tell(matches: &ArgMatches) -> Result<Settings, Exit> {
    let mut source = source(matches);
    Settings::read(&mut source).map_err(|problems| {
        let is_json = source
            .effective()
            .iter()
            .any(|setting| setting.name == "LOG_FORMAT" && setting.value == "json");
        if is_json {
            log::prefer(LogFormat::Json);
        }
        first_of(&problems)
    })
}

fn tell_about(app: &App) {
    for migration in &app.migrated {
        tracing::info!(
            "migrated the database to version {} ({})",
            migration.version,
            migration.name
        );
    }
    match &app.key {
        Found::Created(path) => tracing::info!(
            "made a secret key in {}: keep it private, and keep a copy of it apart from the backups of the database",
            path.display()
        ),
        Found::Ephemeral => {
            tracing::warn!(
                "SECRET_KEY is unset and the database is in memory: all tokens end with this process"
            );
        }
        Found::File(_) | Found::Settings => (),
    }
}

/// Waits for the engine's measurement, a few milliseconds into the service's life.
fn tell_about_passwords(services: &Services, cost: u32) {
    let speed = services.passwords.speed();
    tracing::info!(
        "a password hash at cost {cost} takes {:.0} ms; this machine serves up to {:.1} logins a second",
        speed.ms_per_hash,
        speed.hashes_per_second
    );
}

/// A defect is logged like anything else, by its place alone: what it says may hold what a client sent.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}

/// Every connection takes a file descriptor; the system gives few unless asked for more. Gives the number of connections that
/// there are descriptors for, up to `MAX_CONNECTIONS`.
fn take_all_descriptors(server: &config::Server) -> usize {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let max = server.max_connections;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where it cannot be raised it stays as it is.
        let _ = setrlimit(Resource::Nofile, limit);
        let has = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let has = usize::try_from(has).unwrap_or(usize::MAX);
        let held = connections_for(max, has, cores, server.metrics.address().is_some());
        if held < max {
            tracing::warn!(
                "MAX_CONNECTIONS={max}, but the system allows {has} open files only: up to {held} connections are held"
            );
        }
        held
    }
    #[cfg(not(target_os = "linux"))]
    server.max_connections
}

/// How many connections may be held, so that descriptors are left for the rest.
#[cfg(target_os = "linux")]
fn connections_for(max: usize, descriptors: usize, cores: usize, has_metrics: bool) -> usize {
    /// For the database, the log and the rest.
    const BESIDES: usize = 64;
    /// For the runtime of a core (four) and its connection to the database.
    const PER_CORE: usize = 8;
    /// Fewer would not do for a browser and its health check.
    const FEWEST: usize = 16;
    let metrics = if has_metrics {
        MetricsListener::DESCRIPTORS
    } else {
        0
    };
    let besides = BESIDES + PER_CORE * cores + LEAVING + metrics;
    max.min(descriptors.saturating_sub(besides).max(FEWEST))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::connections_for;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(connections_for(10_000, usize::MAX, 2, true), 10_000);
        assert_eq!(connections_for(10_000, 1024, 2, false), 1024 - 80 - 64);
        assert_eq!(connections_for(10_000, 1024, 2, true), 1024 - 80 - 64 - 128);
        assert_eq!(connections_for(10_000, 100, 2, false), 16);
        assert_eq!(connections_for(4, 100, 2, false), 4);
    }
}
