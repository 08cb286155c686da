//! Whether requests can be served now.

mod check;
mod state;

pub use self::check::{check, look};
pub use self::state::{Readiness, WaitingMail};
