//! Values of SQLite's columns.

use rusqlite::types::ValueRef;

use crate::store::db::value::Column;
use crate::store::db::{Error, FromValue, Result};

/// Column `index` of a row.
pub fn column<T: FromValue>(row: &rusqlite::Row<'_>, index: usize) -> Result<T> {
    let value = match row.get_ref(index)? {
        ValueRef::Null => Some(Column::Null),
        ValueRef::Integer(value) => Some(Column::Integer(value)),
        ValueRef::Text(value) => std::str::from_utf8(value).ok().map(Column::Text),
        ValueRef::Blob(value) => Some(Column::Bytes(value)),
        ValueRef::Real(_) => None,
    };
    value.and_then(T::from_column).ok_or_else(|| {
        Error::Defect(format!(
            "column {index} is no {}",
            std::any::type_name::<T>()
        ))
    })
}
