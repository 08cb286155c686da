//! Backups at regular times. The files themselves tell when the last one was made, so that a start makes up for one that
//! was missed, and several services can share a folder.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use crate::clock::Timestamp;
use crate::config::Backups;
use crate::domain::Services;
use crate::store::db::BackupError;

/// Longest pause before the folder is looked at again: clocks are set, and machines sleep.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Shortest pause, also where a clock says that the next backup is due at once.
const BREATH: Duration = Duration::from_secs(1);

/// Pause after a failure, where backups are further apart than this.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// Age from which an unfinished backup is taken for one that was cut off. A younger one may be another service's.
const CUT_OFF_AFTER: Duration = Duration::from_secs(86_400);

const PREFIX: &str = "vestibule-";
const SUFFIX: &str = ".db";
const UNFINISHED: &str = ".partial";

type Result<T> = std::result::Result<T, BackupError>;

/// Makes backups for as long as the service runs.
pub async fn run(services: &Services, backups: &Backups) {
    loop {
        let pause = match turn(services, backups).await {
            Ok(next) => next.since(services.now()).clamp(BREATH, LOOK_EVERY),
            Err(error) => {
                tracing::error!(error = %error, "BACKUP FAILED; it is tried again");
                backups.interval.min(TRY_AGAIN_AFTER)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Makes a backup if one is due, and then deletes those above the number that is kept. Says when the next one is due.
///
/// # Errors
/// When the folder cannot be read or the backup not be made. No file is deleted then.
pub async fn turn(services: &Services, backups: &Backups) -> Result<Timestamp> {
    let now = services.now();
    let newest = in_folder(backups, move |backups| Ok(past(backups, now)?.pop())).await?;
    if let Some(due) = newest.map(|(at, _)| at.plus(backups.interval))
        && due > now
    {
        return Ok(due);
    }
    let file = backups
        .folder
        .join(format!("{PREFIX}{}{SUFFIX}", now.compact()));
    let begun = services.clock.monotonic();
    let copied = services.db.backup(file.clone()).await?;
    tracing::info!(
        file = %file.display(),
        bytes = copied.bytes,
        users = copied.users,
        ms = (services.clock.monotonic().saturating_sub(begun)).as_millis() as u64,
        "made a backup"
    );
    in_folder(backups, move |backups| delete_old(backups, now)).await?;
    Ok(now.plus(backups.interval))
}

/// Fails when no file can be made in the folder. It is not made where it is missing: a disk that is not mounted would go
/// unnoticed.
pub fn check_folder(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".{PREFIX}{}", std::process::id()));
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&probe)?;
    fs::remove_file(&probe)
}

/// Looks at the folder where it may take long: it may be on another machine.
async fn in_folder<T: Send + 'static>(
    backups: &Backups,
    look: impl FnOnce(&Backups) -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let backups = backups.clone();
    let path = backups.folder.clone();
    let looked = tokio::task::spawn_blocking(move || look(&backups)).await;
    looked
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|source| BackupError::Io { path, source })
}

/// Backups made up to `now`, the oldest first. One from the future, made by a clock that was wrong, tells nothing.
fn past(backups: &Backups, now: Timestamp) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut found = files(backups, |name| {
        let moment = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
        Timestamp::parse_compact(moment).filter(|at| *at <= now)
    })?;
    found.sort();
    Ok(found)
}

/// Files of the folder whose names tell a moment.
fn files(
    backups: &Backups,
    moment: impl Fn(&str) -> Option<Timestamp>,
) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(&backups.folder)? {
        let entry = entry?;
        if let Some(at) = entry.file_name().to_str().and_then(&moment) {
            found.push((at, entry.path()));
        }
    }
    Ok(found)
}

/// Deletes our own files, and no others: finished ones above the number that is kept, and those that were cut off.
fn delete_old(backups: &Backups, now: Timestamp) -> io::Result<()> {
    let finished = past(backups, now)?;
    let too_many = finished.len().saturating_sub(backups.keep);
    let old = finished.into_iter().take(too_many);
    let before = now.minus(CUT_OFF_AFTER);
    let cut_off = files(backups, |name| {
        let (moment, rest) = name.strip_prefix(PREFIX)?.split_once(SUFFIX)?;
        rest.contains(UNFINISHED)
            .then(|| Timestamp::parse_compact(moment))?
            .filter(|at| *at < before)
    })?;
    for (_, path) in old.chain(cut_off) {
        fs::remove_file(&path)?;
        tracing::debug!(file = %path.display(), "deleted an old backup");
    }
    Ok(())
}
