//! What people read, in their language: the words of mails and pages, and the layouts around them.
//! Knows neither who is told something nor how it reaches them.

mod brand;
mod catalogue;
mod error;
mod files;
mod languages;
mod mail;
mod templates;
mod texts;
mod time;
mod values;

pub use self::brand::Brand;
pub use self::error::TextError;
pub use self::mail::Rendered;
pub use self::texts::Texts;
pub use self::values::Values;
