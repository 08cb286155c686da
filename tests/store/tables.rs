//! The description of the tables is true: a migration that adds a table or a column is not forgotten by those who move whole
//! databases.

use std::collections::{BTreeMap, BTreeSet};

use vestibule::store::db::{Db, Result, Row};
use vestibule::store::tables::{APART, Kind, TABLES};

use crate::database::{TestDatabase, on_postgresql};
use crate::fixture::url_of;

/// Table, column, type as the engine calls it, place in the primary key (0: none).
type Column = (String, String, String, i64);

const SQLITE: &str = "SELECT s.name, c.name, c.type, c.pk FROM sqlite_schema s, pragma_table_info(s.name) c \
     WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%'";

const POSTGRESQL: &str = "SELECT c.table_name::text, c.column_name::text, c.data_type::text, \
     coalesce(k.ordinal_position, 0)::bigint FROM information_schema.columns c \
     LEFT JOIN information_schema.table_constraints p ON p.table_schema = c.table_schema \
        AND p.table_name = c.table_name AND p.constraint_type = 'PRIMARY KEY' \
     LEFT JOIN information_schema.key_column_usage k ON k.constraint_name = p.constraint_name \
        AND k.table_schema = p.table_schema AND k.column_name = c.column_name \
     WHERE c.table_schema = 'public'";

/// Table, and a table that it refers to.
const SQLITE_REFERENCES: &str = "SELECT s.name, f.\"table\" FROM sqlite_schema s, pragma_foreign_key_list(s.name) f \
     WHERE s.type = 'table'";

const POSTGRESQL_REFERENCES: &str = "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'";

async fn ask<T: Send + 'static>(
    sql: [&'static str; 2],
    map_row: fn(&Row<'_>) -> Result<T>,
) -> Vec<T> {
    let database = TestDatabase::migrated();
    let url = url_of(&database);
    Db::migrate(&url).expect("migrates");
    let db = Db::open(&url).expect("opens");
    let sql = sql[usize::from(on_postgresql())];
    db.scan(async move |tx| tx.query_all(sql, &[], map_row).await)
        .await
        .expect("reads")
}

async fn columns() -> Vec<Column> {
    ask([SQLITE, POSTGRESQL], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })
    .await
}

fn type_of(kind: Kind) -> &'static str {
    match (kind, on_postgresql()) {
        (Kind::Uuid, true) => "uuid",
        (Kind::Text, true) => "text",
        (Kind::Integer, true) => "bigint",
        (Kind::Boolean, true) => "boolean",
        (Kind::Bytes, true) => "bytea",
        (Kind::Uuid | Kind::Bytes, false) => "BLOB",
        (Kind::Text, false) => "TEXT",
        (Kind::Integer | Kind::Boolean, false) => "INTEGER",
    }
}

#[tokio::test]
async fn every_column_is_described_as_it_is() {
    let described: BTreeSet<Column> = TABLES
        .iter()
        .flat_map(|table| {
            let columns = table.columns.iter().enumerate();
            columns.map(|(index, (column, kind))| {
                let in_key = if index < table.key { index + 1 } else { 0 };
                let in_key = i64::try_from(in_key).expect("small");
                let kind = type_of(*kind).to_owned();
                (table.name.to_owned(), (*column).to_owned(), kind, in_key)
            })
        })
        .collect();
    let is_apart = |name: &str| APART.iter().any(|(apart, _)| *apart == name);
    let found: BTreeSet<Column> = columns()
        .await
        .into_iter()
        .filter(|(table, ..)| !is_apart(table))
        .collect();
    assert!(found.len() > 40, "{found:?}");
    let missing: Vec<_> = found.difference(&described).collect();
    let wrong: Vec<_> = described.difference(&found).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "src/store/tables.rs lacks {missing:?}, and has {wrong:?}"
    );
}

#[tokio::test]
async fn what_is_left_out_is_there() {
    let found: BTreeSet<String> = columns().await.into_iter().map(|(name, ..)| name).collect();
    for (name, reason) in APART {
        let only_there = "vestibule_migration_lock";
        assert!(
            found.contains(*name) || (*name == only_there && !on_postgresql()),
            "{name} is no table: {reason}"
        );
    }
}

#[tokio::test]
async fn references_find_their_rows() {
    let references = ask([SQLITE_REFERENCES, POSTGRESQL_REFERENCES], |row| {
        Ok((row.get::<String>(0)?, row.get::<String>(1)?))
    })
    .await;
    let places: BTreeMap<&str, usize> = TABLES.iter().map(|table| table.name).zip(0..).collect();
    assert!(references.len() >= 4, "{references:?}");
    for (from, to) in references {
        assert!(
            places[to.as_str()] < places[from.as_str()],
            "{from} refers to {to}, which comes later"
        );
    }
}
