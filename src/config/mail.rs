//! Mail: where it is handed over and whom it is from.

use super::{Secret, Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "SMTP_URL",
        default: None,
        allowed: "smtp://[user:password@]host[:port] or smtps://…",
        help: "The mail server. Not used by this version yet.",
        secret: true,
    },
    Setting {
        name: "MAIL_FROM",
        default: None,
        allowed: "an address such as accounts@example.com or Example <accounts@example.com>",
        help: "Sender of mails. Not used by this version yet.",
        secret: false,
    },
];

/// The mail section.
#[derive(Debug, Clone)]
pub struct Mail {
    pub smtp_url: Option<Secret>,
    pub from: Option<String>,
}

impl Mail {
    pub(super) fn read(source: &mut Source) -> Self {
        Self {
            smtp_url: source.optional(&SETTINGS[0], |text| {
                let host = text
                    .strip_prefix("smtp://")
                    .or_else(|| text.strip_prefix("smtps://"))?;
                (!host.is_empty()).then(|| Secret::new(text))
            }),
            from: source.optional(&SETTINGS[1], |text| {
                (text.contains('@') && !text.contains(char::is_control)).then(|| text.to_owned())
            }),
        }
    }
}
