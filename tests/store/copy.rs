//! A copy from one database to another: whole, or not used. What happens in the middle of one is done by those who are told
//! how far it is.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;
use vestibule::clock::{ManualClock, SharedClock, Timestamp};
use vestibule::ids::{Ids, InstanceId, SystemRandom};
use vestibule::store::copy::{Copied, Copy, Error, Progress, Step};
use vestibule::store::db::{self, Db, Value};
use vestibule::store::tables::TABLES;

use crate::database::TestDatabase;
use crate::fixture::url_of;

const NOW: Timestamp = Timestamp::from_millis(1_790_000_000_000);

/// More than two pages.
const USERS: u128 = 2500;

/// A database of its own: not a copy of a template, which has the same age as all others.
struct Place {
    db: Db,
    database: TestDatabase,
}

impl Place {
    fn new() -> Self {
        let database = TestDatabase::empty();
        let url = url_of(&database);
        Db::migrate(&url).expect("migrates");
        let db = Db::open(&url).expect("opens");
        Self { db, database }
    }

    /// One with users, of whom some have a session and all a role, and with a row in every other table.
    async fn with_users() -> Self {
        let place = Self::new();
        for first in (0..USERS).step_by(500) {
            let added = place.db.write(async move |tx| {
                for number in first..first + 500 {
                    add_user(tx, number).await?;
                    if number % 4 == 0 {
                        add_session(tx, number).await?;
                    }
                }
                Ok::<_, db::Error>(())
            });
            added.await.expect("writes");
        }
        place
            .run("INSERT INTO roles (name, description, is_builtin, updated_at) VALUES ('Zoë', '', FALSE, 7)")
            .await;
        place
            .run(
                "INSERT INTO role_permissions (role_name, permission) VALUES ('Zoë', 'audit:read')",
            )
            .await;
        // A built-in role is what the source says it is.
        place
            .run("DELETE FROM role_permissions WHERE permission = 'roles:write'")
            .await;
        place
            .run_with(
                "INSERT INTO throttles (subject, full_at) VALUES (?1, -1), (?2, 2)",
                vec![Value::Bytes(&[0, 255, 0]), Value::Bytes(&[])],
            )
            .await;
        place
            .run_with(
                "INSERT INTO idempotency_keys (id, fingerprint, answer, expires_at) VALUES (?1, ?1, ?2, 2)",
                vec![Value::Bytes(&[255; 32]), Value::Bytes(&[0, 255])],
            )
            .await;
        place.add_mail().await;
        place
    }

    /// A row in every table that has to do with mail.
    async fn add_mail(&self) {
        let (hash, one) = (Value::Bytes(&[7; 32]), id(1));
        for (sql, values) in [
            (
                "INSERT INTO registrations (id, email, email_key, username, username_key, full_name, password_hash, \
                 locale, created_at, expires_at) VALUES (?1, 'Ä@x', 'ä@x', 'N', 'n', NULL, 'h', 'de', 1, 2)",
                vec![one],
            ),
            (
                "INSERT INTO one_time_tokens (hash, purpose, user_id, registration_id, email, email_key, expires_at) \
                 VALUES (?1, 'verify_email', NULL, ?2, 'Ä@x', 'ä@x', 2)",
                vec![hash, one],
            ),
            (
                "INSERT INTO held_emails (id, email_key, user_id, expires_at) SELECT ?1, 'ä@x', id, 2 FROM users \
                 WHERE username = 'Nürnberg 3'",
                vec![one],
            ),
            (
                "INSERT INTO email_codes (address, code, user_id, tries, expires_at) VALUES (?1, ?1, NULL, 3, 2)",
                vec![hash],
            ),
            (
                "INSERT INTO known_devices (user_id, device, last_seen_at, network) SELECT id, ?1, 2, ?1 FROM users \
                 WHERE username = 'Nürnberg 3'",
                vec![hash],
            ),
            (
                "INSERT INTO failed_checks (user_id, way, failures) SELECT id, 'stranger', 3 FROM users \
                 WHERE username = 'Nürnberg 3'",
                vec![],
            ),
            (
                "INSERT INTO login_codes (handle, code, user_id, is_known, is_spent, tries, expires_at) \
                 VALUES (?1, ?1, NULL, TRUE, FALSE, 3, 2)",
                vec![hash],
            ),
            (
                "INSERT INTO mails (id, kind, user_id, recipient, facts, created_at, due_at, attempts) \
                 VALUES (?1, 'test', NULL, 'ä@x', '{}', 1, NULL, 10)",
                vec![one],
            ),
        ] {
            self.run_with(sql, values).await;
        }
    }

    async fn run(&self, sql: &'static str) {
        self.run_with(sql, Vec::new()).await;
    }

    async fn run_with(&self, sql: &'static str, values: Vec<Value<'static>>) {
        let done = self
            .db
            .write(async move |tx| tx.execute(sql, &values).await);
        done.await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        let mut tx = self.db.read().await.expect("a reader");
        let count = tx.query_opt(&sql, &[], |row| row.get(0)).await;
        count.expect("reads").expect("a row")
    }

    async fn text(&self, sql: &str) -> Option<String> {
        let mut tx = self.db.read().await.expect("a reader");
        let text = tx.query_opt(sql, &[], |row| row.get::<Option<String>>(0));
        text.await.expect("reads").flatten()
    }
}

/// Versions do not matter to the database.
fn id(number: u128) -> Value<'static> {
    Value::Uuid(Uuid::from_u128(number))
}

async fn add_user(tx: &mut db::Tx<'_>, number: u128) -> db::Result<()> {
    let name = format!("Nürnberg {number}");
    let values = [
        id(number),
        (&name).into(),
        number.is_multiple_of(3).then_some(&name).into(),
        number.is_multiple_of(2).into(),
        i64::try_from(number).expect("small").into(),
    ];
    tx.execute(
        "INSERT INTO users (id, email, email_key, username, username_key, full_name, password_hash, email_verified, \
         is_active, created_at, updated_at, last_login_at) VALUES (?1, ?2, ?2, ?2, ?2, ?3, NULL, ?4, TRUE, ?5, ?5, NULL)",
        &values,
    )
    .await?;
    tx.execute(
        "INSERT INTO user_roles (user_id, role_name) VALUES (?1, 'user')",
        &values[..1],
    )
    .await?;
    tx.execute(
        "INSERT INTO audit_events (id, at, action, actor_id, target_id, session_id, ip, user_agent, outcome, data) \
         VALUES (?1, 5, 'user.registered', ?1, NULL, NULL, '::1', NULL, 'success', '{}')",
        &values[..1],
    )
    .await?;
    Ok(())
}

async fn add_session(tx: &mut db::Tx<'_>, number: u128) -> db::Result<()> {
    tx.execute(
        "INSERT INTO sessions (id, user_id, refresh_counter, rotated_at, scope, authenticated_at, created_at, last_used_at, \
         expires_at, revoked_at, ip, user_agent) VALUES (?1, ?2, 3, 4, 'account', 5, 6, 7, 9223372036854775807, NULL, NULL, '')",
        &[id(number + 1_000_000), id(number)],
    )
    .await?;
    Ok(())
}

/// Calls `hook` once, when that step of that table begins.
struct At<F> {
    step: Step,
    table: &'static str,
    hook: Option<F>,
    seen: Vec<(Step, &'static str)>,
}

impl<F> At<F> {
    fn new(step: Step, table: &'static str, hook: F) -> Self {
        Self {
            step,
            table,
            hook: Some(hook),
            seen: Vec::new(),
        }
    }
}

impl<F: FnOnce()> Progress for At<F> {
    fn begin(&mut self, step: Step, table: &'static str, _: u64, _: Option<u64>) {
        self.seen.push((step, table));
        if (step, table) == (self.step, self.table)
            && let Some(hook) = self.hook.take()
        {
            hook();
        }
    }

    fn advance(&mut self, _: u64) {}
}

/// Ends a run in the middle of its first table.
struct Interrupt;

impl Progress for Interrupt {
    fn begin(&mut self, _: Step, _: &'static str, _: u64, _: Option<u64>) {}

    fn advance(&mut self, rows: u64) {
        assert_eq!(rows, 0, "interrupted");
    }
}

/// Does something asynchronous in the middle of a copy, and waits for it.
fn meanwhile<T: Send>(job: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(job)
        });
        thread.join().expect("no panic")
    })
}

fn copy(source: &Place, target: &Place) -> Copy {
    let clock: SharedClock = Arc::new(ManualClock::at(NOW));
    let holder = InstanceId::new(&Ids::new(clock, Arc::new(SystemRandom)));
    let (source, target) = (source.db.clone(), target.db.clone());
    Copy::new(source, target, "the source".to_owned(), holder)
}

async fn run(source: &Place, target: &Place) -> Result<Vec<Copied>, Error> {
    let mut unheard = At::new(Step::Emptying, "none", || ());
    copy(source, target).run(NOW, &mut unheard).await
}

/// Interrupts a copy in the middle.
async fn interrupt(source: &Place, target: &Place) {
    let copy = copy(source, target);
    let interrupted = tokio::spawn(async move { copy.run(NOW, &mut Interrupt).await.map(drop) });
    assert!(interrupted.await.expect_err("panics").is_panic());
    let there = target.count("users").await;
    assert!(there > 0 && there < source.count("users").await, "{there}");
}

async fn expect_unfinished(place: &Place) {
    assert!(matches!(place.db.check().await, Err(db::Error::Unfinished)));
    let migrated = Db::migrate(&url_of(&place.database)).expect("migrates");
    assert!(migrated.has_unfinished_copy);
}

async fn expect_same(source: &Place, target: &Place) {
    for table in TABLES {
        assert_eq!(
            source.count(table.name).await,
            target.count(table.name).await,
            "{}",
            table.name
        );
    }
    target.db.check().await.expect("is finished");
    let migrated = Db::migrate(&url_of(&target.database)).expect("migrates");
    assert!(!migrated.has_unfinished_copy);
}

#[tokio::test]
async fn everything_arrives_as_it_is() {
    let (source, target) = (Place::with_users().await, Place::new());
    let copied = run(&source, &target).await.expect("copies");
    expect_same(&source, &target).await;
    let rows = copied.iter().map(|one| (one.table, one.checksum.rows));
    let expected = [
        ("users", 2500),
        ("roles", 3),
        ("role_permissions", 7),
        ("user_roles", 2500),
        ("sessions", 625),
        ("audit_events", 2500),
        ("throttles", 2),
        ("idempotency_keys", 1),
        ("registrations", 1),
        ("one_time_tokens", 1),
        ("held_emails", 1),
        ("email_codes", 1),
        ("known_devices", 1),
        ("failed_checks", 1),
        ("login_codes", 1),
        ("mails", 1),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert!(copied.iter().all(|one| one.earlier == 0), "{copied:?}");
    for (sql, expected) in [
        (
            "SELECT full_name FROM users WHERE username = 'Nürnberg 3'",
            Some("Nürnberg 3"),
        ),
        (
            "SELECT full_name FROM users WHERE username = 'Nürnberg 4'",
            None,
        ),
        (
            "SELECT username FROM users WHERE email_verified AND created_at = 2498",
            Some("Nürnberg 2498"),
        ),
        (
            "SELECT role_name FROM role_permissions WHERE permission = 'roles:write'",
            None,
        ),
        ("SELECT name FROM roles WHERE updated_at = 7", Some("Zoë")),
    ] {
        assert_eq!(target.text(sql).await.as_deref(), expected, "{sql}");
    }
    // And what came can be copied on.
    let third = Place::new();
    let again = run(&target, &third).await.expect("copies");
    for (one, other) in copied.iter().zip(&again) {
        assert_eq!(one.checksum, other.checksum, "{}", one.table);
    }
}

#[tokio::test]
async fn a_target_with_rows_of_somebody_is_left_alone() {
    let source = Place::with_users().await;
    for (table, sql, values) in [
        (
            "roles",
            "INSERT INTO roles (name, description, is_builtin, updated_at) VALUES ('mine', '', FALSE, 0)",
            vec![],
        ),
        (
            "audit_events",
            "INSERT INTO audit_events (id, at, action, outcome, data) VALUES (?1, 0, 'x', 'success', '')",
            vec![id(1)],
        ),
        (
            "throttles",
            "INSERT INTO throttles (subject, full_at) VALUES (?1, 0)",
            vec![Value::Bytes(&[1])],
        ),
    ] {
        let target = Place::new();
        target.run_with(sql, values).await;
        let before = target.count(table).await;
        let refused = run(&source, &target).await;
        assert!(
            matches!(refused, Err(Error::NotEmpty(found)) if found == table),
            "{refused:?}"
        );
        assert_eq!(target.count(table).await, before);
        target.db.check().await.expect("is in use");
    }
    let refused = run(&source, &Place::with_users().await).await;
    assert!(
        matches!(refused, Err(Error::NotEmpty("users"))),
        "{refused:?}"
    );
}

/// An instance that was started on the target, and stopped again.
#[tokio::test]
async fn what_running_instances_hold_is_neither_copied_nor_in_the_way() {
    let (source, target) = (Place::with_users().await, Place::new());
    let sql = "INSERT INTO leases (name, holder, expires_at) VALUES ('job', ?1, 9)";
    for (place, holder) in [(&source, 1), (&target, 2)] {
        place.run_with(sql, vec![id(holder)]).await;
    }
    run(&source, &target).await.expect("copies");
    let mut tx = target.db.read().await.expect("a reader");
    let holder = tx.query_opt("SELECT holder FROM leases", &[], |row| row.get(0));
    assert_eq!(holder.await.expect("reads"), Some(Uuid::from_u128(2)));
}

#[tokio::test]
async fn an_interrupted_copy_goes_on_where_it_was() {
    let (source, target) = (Place::with_users().await, Place::new());
    interrupt(&source, &target).await;
    expect_unfinished(&target).await;
    let there = target.count("users").await;

    let copied = run(&source, &target).await.expect("goes on");
    assert_eq!(i64::try_from(copied[0].earlier).expect("small"), there);
    assert_eq!(copied[0].checksum.rows, 2500);
    expect_same(&source, &target).await;
}

#[tokio::test]
async fn only_a_copy_of_the_same_source_goes_on() {
    let (source, target) = (Place::with_users().await, Place::new());
    interrupt(&source, &target).await;
    let other = Place::with_users().await;
    let refused = run(&other, &target).await;
    assert!(
        matches!(&refused, Err(Error::OtherSource(url)) if url == "the source"),
        "{refused:?}"
    );
    let refused = run(&target, &Place::new()).await;
    assert!(
        matches!(refused, Err(Error::SourceUnfinished)),
        "{refused:?}"
    );
    expect_unfinished(&target).await;
    run(&source, &target).await.expect("goes on");
}

#[tokio::test]
async fn a_database_is_not_copied_onto_itself_however_it_is_reached() {
    let place = Place::new();
    let refused = run(&place, &place).await;
    assert!(matches!(refused, Err(Error::Same)), "{refused:?}");
    assert_eq!(place.count("roles").await, 2);
    place.db.check().await.expect("is in use");
}

/// A row behind which the copy had gone already.
#[tokio::test]
async fn a_source_that_is_written_to_is_noticed_and_the_next_run_starts_over() {
    let (source, target) = (Place::with_users().await, Place::new());
    let db = source.db.clone();
    let mut progress = At::new(Step::Checking, "users", || {
        meanwhile(db.write(async |tx| {
            tx.execute(
                "UPDATE users SET is_active = FALSE WHERE created_at = 17",
                &[],
            )
            .await
        }))
        .expect("writes");
    });
    let differs = copy(&source, &target).run(NOW, &mut progress).await;
    let Err(error @ Error::Differs { table: "users", .. }) = differs else {
        panic!("{differs:?}");
    };
    let message = error.to_string();
    assert!(
        message.contains("2500 rows") && message.contains("start over"),
        "{message}"
    );
    expect_unfinished(&target).await;

    let mut progress = At::new(Step::Emptying, "none", || ());
    let copied = copy(&source, &target).run(NOW, &mut progress).await;
    assert_eq!(copied.expect("copies")[0].earlier, 0);
    assert!(
        progress.seen.contains(&(Step::Emptying, "users")),
        "{:?}",
        progress.seen
    );
    expect_same(&source, &target).await;
}

/// A user who came when the users had been copied, with a session.
#[tokio::test]
async fn rows_that_do_not_go_together_are_noticed() {
    let (source, target) = (Place::with_users().await, Place::new());
    let db = source.db.clone();
    let mut progress = At::new(Step::Copying, "sessions", || {
        meanwhile(db.write(async |tx| {
            add_user(tx, USERS).await?;
            add_session(tx, USERS).await
        }))
        .expect("writes");
    });
    let torn = copy(&source, &target).run(NOW, &mut progress).await;
    assert!(
        matches!(
            torn,
            Err(Error::Torn {
                table: "sessions",
                ..
            })
        ),
        "{torn:?}"
    );
    expect_unfinished(&target).await;
    run(&source, &target).await.expect("starts over");
    expect_same(&source, &target).await;
}

/// A service that goes on running on the target.
#[tokio::test]
async fn a_target_that_is_written_to_is_noticed() {
    let (source, target) = (Place::with_users().await, Place::new());
    let db = target.db.clone();
    let mut progress = At::new(Step::Checking, "users", || {
        meanwhile(db.write(async |tx| add_user(tx, USERS).await)).expect("writes");
    });
    let differs = copy(&source, &target).run(NOW, &mut progress).await;
    assert!(
        matches!(differs, Err(Error::Differs { table: "users", .. })),
        "{differs:?}"
    );
    run(&source, &target).await.expect("starts over");
    expect_same(&source, &target).await;
}

#[tokio::test]
async fn of_two_copies_at_one_time_the_later_one_is_made() {
    let (source, target) = (Place::with_users().await, Place::new());
    let mut progress = At::new(Step::Copying, "sessions", || {
        meanwhile(run(&source, &target)).expect("copies");
    });
    let first = copy(&source, &target).run(NOW, &mut progress);
    let first = tokio::time::timeout(Duration::from_secs(60), first).await;
    let first = first.expect("ends");
    assert!(matches!(first, Err(Error::TakenOver)), "{first:?}");
    expect_same(&source, &target).await;
}
