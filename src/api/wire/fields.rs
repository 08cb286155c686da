//! Scalars of requests and responses with the schema that they have in the specification. They check the JSON type and
//! no more: what a value means is for the domain's types to parse.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{
    ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::config::Secret;
use crate::domain::{self, FieldError};

macro_rules! scalar {
    ($name:ident, $schema:expr) => {
        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }
    };
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident($inner:ty), $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub $inner);

        scalar!($name, $schema);

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                match value {
                    Some(Value::String(text)) => Ok(Self(<$inner>::from(text))),
                    other => Err(ParseError::expected_type(other.unwrap_or_default())),
                }
            }
        }
    };
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

pub const FULL_NAME: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";

/// What the domain has against the text of a field with this schema: the texts that it parses are known by their patterns.
pub fn wrong_value(field: &str, text: &str, schema: &MetaSchema) -> Option<FieldError> {
    match schema.pattern.as_deref()? {
        domain::Email::PATTERN => domain::Email::parse(field, text).err(),
        domain::Username::PATTERN => domain::Username::parse(field, text).err(),
        FULL_NAME => domain::FullName::parse(field, Some(text)).err(),
        domain::Password::PATTERN => domain::Password::parse(field, Secret::new(text)).err(),
        _ => None,
    }
}

fn string() -> MetaSchema {
    MetaSchema::new("string")
}

text! {
    /// An e-mail address.
    EmailText(String),
    MetaSchema {
        format: Some("email"),
        min_length: Some(5),
        max_length: Some(domain::Email::MAX_BYTES),
        pattern: Some(domain::Email::PATTERN.to_owned()),
        example: Some("ada@example.com".into()),
        ..string()
    }
}

text! {
    /// A username.
    UsernameText(String),
    MetaSchema {
        min_length: Some(domain::Username::MIN_CHARS),
        max_length: Some(domain::Username::MAX_CHARS),
        pattern: Some(domain::Username::PATTERN.to_owned()),
        example: Some("ada".into()),
        ..string()
    }
}

text! {
    /// A name as people write it.
    FullNameText(String),
    MetaSchema {
        nullable: true,
        max_length: Some(domain::FullName::MAX_CHARS),
        pattern: Some(FULL_NAME.to_owned()),
        example: Some("Ada Lovelace".into()),
        ..string()
    }
}

text! {
    /// A new password.
    NewPasswordText(Secret),
    MetaSchema {
        format: Some("password"),
        min_length: Some(domain::Password::MIN_CHARS),
        max_length: Some(domain::Password::MAX_CHARS),
        pattern: Some(domain::Password::PATTERN.to_owned()),
        example: Some("correct horse battery staple".into()),
        ..string()
    }
}

text! {
    /// A password that is to be checked.
    PasswordText(Secret),
    MetaSchema {
        format: Some("password"),
        example: Some("correct horse battery staple".into()),
        ..string()
    }
}

text! {
    /// A token.
    TokenText(Secret),
    MetaSchema {
        example: Some("vrt1_AZJ…".into()),
        ..string()
    }
}

text! {
    /// A token that came by mail: 256 bits in base64url.
    MailedTokenText(Secret),
    MetaSchema {
        max_length: Some(512),
        example: Some("q0nSyz3rYd7dXQh6m1cVx5uB2k8WjPZ4fT9eLgAoRiE".into()),
        ..string()
    }
}

text! {
    /// A code that came by mail.
    CodeText(Secret),
    MetaSchema {
        min_length: Some(6),
        max_length: Some(6),
        pattern: Some("^[0-9]{6}$".to_owned()),
        example: Some("271828".into()),
        ..string()
    }
}

/// 16 bytes in base64url, whose last character holds two bits.
#[cfg(test)]
pub const CURSOR: &str = "^(?:[A-Za-z0-9_-]{21}[AQgw])?$";

text! {
    /// Where a page begins: opaque to clients. Empty is as good as absent.
    CursorText(String),
    string()
}

impl ParseFromParameter for CursorText {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(text.to_owned()))
    }
}

text! {
    /// A username or e-mail address.
    IdentifierText(String),
    MetaSchema {
        example: Some("ada".into()),
        ..string()
    }
}

/// The grant of RFC 6749 §4.3.
pub const PASSWORD_GRANT: &str = "password";
/// The grant of RFC 6749 §6.
pub const REFRESH_GRANT: &str = "refresh_token";

text! {
    /// An OAuth 2.0 grant type. Any text is taken: of an unknown one the answer has its own error.
    GrantTypeText(String),
    MetaSchema {
        enum_items: vec![PASSWORD_GRANT.into(), REFRESH_GRANT.into()],
        ..string()
    }
}

/// A moment in an answer: RFC 3339, UTC, milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct DateTime(pub Timestamp);

/// The derive macro of response objects asks for a default that is never used.
impl Default for DateTime {
    fn default() -> Self {
        Self(Timestamp::from_millis(0))
    }
}

scalar!(
    DateTime,
    MetaSchema {
        example: Some("2026-01-02T03:04:05.678Z".into()),
        ..MetaSchema::new_with_format("string", "date-time")
    }
);

impl ToJSON for DateTime {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.rfc3339().into())
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.rfc3339())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty), $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        scalar!($name, $schema);

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.into())
            }
        }
    };
}

number! {
    /// How long something of an answer lasts. No setting makes a token live longer than a year.
    Seconds(u64),
    MetaSchema {
        minimum: Some(0.0),
        maximum: Some(31_536_000.0),
        ..MetaSchema::new_with_format("integer", "int32")
    }
}

impl Seconds {
    /// Whole seconds, up to a year.
    pub fn of(duration: std::time::Duration) -> Self {
        Self(duration.as_secs().min(31_536_000))
    }
}

number! {
    /// How many there are, counted up to 1000.
    Count(i64),
    MetaSchema {
        minimum: Some(0.0),
        maximum: Some(1000.0),
        ..MetaSchema::new_with_format("integer", "int32")
    }
}

number! {
    /// Seconds since 1970 (RFC 7519 §2, NumericDate), up to the end of the year 9999.
    UnixTime(i64),
    MetaSchema {
        minimum: Some(0.0),
        maximum: Some(253_402_300_799.0),
        ..MetaSchema::new_with_format("integer", "int64")
    }
}

/// A value of an answer that is always there and may be `null`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Nullable<T>(pub Option<T>);

impl<T: Type> Type for Nullable<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        format!("nullable_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref().merge(MetaSchema {
            nullable: true,
            ..MetaSchema::ANY
        })
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl<T: ToJSON> ToJSON for Nullable<T> {
    fn to_json(&self) -> Option<Value> {
        Some(
            self.0
                .as_ref()
                .and_then(ToJSON::to_json)
                .unwrap_or_default(),
        )
    }
}

/// A boolean in a query. `1` and `0` as well, which PHP makes of them.
#[derive(Debug, Clone, Copy)]
pub struct Flag(pub bool);

scalar!(Flag, MetaSchema::new("boolean"));

impl ParseFromParameter for Flag {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        match text {
            "true" | "1" => Ok(Self(true)),
            "false" | "0" => Ok(Self(false)),
            _ => Err(ParseError::custom("true or false")),
        }
    }
}

/// How many items a page has.
#[derive(Debug, Clone, Copy)]
pub struct PageLimit(pub usize);

impl PageLimit {
    const MAX: usize = 100;
}

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

scalar!(
    PageLimit,
    MetaSchema {
        minimum: Some(1.0),
        maximum: Some(100.0),
        ..MetaSchema::new_with_format("integer", "int32")
    }
);

impl ToJSON for PageLimit {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}

impl ParseFromParameter for PageLimit {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        let limit = text
            .parse()
            .ok()
            .filter(|limit| (1..=Self::MAX).contains(limit));
        limit
            .map(Self)
            .ok_or_else(|| ParseError::custom("a whole number from 1 to 100"))
    }
}
