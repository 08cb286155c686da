//! What PostgreSQL says of its schema.

use crate::postgres::Session;

use super::{Column, Index, Kind, MACHINERY, Reference, Schema, plain};

const TABLES: &str =
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";

const COLUMNS: &str = "SELECT table_name, column_name, data_type, is_nullable, column_default IS NOT NULL, collation_name \
     FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position";

const CONSTRAINTS: &str = "SELECT conrelid::regclass, contype, conname, \
     (SELECT string_agg(attname, ',' ORDER BY place) FROM unnest(conkey) WITH ORDINALITY AS k (number, place) \
      JOIN pg_attribute ON attrelid = conrelid AND attnum = number), \
     nullif(confrelid, 0)::regclass, \
     (SELECT string_agg(attname, ',' ORDER BY place) FROM unnest(confkey) WITH ORDINALITY AS k (number, place) \
      JOIN pg_attribute ON attrelid = confrelid AND attnum = number), \
     confdeltype FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')";

const INDEXES: &str = "SELECT indrelid::regclass, indexrelid::regclass, indisunique, pg_get_expr(indpred, indrelid), \
     (SELECT string_agg(pg_get_indexdef(indexrelid, place, TRUE), ',' ORDER BY place) \
      FROM generate_series(1, indnkeyatts) AS places (place)) \
     FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace \
     AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))";

/// The columns of a row; those that are NULL are empty.
fn query(session: &Session, sql: &str) -> Vec<Vec<String>> {
    let rows = session.run(sql).into_iter();
    rows.map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect()
}

fn list(columns: &str) -> Vec<String> {
    columns.split(',').map(str::to_owned).collect()
}

pub fn schema(session: &Session) -> Schema {
    let mut schema = Schema::new();
    for row in query(session, TABLES) {
        if !MACHINERY.contains(&row[0].as_str()) {
            schema.entry(row[0].clone()).or_default();
        }
    }
    for row in query(session, COLUMNS) {
        let Some(table) = schema.get_mut(&row[0]) else {
            continue;
        };
        let kind = kind(&row[1], &row[2]);
        if kind == Kind::Text {
            assert_eq!(row[5], "C", "collation of {}.{}", row[0], row[1]);
        }
        table.columns.push(Column {
            name: row[1].clone(),
            kind,
            is_nullable: row[3] == "YES",
            has_default: row[4] == "t",
        });
    }
    for row in query(session, CONSTRAINTS) {
        let Some(table) = schema.get_mut(&row[0]) else {
            continue;
        };
        let columns = list(&row[3]);
        match row[1].as_str() {
            "p" => table.primary_key = columns,
            "u" => {
                table.unique.insert(columns);
                table.unique_names.insert(row[2].clone());
            }
            _ => {
                let on_delete = match row[6].as_str() {
                    "c" => "CASCADE",
                    "a" => "NO ACTION",
                    other => panic!("{}: {other}", row[2]),
                };
                table.references.insert(Reference {
                    columns,
                    to_table: row[4].clone(),
                    to_columns: list(&row[5]),
                    on_delete: on_delete.to_owned(),
                });
            }
        }
    }
    for row in query(session, INDEXES) {
        let Some(table) = schema.get_mut(&row[0]) else {
            continue;
        };
        let index = Index {
            columns: list(&row[4]),
            is_unique: row[2] == "t",
            condition: Some(plain(&row[3])).filter(|condition| !condition.is_empty()),
        };
        table.indexes.insert(row[1].clone(), index);
    }
    schema
}

fn kind(column: &str, ty: &str) -> Kind {
    match ty {
        "uuid" => Kind::Id,
        "bytea" => Kind::Bytes,
        "bigint" => Kind::Integer,
        "boolean" => Kind::Boolean,
        "text" => Kind::Text,
        _ => panic!("{column}: {ty}"),
    }
}

/// All values of a table, each row in the order of the columns' names, in the order of the rows' text.
pub fn rows(session: &Session, table: &str) -> Vec<Vec<String>> {
    let columns = format!(
        "SELECT string_agg(column_name, ', ' ORDER BY column_name COLLATE \"C\") FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name = '{table}'"
    );
    let columns = session.value(&columns);
    let mut rows = query(session, &format!("SELECT {columns} FROM {table}"));
    rows.sort();
    rows
}
