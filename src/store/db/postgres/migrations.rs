//! Schema migrations, embedded from `sql/postgres/`.

use std::error::Error as StdError;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::{DbError, SqlState};

use super::connect::alone;
use super::error::{Trouble, from_library, trouble};
use super::runner::block_on;
use crate::config;
use crate::store::db::migration::{
    FORMER_HISTORY, HAS_UNFINISHED_COPY, HISTORY, Migration, Run, is_ours, missing_of, taking_over,
};
use crate::store::db::{Error, Migrated, Result};

mod embedded {
    refinery::embed_migrations!("sql/postgres");
}

/// Times to make the table of the lock while others make it too.
const TRIES: u32 = 20;

fn runner() -> refinery::Runner {
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name(HISTORY);
    runner
}

/// Runs what is missing. Instances that start at one moment do it one after the other, and all but the first find nothing
/// left to do.
pub fn migrate(url: &config::Postgres) -> Result<Migrated> {
    let url = url.clone();
    block_on(move || async move {
        let mut client = alone(&url).await?;
        // At an ordinary start nothing is missing and nobody is waited for.
        let mut applied = Vec::new();
        if !is_up_to_date(&client).await? {
            refuse_strangers(&client).await?;
            let lock = lock(&url).await?;
            if !is_up_to_date(&client).await? {
                take_over(&client).await?;
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
    block_on(move || async move {
        let client = alone(&url).await?;
        let missing = missing(&client).await?;
        refuse_strangers(&client).await?;
        Ok(missing)
    })
}

async fn run(client: &mut Client) -> Result<Vec<Migration>> {
    let report = runner()
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
    let applied = match history(client).await? {
        Some((_, history)) => history.iter().map(|run| run.migration.version).collect(),
        None => Vec::new(),
    };
    missing_of(&runner(), applied)
}

/// Whether all migrations were run, and the history has its name of today.
async fn is_up_to_date(client: &Client) -> Result<bool> {
    let is_today = matches!(history(client).await?, Some((HISTORY, _)));
    Ok(is_today && missing(client).await?.is_empty())
}

/// The migrations of ours that were run, and the table that tells of them.
async fn history(client: &Client) -> Result<Option<(&'static str, Vec<Run>)>> {
    for table in [HISTORY, FORMER_HISTORY] {
        let sql = format!(
            "SELECT version::bigint, name::text, checksum::text FROM {table} ORDER BY version"
        );
        let rows = match client.query(&sql, &[]).await {
            Ok(rows) => rows,
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => continue,
            // Everybody's name: a table of another form is another application's.
            Err(error) if table == FORMER_HISTORY && trouble(&error) == Trouble::Refused => {
                continue;
            }
            Err(error) => return Err(from_library(error)),
        };
        let run = |row: &tokio_postgres::Row| {
            let text = |index| {
                let text = row.try_get::<_, Option<String>>(index);
                Ok::<_, Error>(text.map_err(from_library)?.unwrap_or_default())
            };
            Ok(Run {
                migration: Migration {
                    version: row.try_get(0).map_err(from_library)?,
                    name: text(1)?,
                },
                checksum: text(2)?,
            })
        };
        let history = rows.iter().map(run).collect::<Result<Vec<_>>>()?;
        if table == HISTORY || is_ours(&runner(), &history) {
            return Ok(Some((table, history)));
        }
    }
    Ok(None)
}

/// Fails when the schema holds tables of another application and none of ours. What belongs to an extension is nobody's.
async fn refuse_strangers(client: &Client) -> Result<()> {
    if history(client).await?.is_some() {
        return Ok(());
    }
    let stranger = client
        .query_opt(
            "SELECT current_schema()::text, c.relname::text, \
             EXISTS (SELECT 1 FROM pg_catalog.pg_class l WHERE l.relnamespace = n.oid AND l.relname = 'vestibule_migration_lock') \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
             AND c.relname NOT IN ('vestibule_migration_lock', 'vestibule_schema_history') \
             AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') \
             ORDER BY c.relname LIMIT 1",
            &[],
        )
        .await
        .map_err(from_library)?;
    let Some(row) = stranger else {
        return Ok(());
    };
    let get = |index| row.try_get::<_, String>(index).map_err(from_library);
    let (schema, table) = (get(0)?, get(1)?);
    // Where migrations are no transaction, another instance may be amid them: it has made the lock first.
    if row.try_get(2).map_err(from_library)? {
        return Ok(());
    }
    Err(Error::Schema(format!(
        "the schema {schema:?} is of another application: it has {table:?}, and no migrations of Vestibule; \
         use an empty database or schema"
    )))
}

/// Copies the history from its former name. Called with the lock.
async fn take_over(client: &Client) -> Result<()> {
    match history(client).await? {
        Some((FORMER_HISTORY, _)) => client
            .batch_execute(&taking_over("int4"))
            .await
            .map_err(from_library),
        _ => Ok(()),
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
