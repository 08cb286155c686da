//! Values on their way to and from the database.

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::ids::{EventId, InstanceId, MailId, RegistrationId, SessionId, UserId};

/// A value for a placeholder, borrowed where it can be.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Null,
    Integer(i64),
    Boolean(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    Uuid(Uuid),
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $make:expr),* $(,)?) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                $make
            }
        })*
    };
}

value_from! {
    i64 => |value| Self::Integer(value),
    bool => |value| Self::Boolean(value),
    &'a str => |value| Self::Text(value),
    &'a String => |value| Self::Text(value),
    &'a [u8] => |value| Self::Bytes(value),
    Timestamp => |value| Self::Integer(value.millis()),
    UserId => |value| Self::Uuid(value.0),
    SessionId => |value| Self::Uuid(value.0),
    MailId => |value| Self::Uuid(value.0),
    RegistrationId => |value| Self::Uuid(value.0),
    EventId => |value| Self::Uuid(value.0),
    InstanceId => |value| Self::Uuid(value.0),
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A column's value as it comes out, before it has a type.
pub enum Column<'a> {
    Null,
    Integer(i64),
    Boolean(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    Uuid(Uuid),
}

/// A type that a column can be read as.
pub trait FromValue: Sized {
    /// The value, or `None` when the column holds something else.
    fn from_column(column: Column<'_>) -> Option<Self>;
}

impl FromValue for i64 {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Integer(value) => Some(value),
            _ => None,
        }
    }
}

impl FromValue for bool {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Boolean(value) => Some(value),
            // An engine without a type for it.
            column => i64::from_column(column).map(|value| value != 0),
        }
    }
}

impl FromValue for String {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Text(value) => Some(value.to_owned()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Bytes(value) => Some(value.to_owned()),
            _ => None,
        }
    }
}

impl FromValue for Timestamp {
    fn from_column(column: Column<'_>) -> Option<Self> {
        i64::from_column(column).map(Self::from_millis)
    }
}

impl FromValue for Uuid {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Uuid(value) => Some(value),
            Column::Bytes(value) => Self::from_slice(value).ok(),
            _ => None,
        }
    }
}

macro_rules! id_from_column {
    ($($id:ident),*) => {
        $(impl FromValue for $id {
            fn from_column(column: Column<'_>) -> Option<Self> {
                Uuid::from_column(column).map(Self)
            }
        })*
    };
}

id_from_column!(
    UserId,
    SessionId,
    EventId,
    InstanceId,
    MailId,
    RegistrationId
);

impl<T: FromValue> FromValue for Option<T> {
    fn from_column(column: Column<'_>) -> Option<Self> {
        match column {
            Column::Null => Some(None),
            column => T::from_column(column).map(Some),
        }
    }
}
