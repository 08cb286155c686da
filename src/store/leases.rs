//! Leases: of many instances, one does a background job.

use super::db::{Result, Tx};
use crate::clock::Timestamp;
use crate::ids::InstanceId;

/// Takes or prolongs the lease `name` for `holder` until `until`; false while another holder has it. One that died is
/// waited for no longer than its lease.
pub async fn take(
    tx: &mut Tx<'_>,
    name: &str,
    holder: InstanceId,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool> {
    let changed = tx
        .execute(
            "INSERT INTO leases (name, holder, expires_at) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name) DO UPDATE SET holder = ?2, expires_at = ?3 \
             WHERE leases.expires_at <= ?4 OR leases.holder = ?2",
            &[name.into(), holder.into(), until.into(), now.into()],
        )
        .await?;
    Ok(changed == 1)
}

/// Writes the lease `name` as one that has ended, whether or not it is held. It protects no job: the write is a test.
pub async fn beat(tx: &mut Tx<'_>, name: &str, holder: InstanceId, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO leases (name, holder, expires_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (name) DO UPDATE SET holder = ?2, expires_at = ?3",
        &[name.into(), holder.into(), now.into()],
    )
    .await?;
    Ok(())
}
