//! Databases with many users, filled by the engines themselves. Each user has the role `user` and a session; ten are
//! inactive and five are administrators, all spread evenly, as are names and addresses: they begin with hexadecimal
//! digits, each as often as any other.

#![allow(dead_code, reason = "each program uses a part of it")]

use std::path::Path;
use std::time::Duration;

use uuid::Uuid;
use vestibule::clock::Timestamp;
use vestibule::config::DatabaseUrl;
use vestibule::ids::{InstanceId, SessionId, UserId};
use vestibule::store::db::Db;
use vestibule::store::sessions::Lifetimes;

use crate::postgres::Session;

/// The moment at which the databases are looked at. All sessions live, except for one of ten if asked for.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub const INSTANCE: InstanceId = InstanceId(Uuid::nil());
pub const LIFETIMES: Lifetimes = Lifetimes {
    now: NOW,
    idle: Duration::from_secs(3600),
    absolute: Duration::from_secs(30 * 86_400),
};

/// When the first user came; one came each millisecond.
const FIRST: i64 = 1_700_000_000_000;

pub const INACTIVE: i64 = 10;
pub const ADMINS: i64 = 5;

/// The tables of many rows.
pub const TABLES: &[&str] = &[
    "users",
    "user_roles",
    "sessions",
    "throttles",
    "idempotency_keys",
    "mails",
    "registrations",
    "one_time_tokens",
    "held_emails",
    "email_codes",
    "known_devices",
    "failed_checks",
    "login_codes",
];

/// How many rows, and how many of all that expires have expired.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub users: i64,
    pub throttles: i64,
    pub answers: i64,
    /// In each of the tables around mails.
    pub mails: i64,
    /// One of how many; 0 for none.
    pub one_expired_of: i64,
}

impl Size {
    pub const fn users(users: i64) -> Self {
        Self {
            users,
            throttles: 0,
            answers: 0,
            mails: 0,
            one_expired_of: 0,
        }
    }
}

fn uuid(n: i64) -> Uuid {
    let (time, n) = (
        u128::try_from(FIRST + n).expect("positive"),
        u128::try_from(n).expect("positive"),
    );
    Uuid::from_u128(time << 80 | 0x7000_8000 << 48 | n)
}

/// The user who came as number `n`, from 1 on.
pub fn user_id(n: i64) -> UserId {
    UserId(uuid(n))
}

/// His session.
pub fn session_id(n: i64) -> SessionId {
    SessionId(uuid(n))
}

/// One mail of so many was given up; the others wait.
pub const GIVEN_UP: i64 = 50;

/// The id of a kept answer, the hash of a token, the MAC of an address or of a device.
pub fn hash(n: i64) -> [u8; 32] {
    let mut id = [0; 32];
    id[24..].copy_from_slice(&n.to_be_bytes());
    id
}

/// His username, in hexadecimal digits.
pub fn username(n: i64) -> String {
    spread(n, 2_654_435_761)
}

/// His address.
pub fn email(n: i64) -> String {
    format!("{}@example.com", spread(n, 2_246_822_519))
}

/// Each `n` has another value, and those of neighbours are far apart (multiplicative hashing, Knuth, TAOCP 3, §6.4).
fn spread(n: i64, factor: i64) -> String {
    format!("{:08x}", n * factor % (1 << 32))
}

/// What the engines spell in their own ways, for a column `n`.
struct Dialect {
    numbers: fn(i64) -> String,
    uuid: &'static str,
    hex: fn(&str) -> String,
    /// So many hexadecimal digits.
    bytes: fn(usize) -> String,
}

const SQLITE: Dialect = Dialect {
    numbers: |count| {
        format!(
            "(WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
             SELECT n FROM numbers) AS numbers"
        )
    },
    uuid: "unhex(printf('%012x70008000%012x', 1700000000000 + n, n))",
    hex: |number| format!("printf('%08x', {number})"),
    bytes: |digits| format!("unhex(printf('%0{digits}x', n))"),
};

const POSTGRES: Dialect = Dialect {
    numbers: |count| format!("generate_series(1::bigint, {count}) AS numbers (n)"),
    uuid: "(lpad(to_hex(1700000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid",
    hex: |number| format!("lpad(to_hex({number}), 8, '0')"),
    bytes: |digits| format!("decode(lpad(to_hex(n), {digits}, '0'), 'hex')"),
};

fn statements(size: Size, dialect: &Dialect) -> String {
    let Size {
        users,
        throttles,
        answers,
        mails,
        ..
    } = size;
    let numbers = (dialect.numbers)(users);
    let id = dialect.uuid;
    let username = (dialect.hex)("n * 2654435761 % 4294967296");
    let email = format!(
        "{} || '@example.com'",
        (dialect.hex)("n * 2246822519 % 4294967296")
    );
    let (every_inactive, every_admin) = (users / INACTIVE, users / ADMINS);
    let (past, future) = (NOW.millis() - 1, NOW.millis() + 3_600_000);
    let expires_at = match size.one_expired_of {
        0 => future.to_string(),
        every => format!("CASE WHEN n % {every} = 0 THEN {past} ELSE {future} END"),
    };
    let mut sql = format!(
        "INSERT INTO users (id, email, email_key, username, username_key, full_name, password_hash, email_verified, \
         is_active, created_at, updated_at) \
         SELECT {id}, {email}, {email}, {username}, {username}, 'Somebody Else', '$2b$12${hash}', n > 0, \
         n % {every_inactive} <> 0, {FIRST} + n, {FIRST} + n FROM {numbers}; \
         INSERT INTO user_roles (user_id, role_name) SELECT {id}, 'user' FROM {numbers}; \
         INSERT INTO user_roles (user_id, role_name) SELECT {id}, 'admin' FROM {numbers} WHERE n % {every_admin} = 7; \
         INSERT INTO sessions (id, user_id, refresh_counter, rotated_at, scope, authenticated_at, created_at, \
         last_used_at, expires_at, ip, user_agent) SELECT {id}, {id}, 0, {FIRST} + n, '', {FIRST} + n, {begun}, \
         {FIRST} + n, {expires_at}, '192.0.2.1', 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101' \
         FROM {numbers};",
        hash = "x".repeat(53),
        begun = NOW.millis() - 86_400_000,
    );
    if throttles > 0 {
        let numbers = (dialect.numbers)(throttles);
        sql.push_str(&format!(
            "INSERT INTO throttles (subject, full_at) SELECT {}, {expires_at} FROM {numbers};",
            (dialect.bytes)(12)
        ));
    }
    if answers > 0 {
        let numbers = (dialect.numbers)(answers);
        let bytes = (dialect.bytes)(64);
        sql.push_str(&format!(
            "INSERT INTO idempotency_keys (id, fingerprint, answer, expires_at) \
             SELECT {bytes}, {bytes}, {bytes}, {expires_at} FROM {numbers};"
        ));
    }
    if mails > 0 {
        let numbers = (dialect.numbers)(mails);
        let bytes = (dialect.bytes)(64);
        sql.push_str(&format!(
            "INSERT INTO mails (id, kind, user_id, recipient, facts, created_at, due_at, attempts) \
             SELECT {id}, 'password_reset', {id}, {email}, '{{}}', {FIRST} + n, \
             CASE WHEN n % {GIVEN_UP} = 0 THEN NULL ELSE {FIRST} + n END, 0 FROM {numbers}; \
             INSERT INTO registrations (id, email, email_key, username, username_key, password_hash, created_at, \
             expires_at) SELECT {id}, {email}, {email}, {username}, {username}, '', {FIRST} + n, {expires_at} \
             FROM {numbers}; \
             INSERT INTO one_time_tokens (hash, purpose, user_id, email, email_key, expires_at) \
             SELECT {bytes}, 'undo', {id}, {email}, {email}, {expires_at} FROM {numbers}; \
             INSERT INTO held_emails (id, email_key, user_id, expires_at) SELECT {id}, {email}, {id}, {expires_at} \
             FROM {numbers}; \
             INSERT INTO email_codes (address, code, user_id, tries, expires_at) \
             SELECT {bytes}, {bytes}, {id}, 0, {expires_at} FROM {numbers}; \
             INSERT INTO known_devices (user_id, device, last_seen_at, network) \
             SELECT {id}, {bytes}, {expires_at}, {bytes} FROM {numbers}; \
             INSERT INTO failed_checks (user_id, way, failures) SELECT {id}, 'stranger', 1 FROM {numbers}; \
             INSERT INTO login_codes (handle, code, user_id, is_known, is_spent, tries, expires_at) \
             SELECT {bytes}, {bytes}, {id}, FALSE, FALSE, 0, {expires_at} FROM {numbers};"
        ));
    }
    sql
}

/// A new SQLite database. The engine has no statistics of it, as it has none in service.
pub fn sqlite(file: &Path, size: Size) -> Db {
    let url = DatabaseUrl::File(file.to_owned());
    Db::migrate(&url).expect("migrates");
    let connection = rusqlite::Connection::open(file).expect("opens");
    // References hold by construction; the power may fail.
    connection
        .execute_batch("PRAGMA foreign_keys = off; PRAGMA synchronous = off; PRAGMA cache_size = -600000; BEGIN")
        .expect("is set");
    connection
        .execute_batch(&statements(size, &SQLITE))
        .expect("fills");
    connection
        .execute_batch("COMMIT; PRAGMA wal_checkpoint(truncate)")
        .expect("commits");
    drop(connection);
    Db::open(&url).expect("opens")
}

/// Fills an empty PostgreSQL database at `url`; `superuser` is connected to it.
pub fn postgres(url: &DatabaseUrl, superuser: &Session, size: Size) -> Db {
    let copy = url.clone();
    std::thread::spawn(move || Db::migrate(&copy).map(drop))
        .join()
        .expect("runs")
        .expect("migrates");
    // References hold by construction.
    superuser.run("SET session_replication_role = replica");
    superuser.run(&statements(size, &POSTGRES));
    // As the server does by itself after a while.
    for table in TABLES {
        superuser.run(&format!("VACUUM (ANALYZE) {table}"));
    }
    Db::open(url).expect("opens")
}
