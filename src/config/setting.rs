//! One setting.

/// One setting: how it is spelled, what it means and what it may be.
#[derive(Debug)]
pub struct Setting {
    /// Name in the environment and in `.env`; `--like-this` on the command line.
    pub name: &'static str,
    /// Value when nothing is given. `None`: off, or found out at start as `help` says.
    pub default: Option<&'static str>,
    /// What a value may be, for error messages.
    pub allowed: &'static str,
    /// What it is for, in one or two sentences.
    pub help: &'static str,
    /// Never shown.
    pub secret: bool,
}

pub const PREFIX: &str = "VESTIBULE_";
