//! What a failed step of a mail transaction means: for this mail, for its address, or for all mails.

use std::error::Error as StdError;
use std::io;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;
use tokio::time::error::Elapsed;
use tokio_rustls::rustls::{self, CertificateError as Certificate};

use std::time::Duration;

use crate::mail::SendError;

/// Longest message kept, in characters: servers like to explain themselves.
const LONGEST: usize = 300;

/// There was one, but not to the end, or not in the form of one.
const NO_ANSWER: &str = "it gave no whole answer in SMTP";

/// The steps of a mail transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `MAIL FROM`
    Sender,
    /// `RCPT TO`
    Recipient,
    /// `DATA`
    Data,
    /// The message itself.
    Message,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    step: Step,
    /// The server's reply code; `None`: there was no reply.
    code: Option<u16>,
    message: String,
}

/// Looks at how a step went.
pub fn of(step: Step, sent: Result<Result<Response, Error>, Elapsed>) -> Result<(), Failure> {
    let (code, message) = match sent {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) if error.is_response() => (None, NO_ANSWER.to_owned()),
        Ok(Err(error)) => (error.status().map(u16::from), cause(&error)),
        Err(_) => (None, "no answer in time".to_owned()),
    };
    let message = one_line(&message);
    Err(Failure {
        step,
        code,
        message,
    })
}

impl Failure {
    /// The server cannot be told the address of this step.
    pub fn not_ascii(step: Step) -> Self {
        Self {
            step,
            code: Some(553),
            message: "the server takes addresses in ASCII only".to_owned(),
        }
    }

    /// Whether the connection is of no use any more (421: RFC 5321 §3.8).
    pub fn is_of_connection(&self) -> bool {
        matches!(self.code, None | Some(421))
    }

    /// Whether the server may have taken the message although we have not heard it.
    pub fn may_have_arrived(&self) -> bool {
        self.step == Step::Message && self.code.is_none()
    }

    pub fn into_error(self) -> SendError {
        let message = match self.code {
            Some(code) => format!("{code} {}", self.message),
            None => self.message.clone(),
        };
        // The sender is the same for every mail.
        if self.step == Step::Sender {
            return SendError::Unreachable(message);
        }
        let Some(code) = self.code else {
            return SendError::Temporary(message);
        };
        match code {
            // Authentication is asked for, or refused (RFC 4954 §6).
            530 | 534 | 535 | 538 => SendError::Unreachable(message),
            400..=499 => SendError::Temporary(message),
            _ => SendError::Refused {
                is_address: self.is_about_address(code),
                message,
            },
        }
    }

    /// Whether the server says that no mail can reach the address (RFC 3463 §3.2): it does not exist, or is closed. Without an
    /// enhanced code only a refusal of the recipient says so; one of the message may be for its looks.
    fn is_about_address(&self, code: u16) -> bool {
        match enhanced(&self.message) {
            // 7 and 8 are about the sender's.
            Some((5, 1, detail)) => !matches!(detail, 7 | 8),
            Some((5, 2, 1)) => true,
            Some(_) => false,
            None => self.step == Step::Recipient && matches!(code, 550 | 551 | 553),
        }
    }
}

/// The enhanced status code at the beginning of a reply (RFC 2034 §4).
fn enhanced(message: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = message.split_whitespace().next()?.splitn(3, '.');
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?, number()?))
}

/// What is at the bottom of an error: the layers above it tell where it came through.
fn cause(error: &(dyn StdError + 'static)) -> String {
    match error.source() {
        Some(source) => cause(source),
        None => error.to_string(),
    }
}

/// What TLS found wrong, in words for the operator.
fn of_tls(error: &(dyn StdError + 'static)) -> Option<String> {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    let found = error
        .downcast_ref::<rustls::Error>()
        .or_else(|| inner?.downcast_ref::<rustls::Error>());
    let Some(found) = found else {
        return of_tls(error.source()?);
    };
    Some(match found {
        rustls::Error::InvalidMessage(_) => {
            "what it says is not TLS (a server with STARTTLS is smtp://)".to_owned()
        }
        rustls::Error::InvalidCertificate(problem) => match problem {
            Certificate::UnknownIssuer => {
                "its certificate is of no known authority (?ca=/path.pem adds one)".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "its certificate is for another name than the one in SMTP_URL".to_owned()
            }
            Certificate::Expired | Certificate::ExpiredContext { .. } => {
                "its certificate has expired".to_owned()
            }
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "its certificate is not valid yet, or the clock of this machine is wrong".to_owned()
            }
            other => one_line(&format!("its certificate cannot be used: {other}")),
        },
        other => one_line(&other.to_string()),
    })
}

/// Why there is no connection on which mails can be handed over, fit for a line of the log: what the server said, or else what
/// happened.
pub fn reason(error: &(dyn StdError + 'static)) -> String {
    let of_server = error.downcast_ref::<Error>();
    if of_server.is_some_and(Error::is_response) {
        return NO_ANSWER.to_owned();
    }
    if let Some(problem) = of_tls(error) {
        return problem;
    }
    match of_server.and_then(Error::status) {
        Some(code) => one_line(&format!("{code} {}", cause(error))),
        None => one_line(&cause(error)),
    }
}

/// What a server said, fit for a line of the log.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .collect();
    let words = words.into_iter().filter(|word| !word.is_empty());
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(LONGEST)
        .collect()
}

/// For one command.
pub(super) const COMMAND: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn error(step: Step, code: Option<u16>, message: &str) -> SendError {
        let message = message.to_owned();
        Failure {
            step,
            code,
            message,
        }
        .into_error()
    }

    #[test]
    fn replies_are_told_apart() {
        let refused = |step, code, message| match error(step, Some(code), message) {
            SendError::Refused { is_address, .. } => is_address,
            other => panic!("{other:?}"),
        };
        for (step, code, message, is_address) in [
            (Step::Recipient, 550, "5.1.1 no such user", true),
            (Step::Recipient, 550, "No such user here", true),
            (Step::Recipient, 551, "User not local", true),
            (Step::Recipient, 553, "5.1.3 bad address", true),
            (Step::Recipient, 550, "5.2.1 mailbox disabled", true),
            (Step::Recipient, 554, "5.1.0 rejected", true),
            (Step::Recipient, 550, "5.7.1 relaying denied", false),
            (
                Step::Recipient,
                550,
                "5.1.8 sender's domain not found",
                false,
            ),
            (Step::Recipient, 552, "5.2.2 mailbox full", false),
            (Step::Recipient, 554, "relay access denied", false),
            (Step::Data, 554, "no valid recipients", false),
            (Step::Message, 550, "looks like spam", false),
            (Step::Message, 550, "5.1.1 no such user", true),
            (Step::Message, 552, "5.3.4 too big", false),
            (Step::Message, 554, "5.7.1 blocked", false),
        ] {
            assert_eq!(refused(step, code, message), is_address, "{code} {message}");
        }
    }

    #[test]
    fn what_would_be_the_same_for_every_mail_is_not_this_ones_fault() {
        for (step, code) in [
            (Step::Sender, Some(530)),
            (Step::Sender, Some(550)),
            (Step::Sender, Some(553)),
            (Step::Sender, Some(421)),
            (Step::Sender, Some(452)),
            (Step::Sender, None),
            (Step::Recipient, Some(530)),
            (Step::Data, Some(535)),
        ] {
            let found = error(step, code, "5.7.0 no");
            assert!(
                matches!(found, SendError::Unreachable(_)),
                "{code:?}: {found:?}"
            );
        }
        for (step, code) in [
            (Step::Recipient, Some(450)),
            (Step::Recipient, Some(421)),
            (Step::Message, Some(452)),
            (Step::Message, None),
        ] {
            let found = error(step, code, "later");
            assert!(
                matches!(found, SendError::Temporary(_)),
                "{code:?}: {found:?}"
            );
        }
    }

    #[test]
    fn an_enhanced_code_is_read_where_it_stands_and_nowhere_else() {
        assert_eq!(enhanced("5.1.10 no such"), Some((5, 1, 10)));
        for text in ["", "no 5.1.1", "5.1", "5.1.x", "127.0.0.1 blocked"] {
            assert_eq!(enhanced(text), None, "{text}");
        }
    }

    #[test]
    fn a_long_story_becomes_one_line() {
        let line = one_line(&format!("a\r\nb\t{}", "c".repeat(1000)));
        assert!(line.starts_with("a b c") && line.chars().count() == LONGEST);
    }
}
