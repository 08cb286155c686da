//! How SQLite runs the statements that requests and background jobs run.

use vestibule::store::users::{COUNT_KEYS, Search, page_statement};
use vestibule::store::{
    audit, email_codes, failed_checks, held_emails, idempotency, known_devices, login_codes, mails,
    one_time_tokens, registrations, sessions, throttles, users,
};

use crate::filled::{self, Size};
use crate::lists::filters;

const SIZE: Size = Size {
    users: 1_000_000,
    throttles: 100_000,
    answers: 100_000,
    mails: 100_000,
    one_expired_of: 10,
};

fn plan(connection: &rusqlite::Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().expect("explains") {
        steps.push(row.get::<_, String>(3).expect("a text"));
    }
    assert!(!steps.is_empty(), "{sql}");
    steps
}

/// Steps that look at all rows of a table: `SCAN users`, and `SCAN users USING INDEX …` as well.
fn full_scans(steps: &[String]) -> Vec<&String> {
    let is_full = |step: &&String| {
        filled::TABLES.iter().any(|table| {
            step.strip_prefix("SCAN ")
                .and_then(|rest| rest.split(' ').next())
                == Some(*table)
        })
    };
    steps.iter().filter(is_full).collect()
}

/// Checks that each statement looks only for what it needs, by way of the index named.
fn check(connection: &rusqlite::Connection) {
    let by_id = "SEARCH users USING PRIMARY KEY (id<?)";
    let mut expected = vec![
        (
            sessions::AUTHENTICATE.to_owned(),
            "SEARCH sessions USING PRIMARY KEY (id=?)",
        ),
        (
            users::CREDENTIALS_BY_EMAIL.to_owned(),
            "SEARCH users USING INDEX sqlite_autoindex_users_2 (email_key=?)",
        ),
        (
            users::CREDENTIALS_BY_USERNAME.to_owned(),
            "SEARCH users USING INDEX sqlite_autoindex_users_3 (username_key=?)",
        ),
        (
            sessions::REVOKE_ALL.to_owned(),
            "SEARCH sessions USING INDEX sessions_live (user_id=?)",
        ),
        (
            sessions::PART.to_owned(),
            "SEARCH sessions USING PRIMARY KEY (id>?)",
        ),
        (
            audit::DELETE_ORIGINS.to_owned(),
            "SEARCH audit_events USING COVERING INDEX audit_events_origin_until (origin_until<?)",
        ),
        (
            throttles::DELETE_FULL.to_owned(),
            "SEARCH throttles USING COVERING INDEX throttles_full_at (full_at<?)",
        ),
        (
            idempotency::FIND.to_owned(),
            "SEARCH idempotency_keys USING INDEX sqlite_autoindex_idempotency_keys_1 (id=?)",
        ),
        (
            idempotency::DELETE_EXPIRED.to_owned(),
            "SEARCH idempotency_keys USING INDEX idempotency_keys_expires_at (expires_at<?)",
        ),
        (
            mails::CLAIM.to_owned(),
            "SEARCH mails USING COVERING INDEX mails_due_at (due_at<?)",
        ),
        (
            mails::WAITING.to_owned(),
            "SEARCH mails USING COVERING INDEX mails_due_at (due_at=?)",
        ),
        (
            mails::DELETE_GIVEN_UP.to_owned(),
            "SEARCH mails USING INDEX mails_due_at (due_at=?)",
        ),
        (
            registrations::FIND_BY_EMAIL.to_owned(),
            "SEARCH registrations USING INDEX registrations_email_key (email_key=?)",
        ),
        (
            registrations::HASHES_BY_EMAIL.to_owned(),
            "SEARCH registrations USING INDEX registrations_email_key (email_key=?)",
        ),
        (
            registrations::FIND_BY_USERNAME.to_owned(),
            "SEARCH registrations USING INDEX registrations_username_key (username_key=?)",
        ),
        (
            registrations::DELETE_EXPIRED.to_owned(),
            "SEARCH registrations USING COVERING INDEX registrations_expires_at (expires_at<?)",
        ),
        (
            held_emails::IS_HELD.to_owned(),
            "SEARCH held_emails USING INDEX held_emails_email_key (email_key=?)",
        ),
        (
            held_emails::RELEASE_SINCE.to_owned(),
            "SEARCH held_emails USING INDEX held_emails_user_id (user_id=?)",
        ),
        (
            held_emails::DELETE_EXPIRED.to_owned(),
            "SEARCH held_emails USING COVERING INDEX held_emails_expires_at (expires_at<?)",
        ),
        (
            one_time_tokens::REVOKE_GIVEN[0].to_owned(),
            "SEARCH one_time_tokens USING INDEX one_time_tokens_user_id (user_id=?)",
        ),
        (
            one_time_tokens::REVOKE_GIVEN[1].to_owned(),
            "SEARCH one_time_tokens USING INDEX one_time_tokens_maker_id (maker_id=?)",
        ),
        (
            one_time_tokens::ISSUED_LATER.to_owned(),
            "SEARCH later USING INDEX one_time_tokens_user_id (user_id=?)",
        ),
        (
            one_time_tokens::DELETE_EXPIRED.to_owned(),
            "SEARCH one_time_tokens USING COVERING INDEX one_time_tokens_expires_at (expires_at<?)",
        ),
        (
            email_codes::DELETE_EXPIRED.to_owned(),
            "SEARCH email_codes USING COVERING INDEX email_codes_expires_at (expires_at<?)",
        ),
        (
            known_devices::DELETE_UNSEEN.to_owned(),
            "SEARCH known_devices USING COVERING INDEX known_devices_last_seen_at (last_seen_at<?)",
        ),
        (
            known_devices::LOOK.to_owned(),
            "SEARCH known_devices USING COVERING INDEX known_devices_network (network=? AND last_seen_at>?)",
        ),
        (
            failed_checks::TAKE.to_owned(),
            "SEARCH users USING PRIMARY KEY (id=?)",
        ),
        (
            login_codes::LIVE.to_owned(),
            "SEARCH login_codes USING INDEX login_codes_user_id (user_id=?)",
        ),
        (
            login_codes::DELETE_EXPIRED.to_owned(),
            "SEARCH login_codes USING COVERING INDEX login_codes_expires_at (expires_at<?)",
        ),
        (
            COUNT_KEYS.to_owned(),
            "SEARCH users USING COVERING INDEX sqlite_autoindex_users_2 (email_key>? AND email_key<?)",
        ),
    ];
    for prefix in [None, Some("a")] {
        for filter in filters(prefix) {
            let way = match (&filter.role, filter.is_active) {
                (_, Some(false)) => "SEARCH users USING INDEX users_inactive (id<?)",
                (Some(_), _) => {
                    "SEARCH user_roles USING COVERING INDEX user_roles_role_name (role_name=? AND user_id<?)"
                }
                (None, _) => by_id,
            };
            expected.push((page_statement(&filter, Search::Many), way));
        }
    }
    for (sql, way) in &expected {
        let steps = plan(connection, sql);
        assert!(full_scans(&steps).is_empty(), "{sql}: {steps:#?}");
        assert!(steps.iter().any(|step| step == way), "{sql}: {steps:#?}");
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "{sql}: {steps:#?}");
    }
    // Sorted, of which there are few.
    let steps = plan(connection, sessions::END_OLDEST);
    let live = "SEARCH sessions USING INDEX sessions_live (user_id=?)";
    assert!(full_scans(&steps).is_empty(), "{steps:#?}");
    assert!(steps.iter().any(|step| step == live), "{steps:#?}");
    // Sorted, but never read from one end to the other.
    for filter in filters(Some("abcd")) {
        let sql = page_statement(&filter, Search::Few);
        let steps = plan(connection, &sql);
        assert!(full_scans(&steps).is_empty(), "{sql}: {steps:#?}");
        let by_key = steps
            .iter()
            .any(|step| step.contains("(email_key>? AND email_key<?)"));
        let by_list = steps.iter().any(|step| step.contains("users_inactive"));
        assert!(by_key || by_list, "{sql}: {steps:#?}");
    }
}

#[test]
#[ignore = "fills a database with a million users"]
fn no_statement_reads_a_table_of_many_rows_to_its_end() {
    let _turn = crate::TURN.blocking_lock();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large.db");
    drop(filled::sqlite(&file, SIZE));
    let connection = rusqlite::Connection::open(&file).expect("opens");
    let whole = "SELECT * FROM users WHERE full_name = ?1 ORDER BY email";
    assert_eq!(
        full_scans(&plan(&connection, whole)).len(),
        1,
        "would be seen"
    );
    // In service the engine has no statistics; somebody may have it gather some.
    check(&connection);
    connection.execute_batch("ANALYZE").expect("analyses");
    let connection = rusqlite::Connection::open(&file).expect("opens");
    check(&connection);
}
