//! Backups that the service makes of its own database.

use std::path::PathBuf;
use std::time::Duration;

use super::spelling::duration;
use super::{DatabaseUrl, Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "BACKUP_DIR",
        default: None,
        allowed: "the path of a folder that exists and can be written; the database must be an SQLite file",
        help: "Folder that the service writes backups of its database to while it runs. Unset: none are made.",
        secret: false,
    },
    Setting {
        name: "BACKUP_INTERVAL",
        default: Some("24h"),
        allowed: "a period such as 24h (in s, m, h or d, from 1m to 366d)",
        help: "Time from one backup to the next. One that was missed while the service was off is made at its start.",
        secret: false,
    },
    Setting {
        name: "BACKUP_KEEP",
        default: Some("7"),
        allowed: "a whole number from 1 to 10000",
        help: "Backups kept in BACKUP_DIR; when one more was made, the oldest is deleted.",
        secret: false,
    },
];

/// Shortest and longest time between two backups.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(366 * 86_400);

/// Backups made by the service: where, how often and how many are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backups {
    pub folder: PathBuf,
    pub interval: Duration,
    /// At least 1.
    pub keep: usize,
}

impl Backups {
    /// `None`: the service makes none.
    pub(super) fn read(source: &mut Source, database: &DatabaseUrl) -> Option<Self> {
        let folder = source.optional(&SETTINGS[0], |text| Some(PathBuf::from(text)));
        let interval = source.required(&SETTINGS[1], |text| {
            duration(text).filter(|interval| INTERVALS.contains(interval))
        });
        let keep = source.required(&SETTINGS[2], |text| {
            text.parse().ok().filter(|keep| (1..=10_000).contains(keep))
        });
        if folder.is_some() {
            match database {
                DatabaseUrl::File(_) => (),
                DatabaseUrl::Memory => source.refuse(
                    &SETTINGS[0],
                    "a folder for backups of a database in memory".to_owned(),
                ),
                DatabaseUrl::Postgres(_) => source.refuse(
                    &SETTINGS[0],
                    "a folder for backups of a PostgreSQL database, whose own tools make them"
                        .to_owned(),
                ),
            }
        }
        Some(Self {
            folder: folder?,
            interval,
            keep,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Option<Backups> {
        Settings::read(&mut Source::of(pairs))
            .expect("valid")
            .backups
    }

    #[test]
    fn they_are_off_unless_a_folder_is_named() {
        assert_eq!(
            read(&[("BACKUP_INTERVAL", "1h"), ("BACKUP_KEEP", "3")]),
            None
        );
        let backups = read(&[("BACKUP_DIR", "/backups"), ("BACKUP_INTERVAL", "90m")]);
        let expected = Backups {
            folder: PathBuf::from("/backups"),
            interval: Duration::from_secs(5400),
            keep: 7,
        };
        assert_eq!(backups, Some(expected));
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for pairs in [
            &[("BACKUP_INTERVAL", "59s")][..],
            &[("BACKUP_INTERVAL", "367d")],
            &[("BACKUP_INTERVAL", "daily")],
            &[("BACKUP_INTERVAL", "24")],
            &[("BACKUP_KEEP", "0")],
            &[("BACKUP_KEEP", "all")],
            &[("BACKUP_DIR", "."), ("DATABASE_URL", "sqlite::memory:")],
        ] {
            let problems = Settings::read(&mut Source::of(pairs)).expect_err("refused");
            assert_eq!(problems.len(), 1, "{pairs:?}");
            assert_eq!(problems[0].setting, pairs[0].0);
        }
    }
}
