//! Copies everything from one database to another, whichever engines they are: in pages by primary key, each page one unit
//! of work in the target. The rows that are there are the progress: a run that was interrupted goes on behind the greatest
//! key. At the end both sides are read again and compared.

mod checksum;
mod error;
mod marker;
mod record;
mod statements;

use std::sync::Arc;

use aws_lc_rs::digest;
use futures_util::future::{join, try_join};

pub use self::checksum::Checksum;
use self::marker::{Claim, Claimed};
use self::record::Record;
use super::db::{self, Db, Value};
use super::tables::{TABLES, Table};
use crate::clock::Timestamp;
use crate::ids::InstanceId;

pub use error::Error;

type Result<T> = std::result::Result<T, Error>;

/// Rows in a page: they are in memory twice, being read and being written.
const PAGE: usize = 1024;

/// What is being done to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Emptying,
    Copying,
    Checking,
}

/// Is told how far a copy is.
pub trait Progress {
    /// A table's turn: `done` of its `total` rows, where that could be counted, are done already.
    fn begin(&mut self, step: Step, table: &'static str, done: u64, total: Option<u64>);
    fn advance(&mut self, rows: u64);
}

/// A table that is the same on both sides.
#[derive(Debug)]
pub struct Copied {
    pub table: &'static str,
    /// Of these rows, how many an earlier run had copied.
    pub earlier: u64,
    pub checksum: Checksum,
}

/// A copy to be made.
pub struct Copy {
    source: Db,
    target: Db,
    source_url: String,
    holder: InstanceId,
}

impl Copy {
    /// Both have the schema that this program needs. `source_url` is for people, without a password.
    pub fn new(source: Db, target: Db, source_url: String, holder: InstanceId) -> Self {
        Self {
            source,
            target,
            source_url,
            holder,
        }
    }

    /// Copies all that is not there yet and compares everything.
    pub async fn run(self, now: Timestamp, progress: &mut impl Progress) -> Result<Vec<Copied>> {
        self.claim(now).await?;
        let finished = self.copy(progress).await;
        if let Err(error) = &finished
            && error.spoils()
        {
            self.in_target(async |tx| marker::set_to_be_emptied(tx, true).await)
                .await?;
        }
        finished
    }

    /// Takes the target, or says why it cannot be taken.
    async fn claim(&self, now: Timestamp) -> Result<()> {
        if self.source_is_marked().await? {
            return Err(Error::SourceUnfinished);
        }
        let made_at = self.source.scan(async |tx| marker::made_at(tx).await);
        let made_at = made_at.await.map_err(Error::Source)?;
        let claim = Claim {
            source_url: self.source_url.clone(),
            source_made_at: made_at.unwrap_or_default(),
            holder: self.holder,
            now,
        };
        let claimed = self
            .target
            .write(async move |tx| marker::claim(tx, &claim).await);
        match claimed.await.map_err(Error::Target)? {
            Claimed::NotEmpty(table) => return Err(Error::NotEmpty(table)),
            Claimed::Other { source_url } => return Err(Error::OtherSource(source_url)),
            Claimed::Fresh | Claimed::Interrupted => (),
        }
        // There are many ways to name one database. The mark shows wherever it is looked at from.
        if self.source_is_marked().await? {
            self.in_target(async |tx| marker::clear(tx).await).await?;
            return Err(Error::Same);
        }
        Ok(())
    }

    async fn source_is_marked(&self) -> Result<bool> {
        let is_set = self.source.scan(async |tx| marker::is_set(tx).await);
        is_set.await.map_err(Error::Source)
    }

    async fn copy(&self, progress: &mut impl Progress) -> Result<Vec<Copied>> {
        self.empty_if_needed(progress).await?;
        let mut earlier = Vec::new();
        for table in TABLES {
            earlier.push(self.copy_table(table, progress).await?);
        }
        let mut copied = Vec::new();
        for (table, earlier) in TABLES.iter().zip(earlier) {
            copied.push(Copied {
                table: table.name,
                earlier,
                checksum: self.check_table(table, progress).await?,
            });
        }
        self.in_target(async |tx| marker::clear(tx).await).await?;
        Ok(copied)
    }

    /// Deletes what does not come from the source as it is, those who refer first.
    async fn empty_if_needed(&self, progress: &mut impl Progress) -> Result<()> {
        let is_needed = self
            .target
            .scan(async |tx| marker::is_to_be_emptied(tx).await);
        if !is_needed.await.map_err(Error::Target)? {
            return Ok(());
        }
        for table in TABLES.iter().rev() {
            let total = rows(&self.target, table).await;
            // A fresh target has a handful of rows, of which there is nothing to tell.
            let takes_long = total.is_none_or(|total| total > PAGE as u64);
            if takes_long {
                progress.begin(Step::Emptying, table.name, 0, total);
            }
            let sql: Arc<str> = statements::delete_some(table).into();
            loop {
                let sql = sql.clone();
                let deleted = self
                    .in_target(async move |tx| tx.execute(&sql, &[(PAGE as i64).into()]).await)
                    .await?;
                if deleted == 0 {
                    break;
                }
                if takes_long {
                    progress.advance(deleted);
                }
            }
        }
        self.in_target(async |tx| marker::set_to_be_emptied(tx, false).await)
            .await
    }

    /// Copies the rows behind the last one that is there. Gives the number of those that were there.
    async fn copy_table(&self, table: &'static Table, progress: &mut impl Progress) -> Result<u64> {
        let last = self
            .target
            .scan(async |tx| {
                let sql = statements::select_last_key(table);
                tx.query_opt(&sql, &[], |row| Record::read_key(row, table))
                    .await
            })
            .await
            .map_err(Error::Target)?;
        let earlier = match last {
            Some(_) => rows(&self.target, table).await.unwrap_or(0),
            None => 0,
        };
        let total = rows(&self.source, table).await;
        progress.begin(Step::Copying, table.name, earlier, total);
        let inserts: Inserts = statements::INSERT_SIZES
            .map(|size| (size, statements::insert(table, size)))
            .into();
        let mut page = self.read(table, last).await?;
        while let Some(last) = page.last().map(|record| record.key(table)) {
            let written = page.len() as u64;
            // The next page is read while this one is written.
            let next = async {
                match page.len() {
                    PAGE => self.read(table, Some(last)).await,
                    _ => Ok(Page::default()),
                }
            };
            let (done, next) = join(self.insert(table, &inserts, page.clone()), next).await;
            done?;
            progress.advance(written);
            page = next?;
        }
        Ok(earlier)
    }

    async fn read(&self, table: &'static Table, behind: Option<Record>) -> Result<Page> {
        let place = behind.as_ref().map(|record| record.describe(table));
        let page = page(&self.source, table, behind).await;
        page.map_err(|error| match error {
            // One of the rows is not what the program would have written.
            error @ db::Error::Defect(_) => Error::Unreadable {
                table: table.name,
                behind: place.unwrap_or_else(|| "the start".to_owned()),
                error,
            },
            error => Error::Source(error),
        })
    }

    async fn insert(&self, table: &'static Table, inserts: &Inserts, page: Page) -> Result<()> {
        let (inserts, records) = (inserts.clone(), page.clone());
        let inserted = self.in_target(async move |tx| {
            let mut rest = &records[..];
            while !rest.is_empty() {
                let fitting = inserts.iter().find(|(size, _)| *size <= rest.len());
                let Some((size, sql)) = fitting else { break };
                let (now, later) = rest.split_at(*size);
                let values: Vec<Value<'_>> = now.iter().flat_map(Record::values).collect();
                tx.execute(sql, &values).await?;
                rest = later;
            }
            Ok(())
        });
        inserted.await.map_err(|error| match error {
            Error::Target(error) => explain(table, &page, error),
            error => error,
        })
    }

    /// Reads a table again from both sides.
    async fn check_table(
        &self,
        table: &'static Table,
        progress: &mut impl Progress,
    ) -> Result<Checksum> {
        let total = rows(&self.source, table).await;
        progress.begin(Step::Checking, table.name, 0, total);
        let of_target = checksum(&self.target, table, |_| ());
        let of_source = checksum(&self.source, table, |rows| progress.advance(rows));
        let (source, target) = try_join(async { of_source.await.map_err(Error::Source) }, async {
            of_target.await.map_err(Error::Target)
        })
        .await?;
        if source == target {
            Ok(source)
        } else {
            Err(Error::Differs {
                table: table.name,
                of: [source, target],
            })
        }
    }

    /// Runs a unit of work in the target, as long as that is ours.
    async fn in_target<T, F>(&self, mut unit: F) -> Result<T>
    where
        T: Send + 'static,
        F: AsyncFnMut(&mut db::Tx<'_>) -> db::Result<T> + Send + 'static,
    {
        let holder = self.holder;
        let done = self.target.write(async move |tx| {
            if !marker::hold(tx, holder).await? {
                return Ok(None);
            }
            unit(tx).await.map(Some)
        });
        done.await.map_err(Error::Target)?.ok_or(Error::TakenOver)
    }
}

/// The INSERT for each number of rows.
type Inserts = Arc<[(usize, String)]>;

type Page = Arc<[Record]>;

/// Rows of `table` behind a key.
async fn page(db: &Db, table: &'static Table, behind: Option<Record>) -> db::Result<Page> {
    db.scan(async move |tx| {
        let sql = statements::select_page(table, behind.is_some());
        let mut values: Vec<Value<'_>> = behind.iter().flat_map(Record::values).collect();
        values.push((PAGE as i64).into());
        tx.query_all(&sql, &values, |row| Record::read(row, table))
            .await
            .map(Page::from)
    })
    .await
}

/// How many rows a table has. `None` where that cannot be told in time; it is for show.
async fn rows(db: &Db, table: &'static Table) -> Option<u64> {
    let count = db.scan(async |tx| {
        let sql = statements::count(table);
        tx.query_opt(&sql, &[], |row| row.get::<i64>(0)).await
    });
    count.await.ok().flatten()?.try_into().ok()
}

async fn checksum(
    db: &Db,
    table: &'static Table,
    mut advance: impl FnMut(u64),
) -> db::Result<Checksum> {
    let mut sum = digest::Context::new(&digest::SHA256);
    let mut rows = 0;
    let mut encoded = Vec::new();
    let mut behind = None;
    loop {
        let page = page(db, table, behind).await?;
        for record in page.iter() {
            record.encode(&mut encoded);
        }
        sum.update(&encoded);
        encoded.clear();
        rows += page.len() as u64;
        advance(page.len() as u64);
        behind = page.last().map(|record| record.key(table));
        if page.len() < PAGE {
            break;
        }
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(sum.finish().as_ref());
    Ok(Checksum { rows, sha256 })
}

/// Why a page could not be written.
fn explain(table: &'static Table, page: &[Record], error: db::Error) -> Error {
    if let db::Error::Constraint(constraint) = &error {
        return Error::Torn {
            table: table.name,
            reason: constraint.to_string(),
        };
    }
    let mut nuls = page
        .iter()
        .filter_map(|record| Some((record, record.column_with_nul(table)?)));
    match (&error, nuls.next()) {
        (db::Error::Defect(_), Some((record, column))) => Error::Nul {
            table: table.name,
            key: record.describe(table),
            column,
        },
        _ => Error::Target(error),
    }
}
