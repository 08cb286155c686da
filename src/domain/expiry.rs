//! Deleting what has expired, in batches so small that no write waits long behind one.

use super::{Error, Result, Services};
use crate::store::{login_throttles, sessions};

/// Rows in one unit of work.
const BATCH: i64 = 200;

/// Deletes expired sessions and spent login throttles; says how many rows.
pub async fn clean_up(services: &Services) -> Result<u64> {
    let now = services.now();
    let mut total = 0;
    loop {
        let deleted: u64 = services
            .db
            .write(async move |tx| {
                let sessions = sessions::delete_expired(tx, now, BATCH).await?;
                let throttles = login_throttles::delete_full(tx, now, BATCH).await?;
                Ok::<_, Error>(sessions + throttles)
            })
            .await?;
        total += deleted;
        if deleted == 0 {
            return Ok(total);
        }
    }
}
