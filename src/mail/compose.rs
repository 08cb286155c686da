//! Makes a message of a letter: headers, and the words in plain text and in HTML. Sends nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::{Kind, Letter, MailError, SendError, Values};
use crate::config;
use crate::text::Texts;

/// Before the `@` where no sender is set.
const SENDER: &str = "accounts";

/// Headers that are the same for every mail: answering machines stay silent (RFC 3834 §5; Exchange has its own).
const AUTOMATIC: [(&str, &str); 2] = [
    ("Auto-Submitted", "auto-generated"),
    ("X-Auto-Response-Suppress", "All"),
];

/// Composes messages.
pub struct Composer {
    from: Mailbox,
    texts: Arc<Texts>,
}

impl Composer {
    /// The sender is `MAIL_FROM`, or made of the host; it bears the product's name where it has none.
    pub fn new(
        settings: &config::Mail,
        public_host: Option<&str>,
        texts: Arc<Texts>,
    ) -> Result<Self, MailError> {
        let mut from: Mailbox = match &settings.from {
            Some(from) => mailbox(from).ok_or_else(|| MailError::From {
                found: from.clone(),
            })?,
            None => Mailbox::new(None, default_sender(public_host)?),
        };
        let spelling = from.email.to_string();
        if !spelling.is_ascii() {
            from.email = address(&spelling).ok_or(MailError::From { found: spelling })?;
        }
        let name = from.name.take().filter(|name| !name.is_empty());
        from.name = Some(name.unwrap_or_else(|| settings.product.name.clone()));
        Ok(Self { from, texts })
    }

    /// The address that mails come from.
    pub fn sender(&self) -> &Address {
        &self.from.email
    }

    /// With `is_for_a_file` the plain text stands there as it is, so that its link can be taken out with any editor.
    pub fn compose(&self, letter: &Letter, is_for_a_file: bool) -> Result<Message, SendError> {
        if let Some(missing) = letter.kind.missing(&letter.values) {
            return Err(defect(format!(
                "{} without {missing}",
                letter.kind.as_str()
            )));
        }
        let to = address(&letter.to).ok_or_else(|| defect("no address to send it to"))?;
        let language = self.texts.language(letter.language.as_deref());
        let values = harmless(letter.kind, &letter.values);
        let rendered = self.texts.mail(language, letter.kind.as_str(), &values);
        let rendered = rendered.map_err(defect)?;
        // The library would read it out of the headers, and takes no address literal (RFC 5321 §4.1.3) there.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()]);
        let mut builder = Message::builder()
            .envelope(envelope.map_err(defect)?)
            .from(readable(&self.from))
            .to(Mailbox::new(None, to))
            .subject(rendered.subject)
            .date(moment(letter))
            .message_id(Some(format!(
                "<{}@{}>",
                letter.id,
                self.from.email.domain()
            )));
        for (name, value) in AUTOMATIC {
            builder = builder.raw_header(header(name, value)?);
        }
        let composed = builder
            .raw_header(header("Content-Language", language)?)
            .multipart(
                MultiPart::alternative()
                    .singlepart(plain(rendered.text, is_for_a_file))
                    .singlepart(SinglePart::html(rendered.html)),
            );
        let mut message = composed.map_err(defect)?;
        if let Some(from) = quoted(&self.from) {
            message.headers_mut().insert_raw(header("From", &from)?);
        } else if is_literal(self.from.email.domain()) {
            let from = self.from.to_string();
            message.headers_mut().insert_raw(header("From", &from)?);
        }
        Ok(message)
    }
}

fn plain(text: String, is_for_a_file: bool) -> SinglePart {
    // RFC 5322 §2.1.1. By itself the library would fold what is longer than 76 characters, as links are.
    let fits = text.lines().all(|line| line.len() <= 998) && !text.contains('\0');
    let body = if is_for_a_file && fits {
        let lines: String = text.lines().map(|line| format!("{line}\r\n")).collect();
        Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::EightBit)
    } else {
        Body::new(text)
    };
    SinglePart::builder()
        .header(ContentType::TEXT_PLAIN)
        .body(body)
}

fn defect(problem: impl ToString) -> SendError {
    SendError::Defect(problem.to_string())
}

fn header(name: &'static str, value: &str) -> Result<HeaderValue, SendError> {
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(defect)?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

/// A mailbox whose name is one word with dots in it, which has to be quoted (RFC 5322 §3.2.5); the library does not.
fn quoted(mailbox: &Mailbox) -> Option<String> {
    let name = mailbox.name.as_deref()?;
    let is_dotted_word = name.contains('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c));
    is_dotted_word.then(|| format!("\"{name}\" <{}>", mailbox.email))
}

/// A mailbox as people write it (RFC 5322 §3.4). The library's reader takes no address literals.
fn mailbox(text: &str) -> Option<Mailbox> {
    if let Ok(mailbox) = text.parse() {
        return Some(mailbox);
    }
    let (name, address) = match text
        .strip_suffix('>')
        .and_then(|text| text.rsplit_once('<'))
    {
        Some((name, address)) => (name.trim().trim_matches('"').to_owned(), address),
        None => (String::new(), text),
    };
    let (local, domain) = address.rsplit_once('@')?;
    let address = Address::new(local, domain).ok()?;
    is_literal(domain).then(|| Mailbox::new(Some(name), address))
}

/// Whether a domain is an address literal (RFC 5321 §4.1.3).
fn is_literal(domain: &str) -> bool {
    let inner = domain.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    inner.is_some_and(|inner| match inner.strip_prefix("IPv6:") {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => inner.parse::<Ipv4Addr>().is_ok(),
    })
}

/// The mailbox, or one in its place that the library reads back: it insists on that, and reads no address literals.
fn readable(mailbox: &Mailbox) -> Mailbox {
    let mut mailbox = mailbox.clone();
    if is_literal(mailbox.email.domain())
        && let Ok(address) = Address::new(SENDER, "localhost")
    {
        mailbox.email = address;
    }
    mailbox
}

/// `accounts@example.com`; at an address literal (RFC 5321 §4.1.3) where the host is an address.
fn default_sender(public_host: Option<&str>) -> Result<Address, MailError> {
    let host = public_host.unwrap_or("localhost");
    let domain = match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => format!("[{address}]"),
        Ok(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
        Err(_) => host.to_owned(),
    };
    let found = format!("{SENDER}@{domain}");
    Address::new(SENDER, domain).map_err(|_| MailError::From { found })
}

/// An address with its domain in ASCII (RFC 5891), so that only a local part in other letters asks for SMTPUTF8.
fn address(text: &str) -> Option<Address> {
    let (local, domain) = text.rsplit_once('@')?;
    let domain = idna::domain_to_ascii(domain).ok()?;
    Address::new(local, domain).ok()
}

/// When it was written: a mail that is tried again is the same mail.
fn moment(letter: &Letter) -> SystemTime {
    let since = Duration::from_secs(letter.at.seconds().max(0).unsigned_abs());
    SystemTime::UNIX_EPOCH + since
}

/// Mail programs make links of names such as `example.com`. A person who enters a stranger's address chooses the name with which
/// we greet that stranger; it must not be able to lead anywhere.
fn harmless(kind: Kind, values: &Values) -> Values {
    let mut values = values.clone();
    if kind.reaches_strangers() {
        values.username = values.username.filter(|name| leads_nowhere(name));
    }
    values
}

/// Whether no mail program makes a link of this name.
pub fn leads_nowhere(name: &str) -> bool {
    !name.contains(['.', '/', ':', '@'])
}

#[cfg(test)]
mod tests;
