//! Pages of the list of users, newest first. Each kind of list has a statement that goes along an index and stops when
//! the page is full, however many users there are.

use super::{User, map_user, user_columns};
use crate::ids::UserId;
use crate::store::db::{Result, Tx, Value};
use crate::store::is_storable;

/// Which users a page lists; `None` lets any pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Start of the key of e-mail or username.
    pub prefix: Option<String>,
    pub role: Option<String>,
    pub is_active: Option<bool>,
}

/// How the users whose e-mail or username begins with a prefix are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// Few do: all of them, by their keys, and then the newest.
    Few,
    /// Many do: along the list, which soon comes to enough of them.
    Many,
}

/// Keys that begin with a prefix, from which on they are many. Below, finding and sorting them takes a few milliseconds;
/// above, a full page of them is among some ten thousand users of a million on average. When all of them are old, the
/// whole list is gone through: a third of a second for a million.
pub const FEW: i64 = 1000;

/// Up to `limit` users that `filter` lets pass, newest first, starting after the user `after`.
pub async fn page(
    tx: &mut Tx<'_>,
    filter: &Filter,
    after: Option<UserId>,
    limit: i64,
) -> Result<Vec<User>> {
    let mut texts = filter.prefix.iter().chain(&filter.role);
    if !texts.all(|text| is_storable(text)) {
        return Ok(Vec::new());
    }
    // The keys that begin with it are those from the prefix to here.
    let prefix = filter.prefix.as_deref();
    let range = prefix.map(|prefix| (prefix, format!("{prefix}{}", char::MAX)));
    let search = match &range {
        Some((from, to)) => search(tx, from, to).await?,
        None => Search::Many,
    };
    // With no cursor the list starts at the highest id there can be.
    let start = after.map_or(UserId(uuid::Uuid::max()), |id| id);
    let mut values: Vec<Value<'_>> = vec![start.into(), limit.into()];
    values.extend(filter.role.as_deref().map(Value::from));
    if let Some((from, to)) = &range {
        values.extend([Value::from(*from), Value::from(to.as_str())]);
    }
    tx.query_all(&page_statement(filter, search), &values, map_user)
        .await
}

/// Counts keys in a range, up to a limit: once for each kind of key.
pub const COUNT_KEYS: &str = "SELECT (SELECT count(*) FROM \
     (SELECT 1 FROM users WHERE email_key >= ?1 AND email_key < ?2 LIMIT ?3) AS emails), (SELECT count(*) FROM \
     (SELECT 1 FROM users WHERE username_key >= ?1 AND username_key < ?2 LIMIT ?3) AS usernames)";

async fn search(tx: &mut Tx<'_>, from: &str, to: &str) -> Result<Search> {
    let counts = tx
        .query_opt(COUNT_KEYS, &[from.into(), to.into(), FEW.into()], |row| {
            Ok(row.get::<i64>(0)?.max(row.get(1)?))
        })
        .await?;
    Ok(match counts {
        Some(count) if count >= FEW => Search::Many,
        _ => Search::Few,
    })
}

/// The statement of [`page`]. The first two placeholders are where the page starts and how long it is, then come the role,
/// the prefix and the end of its range where there are such.
///
/// Conditions on another table are subqueries with one value: no engine makes a join of those, which may go along the wrong
/// table.
pub fn page_statement(filter: &Filter, search: Search) -> String {
    let prefix = if filter.role.is_some() { 4 } else { 3 };
    let in_range = |key| format!("{key} >= ?{prefix} AND {key} < ?{}", prefix + 1);
    let (email, username) = (in_range("users.email_key"), in_range("users.username_key"));
    if filter.prefix.is_some() && search == Search::Few {
        // Within, so that what is sorted are ids alone and the rows read are those of the page.
        let conditions = format!("users.id < ?1{}{}", active(filter), with_role(filter));
        let matches = format!(
            "SELECT users.id FROM users WHERE {email} AND {conditions} \
             UNION SELECT users.id FROM users WHERE {username} AND {conditions}"
        );
        return of_ids(&format!(
            "SELECT id FROM ({matches}) AS matches ORDER BY id DESC LIMIT ?2"
        ));
    }
    let prefix = match filter.prefix {
        // Said so that no engine looks for the keys, which would be finding and sorting all of them again.
        Some(_) => format!(" AND ({email} OR {username}) IS TRUE"),
        None => String::new(),
    };
    // Along the list that is likely to be the shortest: of the inactive, of a role, of all.
    match (&filter.role, filter.is_active) {
        (Some(_), None | Some(true)) => {
            let conditions = format!("{}{prefix}", active(filter));
            let conditions = match conditions.strip_prefix(" AND ") {
                Some(conditions) => format!(
                    " AND (SELECT {conditions} FROM users WHERE users.id = user_roles.user_id)"
                ),
                None => String::new(),
            };
            of_ids(&format!(
                "SELECT user_id FROM user_roles WHERE role_name = ?3 AND user_id < ?1{conditions} \
                 ORDER BY user_id DESC LIMIT ?2"
            ))
        }
        _ => format!(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users WHERE users.id < ?1{}{}{} ORDER BY users.id DESC LIMIT ?2"
            ),
            active(filter),
            with_role(filter),
            prefix
        ),
    }
}

/// The users whose ids a statement gives.
fn of_ids(ids: &str) -> String {
    format!(
        concat!(
            "SELECT ",
            user_columns!(),
            " FROM users WHERE users.id IN ({}) ORDER BY users.id DESC"
        ),
        ids
    )
}

fn active(filter: &Filter) -> &'static str {
    match filter.is_active {
        Some(true) => " AND users.is_active",
        Some(false) => " AND NOT users.is_active",
        None => "",
    }
}

fn with_role(filter: &Filter) -> &'static str {
    match filter.role {
        Some(_) => " AND (SELECT TRUE FROM user_roles WHERE user_id = users.id AND role_name = ?3)",
        None => "",
    }
}
