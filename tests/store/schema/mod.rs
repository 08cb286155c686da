//! The schemas of the engines are one schema, spelled twice.

mod postgres;
mod sqlite;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use vestibule::config::DatabaseUrl;
use vestibule::store::db::Db;

use crate::postgres::Server;

/// Tables of the machinery that runs migrations.
const MACHINERY: &[&str] = &["vestibule_schema_history", "vestibule_migration_lock"];

/// A table as both engines have it. Text is compared byte by byte, or reading it fails.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// In their order.
    columns: Vec<Column>,
    primary_key: Vec<String>,
    /// Columns of unique constraints.
    unique: BTreeSet<Vec<String>>,
    unique_names: BTreeSet<String>,
    references: BTreeSet<Reference>,
    /// By name; without those that constraints make.
    indexes: BTreeMap<String, Index>,
}

#[derive(Debug, PartialEq, Eq)]
struct Column {
    name: String,
    kind: Kind,
    is_nullable: bool,
    has_default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Id,
    Bytes,
    Integer,
    Boolean,
    Text,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    columns: Vec<String>,
    to_table: String,
    to_columns: Vec<String>,
    on_delete: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Index {
    columns: Vec<String>,
    is_unique: bool,
    condition: Option<String>,
}

type Schema = BTreeMap<String, Table>;

/// A condition without what engines add or leave out.
fn plain(condition: &str) -> String {
    let condition = condition.to_lowercase().replace(['(', ')'], " ");
    condition.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn migrations(engine: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sql")
        .join(engine);
    let entries = std::fs::read_dir(folder).expect("lists");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("text")
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn the_engines_have_the_same_migrations() {
    let names = migrations("sqlite");
    assert!(names.len() > 3, "{names:?}");
    assert_eq!(names, migrations("postgres"));
    let numbers: BTreeSet<&str> = names.iter().filter_map(|name| name.get(..5)).collect();
    assert_eq!(numbers.len(), names.len(), "two have one number: {names:?}");
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn the_engines_have_the_same_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("app.db");
    Db::migrate(&DatabaseUrl::File(file.clone())).expect("migrates");
    let server = Server::start();
    let url = server.create_database();
    Db::migrate(&DatabaseUrl::parse(&url).expect("a URL")).expect("migrates");
    let session = crate::postgres::Session::open(&url).expect("opens");
    let connection = rusqlite::Connection::open(&file).expect("opens");

    let (sqlite, postgres) = (sqlite::schema(&connection), postgres::schema(&session));
    assert!(
        sqlite.keys().eq(postgres.keys()),
        "{:?} and {:?}",
        sqlite.keys(),
        postgres.keys()
    );
    for (name, table) in &sqlite {
        assert_eq!(table, &postgres[name], "{name}: SQLite and PostgreSQL");
    }
    // They were looked at.
    let users = &sqlite["users"];
    assert_eq!(users.primary_key, ["id"]);
    assert!(users.unique_names.contains("users_email_key_key"));
    let condition = users.indexes["users_inactive"].condition.as_deref();
    assert_eq!(condition, Some("not is_active"));
    assert_eq!(sqlite["sessions"].references.len(), 1);

    for table in ["roles", "role_permissions"] {
        let rows = postgres::rows(&session, table);
        assert!(!rows.is_empty(), "{table}");
        assert_eq!(sqlite::rows(&connection, table), rows, "{table}");
    }
}
