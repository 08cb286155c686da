//! What SQLite says of its schema.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::{Column, Index, Kind, MACHINERY, Reference, Schema, Table, plain};

type Row = BTreeMap<String, Value>;

fn query(connection: &Connection, sql: &str) -> Vec<Row> {
    let mut statement = connection.prepare(sql).expect("prepares");
    let names: Vec<String> = statement
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let rows = statement.query_map([], |row| {
        let value = |(index, name): (usize, &String)| Ok((name.clone(), row.get(index)?));
        names.iter().enumerate().map(value).collect()
    });
    let rows: rusqlite::Result<Vec<Row>> = rows.expect("runs").collect();
    rows.expect("reads")
}

fn text(row: &Row, name: &str) -> String {
    match &row[name] {
        Value::Text(text) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

fn integer(row: &Row, name: &str) -> i64 {
    match &row[name] {
        Value::Integer(number) => *number,
        other => panic!("{name}: {other:?}"),
    }
}

pub fn schema(connection: &Connection) -> Schema {
    let tables =
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables = query(connection, tables);
    let ours = tables
        .iter()
        .filter(|row| !MACHINERY.contains(&text(row, "name").as_str()));
    ours.map(|row| {
        let (name, sql) = (text(row, "name"), text(row, "sql"));
        assert!(sql.contains("STRICT"), "{name} takes any type");
        let table = table(connection, &name, &sql);
        (name, table)
    })
    .collect()
}

fn table(connection: &Connection, name: &str, sql: &str) -> Table {
    let mut table = Table::default();
    let mut key = Vec::new();
    for row in query(
        connection,
        &format!("SELECT * FROM pragma_table_xinfo('{name}')"),
    ) {
        let column = text(&row, "name");
        if integer(&row, "pk") > 0 {
            key.push((integer(&row, "pk"), column.clone()));
        }
        table.columns.push(Column {
            kind: kind(&column, &text(&row, "type"), sql),
            // SQLite does not say it of keys of tables without row ids, which cannot be null.
            is_nullable: integer(&row, "notnull") == 0 && integer(&row, "pk") == 0,
            has_default: row["dflt_value"] != Value::Null,
            name: column,
        });
    }
    key.sort();
    table.primary_key = key.into_iter().map(|(_, column)| column).collect();
    let words: Vec<&str> = sql.split_whitespace().collect();
    for words in words.windows(3) {
        if words[0] == "CONSTRAINT" && words[2].starts_with("UNIQUE") {
            table.unique_names.insert(words[1].to_owned());
        }
    }
    indexes(connection, name, &mut table);
    references(connection, name, &mut table);
    table
}

/// The types of an engine that has few, by what the schema demands of the values.
fn kind(column: &str, ty: &str, sql: &str) -> Kind {
    let demands = |check: &str| sql.contains(&format!("CHECK ({check})"));
    match ty {
        "BLOB" if demands(&format!("length({column}) = 16")) || column.ends_with("_id") => Kind::Id,
        "BLOB" => Kind::Bytes,
        "INTEGER" if demands(&format!("{column} IN (0, 1)")) => Kind::Boolean,
        "INTEGER" => Kind::Integer,
        "TEXT" => Kind::Text,
        _ => panic!("{column}: {ty}"),
    }
}

fn indexes(connection: &Connection, name: &str, table: &mut Table) {
    for row in query(
        connection,
        &format!("SELECT * FROM pragma_index_list('{name}')"),
    ) {
        let index = text(&row, "name");
        let columns = format!("SELECT name FROM pragma_index_info('{index}') ORDER BY seqno");
        let columns: Vec<String> = query(connection, &columns)
            .iter()
            .map(|row| text(row, "name"))
            .collect();
        match text(&row, "origin").as_str() {
            "pk" => (),
            "u" => drop(table.unique.insert(columns)),
            _ => {
                let sql = format!("SELECT sql FROM sqlite_schema WHERE name = '{index}'");
                let sql = text(&query(connection, &sql)[0], "sql");
                let condition = sql
                    .split_once("WHERE")
                    .map(|(_, condition)| plain(condition));
                let is_unique = integer(&row, "unique") == 1;
                table.indexes.insert(
                    index,
                    Index {
                        columns,
                        is_unique,
                        condition,
                    },
                );
            }
        }
    }
}

fn references(connection: &Connection, name: &str, table: &mut Table) {
    let sql = format!("SELECT * FROM pragma_foreign_key_list('{name}') ORDER BY id, seq");
    let mut references: BTreeMap<i64, Reference> = BTreeMap::new();
    for row in query(connection, &sql) {
        let reference = references
            .entry(integer(&row, "id"))
            .or_insert_with(|| Reference {
                columns: Vec::new(),
                to_table: text(&row, "table"),
                to_columns: Vec::new(),
                on_delete: text(&row, "on_delete"),
            });
        reference.columns.push(text(&row, "from"));
        reference.to_columns.push(text(&row, "to"));
    }
    table.references = references.into_values().collect();
}

/// All values of a table as PostgreSQL spells them, each row in the order of the columns' names, in the order of the rows'
/// text.
pub fn rows(connection: &Connection, table: &str) -> Vec<Vec<String>> {
    let sql = connection.query_row(
        "SELECT sql FROM sqlite_schema WHERE name = ?1",
        [table],
        |row| row.get(0),
    );
    let sql: String = sql.expect("a table");
    let spell = |(name, value): (String, Value)| match value {
        Value::Integer(number) if kind(&name, "INTEGER", &sql) == Kind::Boolean => {
            (if number == 1 { "t" } else { "f" }).to_owned()
        }
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        other => panic!("{name}: {other:?}"),
    };
    let rows = query(connection, &format!("SELECT * FROM {table}"));
    let mut rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|row| row.into_iter().map(spell).collect())
        .collect();
    rows.sort();
    rows
}
