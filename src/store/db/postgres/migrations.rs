//! Schema migrations, embedded from `sql/postgres/`.

use std::error::Error as StdError;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::{DbError, SqlState};

use super::connect::alone;
use super::error::from_library;
use super::runner::block_on;
use crate::config;
use crate::store::db::migration::{HAS_UNFINISHED_COPY, Migration, missing_of};
use crate::store::db::{Error, Migrated, Result};

mod embedded {
    refinery::embed_migrations!("sql/postgres");
}

/// Times to make the table of the lock while others make it too.
const TRIES: u32 = 20;

/// Runs what is missing. Instances that start at one moment do it one after the other, and all but the first find nothing
/// left to do.
pub fn migrate(url: &config::Postgres) -> Result<Migrated> {
    let url = url.clone();
    block_on(move || async move {
        let mut client = alone(&url).await?;
        // At an ordinary start nothing is missing and nobody is waited for.
        let mut applied = Vec::new();
        if !missing(&client).await?.is_empty() {
            let lock = lock(&url).await?;
            if !missing(&client).await?.is_empty() {
                applied = run(&mut client).await?;
            }
            // The lock goes with its connection.
            drop(lock);
        }
        let row = client
            .query_one(HAS_UNFINISHED_COPY, &[])
            .await
            .map_err(from_library)?;
        Ok(Migrated {
            applied,
            has_unfinished_copy: row.try_get(0).map_err(from_library)?,
        })
    })
}

/// The migrations that are missing, without running them.
pub fn pending(url: &config::Postgres) -> Result<Vec<Migration>> {
    let url = url.clone();
    block_on(move || async move { missing(&alone(&url).await?).await })
}

async fn run(client: &mut Client) -> Result<Vec<Migration>> {
    let report = embedded::migrations::runner()
        // All or nothing.
        .set_grouped(true)
        .run_async(client)
        .await
        .map_err(|error| failed(&error))?;
    Ok(report
        .applied_migrations()
        .iter()
        .map(Migration::from)
        .collect())
}

/// The library says of a refused statement that it was refused, and keeps to itself why.
fn failed(error: &refinery::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<DbError>() {
            let (message, code) = (refusal.message(), refusal.code().code());
            return Error::Schema(format!("migration failed: {message} ({code})"));
        }
        cause = error.source();
    }
    Error::Schema(format!("migration failed: {error}"))
}

pub async fn missing(client: &Client) -> Result<Vec<Migration>> {
    missing_of(&embedded::migrations::runner(), applied(client).await?)
}

async fn applied(client: &Client) -> Result<Vec<i64>> {
    let versions = client
        .query(
            "SELECT version::bigint FROM refinery_schema_history ORDER BY version",
            &[],
        )
        .await;
    match versions {
        Ok(rows) => rows
            .iter()
            .map(|row| row.try_get(0).map_err(from_library))
            .collect(),
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
        Err(error) => Err(from_library(error)),
    }
}

/// A row lock that is held as long as the connection lives: it cannot be left behind, and a cluster of PostgreSQL's
/// protocol that has no other locks has this one.
async fn lock(url: &config::Postgres) -> Result<Client> {
    let client = alone(url).await?;
    let mut tries = 0;
    loop {
        let made = client
            .batch_execute(
                "CREATE TABLE IF NOT EXISTS vestibule_migration_lock (id INTEGER NOT NULL PRIMARY KEY); \
                 INSERT INTO vestibule_migration_lock (id) VALUES (1) ON CONFLICT (id) DO NOTHING",
            )
            .await;
        match made {
            Ok(()) => break,
            // IF NOT EXISTS does not see what another transaction is about to make.
            Err(error) if is_race(&error) && tries < TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(from_library(error)),
        }
    }
    client
        .batch_execute("BEGIN; SELECT id FROM vestibule_migration_lock WHERE id = 1 FOR UPDATE")
        .await
        .map_err(from_library)?;
    Ok(client)
}

fn is_race(error: &tokio_postgres::Error) -> bool {
    [
        &SqlState::UNIQUE_VIOLATION,
        &SqlState::DUPLICATE_TABLE,
        &SqlState::DUPLICATE_OBJECT,
        &SqlState::T_R_SERIALIZATION_FAILURE,
    ]
    .into_iter()
    .any(|state| error.code() == Some(state))
}
