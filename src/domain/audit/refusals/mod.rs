//! Failures that a client can cause in any number, put on record beside the requests.

mod record;
mod state;

pub use self::record::{flush, limit_exceeded, note, refused};
pub use self::state::Refusals;
