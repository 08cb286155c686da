//! Mail: where it is handed over, whom it is from, what it looks like and which notices are sent.

use std::path::PathBuf;

use super::server::http_url;
use super::smtp::Smtp;
use super::spelling::boolean;
use super::{Setting, Source};

/// Where the token goes in a link.
const TOKEN: &str = "{token}";

/// Longest name of a product, in characters: it stands in subjects, which phones cut.
const LONGEST_NAME: usize = 60;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "SMTP_URL",
        default: None,
        allowed: "smtp://[user:password@]host[:port] or smtps://…, user and password percent-encoded; ?tls=required, opportunistic or none; &ca=/path.pem",
        help: "The mail server. smtp:// encrypts with STARTTLS (port 587; tls=opportunistic on this machine, else required), smtps:// from the start (port 465). Unset: no mail is sent; each one is written to MAIL_OUTBOX_DIR.",
        secret: true,
    },
    Setting {
        name: "MAIL_FROM",
        default: None,
        allowed: "an address such as accounts@example.com, Example <accounts@example.com> or \"Example, Inc.\" <accounts@example.com>",
        help: "Sender of mails; by default accounts@ the host of PUBLIC_URL.",
        secret: false,
    },
    Setting {
        name: "MAIL_OUTBOX_DIR",
        default: Some("./outbox"),
        allowed: "the path of a folder",
        help: "Where mails are written as .eml files while SMTP_URL is unset. Their links work: keep it private.",
        secret: false,
    },
    Setting {
        name: "MAIL_TEMPLATES_DIR",
        default: None,
        allowed: "the path of a folder with en.toml, de.toml, xx.toml, mail.html, mail.txt or page.html, each of them optional",
        help: "Your own words, languages and layouts in place of those built in.",
        secret: false,
    },
    Setting {
        name: "MAIL_LANGUAGE",
        default: Some("en"),
        allowed: "a language tag such as en, de or pt-BR, built in or in MAIL_TEMPLATES_DIR",
        help: "Language for users whose own language is not known.",
        secret: false,
    },
    Setting {
        name: "PRODUCT_NAME",
        default: Some("Vestibule"),
        allowed: "1 to 60 characters",
        help: "What mails and pages call the application.",
        secret: false,
    },
    Setting {
        name: "PRODUCT_COLOR",
        default: Some("#0f6b5c"),
        allowed: "a color such as #0f6b5c",
        help: "Color of buttons in mails and pages.",
        secret: false,
    },
    Setting {
        name: "PRODUCT_COLOR_DARK",
        default: Some("#5fd3bc"),
        allowed: "a color such as #5fd3bc",
        help: "The same where the reader's system is dark.",
        secret: false,
    },
    Setting {
        name: "EMAIL_VERIFY_URL",
        default: None,
        allowed: "http:// or https:// with {token} once behind the host, such as https://app.example.com/verify#{token}",
        help: "Your application's page to confirm an address, in place of the one built in.",
        secret: false,
    },
    Setting {
        name: "PASSWORD_RESET_URL",
        default: None,
        allowed: "http:// or https:// with {token} once behind the host, such as https://app.example.com/reset#{token}",
        help: "Your application's page to choose a new password, in place of the one built in.",
        secret: false,
    },
    Setting {
        name: "EMAIL_CHANGE_URL",
        default: None,
        allowed: "http:// or https:// with {token} once behind the host, such as https://app.example.com/new-address#{token}",
        help: "Your application's page to confirm a new address, in place of the one built in.",
        secret: false,
    },
    Setting {
        name: "NOTIFY_PASSWORD_CHANGED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether users get a mail when their password is changed.",
        secret: false,
    },
    Setting {
        name: "NOTIFY_EMAIL_CHANGED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether the former address gets a notice with a link that undoes the change. Without it a change cannot be undone.",
        secret: false,
    },
    Setting {
        name: "NOTIFY_NEW_DEVICE",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether users get a mail about a login on a new device.",
        secret: false,
    },
    Setting {
        name: "NOTIFY_SESSIONS_ENDED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether users get a mail when all their sessions are ended.",
        secret: false,
    },
];

/// The mail section.
#[derive(Debug, Clone)]
pub struct Mail {
    pub transport: MailTransport,
    /// A mailbox (RFC 5322 §3.4), its form not yet looked at. `None`: made of the host that the service is called by.
    pub from: Option<String>,
    /// Folder with texts and layouts that take precedence.
    pub templates: Option<PathBuf>,
    /// A language tag (RFC 5646).
    pub language: String,
    pub product: Product,
    pub links: LinkTemplates,
    pub notices: Notices,
}

/// Where mails go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailTransport {
    /// To a mail server.
    Smtp(Smtp),
    /// Into a folder, as .eml files: nothing is sent.
    Folder(PathBuf),
}

/// What the application is called and looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub name: String,
    /// `#rrggbb`.
    pub color: String,
    /// `#rrggbb`, on a dark ground.
    pub color_dark: String,
}

/// Pages of the application's own that links lead to; each holds `{token}` once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkTemplates {
    pub verify_email: Option<String>,
    pub password_reset: Option<String>,
    pub email_change: Option<String>,
}

/// Which things people are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices {
    pub password_changed: bool,
    pub email_changed: bool,
    pub new_device: bool,
    pub sessions_ended: bool,
}

impl Mail {
    pub(super) fn read(source: &mut Source) -> Self {
        let smtp = source.optional(&SETTINGS[0], Smtp::parse);
        let from = source.optional(&SETTINGS[1], mailbox);
        let folder = source.required(&SETTINGS[2], |text| Some(PathBuf::from(text)));
        Self {
            transport: smtp.map_or(MailTransport::Folder(folder), MailTransport::Smtp),
            from,
            templates: source.optional(&SETTINGS[3], |text| Some(PathBuf::from(text))),
            language: source.required(&SETTINGS[4], language_tag),
            product: Product {
                name: source.required(&SETTINGS[5], product_name),
                color: source.required(&SETTINGS[6], color),
                color_dark: source.required(&SETTINGS[7], color),
            },
            links: LinkTemplates {
                verify_email: source.optional(&SETTINGS[8], link_template),
                password_reset: source.optional(&SETTINGS[9], link_template),
                email_change: source.optional(&SETTINGS[10], link_template),
            },
            notices: Notices {
                password_changed: source.required(&SETTINGS[11], boolean),
                email_changed: source.required(&SETTINGS[12], boolean),
                new_device: source.required(&SETTINGS[13], boolean),
                sessions_ended: source.required(&SETTINGS[14], boolean),
            },
        }
    }

    /// What an operator should know, one sentence each.
    pub(super) fn warnings(&self, public_url: Option<&str>) -> Vec<String> {
        let mut warnings = Vec::new();
        match &self.transport {
            MailTransport::Folder(folder) => warnings.push(format!(
                "SMTP_URL is unset: NO MAIL IS SENT; mails are written to {} as .eml files",
                folder.display()
            )),
            MailTransport::Smtp(smtp) => {
                if public_url.is_none() {
                    warnings.push(
                        "PUBLIC_URL is unset: links in mails will point to the address listened on"
                            .to_owned(),
                    );
                }
                if self.from.is_none() && !public_url.is_some_and(has_domain) {
                    warnings.push(
                        "MAIL_FROM is unset, and PUBLIC_URL has no domain name to make a sender of: most mail servers refuse such mails"
                            .to_owned(),
                    );
                }
                if smtp.may_reveal_password() {
                    warnings.push(format!(
                        "SMTP_URL: the password may cross the network to {} unencrypted; say tls=required",
                        smtp.host
                    ));
                }
            }
        }
        warnings
    }
}

/// Whether a URL has a host name with a dot in it, and no IP address.
fn has_domain(url: &str) -> bool {
    let uri = url.parse::<http::Uri>().ok();
    uri.as_ref().and_then(http::Uri::host).is_some_and(|host| {
        host.contains('.') && !host.ends_with(|c: char| c.is_ascii_digit() || c == ']')
    })
}

fn mailbox(text: &str) -> Option<String> {
    (text.contains('@') && !text.contains(char::is_control)).then(|| text.trim().to_owned())
}

/// A tag as RFC 5646 §2.1 spells it, as far as its form goes.
fn language_tag(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let is_language =
        |part: &str| (2..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphabetic());
    let is_more = |part: &str| {
        (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let fits = parts.next().is_some_and(is_language) && parts.all(is_more);
    fits.then(|| text.to_owned())
}

fn product_name(text: &str) -> Option<String> {
    let name = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&name.chars().count());
    (fits && !name.contains(char::is_control)).then(|| name.to_owned())
}

fn color(text: &str) -> Option<String> {
    let digits = text.strip_prefix('#')?;
    let fits = digits.len() == 6 && digits.chars().all(|digit| digit.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase())
}

/// A token in place of the host would send people to the server of a stranger.
fn link_template(text: &str) -> Option<String> {
    let (before, after) = text.split_once(TOKEN)?;
    let (_scheme, rest) = before.split_once("://")?;
    let is_behind_the_host = rest.contains(['/', '?', '#']);
    let is_clean =
        !after.contains(TOKEN) && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    (is_behind_the_host && is_clean).then_some(())?;
    http_url(&format!("{before}x{after}"))?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::{Problem, Settings};
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, Vec<Problem>> {
        Settings::read(&mut Source::of(pairs))
    }

    #[test]
    fn without_a_server_mails_go_into_a_folder_and_a_warning_says_so() {
        let settings = read(&[]).expect("valid");
        let folder = MailTransport::Folder(PathBuf::from("./outbox"));
        assert_eq!(settings.mail.transport, folder);
        assert!(settings.mail.notices.new_device);
        let warning =
            "SMTP_URL is unset: NO MAIL IS SENT; mails are written to ./outbox as .eml files";
        assert!(settings.warnings().contains(&warning.to_owned()));
    }

    #[test]
    fn with_a_server_a_warning_tells_of_links_that_lead_nowhere() {
        let warnings = |pairs: &[(&str, &str)]| read(pairs).expect("valid").warnings().join("\n");
        let server = ("SMTP_URL", "smtp://mail.example.com");
        assert!(warnings(&[server]).contains("PUBLIC_URL is unset"));
        let url = ("PUBLIC_URL", "https://accounts.example.com");
        assert_eq!(warnings(&[server, url]), "");
        for url in [
            "http://192.0.2.1",
            "http://[2001:db8::1]:8000",
            "http://localhost",
        ] {
            let warned = warnings(&[server, ("PUBLIC_URL", url)]);
            assert!(warned.contains("MAIL_FROM is unset"), "{url}: {warned}");
            let from = ("MAIL_FROM", "accounts@example.com");
            assert!(!warnings(&[server, ("PUBLIC_URL", url), from]).contains("MAIL_FROM"));
        }
        let open = ("SMTP_URL", "smtp://ada:s3cr3t@mail.example.com?tls=none");
        let warned = warnings(&[open, url]);
        assert!(
            warned.contains("unencrypted") && !warned.contains("s3cr3t"),
            "{warned}"
        );
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (name, value) in [
            ("SMTP_URL", "mail.example.com"),
            ("MAIL_FROM", "accounts"),
            ("MAIL_FROM", "a@example.com\r\nBcc: b@example.com"),
            ("MAIL_LANGUAGE", "e"),
            ("MAIL_LANGUAGE", "../en"),
            ("PRODUCT_NAME", "a\nb"),
            ("PRODUCT_NAME", &"a".repeat(61)),
            ("PRODUCT_COLOR", "green"),
            ("PRODUCT_COLOR", "#0f6"),
            ("PRODUCT_COLOR_DARK", "#12345g"),
            ("EMAIL_VERIFY_URL", "https://app.example.com/verify"),
            (
                "EMAIL_VERIFY_URL",
                "https://app.example.com/{token}/{token}",
            ),
            ("EMAIL_VERIFY_URL", "https://{token}.example.com/"),
            ("EMAIL_VERIFY_URL", "https://app.example.com{token}/"),
            ("PASSWORD_RESET_URL", "/reset#{token}"),
            ("PASSWORD_RESET_URL", "javascript://app/{token}"),
            ("EMAIL_CHANGE_URL", "https://user@example.com/{token}"),
            ("EMAIL_CHANGE_URL", "https://app.example.com/ {token}"),
            ("NOTIFY_NEW_DEVICE", "maybe"),
        ] {
            assert!(read(&[(name, value)]).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn what_is_fine_is_taken() {
        for (name, value) in [
            ("MAIL_FROM", "Ada's Shop <accounts@example.com>"),
            ("MAIL_LANGUAGE", "pt-BR"),
            ("PRODUCT_NAME", "Bäckerei Müller & Söhne"),
            ("PRODUCT_COLOR", "#ABCDEF"),
            (
                "EMAIL_VERIFY_URL",
                "https://app.example.com/verify?token={token}&x=1",
            ),
            (
                "PASSWORD_RESET_URL",
                "http://localhost:3000/#/reset/{token}",
            ),
            ("EMAIL_CHANGE_URL", "https://app.example.com#{token}"),
        ] {
            assert!(read(&[(name, value)]).is_ok(), "{name}={value}");
        }
    }
}
