//! A mail in words: subject, plain text and HTML.

use minijinja::{Value, context};

use super::{TextError, Texts, Values};

/// Where the texts of mails are.
const MAILS: &str = "mails";

/// What a reader sees of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Texts {
    /// The names of the mails that there are texts for.
    pub(super) fn mails(&self, language: &str) -> impl Iterator<Item = &str> {
        self.templates.tables_below(language, MAILS)
    }

    /// Renders a mail with nothing and with everything, and looks whether it then has what it is for.
    pub(super) fn try_mail(&self, language: &str, name: &str) -> Result<(), TextError> {
        self.mail(language, name, &Values::default())?;
        let sample = Values::sample();
        let mail = self.mail(language, name, &sample)?;
        let action = format!("{MAILS}.{name}.action");
        let has_action = !self.text(language, &action, ())?.is_empty();
        let link = sample.link.as_deref().filter(|_| has_action);
        let token = link.and_then(|link| link.rsplit('=').next());
        for (layout, rendered) in [("mail.txt", &mail.text), ("mail.html", &mail.html)] {
            for (part, needed) in [("action.link", token), ("code", sample.code.as_deref())] {
                if needed.is_some_and(|needed| !rendered.contains(needed)) {
                    return Err(TextError::Override {
                        file: layout.to_owned(),
                        problem: format!("does not show {part}"),
                    });
                }
            }
        }
        if mail.subject.is_empty() {
            return Err(TextError::Override {
                file: format!("{language}.toml"),
                problem: format!("{MAILS}.{name}.subject: comes out empty"),
            });
        }
        Ok(())
    }

    /// The mail `name` in a language that [`Texts::language`] gave.
    pub fn mail(&self, language: &str, name: &str, values: &Values) -> Result<Rendered, TextError> {
        let values = &values.clean();
        let when = values
            .when
            .map(|when| self.moment(language, when))
            .transpose()?;
        let said = self.templates.context(context! {
            username => values.username.as_deref().unwrap_or_default(),
            link => values.link.as_deref().unwrap_or_default(),
            valid_for => values.valid_for.map_or(String::new(), |valid| self.duration(language, valid)),
            code => values.code.as_deref().unwrap_or_default(),
            when => when.as_deref().unwrap_or_default(),
            ip => values.ip.as_deref().unwrap_or_default(),
            device => values.device.as_deref().unwrap_or_default(),
            email => values.email.as_deref().unwrap_or_default(),
        });
        let text = |key: &str| self.templates.text(language, key, &said);
        let own = |part: &str| format!("{MAILS}.{name}.{part}");
        let list = |part: &str| self.templates.list(language, &own(part), &said);
        // Of a mail that tells where something was done.
        let device = match (&values.device, &values.ip) {
            (None, Some(_)) => Some(text("mail.unknown_device")?),
            (device, _) => device.clone(),
        };
        let mut details = Vec::new();
        for (label, value) in [
            ("mail.when", when.as_deref()),
            ("mail.device", device.as_deref()),
            ("mail.ip", values.ip.as_deref()),
        ] {
            if let Some(value) = value {
                details.push(context! { label => text(label)?, value });
            }
        }
        let label = text(&own("action"))?;
        let link = values.link.as_deref().filter(|_| !label.is_empty());
        let subject = one_line(&text(&own("subject"))?);
        let context = context! {
            language,
            direction => text("language.direction")?,
            subject => subject.as_str(),
            preheader => text(&own("preheader"))?,
            heading => text(&own("heading"))?,
            greeting => text("mail.greeting")?,
            paragraphs => list("paragraphs")?,
            code => values.code.as_deref(),
            details,
            action => link.map_or(Value::from(()), |link| context! { label, link }),
            link_hint => text("mail.link")?,
            after => list("after")?,
            footer => text("mail.footer")?,
        };
        Ok(Rendered {
            text: self.layout("mail.txt", &context)?,
            html: self.layout("mail.html", &context)?,
            subject,
        })
    }
}

/// A header is one line, whatever a text says.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}
