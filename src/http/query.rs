//! The query of a request: what an operation has of parameters, each at most once.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use poem::http::{Method, Uri};

use super::problem::Failure;
use crate::domain::{Error, FieldCode, FieldError, Invalid};

/// More do not help, and would make a long answer to a short request.
pub const MAX_ERRORS: usize = 32;

pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) parameters: Vec<Parameter>,
    /// RFC 6749 §3.1 and §3.2: unknown parameters are ignored.
    pub(crate) ignores_unknown: bool,
    pub(crate) is_public: bool,
}

impl Operation {
    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.name == name)
    }

    pub(crate) fn check(&self, query: &[(String, String)]) -> std::result::Result<(), Failure> {
        let mut seen = HashSet::new();
        let mut errors = Vec::new();
        for (name, _) in query {
            if !seen.insert(name) {
                errors.push(FieldError::new(
                    name,
                    FieldCode::RepeatedField,
                    "Send this parameter once.",
                ));
            } else if self.parameter(name).is_none() && !self.ignores_unknown {
                errors.push(FieldError::new(
                    name,
                    FieldCode::UnknownField,
                    self.unknown(),
                ));
            }
        }
        errors.truncate(MAX_ERRORS);
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(Invalid(errors)).into())
        }
    }

    fn unknown(&self) -> String {
        let names: Vec<&str> = self
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        if names.is_empty() {
            "There is no such parameter; none is allowed here.".to_owned()
        } else {
            format!(
                "There is no such parameter. Allowed here: {}.",
                names.join(", ")
            )
        }
    }
}

pub(crate) struct Parameter {
    pub(crate) name: String,
    /// A sentence that says which values it takes.
    pub(crate) allowed: String,
}

impl Parameter {
    pub(crate) fn refusal(&self) -> Failure {
        Failure::Malformed {
            detail: "The query has a value that cannot be used.".to_owned(),
            errors: vec![FieldError::new(
                &self.name,
                FieldCode::InvalidFormat,
                &self.allowed,
            )],
        }
    }
}

/// Refuses a query where no parameter is allowed.
///
/// # Errors
/// As operations do: each parameter is unknown.
pub fn expect_none(uri: &Uri) -> std::result::Result<(), Failure> {
    const NONE: Operation = Operation {
        method: Method::GET,
        parameters: Vec::new(),
        ignores_unknown: false,
        is_public: true,
    };
    NONE.check(&read(uri.query().unwrap_or_default())?)
}

/// A query as names and values.
pub(crate) fn read(query: &str) -> std::result::Result<Vec<(String, String)>, Failure> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let decoded = percent_decode_str(&text).decode_utf8();
        decoded
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| Failure::Malformed {
                detail: "The query is not UTF-8.".to_owned(),
                errors: Vec::new(),
            })
    };
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}
