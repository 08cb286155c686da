//! How much is logged, and in which form.

use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "LOG_LEVEL",
        default: Some("info"),
        allowed: "error, warn, info, debug, trace or off",
        help: "Least severe level that is logged. Each request is one line at info.",
        secret: false,
    },
    Setting {
        name: "LOG_FORMAT",
        default: None,
        allowed: "text or json",
        help: "Form of the log. Default: text on a terminal, else json.",
        secret: false,
    },
];

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// The logging section.
#[derive(Debug, Clone)]
pub struct Logging {
    /// One of `error`, `warn`, `info`, `debug`, `trace`, `off`.
    pub level: String,
    pub format: Option<LogFormat>,
}

impl Logging {
    pub(super) fn read(source: &mut Source) -> Self {
        Self {
            level: source.required(&SETTINGS[0], |text| level(text).map(str::to_owned)),
            format: source.optional(&SETTINGS[1], |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            }),
        }
    }
}

/// The levels, and what others call them.
fn level(text: &str) -> Option<&'static str> {
    Some(match text.to_ascii_lowercase().as_str() {
        "error" | "critical" | "fatal" => "error",
        "warn" | "warning" => "warn",
        "info" | "notice" => "info",
        "debug" | "verbose" => "debug",
        "trace" => "trace",
        "off" | "none" => "off",
        _ => return None,
    })
}
