//! Request bodies. JSON is held against the schema that the specification shows, and everything wrong is told at once,
//! field by field; forms are read as RFC 6749 Appendix B says.

use std::collections::HashSet;

use percent_encoding::percent_decode;
use poem::http::{Method, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use super::fields::wrong_value;
use super::json;
use crate::domain::{Error, FieldCode, FieldError, Invalid};
use crate::http::media_types::{JSON, PATCH_TYPES};
use crate::http::problem::Failure;
use crate::http::query::MAX_ERRORS;
use crate::http::upload;

pub const FORM: &str = "application/x-www-form-urlencoded";

/// An object of a request, with its schema at hand.
pub trait RequestObject: Type + ParseFromJSON {
    /// The schema of the object, made once.
    fn schema() -> &'static MetaSchema;
}

/// Implements [`RequestObject`].
macro_rules! request_objects {
    ($($name:ty),* $(,)?) => {
        $(impl $crate::api::wire::body::RequestObject for $name {
            fn schema() -> &'static poem_openapi::registry::MetaSchema {
                static SCHEMA: std::sync::OnceLock<poem_openapi::registry::MetaSchema> = std::sync::OnceLock::new();
                SCHEMA.get_or_init(|| poem_openapi::registry::Registry::new().create_fake_schema::<$name>())
            }
        })*
    };
}
pub(in crate::api) use request_objects;

/// A body in JSON.
pub struct JsonBody<T>(pub T);

/// A body as a form, for the endpoints of OAuth 2.0.
pub struct FormBody<T>(pub T);

macro_rules! extractor {
    ($body:ident, $content_type:expr, $read:ident) => {
        impl<'a, T: RequestObject> ApiExtractor<'a> for $body<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                Some(MetaRequest {
                    description: None,
                    content: vec![MetaMediaType {
                        content_type: $content_type,
                        schema: T::schema_ref(),
                    }],
                    required: true,
                })
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _: ExtractParamOptions<()>,
            ) -> Result<Self> {
                let bytes = body.take()?.into_bytes().await?;
                // Without a body there is no type to be wrong: what is missing is for the reader to say.
                let is_absent =
                    bytes.is_empty() && !request.headers().contains_key(header::CONTENT_TYPE);
                if !is_absent {
                    check_media_type(request, $content_type)?;
                }
                Ok(Self($read(&bytes)?))
            }
        }
    };
}

extractor!(JsonBody, JSON, read_json);
extractor!(FormBody, FORM, read_form);

/// Requires a body in this media type, in UTF-8 and as it is.
fn check_media_type(request: &Request, expected: &'static str) -> std::result::Result<(), Failure> {
    upload::check_coding(request.headers())?;
    let is_patch = request.method() == Method::PATCH;
    let is_named = |essence: &str| {
        essence.eq_ignore_ascii_case(expected)
            || (is_patch
                && PATCH_TYPES
                    .iter()
                    .any(|name| essence.eq_ignore_ascii_case(name)))
    };
    // What is ASCII is UTF-8 as well.
    let is_text = |charset: &str| {
        let charset = charset.trim_matches('"').to_ascii_lowercase();
        matches!(&*charset, "utf-8" | "utf8" | "us-ascii")
    };
    let content_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.parse::<mime::Mime>().ok());
    let is_accepted = media_type.is_some_and(|media_type| {
        let mut charsets = media_type
            .params()
            .filter(|(name, _)| *name == mime::CHARSET);
        is_named(media_type.essence_str()) && charsets.all(|(_, charset)| is_text(charset.as_str()))
    });
    if is_accepted {
        Ok(())
    } else {
        Err(Failure::UnsupportedMediaType { expected, is_patch })
    }
}

fn read_json<T: RequestObject>(bytes: &[u8]) -> std::result::Result<T, Failure> {
    if bytes.is_empty() {
        return Err(Failure::Malformed {
            detail: "A JSON body is required.".to_owned(),
            errors: Vec::new(),
        });
    }
    let (value, repeated) = json::parse(bytes, MAX_ERRORS).map_err(|error| Failure::Malformed {
        // The parser's own message may quote the body.
        detail: format!(
            "The body is not JSON; see line {}, column {}.",
            error.line(),
            error.column()
        ),
        errors: Vec::new(),
    })?;
    let Value::Object(fields) = &value else {
        return Err(Failure::Malformed {
            detail: "The body is not a JSON object.".to_owned(),
            errors: Vec::new(),
        });
    };
    let mut errors: Vec<FieldError> = repeated
        .iter()
        .map(|name| FieldError::new(name, FieldCode::RepeatedField, "Send this field once."))
        .chain(compare(fields, T::schema()))
        .collect();
    if !errors.is_empty() {
        // One answer lists all errors, so that clients can correct them together.
        errors.extend(wrong_values(fields, T::schema()));
        errors.truncate(MAX_ERRORS);
        return Err(Error::Invalid(Invalid(errors)).into());
    }
    T::parse_from_json(Some(value))
        .map_err(|_| Failure::defect("a body passed its schema and did not parse"))
}

/// Everything in which `fields` is not what `schema` says: fields unknown or missing, and wrong types.
fn compare(fields: &Map<String, Value>, schema: &MetaSchema) -> Vec<FieldError> {
    let known = |name: &str| schema.properties.iter().find(|(known, _)| *known == name);
    let missing = schema
        .required
        .iter()
        .filter(|name| !fields.contains_key(**name));
    let missing =
        missing.map(|name| FieldError::new(name, FieldCode::Required, "This field is required."));
    let present = fields.iter().filter_map(|(name, value)| match known(name) {
        None => Some(FieldError::new(
            name,
            FieldCode::UnknownField,
            "There is no such field.",
        )),
        Some((name, expected)) => wrong_type(name, value, expected),
    });
    missing.chain(present).take(MAX_ERRORS).collect()
}

/// The texts that nothing can be made of, whatever the other fields say.
fn wrong_values(fields: &Map<String, Value>, schema: &MetaSchema) -> Vec<FieldError> {
    let properties = schema.properties.iter();
    let wrong = properties.filter_map(|(name, schema)| match (schema, fields.get(*name)?) {
        (MetaSchemaRef::Inline(schema), Value::String(text)) => wrong_value(name, text, schema),
        _ => None,
    });
    wrong.collect()
}

fn wrong_type(name: &str, value: &Value, schema: &MetaSchemaRef) -> Option<FieldError> {
    let MetaSchemaRef::Inline(schema) = schema else {
        return None;
    };
    let fits = match (schema.ty, value) {
        (_, Value::Null) => schema.nullable,
        ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => true,
        ("array", Value::Array(items)) => {
            let items = items.iter().enumerate();
            let expected = schema.items.as_deref();
            return items
                .filter_map(|(index, item)| {
                    wrong_type(&format!("{name}[{index}]"), item, expected?)
                })
                .next();
        }
        _ => false,
    };
    let expected = if schema.ty == "array" {
        "a list"
    } else {
        schema.ty
    };
    (!fits).then(|| {
        FieldError::new(
            name,
            FieldCode::InvalidType,
            format!("This must be {}.", with_article(expected)),
        )
    })
}

fn with_article(kind: &str) -> String {
    if kind.starts_with("a ") {
        kind.to_owned()
    } else {
        format!("a {kind}")
    }
}

const INVALID_REQUEST: &str = "invalid_request";

fn oauth_request(description: &'static str) -> Failure {
    Failure::OAuthRequest {
        error: INVALID_REQUEST,
        description,
    }
}

/// Unknown parameters are ignored, and empty ones count as absent. A known one may not come twice, not even empty: of two parsers
/// one might take the first and the other the second (RFC 6749 §3.2).
fn read_form<T: RequestObject>(bytes: &[u8]) -> std::result::Result<T, Failure> {
    let mut fields = Map::new();
    let mut seen = HashSet::new();
    for pair in bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default())?;
        let value = decode(halves.next().unwrap_or_default())?;
        let is_known = T::schema()
            .properties
            .iter()
            .any(|(known, _)| *known == name);
        if !is_known {
            continue;
        }
        if !seen.insert(name.clone()) {
            return Err(oauth_request("A parameter is given twice."));
        }
        if !value.is_empty() {
            fields.insert(name, Value::String(value));
        }
    }
    let missing = T::schema()
        .required
        .iter()
        .any(|name| !fields.contains_key(*name));
    if missing {
        return Err(oauth_request("A required parameter is missing."));
    }
    T::parse_from_json(Some(Value::Object(fields)))
        .map_err(|_| oauth_request("A parameter cannot be used."))
}

fn decode(bytes: &[u8]) -> std::result::Result<String, Failure> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded = percent_decode(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| oauth_request("The form is not UTF-8."))
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;

    use super::*;

    #[derive(Debug, Object)]
    struct Example {
        name: String,
        note: Option<String>,
        tags: Option<Vec<String>>,
        flag: Option<bool>,
    }

    request_objects!(Example);

    fn codes(body: &str) -> Vec<(String, &'static str)> {
        match read_json::<Example>(body.as_bytes()) {
            Err(Failure::Domain(Error::Invalid(invalid))) => invalid
                .0
                .into_iter()
                .map(|error| (error.field, error.code.as_str()))
                .collect(),
            Err(Failure::Malformed { .. }) => vec![("body".to_owned(), "malformed")],
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let fields = codes(r#"{"note": 1, "tags": ["a", 2], "flag": "yes", "extra": {}}"#);
        let expected = [
            ("name", "required"),
            ("extra", "unknown_field"),
            ("flag", "invalid_type"),
            ("note", "invalid_type"),
            ("tags[1]", "invalid_type"),
        ];
        assert_eq!(
            fields,
            expected.map(|(field, code)| (field.to_owned(), code))
        );
        assert_eq!(
            codes(r#"{"name": null}"#),
            [("name".to_owned(), "invalid_type")]
        );
        let null = r#"{"name": "x", "note": null}"#;
        assert_eq!(
            codes(null),
            [("note".to_owned(), "invalid_type")],
            "null is not the same as absent"
        );
        assert_eq!(
            codes(r#"{"name": "x", "name": "y", "tags": [{"a": 1, "a": 2}]}"#),
            [
                ("name".to_owned(), "repeated_field"),
                ("tags[0].a".to_owned(), "repeated_field"),
                ("tags[0]".to_owned(), "invalid_type")
            ]
        );
        assert_eq!(codes("[1]"), [("body".to_owned(), "malformed")]);
        assert_eq!(codes("{"), [("body".to_owned(), "malformed")]);
        assert!(
            read_json::<Example>(br#"{"name": "x", "note": "y", "tags": ["a"], "flag": true}"#)
                .is_ok()
        );
    }

    #[test]
    fn forms_are_read_as_oauth_says() {
        let read = |form: &[u8]| read_form::<Example>(form);
        let example = read(b"name=a%20b+c%C3%A9&ignored=1&note=").expect("reads");
        assert_eq!((example.name.as_str(), example.note), ("a b cé", None));
        let example = read(b"name=a&other=1&other=2").expect("what is not known does not count");
        assert_eq!(example.name, "a");
        for bad in [
            b"note=x".as_slice(),
            b"name=a&name=b",
            b"name=a&name=",
            b"name=&name=a",
            b"name=a&n%61me=a",
            b"name=%ff",
            b"name=",
            b"",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
