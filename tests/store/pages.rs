//! Pages of users hold whom they should, whichever way they are found.

use uuid::Uuid;
use vestibule::clock::Timestamp;
use vestibule::ids::UserId;
use vestibule::store::db::Error;
use vestibule::store::roles;
use vestibule::store::users::{self, Changes, FEW, Filter, NewUser};

use crate::fixture::Database;

const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

#[derive(Clone)]
struct Somebody {
    id: UserId,
    username: String,
    email: String,
    roles: Vec<&'static str>,
    is_active: bool,
}

impl Somebody {
    fn new(n: usize) -> Self {
        // Of three, one has both keys with the prefix, one the name alone, one the address alone.
        let start = if n.is_multiple_of(15) { "few" } else { "many" };
        let (name, address) = match n % 3 {
            0 => (start, start),
            1 => (start, "else"),
            _ => ("other", start),
        };
        let mut roles = vec!["user"];
        if n.is_multiple_of(7) {
            roles.push("admin");
        }
        if n.is_multiple_of(11) {
            roles.remove(0);
        }
        Self {
            id: UserId(Uuid::from_u128(n as u128 + 1)),
            username: format!("{name}-{n}"),
            email: format!("{address}-{n}@example.com"),
            roles,
            is_active: !n.is_multiple_of(5),
        }
    }

    fn passes(&self, filter: &Filter) -> bool {
        let begins =
            |prefix: &String| self.username.starts_with(prefix) || self.email.starts_with(prefix);
        filter.prefix.as_ref().is_none_or(begins)
            && filter
                .role
                .as_deref()
                .is_none_or(|role| self.roles.contains(&role))
            && filter
                .is_active
                .is_none_or(|is_active| self.is_active == is_active)
    }
}

async fn store(database: &Database, everybody: &[Somebody]) {
    let everybody = everybody.to_vec();
    let stored = database.db.write(async move |tx| {
        for one in &everybody {
            let user = NewUser {
                id: one.id,
                email: &one.email,
                email_key: &one.email,
                username: &one.username,
                username_key: &one.username,
                full_name: None,
                password_hash: None,
                email_verified: true,
                locale: None,
                at: AT,
            };
            users::insert(tx, &user).await?;
            for role in &one.roles {
                roles::grant(tx, one.id, role).await?;
            }
            if !one.is_active {
                let changes = Changes {
                    is_active: Some(false),
                    ..Changes::default()
                };
                users::update(tx, one.id, &changes, AT).await?;
            }
        }
        Ok::<_, Error>(())
    });
    stored.await.expect("writes");
}

/// All pages of a list, in order.
async fn all(database: &Database, filter: &Filter, limit: i64) -> Vec<UserId> {
    let mut found: Vec<UserId> = Vec::new();
    loop {
        let (filter, after) = (filter.clone(), found.last().copied());
        let page = database
            .db
            .scan(async move |tx| users::page(tx, &filter, after, limit).await);
        let page = page.await.expect("reads");
        assert!(page.len() as i64 <= limit);
        if page.is_empty() {
            return found;
        }
        found.extend(page.iter().map(|user| user.id));
    }
}

#[tokio::test]
async fn every_list_has_those_it_should_have_newest_first() {
    let database = Database::new().await;
    let everybody: Vec<Somebody> = (0..2000).map(Somebody::new).collect();
    store(&database, &everybody).await;
    let keys = |prefix: &str| {
        let begins = |one: &&Somebody| one.username.starts_with(prefix);
        everybody.iter().filter(begins).count() as i64
    };
    assert!(
        keys("many") > FEW && keys("few") < FEW,
        "both ways are gone"
    );
    for prefix in [
        None,
        Some("many"),
        Some("few"),
        Some("many-1"),
        Some("nobody"),
    ] {
        for role in [None, Some("user"), Some("admin"), Some("nobody")] {
            for is_active in [None, Some(true), Some(false)] {
                let filter = Filter {
                    prefix: prefix.map(str::to_owned),
                    role: role.map(str::to_owned),
                    is_active,
                };
                let passing = everybody.iter().rev().filter(|one| one.passes(&filter));
                let expected: Vec<UserId> = passing.map(|one| one.id).collect();
                assert_eq!(all(&database, &filter, 101).await, expected, "{filter:?}");
            }
        }
    }
}
