//! What handlers give back, and how errors from elsewhere become failures.

use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::StatusCode;
use poem_openapi::error::{ParseParamError, ParsePathError};

use super::problem::Failure;
use crate::domain::{FieldCode, FieldError};

/// Errors of poem's own extractors and routes.
impl From<poem::Error> for Failure {
    fn from(error: poem::Error) -> Self {
        let bad_value = |name: &str, place: &str, allowed: &str| Self::Malformed {
            detail: format!("The {place} has a value that cannot be used."),
            errors: vec![FieldError::new(name, FieldCode::InvalidFormat, allowed)],
        };
        if let Some(failure) = error.downcast_ref::<Self>() {
            return failure.clone();
        }
        if let Some(error) = error.downcast_ref::<ParseParamError>() {
            return bad_value(error.name, "query", "This value cannot be used here.");
        }
        if let Some(error) = error.downcast_ref::<ParsePathError>() {
            // poem-openapi numbers path parameters; there is one at most, the id.
            let name = if error.name == "param0" {
                "id"
            } else {
                error.name
            };
            return bad_value(name, "path", "Send an id as an answer shows it, a UUID.");
        }
        if error.is::<NotFoundError>() || error.is::<MethodNotAllowedError>() {
            return Self::NotFound;
        }
        match error.status() {
            StatusCode::BAD_REQUEST => Self::Malformed {
                detail: "The request cannot be understood.".to_owned(),
                errors: Vec::new(),
            },
            _ => Self::defect(&error.to_string()),
        }
    }
}

/// The answer of a handler.
pub type Result<T> = std::result::Result<T, poem::Error>;

/// Makes errors of capabilities into answers.
pub trait ResultExt<T> {
    fn or_problem(self) -> Result<T>;
}

impl<T> ResultExt<T> for crate::domain::Result<T> {
    fn or_problem(self) -> Result<T> {
        self.map_err(|error| Failure::Domain(error).into())
    }
}
