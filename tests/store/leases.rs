//! Only the current holder of a mail decides about it. An earlier holder does not.

use std::time::Duration;

use vestibule::clock::Timestamp;
use vestibule::ids::MailId;
use vestibule::store::db::{Result, Tx};
use vestibule::store::mails::{self, NewMail};

use crate::fixture::Database;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const LEASE: Duration = Duration::from_secs(30);
const ID: MailId = MailId(uuid::Uuid::from_u128(7));

/// A mail that was held until `NOW + LEASE`, and is now held until `NOW + 2 * LEASE`. Gives both ends.
async fn taken_twice(tx: &mut Tx<'_>) -> Result<[Timestamp; 2]> {
    let mail = NewMail {
        id: ID,
        kind: "password_reset",
        user_id: None,
        recipient: "ada@example.com",
        facts: "{}",
        at: NOW,
    };
    mails::insert(tx, &mail).await?;
    let ends = [NOW.plus(LEASE), NOW.plus(2 * LEASE)];
    let mut now = NOW;
    for end in ends {
        let claimed = mails::claim(tx, now, end).await?;
        assert_eq!(claimed.expect("is due").id, ID);
        assert!(mails::claim(tx, now, end).await?.is_none());
        now = end;
    }
    Ok(ends)
}

/// When it is due; `None`: never.
async fn due_at(tx: &mut Tx<'_>) -> Result<Option<Timestamp>> {
    let found = tx.query_opt("SELECT due_at FROM mails", &[], |row| row.get(0));
    Ok(found.await?.expect("a mail"))
}

#[tokio::test]
async fn only_the_holder_has_a_say() {
    let database = Database::new().await;
    let unit = async |tx: &mut Tx<'_>| {
        let [lost, held] = taken_twice(tx).await?;
        let later = held.plus(LEASE);
        assert!(!mails::is_held(tx, ID, lost).await?);
        assert!(!mails::renew(tx, ID, lost, later).await?);
        assert!(!mails::put_off(tx, ID, lost, later, 1).await?);
        assert!(!mails::give_up(tx, ID, lost).await?);
        assert_eq!(due_at(tx).await?, Some(held));

        assert!(mails::is_held(tx, ID, held).await?);
        assert!(mails::renew(tx, ID, held, later).await?);
        assert_eq!(due_at(tx).await?, Some(later));
        assert!(mails::put_off(tx, ID, later, NOW, 1).await?);
        assert_eq!(due_at(tx).await?, Some(NOW));
        assert!(mails::give_up(tx, ID, NOW).await?);
        assert_eq!(due_at(tx).await?, None);
        // And what was given up is nobody's any more.
        assert!(mails::claim(tx, later, later.plus(LEASE)).await?.is_none());
        Ok::<_, vestibule::store::db::Error>(())
    };
    database.db.write(unit).await.expect("holds");
}
