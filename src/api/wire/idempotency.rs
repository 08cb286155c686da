//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): reads the header, and gives an answer out again as it
//! was. What a key means is for the domain.
//!
//! An operation joins with an argument [`IdempotencyKey`] before its body, an answer [`MaybeReplayed`], and its domain
//! function called within [`IdempotencyKey::once`].

use futures_util::FutureExt;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, RequestBody, Response};
use poem_openapi::registry::{
    MetaHeader, MetaParamIn, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::idempotency::{self, Asking, Done, Key, Once};
use crate::domain::{Error, FieldCode, FieldError, Services};
use crate::http::problem::Failure;
use crate::http::result::Result;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";
const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What [`read`] takes, as a regular expression: a text without `"` at its start, or a quoted one.
#[cfg(test)]
pub const PATTERN: &str = r#"^([!#-~][!-~]{0,254}|"([!#-\[\]-~]|\\["\\]){1,255}")$"#;

/// Both quotes, and each character behind a backslash.
#[cfg(test)]
const MAX_QUOTED: usize = 2 + 2 * Key::MAX_CHARS;

/// Headers that an answer keeps. All others belong to one request, or are the same for every answer.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::ETAG];

/// The key of a request, if it has one, and what the request asks for.
pub struct IdempotencyKey(Option<Keyed>);

struct Keyed {
    key: Key,
    operation: String,
    content: Zeroizing<Vec<u8>>,
}

/// An answer of now, or one of an earlier time.
pub enum MaybeReplayed<T> {
    Now(T),
    Before(Response),
}

impl IdempotencyKey {
    /// Lets `act` do what the request asks for, unless that was done before for the same `caller`. `answer` makes the answer
    /// of what `act` made.
    pub async fn once<T, R>(
        self,
        services: &Services,
        caller: impl Into<Asking>,
        answer: fn(T) -> R,
        act: impl AsyncFnOnce(Option<Once<T>>) -> std::result::Result<T, Failure>,
    ) -> Result<MaybeReplayed<R>>
    where
        T: Clone + 'static,
        R: IntoResponse + 'static,
    {
        let once = self.0.map(|keyed| {
            let request = idempotency::Request {
                operation: keyed.operation,
                caller: caller.into(),
                key: keyed.key,
                content: keyed.content,
            };
            Once::new(services, &request, move |made| keep(answer(made)))
        });
        match idempotency::run(services, once, act).await? {
            Done::Now(made) => Ok(MaybeReplayed::Now(answer(made))),
            Done::Before(kept) => Ok(MaybeReplayed::Before(replay(&kept)?)),
        }
    }
}

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema {
            min_length: Some(1),
            // Of the key. Quotes around it, and backslashes in it, do not count.
            max_length: Some(Key::MAX_CHARS),
            ..MetaSchema::new("string")
        })))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let Some(key) = key_of(request.headers())? else {
            return Ok(Self(None));
        };
        let uri = request.uri();
        let bytes = body.take()?.into_bytes().await?;
        // A query has no line break.
        let query = uri.query().unwrap_or_default().as_bytes();
        let content = Zeroizing::new([query, b"\n", &bytes].concat());
        *body = RequestBody::new(Body::from(bytes));
        Ok(Self(Some(Keyed {
            key,
            operation: format!("{} {}", request.method(), uri.path()),
            content,
        })))
    }
}

fn key_of(headers: &HeaderMap) -> std::result::Result<Option<Key>, Failure> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().ok().and_then(read);
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key)),
        _ => Err(Failure::Malformed {
            detail: "The header Idempotency-Key has a value that cannot be used.".to_owned(),
            errors: vec![FieldError::new(
                IDEMPOTENCY_KEY,
                FieldCode::InvalidFormat,
                "Send it once, with 1 to 255 visible ASCII characters, such as a UUID.",
            )],
        }),
    }
}

/// The key in a header's value: a string of RFC 8941 §3.3.3 without spaces and parameters, or, as most clients send it, the
/// bare text.
fn read(value: &str) -> Option<Key> {
    let Some(quoted) = value.strip_prefix('"') else {
        return Key::parse(value);
    };
    let quoted = quoted.strip_suffix('"')?;
    let mut key = Zeroizing::new(String::with_capacity(quoted.len()));
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        key.push(match character {
            '\\' => characters
                .next()
                .filter(|escaped| matches!(escaped, '"' | '\\'))?,
            '"' => return None,
            character => character,
        });
    }
    Key::parse(&key)
}

/// What stands before the body of a kept answer, as a line of JSON.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

fn keep(answer: impl IntoResponse) -> crate::domain::Result<Vec<u8>> {
    let (parts, body) = answer.into_response().into_parts();
    let headers = KEPT_HEADERS.iter().filter_map(|name| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.to_string(), value.to_owned()))
    });
    let head = Head {
        status: parts.status.as_u16(),
        headers: headers.collect(),
    };
    let unkept = || Error::Internal("an answer cannot be kept".to_owned());
    let head = serde_json::to_vec(&head).map_err(|_| unkept())?;
    // Our bodies are in memory.
    let body = body.into_bytes().now_or_never().ok_or_else(unkept)?;
    let body = body.map_err(|_| unkept())?;
    Ok([head.as_slice(), b"\n", &body].concat())
}

fn replay(kept: &[u8]) -> std::result::Result<Response, Failure> {
    read_kept(kept).ok_or_else(|| Failure::defect("a kept answer cannot be read"))
}

fn read_kept(kept: &[u8]) -> Option<Response> {
    let end = kept.iter().position(|byte| *byte == b'\n')?;
    let (head, body) = (&kept[..end], &kept[end + 1..]);
    let head: Head = serde_json::from_slice(head).ok()?;
    let mut response = Response::builder()
        .status(StatusCode::from_u16(head.status).ok()?)
        .body(body.to_vec());
    for (name, value) in head.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        response.headers_mut().insert(name, value.parse().ok()?);
    }
    let replayed = HeaderValue::from_static("true");
    response.headers_mut().insert(IDEMPOTENT_REPLAYED, replayed);
    Some(response)
}

impl<T: IntoResponse> IntoResponse for MaybeReplayed<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Now(answer) => answer.into_response(),
            Self::Before(response) => response,
        }
    }
}

impl<T: ApiResponse> ApiResponse for MaybeReplayed<T> {
    fn meta() -> MetaResponses {
        let mut meta = T::meta();
        for response in &mut meta.responses {
            response.headers.push(MetaHeader {
                name: "Idempotent-Replayed".to_owned(),
                description: Some(
                    "`true` if the request was carried out before. This is the answer of the first time."
                        .to_owned(),
                ),
                required: false,
                deprecated: false,
                schema: bool::schema_ref(),
            });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::wire::answer::{Created, NoContent};

    /// A reader of keys that shows what it read.
    fn key(value: &str) -> Option<String> {
        let key = read(value)?;
        Some(key.reveal().to_owned())
    }

    #[test]
    fn the_quoted_and_the_bare_form_are_one_key() {
        let bare = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        assert_eq!(key(bare).as_deref(), Some(bare));
        assert_eq!(key(&format!("\"{bare}\"")).as_deref(), Some(bare));
        assert_eq!(key(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(key(r#"a"b\c"#).as_deref(), Some(r#"a"b\c"#));
        let longest = "k".repeat(255);
        assert!(key(&longest).is_some() && key(&format!("\"{longest}\"")).is_some());
        assert!(key(&format!("{longest}k")).is_none());
        assert!(key(&format!("\"{longest}k\"")).is_none());
    }

    #[test]
    fn what_is_no_string_is_no_key() {
        for bad in [
            "",
            "\"",
            "\"\"",
            "\"a",
            "\"a\"b\"",
            "\"a\", \"b\"",
            "\"a\",\"b\"",
            "\"a\";b=1",
            r#""a\"#,
            r#""a\""#,
            r#""a\b""#,
            "\"a b\"",
            "a b",
            "a, b",
            "schlüssel",
        ] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }

    proptest! {
        /// The specification promises no more than is taken.
        #[test]
        fn whatever_fits_the_pattern_is_a_key(
            value in prop_oneof![
                "[!#-~][!-~]{0,254}",
                r#""([!#-\[\]-~]|\\["\\]){1,255}""#,
            ],
        ) {
            prop_assert!(value.len() <= MAX_QUOTED);
            prop_assert!(read(&value).is_some(), "{}", value);
        }

        #[test]
        fn any_key_can_be_quoted(bare in "[!-~]{1,255}") {
            let quoted = bare.replace('\\', r"\\").replace('"', "\\\"");
            prop_assert_eq!(key(&format!("\"{quoted}\"")), Some(bare));
        }

        #[test]
        fn no_text_is_too_strange(value in any::<String>()) {
            let _ = read(&value);
        }
    }

    #[tokio::test]
    async fn an_answer_comes_back_as_it_was() {
        let made = || Created {
            location: "/users/1".to_owned(),
            body: "line\nbreak \u{1F980}".to_owned(),
        };
        let kept = keep(made()).expect("keeps");
        let (first, again) = (made().into_response(), replay(&kept).expect("reads"));
        assert_eq!(again.status(), first.status());
        assert_eq!(again.headers()[IDEMPOTENT_REPLAYED], "true");
        assert_eq!(again.headers().len(), first.headers().len() + 1);
        for (name, value) in first.headers() {
            assert_eq!(again.headers()[name], value, "{name}");
        }
        let (first, again) = (first.into_body(), again.into_body());
        assert_eq!(
            again.into_vec().await.expect("a body"),
            first.into_vec().await.expect("a body")
        );

        let nothing = replay(&keep(NoContent).expect("keeps")).expect("reads");
        assert_eq!(nothing.status(), StatusCode::NO_CONTENT);
    }

    #[test]
    fn what_was_not_kept_is_not_read() {
        for bad in [
            "",
            "\n",
            "{}\n",
            "{\"status\":1,\"headers\":[]}\n",
            "{\"status\":201,\"headers\":[]}",
            "{\"status\":201,\"headers\":[[\"a b\",\"\"]]}\n",
        ] {
            assert!(read_kept(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
