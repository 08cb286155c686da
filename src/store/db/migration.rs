//! Steps of the schema: which there are, and which of them a database lacks.

use super::{Error, Result};

/// Where a database keeps which migrations were run. The name is ours: the library's own is used by every program that has it.
pub const HISTORY: &str = "vestibule_schema_history";

/// Where the first versions kept it. It is copied and left as it is, for a program of that time may run beside this one.
pub const FORMER_HISTORY: &str = "refinery_schema_history";

/// One step of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub version: i64,
    pub name: String,
}

impl From<&refinery::Migration> for Migration {
    fn from(migration: &refinery::Migration) -> Self {
        Self {
            version: i64::from(migration.version()),
            name: migration.name().to_owned(),
        }
    }
}

/// A row of a history.
#[derive(Debug, Clone)]
pub struct Run {
    pub migration: Migration,
    /// Of the migration's name, version and SQL, as the library computes and writes it.
    pub checksum: String,
}

/// Copies the history from where the first versions kept it, all or nothing. `integer` is how the engine's library spells
/// the type of versions.
pub fn taking_over(integer: &str) -> String {
    format!(
        "BEGIN; \
         CREATE TABLE IF NOT EXISTS {HISTORY}( version {integer} PRIMARY KEY, name VARCHAR(255), \
         applied_on VARCHAR(255), checksum VARCHAR(255)); \
         INSERT INTO {HISTORY} (version, name, applied_on, checksum) \
         SELECT version, name, applied_on, checksum FROM {FORMER_HISTORY} WHERE TRUE \
         ON CONFLICT (version) DO NOTHING; \
         COMMIT"
    )
}

/// What a start did to the schema.
#[derive(Debug, Default)]
pub struct Migrated {
    /// Migrations that were run now.
    pub applied: Vec<Migration>,
    /// Whether a copy into the database is not finished, so that nothing of it may be used yet.
    pub has_unfinished_copy: bool,
}

/// Asks for [`Migrated::has_unfinished_copy`].
pub const HAS_UNFINISHED_COPY: &str = "SELECT EXISTS (SELECT 1 FROM copies)";

/// Whether a history of migrations is ours: it begins with our first one. Its name alone is one that others give too.
pub fn is_ours(runner: &refinery::Runner, history: &[Run]) -> bool {
    let ours = runner.get_migrations().iter();
    let ours = ours.min_by_key(|migration| migration.version());
    let first = history.iter().min_by_key(|run| run.migration.version);
    ours.zip(first).is_some_and(|(ours, first)| {
        first.migration == Migration::from(ours) && first.checksum == ours.checksum().to_string()
    })
}

/// The migrations of `runner` that are not among the `applied` ones, in their order.
///
/// # Errors
/// [`Error::Schema`] when the database has one that this program does not know.
pub fn missing_of(runner: &refinery::Runner, applied: Vec<i64>) -> Result<Vec<Migration>> {
    let mut known: Vec<Migration> = runner
        .get_migrations()
        .iter()
        .map(Migration::from)
        .collect();
    known.sort_by_key(|migration| migration.version);
    let is_known = |version: &i64| known.iter().any(|migration| migration.version == *version);
    if let Some(newer) = applied.iter().find(|version| !is_known(version)) {
        let newest = known.last().map_or(0, |migration| migration.version);
        return Err(Error::Schema(format!(
            "the database has migration {newer}, this program knows up to {newest}: use a newer vestibule"
        )));
    }
    known.retain(|migration| !applied.contains(&migration.version));
    Ok(known)
}
