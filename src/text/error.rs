//! Why a text cannot be had.

/// Why the texts cannot be used; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error("MAIL_TEMPLATES_DIR: {file}: {problem}")]
    Override { file: String, problem: String },
    #[error("MAIL_LANGUAGE: found {found:?}; allowed: {allowed}")]
    Language { found: String, allowed: String },
    /// There is no such text, or it cannot be rendered with these values.
    #[error("{0}")]
    Render(String),
}
