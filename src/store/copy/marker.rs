//! The row that says that a copy into a database is not finished. While it stands nothing else uses the database, and only a
//! copy of the same source goes on with it.

use super::statements;
use crate::clock::Timestamp;
use crate::ids::InstanceId;
use crate::store::db::{Result, Tx};
use crate::store::tables::TABLES;

/// Who copies from where.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The source, for people: without its password.
    pub source_url: String,
    /// When the source was made: this is what it is known by, however it is reached.
    pub source_made_at: String,
    pub holder: InstanceId,
    pub now: Timestamp,
}

/// What became of a [`Claim`].
#[derive(Debug)]
pub enum Claimed {
    /// There was nothing but what migrations make.
    Fresh,
    /// A copy of the same source was interrupted.
    Interrupted,
    /// This table has rows.
    NotEmpty(&'static str),
    /// A copy of another source was interrupted.
    Other { source_url: String },
}

/// When the database was made; nothing else has been made at that moment.
pub async fn made_at(tx: &mut Tx<'_>) -> Result<Option<String>> {
    tx.query_opt(
        "SELECT applied_on FROM vestibule_schema_history WHERE version = 1",
        &[],
        |row| row.get(0),
    )
    .await
}

/// Whether a copy into the database is not finished.
pub async fn is_set(tx: &mut Tx<'_>) -> Result<bool> {
    let row = tx.query_opt("SELECT 1 FROM copies", &[], |_| Ok(()));
    Ok(row.await?.is_some())
}

/// Claims the database for a copy, also from an earlier copy of the same source.
pub async fn claim(tx: &mut Tx<'_>, claim: &Claim) -> Result<Claimed> {
    let interrupted = tx
        .query_opt(
            "SELECT source_url, source_made_at FROM copies",
            &[],
            |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)),
        )
        .await?;
    if let Some((source_url, source_made_at)) = interrupted {
        if source_made_at != claim.source_made_at {
            return Ok(Claimed::Other { source_url });
        }
        tx.execute("UPDATE copies SET holder = ?1", &[claim.holder.into()])
            .await?;
        return Ok(Claimed::Interrupted);
    }
    for table in TABLES {
        let sql = statements::select_any(table);
        if tx.query_opt(&sql, &[], |_| Ok(())).await?.is_some() {
            return Ok(Claimed::NotEmpty(table.name));
        }
    }
    // What the migrations have made goes first.
    tx.execute(
        "INSERT INTO copies (id, source_url, source_made_at, holder, started_at, is_to_be_emptied) \
         VALUES (1, ?1, ?2, ?3, ?4, TRUE)",
        &[
            (&claim.source_url).into(),
            (&claim.source_made_at).into(),
            claim.holder.into(),
            claim.now.into(),
        ],
    )
    .await?;
    Ok(Claimed::Fresh)
}

/// Whether `holder` is still the one who copies; holds others off until the unit of work is done. Each unit of a copy begins
/// with this.
pub async fn hold(tx: &mut Tx<'_>, holder: InstanceId) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE copies SET holder = ?1 WHERE holder = ?1",
            &[holder.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Whether the next run has to begin by emptying the database.
pub async fn is_to_be_emptied(tx: &mut Tx<'_>) -> Result<bool> {
    let answer = tx.query_opt("SELECT is_to_be_emptied FROM copies", &[], |row| row.get(0));
    Ok(answer.await?.unwrap_or(false))
}

pub async fn set_to_be_emptied(tx: &mut Tx<'_>, value: bool) -> Result<()> {
    tx.execute("UPDATE copies SET is_to_be_emptied = ?1", &[value.into()])
        .await?;
    Ok(())
}

/// Gives the database to those who use it.
pub async fn clear(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute("DELETE FROM copies", &[]).await?;
    Ok(())
}
