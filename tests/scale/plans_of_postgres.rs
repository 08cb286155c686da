//! How PostgreSQL runs what requests and background jobs run: it tells the plans that it followed, those for any values
//! as well as those for these.

use vestibule::config::DatabaseUrl;
use vestibule::ids::UserId;
use vestibule::store::db::{Db, Error, Result};
use vestibule::store::sessions::{self, Spent, Which};
use vestibule::store::users::{self, Filter};
use vestibule::store::{
    email_codes, failed_checks, held_emails, idempotency, known_devices, login_codes, mails,
    one_time_tokens, registrations, throttles,
};

use crate::filled::{
    self, INSTANCE, LIFETIMES, NOW, Size, email, hash, session_id, user_id, username,
};
use crate::lists::filters;
use crate::postgres::Server;

const SIZE: Size = Size {
    users: 1_000_000,
    throttles: 100_000,
    answers: 100_000,
    mails: 100_000,
    one_expired_of: 10,
};

/// From the sixth execution on a prepared statement may be run by a plan for any values.
const TIMES: i64 = 8;

/// Rows that any step of a plan may see or pass over, of a million.
const MAX_ROWS: u64 = 10_000;

const SPENT: Spent = Spent {
    expired: NOW,
    revoked: NOW,
};

/// Plans are logged, also those of the checks of references.
const TELL_PLANS: &[(&str, &str)] = &[
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_nested_statements", "on"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_timing", "off"),
];

struct Watched<'a> {
    server: &'a Server,
    db: Db,
    seen: usize,
    troubles: Vec<String>,
}

impl Watched<'_> {
    /// Plans told since the last call.
    fn plans(&mut self) -> String {
        let log = self.server.log();
        let new = log[self.seen..].to_owned();
        self.seen = log.len();
        new
    }

    /// Notes each table of many rows that was read from one end to the other, and each plan that had more than a few
    /// thousand rows at hand.
    fn check(&mut self, what: &str) {
        let plans = self.plans();
        let told = plans.matches("Query Text:").count();
        assert!(told >= TIMES as usize, "{what}: {told} plans\n{plans}");
        self.check_rows(what, &plans);
        for table in filled::TABLES {
            if plans.contains(&format!("Seq Scan on {table}")) {
                let plan = plans
                    .split("Query Text:")
                    .find(|plan| plan.contains(&format!("Seq Scan on {table}")));
                self.troubles
                    .push(format!("{what}: {table}: {}", plan.unwrap_or_default()));
            }
        }
    }

    fn check_rows(&mut self, what: &str, plans: &str) {
        for plan in plans.split("Query Text:") {
            let counts = ["(actual rows=", "Rows Removed by Filter: "];
            let counts = counts.iter().flat_map(|label| plan.split(label).skip(1));
            let rows = counts.filter_map(|count| {
                let digits = count
                    .split(|character: char| !character.is_ascii_digit())
                    .next();
                digits.unwrap_or_default().parse::<u64>().ok()
            });
            let rows = rows.max().unwrap_or_default();
            if rows > MAX_ROWS {
                self.troubles.push(format!("{what}: {rows} rows: {plan}"));
            }
        }
    }

    async fn page(&mut self, filter: Filter, after: Option<UserId>) {
        for _ in 0..TIMES {
            let filter = filter.clone();
            let page = self
                .db
                .scan(async move |tx| users::page(tx, &filter, after, 51).await);
            page.await.expect("reads");
        }
        self.check(&format!("{filter:?} after {after:?}"));
    }

    async fn read<T>(
        &mut self,
        what: &str,
        read: impl AsyncFn(&mut vestibule::store::db::Tx<'_>, i64) -> Result<Option<T>>,
    ) {
        for n in 1..=TIMES {
            let mut tx = self.db.read().await.expect("connects");
            assert!(read(&mut tx, n).await.expect("reads").is_some(), "{what}");
        }
        self.check(what);
    }

    async fn write<F>(&mut self, what: &str, write: F)
    where
        F: AsyncFnMut(&mut vestibule::store::db::Tx<'_>, i64) -> Result<()>
            + Send
            + Clone
            + 'static,
    {
        for n in 1..=TIMES {
            let mut write = write.clone();
            let written = self.db.write(async move |tx| write(tx, n).await);
            written.await.expect("writes");
        }
        self.check(what);
    }
}

#[tokio::test]
#[ignore = "starts a PostgreSQL server and fills it with a million users"]
async fn no_statement_reads_a_table_of_many_rows_to_its_end() {
    let _turn = crate::TURN.lock().await;
    let server = Server::start_with(TELL_PLANS);
    let url = server.create_database();
    let name = url.rsplit('/').next().expect("a name");
    let superuser = server.superuser(name);
    let url = DatabaseUrl::parse(&url).expect("a URL");
    let db = filled::postgres(&url, &superuser, SIZE);
    let mut watched = Watched {
        server: &server,
        db,
        seen: 0,
        troubles: Vec::new(),
    };
    watched.plans();
    superuser.run(&"SELECT count(*) FROM sessions WHERE scope = 'x';".repeat(TIMES as usize));
    watched.check("a full scan");
    assert!(watched.troubles.len() >= 2, "would be seen");
    watched.troubles.clear();

    for prefix in [None, Some("a"), Some("abc"), Some("abcd"), Some("zzz")] {
        for filter in filters(prefix) {
            watched.page(filter.clone(), None).await;
            watched.page(filter, Some(user_id(SIZE.users / 2))).await;
        }
    }
    let read = watched.read("authenticate", async |tx, n| {
        sessions::authenticate(tx, session_id(n), 0, LIFETIMES).await
    });
    read.await;
    let read = watched.read("e-mail", async |tx, n| {
        users::credentials_by_email(tx, &email(n)).await
    });
    read.await;
    let read = watched.read("username", async |tx, n| {
        users::credentials_by_username(tx, &username(n)).await
    });
    read.await;
    let read = watched.read("part", async |tx, n| {
        Ok(sessions::part(tx, SPENT, session_id(n * 1000), 2000)
            .await?
            .pop())
    });
    read.await;
    let read = watched.read("kept answer", async |tx, n| {
        idempotency::find(tx, &hash(n), NOW).await
    });
    read.await;
    let write = watched.write("rotate", async |tx, n| {
        sessions::rotate(tx, session_id(n), 0, LIFETIMES, INSTANCE)
            .await
            .map(drop)
    });
    write.await;
    let write = watched.write("end oldest", async |tx, n| {
        sessions::end_oldest(tx, user_id(n), session_id(n), 99, NOW)
            .await
            .map(drop)
    });
    write.await;
    let write = watched.write("revoke", async |tx, n| {
        sessions::revoke(tx, user_id(n), Which::All, NOW)
            .await
            .map(drop)
    });
    write.await;
    let write = watched.write("delete spent", async |tx, n| {
        sessions::delete_spent(tx, session_id(n * 10), SPENT)
            .await
            .map(drop)
    });
    write.await;
    let write = watched.write("throttles", async |tx, _| {
        assert_eq!(throttles::delete_full(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("kept answers", async |tx, _| {
        assert_eq!(idempotency::delete_expired(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let read = watched.read("registration by address", async |tx, n| {
        registrations::find_by_email(tx, &email(n), NOW).await
    });
    read.await;
    let read = watched.read("registration by address and name", async |tx, n| {
        registrations::hashes_by_email(tx, &email(n), NOW)
            .await
            .map(Some)
    });
    read.await;
    let read = watched.read("registration by name", async |tx, n| {
        registrations::find_by_username(tx, &username(n), NOW).await
    });
    read.await;
    let read = watched.read("address held", async |tx, n| {
        let is_held = held_emails::is_held(tx, &email(n), None, NOW).await?;
        Ok(is_held.then_some(()))
    });
    read.await;
    let read = watched.read("tokens issued later", async |tx, n| {
        one_time_tokens::issued_later(tx, &hash(n), "undo", NOW)
            .await
            .map(Some)
    });
    read.await;
    let read = watched.read("mails waiting", async |tx, _| {
        mails::waiting(tx).await.map(Some)
    });
    read.await;
    let write = watched.write("claim", async |tx, _| {
        let until = NOW.plus(std::time::Duration::from_secs(30));
        assert!(mails::claim(tx, NOW, until).await?.is_some());
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("mails given up", async |tx, _| {
        assert_eq!(mails::delete_given_up(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("expired registrations", async |tx, _| {
        assert_eq!(registrations::delete_expired(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("expired tokens", async |tx, _| {
        assert_eq!(one_time_tokens::delete_expired(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("expired holds", async |tx, _| {
        assert_eq!(held_emails::delete_expired(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("links given", async |tx, n| {
        one_time_tokens::revoke_given(tx, user_id(n))
            .await
            .map(drop)
    });
    write.await;
    let write = watched.write("addresses released", async |tx, n| {
        held_emails::release_since(tx, user_id(n), NOW)
            .await
            .map(drop)
    });
    write.await;
    let write = watched.write("expired codes", async |tx, _| {
        assert_eq!(email_codes::delete_expired(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("expired login codes", async |tx, _| {
        assert_eq!(login_codes::delete_expired(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("failed check", async |tx, n| {
        failed_checks::take(tx, Some(user_id(n)), "stranger", 100)
            .await
            .map(drop)
    });
    write.await;
    let read = watched.read("device and network", async |tx, n| {
        let mac = hash(n);
        let user = Some(user_id(n));
        let known = known_devices::look(tx, user, &mac, &mac, NOW).await?;
        Ok(known.device.then_some(known))
    });
    read.await;
    let read = watched.read("live codes", async |tx, n| {
        login_codes::live(tx, user_id(n), false, NOW)
            .await
            .map(Some)
    });
    read.await;
    let write = watched.write("unseen devices", async |tx, _| {
        assert_eq!(known_devices::delete_unseen(tx, NOW, 200).await?, 200);
        Ok::<_, Error>(())
    });
    write.await;
    let write = watched.write("delete", async |tx, n| {
        users::delete(tx, user_id(n)).await.map(drop)
    });
    write.await;
    assert!(
        watched.troubles.is_empty(),
        "{}",
        watched.troubles.join("\n")
    );
}
