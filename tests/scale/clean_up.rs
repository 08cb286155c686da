//! The clean-up beside writes.
