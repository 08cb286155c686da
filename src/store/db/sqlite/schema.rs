//! What a database file may hold besides rows: what our migrations make, and nothing that acts by itself. A trigger or a view
//! in a file from elsewhere could give its maker every account.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use refinery::Target;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension};

use super::super::migration::{FORMER_HISTORY, HISTORY};
use super::super::{Error, Result};
use super::history;

/// Tables that tools of SQLite add and that hold nothing but numbers: ANALYZE and Litestream.
const OF_TOOLS: &[(&str, &str)] = &[
    ("sqlite_stat1", "CREATE TABLE sqlite_stat1(tbl,idx,stat)"),
    (
        "sqlite_stat4",
        "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
    ),
    (
        "_litestream_seq",
        "CREATE TABLE _litestream_seq(id INTEGER PRIMARY KEY,seq INTEGER)",
    ),
    (
        "_litestream_lock",
        "CREATE TABLE _litestream_lock(id INTEGER)",
    ),
];

/// Runs nothing that a file brings along: no trigger, no view, no function in an expression that could do harm. Our schema has
/// none of them.
pub fn distrust(connection: &Connection) -> rusqlite::Result<()> {
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    ] {
        connection.set_db_config(setting, value)?;
    }
    Ok(())
}

/// Fails when the database is another application's, or holds something that acts by itself. Changes nothing.
///
/// # Errors
/// [`Error::Schema`], which does not name the file.
pub fn inspect(connection: &Connection) -> Result<()> {
    if !history::is_ours(connection)? {
        let sql = "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type = 'table' DESC LIMIT 1";
        let stranger: Option<String> =
            connection.query_row(sql, [], |row| row.get(0)).optional()?;
        return match stranger {
            None => Ok(()),
            Some(name) => Err(Error::Schema(format!(
                "the database of another application: it has {}, and no migrations of Vestibule",
                quoted(&name)
            ))),
        };
    }
    let sql = "SELECT type, name FROM sqlite_schema \
               WHERE type NOT IN ('table', 'index') OR (type = 'table' AND coalesce(rootpage, 0) = 0) LIMIT 1";
    let active: Option<(String, String)> = connection
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match active {
        None => Ok(()),
        Some((kind, name)) if kind == "table" => Err(Error::Schema(alien("virtual table", &name))),
        Some((kind, name)) => Err(Error::Schema(alien(&kind, &name))),
    }
}

fn alien(kind: &str, name: &str) -> String {
    format!(
        "the {} {} was not made by Vestibule: delete it if you know what it is, and look for who made it if you do not",
        kind.escape_debug(),
        quoted(name)
    )
}

fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(80).collect::<String>())
}

/// An object of a schema, by kind and name: its table and its SQL.
type Objects = BTreeMap<(String, String), (String, String)>;

fn objects(connection: &Connection) -> rusqlite::Result<Objects> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")?;
    let rows = statement.query_map([], |row| {
        let sql: String = row.get(3)?;
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, normal(&sql))))
    })?;
    rows.collect()
}

/// The SQL without what is only layout.
fn normal(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    let mut text = words.join(" ");
    // A table that was renamed has quotes.
    for name in [HISTORY, FORMER_HISTORY] {
        text = text.replace(&format!("\"{name}\""), name);
    }
    for sign in ["(", ")", ","] {
        text = text
            .replace(&format!("{sign} "), sign)
            .replace(&format!(" {sign}"), sign);
    }
    text
}

/// A difference between a schema and what the migrations make.
struct Difference {
    text: String,
    /// An index more changes no row that is read or written, unless it is unique.
    is_index_more: bool,
}

/// What is different in a database of ours from what the migrations make that were run on it; `None`: nothing.
pub fn difference(connection: &Connection) -> Result<Option<String>> {
    let first = differences(connection)?.into_iter().next();
    Ok(first.map(|difference| difference.text))
}

/// Lets a service start on a database of ours with indexes of its operator, and on nothing else that the migrations did not make.
/// Gives a sentence for each index.
///
/// # Errors
/// [`Error::Schema`], which does not name the file.
pub fn check_at_start(connection: &Connection) -> Result<Vec<String>> {
    let (indexes, others): (Vec<_>, Vec<_>) = differences(connection)?
        .into_iter()
        .partition(|difference| difference.is_index_more);
    if others.is_empty() {
        return Ok(indexes.into_iter().map(|index| index.text).collect());
    }
    let others: Vec<String> = others.into_iter().map(|other| other.text).collect();
    Err(Error::Schema(format!(
        "the schema was changed: {}. Undo the change, or restore a backup",
        others.join("; ")
    )))
}

fn differences(connection: &Connection) -> Result<Vec<Difference>> {
    let only = |text: String| {
        Ok(vec![Difference {
            text,
            is_index_more: false,
        }])
    };
    let encoding: String = connection.query_row("PRAGMA encoding", [], |row| row.get(0))?;
    if encoding != "UTF-8" {
        return only(format!("its text is {}, not UTF-8", quoted(&encoding)));
    }
    if let Err(Error::Schema(newer)) = history::missing(connection) {
        return only(newer);
    }
    let applied = history::applied(connection)?;
    let expected = match expected(&applied)? {
        Some(expected) => expected,
        None => {
            return only(
                "migrations of Vestibule are missing between those that were run".to_owned(),
            );
        }
    };
    let found = objects(connection)?;
    let mut differences = Vec::new();
    for ((kind, name), (table, sql)) in &found {
        match expected.get(&(kind.clone(), name.clone())) {
            Some(ours) if *ours == (table.clone(), sql.clone()) => (),
            Some(_) => differences.push(Difference {
                text: format!(
                    "the {} {} is not as Vestibule made it",
                    kind.escape_debug(),
                    quoted(name)
                ),
                is_index_more: false,
            }),
            None => {
                let is_known = is_of_a_tool(kind, name, table, sql)
                    || is_former_history(&expected, kind, name, table, sql);
                if !is_known {
                    differences.push(Difference {
                        text: alien(kind, name),
                        is_index_more: kind == "index"
                            && !sql.to_ascii_uppercase().starts_with("CREATE UNIQUE"),
                    });
                }
            }
        }
    }
    // A history under its former name is copied with the next migration.
    let is_former = found.keys().any(|(_, name)| name == FORMER_HISTORY);
    let missing = expected
        .keys()
        .filter(|key| !found.contains_key(*key))
        .filter(|(_, name)| !is_former || !name.contains(HISTORY));
    differences.extend(missing.map(|(kind, name)| Difference {
        text: format!("the {kind} {} is missing", quoted(name)),
        is_index_more: false,
    }));
    Ok(differences)
}

/// The schema after the migrations of these versions; `None` when they are not the first ones of ours.
fn expected(applied: &[i64]) -> Result<Option<Objects>> {
    let runner = history::runner();
    let known: BTreeSet<i64> = runner
        .get_migrations()
        .iter()
        .map(|one| i64::from(one.version()))
        .collect();
    let is_start = known.iter().take(applied.len()).eq(applied.iter());
    let Some(newest) = applied
        .last()
        .and_then(|newest| (*newest).try_into().ok())
        .filter(|_| is_start)
    else {
        return Ok(None);
    };
    let mut model = Connection::open_in_memory()?;
    runner
        .set_target(Target::Version(newest))
        .run(&mut model)
        .map_err(history::failed)?;
    Ok(Some(objects(&model)?))
}

fn is_of_a_tool(kind: &str, name: &str, table: &str, sql: &str) -> bool {
    kind == "table" && name == table && OF_TOOLS.contains(&(name, sql))
}

/// The table in which the first versions kept the history, and the index of its key.
fn is_former_history(expected: &Objects, kind: &str, name: &str, table: &str, sql: &str) -> bool {
    let now = |name: &str| name.replace(FORMER_HISTORY, HISTORY);
    let of_today = expected.get(&(kind.to_owned(), now(name)));
    table == FORMER_HISTORY && of_today.is_some_and(|(_, ours)| *ours == now(sql))
}

/// What [`inspect`] found, with the file that it was found in.
pub fn tell(path: &Path, error: Error) -> Error {
    match error {
        Error::Schema(problem) => Error::Schema(format!("{}: {problem}", path.display())),
        Error::Unavailable(problem) => Error::Unavailable(format!("{}: {problem}", path.display())),
        other => other,
    }
}
