//! Deleting what has expired, in batches so small that no write waits long behind one.

use super::{Error, Result, Services};
use crate::store::{login_throttles, sessions};

/// Rows in one unit of work.
const BATCH: i64 = 200;

/// Deletes expired sessions and spent login throttles; says how many rows.
pub async fn clean_up(services: &Services) -> Result<u64> {
    Ok(delete_sessions(services).await? + delete_throttles(services).await?)
}

async fn delete_sessions(services: &Services) -> Result<u64> {
    let now = services.now();
    let mut total = 0;
    loop {
        // Looked for where it holds up no write.
        let expired = services
            .db
            .scan(async move |tx| sessions::expired(tx, now, BATCH).await)
            .await?;
        let deleted: u64 = services
            .db
            .write(async move |tx| {
                let mut deleted = 0;
                for id in &expired {
                    deleted += sessions::delete_expired(tx, *id, now).await?;
                }
                Ok::<_, Error>(deleted)
            })
            .await?;
        total += deleted;
        if deleted == 0 {
            return Ok(total);
        }
    }
}

async fn delete_throttles(services: &Services) -> Result<u64> {
    let now = services.now();
    let mut total = 0;
    loop {
        let deleted: u64 = services
            .db
            .write(async move |tx| {
                Ok::<_, Error>(login_throttles::delete_full(tx, now, BATCH).await?)
            })
            .await?;
        total += deleted;
        if deleted == 0 {
            return Ok(total);
        }
    }
}
