//! What people read, in their language: the words of mails and pages, and the layouts around them.
//! Knows neither who is told something nor how it reaches them.

mod values;

use std::time::Duration;

pub use values::Values;

use crate::config;

/// Why the texts cannot be used; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("MAIL_TEMPLATES_DIR: {file}: {problem}")]
    Override { file: String, problem: String },
    #[error("MAIL_LANGUAGE: found {found:?}; allowed: {allowed}")]
    Language { found: String, allowed: String },
    /// A template cannot be rendered with these values.
    #[error("{0}")]
    Render(String),
}

/// The texts of every language.
pub struct Texts {
    default: String,
}

impl Texts {
    /// Reads the texts built in and those of the operator, and renders each of them once.
    pub fn load(settings: &config::Mail) -> Result<Self, TextError> {
        Ok(Self {
            default: settings.language.clone(),
        })
    }

    /// The language among ours that fits an `Accept-Language` header best (RFC 9110 §12.5.4, RFC 4647 §3.4).
    /// `None`: nothing fits.
    pub fn negotiate(&self, _accept_language: Option<&str>) -> Option<&str> {
        None
    }

    /// The language among ours for a tag (RFC 4647 §3.4), or the default.
    pub fn language(&self, _tag: Option<&str>) -> &str {
        &self.default
    }

    /// A length of time in words: `30 minutes`, `24 hours`, `7 days`.
    pub fn duration(&self, _language: &str, duration: Duration) -> String {
        format!("{} s", duration.as_secs())
    }
}
