//! Bounds, patterns and formats: each once in a request and, with the opposite verdict, in an answer.

use serde_json::{Value, json};

use super::{REQUEST, RESPONSE, Row, alike, breaks, nothing, request, response, row};
use crate::kind::Kind;

/// The kinds of one facet: narrowed and widened in a request, narrowed and widened in an answer.
type Kinds = [Kind; 4];

const BOUND: Kinds = [
    Kind::RequestBoundTightened,
    Kind::RequestBoundLoosened,
    Kind::ResponseBoundTightened,
    Kind::ResponseBoundLoosened,
];

const PATTERN: Kinds = [
    Kind::RequestPatternNarrowed,
    Kind::RequestPatternRemoved,
    Kind::ResponsePatternAdded,
    Kind::ResponsePatternWidened,
];

const FORMAT: Kinds = [
    Kind::RequestFormatNarrowed,
    Kind::RequestFormatWidened,
    Kind::ResponseFormatNarrowed,
    Kind::ResponseFormatWidened,
];

/// The second schema takes less than the first.
fn narrower(title: &'static str, wide: Value, narrow: Value, kinds: Kinds) -> [Row; 2] {
    let sent = [request(wide.clone()), request(narrow.clone())];
    let received = [response(narrow), response(wide)];
    [
        breaks(title, sent, REQUEST, [kinds[0], kinds[1]]),
        breaks(title, received, RESPONSE, [kinds[3], kinds[2]]),
    ]
}

/// Nobody can tell which of them takes more.
fn other(title: &'static str, one: Value, other: Value, kinds: Kinds) -> [Row; 2] {
    let sent = [request(one.clone()), request(other.clone())];
    let received = [response(one), response(other)];
    [
        alike(title, sent, REQUEST, [kinds[0]; 2]),
        alike(title, received, RESPONSE, [kinds[3]; 2]),
    ]
}

pub fn rows() -> Vec<Row> {
    let text = |name: &str, value: Value| json!({ "type": "string", name: value });
    let number = |name: &str, value: Value| json!({ "type": "integer", name: value });
    let list = |name: &str, value: Value| json!({ "type": "array", name: value });
    let object = |name: &str, value: Value| json!({ "type": "object", name: value });
    let excluded = json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true });
    let plain = |kind: &str| json!({ "type": kind });
    let mut rows: Vec<Row> = [
        narrower(
            "minLength",
            text("minLength", 3.into()),
            text("minLength", 4.into()),
            BOUND,
        ),
        narrower(
            "maxLength",
            text("maxLength", 32.into()),
            text("maxLength", 31.into()),
            BOUND,
        ),
        narrower(
            "maxLength where there was none",
            plain("string"),
            text("maxLength", 32.into()),
            BOUND,
        ),
        narrower(
            "minimum",
            number("minimum", 0.into()),
            number("minimum", 1.into()),
            BOUND,
        ),
        narrower(
            "maximum",
            number("maximum", 1.5.into()),
            number("maximum", 1.into()),
            BOUND,
        ),
        narrower(
            "a maximum that no floating-point number tells from the other",
            number("maximum", i64::MAX.into()),
            number("maximum", (i64::MAX - 1).into()),
            BOUND,
        ),
        narrower(
            "a minimum that is excluded",
            number("minimum", 1.into()),
            excluded.clone(),
            BOUND,
        ),
        narrower(
            "minItems",
            plain("array"),
            list("minItems", 1.into()),
            BOUND,
        ),
        narrower(
            "maxItems",
            list("maxItems", 9.into()),
            list("maxItems", 8.into()),
            BOUND,
        ),
        narrower(
            "uniqueItems",
            plain("array"),
            list("uniqueItems", true.into()),
            BOUND,
        ),
        narrower(
            "minProperties",
            plain("object"),
            object("minProperties", 1.into()),
            BOUND,
        ),
        narrower(
            "maxProperties",
            plain("object"),
            object("maxProperties", 1.into()),
            BOUND,
        ),
        narrower(
            "multipleOf",
            plain("integer"),
            number("multipleOf", 2.into()),
            BOUND,
        ),
        narrower(
            "a multiple of it",
            number("multipleOf", 2.into()),
            number("multipleOf", 4.into()),
            BOUND,
        ),
        narrower(
            "a pattern",
            plain("string"),
            text("pattern", "^a".into()),
            PATTERN,
        ),
        narrower(
            "a format",
            plain("string"),
            text("format", "email".into()),
            FORMAT,
        ),
        narrower(
            "a smaller format",
            number("format", "int64".into()),
            number("format", "int32".into()),
            FORMAT,
        ),
        other(
            "multipleOf",
            number("multipleOf", 2.into()),
            number("multipleOf", 3.into()),
            BOUND,
        ),
        other(
            "another pattern",
            text("pattern", "^a".into()),
            text("pattern", "^b".into()),
            PATTERN,
        ),
        narrower(
            "a smaller number with a fraction",
            json!({ "type": "number", "format": "double" }),
            json!({ "type": "number", "format": "float" }),
            FORMAT,
        ),
        narrower(
            "a format of whole numbers",
            plain("integer"),
            number("format", "int64".into()),
            FORMAT,
        ),
        other(
            "a format with other negative numbers",
            number("format", "int8".into()),
            number("format", "uint8".into()),
            FORMAT,
        ),
        other(
            "another format",
            text("format", "email".into()),
            text("format", "uuid".into()),
            FORMAT,
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    rows.push(nothing(
        "a bound that holds anyhow",
        [
            request(plain("string")),
            request(text("minLength", 0.into())),
        ],
    ));
    // Generated clients may use another type for it; the wire is the same.
    let page = |format: &str| json!({ "type": "integer", "minimum": 1, "maximum": 100.0, "format": format });
    rows.push(alike(
        "a format that the bounds are within",
        [request(page("int64")), request(page("uint8"))],
        REQUEST,
        [Kind::RequestFormatWidened; 2],
    ));
    rows.push(alike(
        "a format that the bounds are within, in an answer",
        [response(page("int64")), response(page("uint8"))],
        RESPONSE,
        [Kind::ResponseFormatNarrowed; 2],
    ));
    rows.push(nothing(
        "that it is a password, to be shown as one",
        [
            request(plain("string")),
            request(text("format", "password".into())),
        ],
    ));
    rows.push(nothing(
        "an excluded bound as OpenAPI 3.1 writes it",
        [
            request(excluded),
            request(number("exclusiveMinimum", 1.into())),
        ],
    ));
    rows.push(row(
        "shorter, but not as short",
        [
            request(json!({ "type": "string", "minLength": 3, "maxLength": 32 })),
            request(json!({ "type": "string", "minLength": 1, "maxLength": 16 })),
        ],
        &[
            (Kind::RequestBoundTightened, REQUEST),
            (Kind::RequestBoundLoosened, REQUEST),
        ],
        &[
            (Kind::RequestBoundTightened, REQUEST),
            (Kind::RequestBoundLoosened, REQUEST),
        ],
    ));
    rows
}
