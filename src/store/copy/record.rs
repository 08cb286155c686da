//! One row of any table, in a form that is the same whichever engine it came from.

use std::fmt::Write;

use uuid::Uuid;

use crate::store::db::{Result, Row, Value};
use crate::store::tables::{Kind, Table};

/// A row; the columns are in the order of its table's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record(Vec<Cell>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Null,
    Integer(i64),
    Boolean(bool),
    Text(String),
    Bytes(Vec<u8>),
    Uuid(Uuid),
}

impl Record {
    /// Reads a row of `table` that was asked for by all columns.
    pub fn read(row: &Row<'_>, table: &Table) -> Result<Self> {
        Self::read_columns(row, table.columns)
    }

    /// Reads the primary key of a row of `table` that was asked for by that.
    pub fn read_key(row: &Row<'_>, table: &Table) -> Result<Self> {
        Self::read_columns(row, &table.columns[..table.key])
    }

    fn read_columns(row: &Row<'_>, columns: &[(&str, Kind)]) -> Result<Self> {
        let cells = columns.iter().enumerate();
        let cells = cells.map(|(index, (_, kind))| Cell::read(row, index, *kind));
        cells.collect::<Result<_>>().map(Self)
    }

    pub fn values(&self) -> impl Iterator<Item = Value<'_>> {
        self.0.iter().map(Cell::value)
    }

    /// The primary key by itself.
    pub fn key(&self, table: &Table) -> Self {
        Self(self.0[..table.key].to_vec())
    }

    /// The primary key for people: `id = 01a2…`.
    pub fn describe(&self, table: &Table) -> String {
        let columns = table.columns[..table.key].iter().zip(&self.0);
        let columns: Vec<String> = columns
            .map(|((name, _), cell)| format!("{name} = {}", cell.describe()))
            .collect();
        columns.join(", ")
    }

    /// The first column with a character that not every engine can store.
    pub fn column_with_nul(&self, table: &Table) -> Option<&'static str> {
        let mut columns = table.columns.iter().zip(&self.0);
        columns.find_map(|((name, _), cell)| match cell {
            Cell::Text(text) if text.contains('\0') => Some(*name),
            _ => None,
        })
    }

    /// Appends the row in an encoding that no other row has: each value has its type and, where it can vary, its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for cell in &self.0 {
            match cell {
                Cell::Null => out.push(0),
                Cell::Integer(value) => {
                    out.push(1);
                    out.extend(value.to_le_bytes());
                }
                Cell::Boolean(value) => out.extend([2, u8::from(*value)]),
                Cell::Text(text) => encode_bytes(3, text.as_bytes(), out),
                Cell::Bytes(bytes) => encode_bytes(4, bytes, out),
                Cell::Uuid(value) => {
                    out.push(5);
                    out.extend(value.as_bytes());
                }
            }
        }
    }
}

fn encode_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend((bytes.len() as u64).to_le_bytes());
    out.extend(bytes);
}

impl Cell {
    fn read(row: &Row<'_>, index: usize, kind: Kind) -> Result<Self> {
        let cell = match kind {
            Kind::Uuid => row.get::<Option<_>>(index)?.map(Self::Uuid),
            Kind::Text => row.get::<Option<_>>(index)?.map(Self::Text),
            Kind::Integer => row.get::<Option<_>>(index)?.map(Self::Integer),
            Kind::Boolean => row.get::<Option<_>>(index)?.map(Self::Boolean),
            Kind::Bytes => row.get::<Option<_>>(index)?.map(Self::Bytes),
        };
        Ok(cell.unwrap_or(Self::Null))
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
            Self::Uuid(value) => Value::Uuid(*value),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Integer(value) => value.to_string(),
            Self::Boolean(value) => value.to_string(),
            Self::Text(text) => format!("{text:?}"),
            Self::Bytes(bytes) => hex(bytes),
            Self::Uuid(value) => value.to_string(),
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(cells: &[Cell]) -> Vec<u8> {
        let mut out = Vec::new();
        Record(cells.to_vec()).encode(&mut out);
        out
    }

    #[test]
    fn no_two_rows_are_encoded_alike() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows: &[&[Cell]] = &[
            &[text("ab"), text("c")],
            &[text("a"), text("bc")],
            &[text("abc"), Cell::Null],
            &[text("abc"), text("")],
            &[Cell::Bytes(b"abc".to_vec()), Cell::Null],
            &[Cell::Integer(1), Cell::Null],
            &[Cell::Boolean(true), Cell::Null],
            &[Cell::Boolean(false), Cell::Null],
            &[Cell::Uuid(Uuid::nil()), Cell::Null],
            &[Cell::Bytes(vec![0; 16]), Cell::Null],
        ];
        for (number, row) in rows.iter().enumerate() {
            for other in &rows[number + 1..] {
                assert_ne!(encoded(row), encoded(other), "{row:?} and {other:?}");
            }
        }
    }
}
