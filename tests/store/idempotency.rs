//! What is kept under idempotency keys: taken once, and free again when it has expired.

use std::time::Duration;

use vestibule::clock::Timestamp;
use vestibule::store::db::{Error, Result, Tx};
use vestibule::store::idempotency::{self, Kept};

use crate::fixture::Database;
use crate::units::{Blocker, queue};

const ID: [u8; 32] = [1; 32];
const OTHER_ID: [u8; 32] = [2; 32];
const FINGERPRINT: [u8; 32] = [3; 32];
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LATER: Timestamp = Timestamp::from_millis(1_800_000_001_000);

async fn claim_in(tx: &mut Tx<'_>, id: [u8; 32]) -> Result<bool> {
    idempotency::claim(tx, &id, &FINGERPRINT, NOW, LATER).await
}

async fn claim(database: &Database, id: [u8; 32], now: Timestamp) -> bool {
    let expires_at = now.plus(LATER.since(NOW));
    let claimed = database
        .db
        .write(async move |tx| idempotency::claim(tx, &id, &FINGERPRINT, now, expires_at).await);
    claimed.await.expect("writes")
}

async fn find(database: &Database, now: Timestamp) -> Option<Kept> {
    let mut tx = database.db.read().await.expect("connects");
    idempotency::find(&mut tx, &ID, now).await.expect("reads")
}

#[tokio::test]
async fn a_key_is_taken_until_it_expires() {
    let database = Database::new().await;
    assert!(find(&database, NOW).await.is_none());
    assert!(claim(&database, ID, NOW).await);
    assert!(!claim(&database, ID, NOW).await);
    assert!(claim(&database, OTHER_ID, NOW).await);
    let kept = database
        .db
        .write(async |tx| idempotency::keep(tx, &ID, b"answer").await);
    assert!(kept.await.expect("writes"));
    let just_before = LATER.minus(Duration::from_millis(1));
    let kept = find(&database, just_before).await.expect("is there");
    assert_eq!(kept.fingerprint, FINGERPRINT);
    assert_eq!(kept.answer, b"answer");
    assert!(!claim(&database, ID, just_before).await);

    assert!(find(&database, LATER).await.is_none());
    assert!(claim(&database, ID, LATER).await);
    let kept = find(&database, LATER).await.expect("is there");
    assert!(kept.answer.is_empty(), "nothing of the old answer is left");
}

#[tokio::test]
async fn an_answer_needs_a_key_that_was_taken() {
    let database = Database::new().await;
    let kept = database
        .db
        .write(async |tx| idempotency::keep(tx, &ID, b"answer").await);
    assert!(!kept.await.expect("writes"));
}

#[tokio::test]
async fn a_unit_that_fails_leaves_its_key() {
    let database = Database::new().await;
    let failed = database.db.write(async |tx| {
        assert!(claim_in(tx, ID).await?);
        Err::<(), _>(Error::Defect("a test's".to_owned()))
    });
    assert!(failed.await.is_err());
    assert!(claim(&database, ID, NOW).await);
}

/// The second learns nothing before the first has ended.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_at_one_moment_the_second_waits_and_goes_without() {
    let database = Database::new().await;
    let first = Blocker::start_with(&database.db, async |tx| {
        assert!(claim_in(tx, ID).await?);
        Ok(())
    })
    .await;
    let db = database.db.clone();
    let second = queue(async move { db.write(async |tx| claim_in(tx, ID).await).await });
    let second = tokio::spawn(second);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!second.is_finished());
    assert!(find(&database, NOW).await.is_none(), "nothing is committed");
    first.release().await;
    assert!(!second.await.expect("ends").expect("writes"));
    assert!(find(&database, NOW).await.is_some());
}
