pub mod clock;
pub mod config;
pub mod domain;
pub mod ids;
pub mod password;
pub mod store;
pub mod token;
