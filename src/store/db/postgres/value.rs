//! Values between our types and the wire.

use std::error::Error as StdError;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::store::db::value::Column;
use crate::store::db::{Error, FromValue, Result, Value};

type Boxed = Box<dyn StdError + Sync + Send>;

/// The types of our columns, and of what we count and compare.
fn is_ours(ty: &Type) -> bool {
    [
        Type::INT2,
        Type::INT4,
        Type::INT8,
        Type::BOOL,
        Type::TEXT,
        Type::VARCHAR,
        Type::BYTEA,
        Type::UUID,
    ]
    .contains(ty)
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> std::result::Result<IsNull, Boxed> {
        match (*self, ty) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(value), &Type::INT8) => value.to_sql(ty, out),
            (Self::Integer(value), &Type::INT4) => i32::try_from(value)?.to_sql(ty, out),
            (Self::Integer(value), &Type::INT2) => i16::try_from(value)?.to_sql(ty, out),
            (Self::Boolean(value), &Type::BOOL) => value.to_sql(ty, out),
            (Self::Text(value), &(Type::TEXT | Type::VARCHAR)) => value.to_sql(ty, out),
            (Self::Bytes(value), &Type::BYTEA) => value.to_sql(ty, out),
            (Self::Uuid(value), &Type::UUID) => value.to_sql(ty, out),
            // Its content is nobody's business.
            _ => Err(format!("the value for a placeholder is no {ty}").into()),
        }
    }

    fn accepts(ty: &Type) -> bool {
        is_ours(ty)
    }

    to_sql_checked!();
}

/// A column as it comes off the wire.
struct Raw<'a>(Column<'a>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> std::result::Result<Self, Boxed> {
        Ok(Self(match *ty {
            Type::INT8 => Column::Integer(i64::from_sql(ty, raw)?),
            Type::INT4 => Column::Integer(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Column::Integer(i16::from_sql(ty, raw)?.into()),
            Type::BOOL => Column::Boolean(bool::from_sql(ty, raw)?),
            Type::BYTEA => Column::Bytes(raw),
            Type::UUID => Column::Uuid(Uuid::from_sql(ty, raw)?),
            _ => Column::Text(<&str>::from_sql(ty, raw)?),
        }))
    }

    fn from_sql_null(_: &Type) -> std::result::Result<Self, Boxed> {
        Ok(Self(Column::Null))
    }

    fn accepts(ty: &Type) -> bool {
        is_ours(ty)
    }
}

/// Column `index` of a row.
pub fn column<T: FromValue>(row: &PostgresRow, index: usize) -> Result<T> {
    let wrong = || {
        Error::Defect(format!(
            "column {index} is no {}",
            std::any::type_name::<T>()
        ))
    };
    let Raw(column) = row.try_get(index).map_err(|_| wrong())?;
    T::from_column(column).ok_or_else(wrong)
}

/// One row of an answer.
pub type PostgresRow = tokio_postgres::Row;
