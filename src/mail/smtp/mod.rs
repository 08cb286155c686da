//! Hands messages over to the mail server, on a few connections that are used again. Knows at each step whether the server
//! may have taken the message, so that none is sent twice without need.

mod connect;
mod content;
mod lines;
mod outcome;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::{Address, Message};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use connect::Dialler;
use content::Content;
use outcome::{Failure, Step};

use self::outcome::COMMAND;
use super::{MailError, SendError};
use crate::config::Smtp;

/// Connections at one time: mail servers count them by client, and some allow few. Most of the time there are fewer.
pub const CONNECTIONS: usize = 12;

/// For the first command on a connection used before: one that hangs has been forgotten by the other side.
const FIRST_AGAIN: Duration = Duration::from_secs(10);

/// For the message and the answer to it. Servers look at it meanwhile, and a mail whose answer is not waited for is sent
/// twice (RFC 5321 §4.5.3.2.6).
const MESSAGE: Duration = Duration::from_secs(600);

/// How long a connection without work is kept.
const IDLE: Duration = Duration::from_secs(30);

/// The mail server and the connections to it.
pub struct Server {
    dialler: Dialler,
    places: Semaphore,
    parked: Mutex<Parked>,
}

/// Connections without work, each with a number of its own.
#[derive(Default)]
struct Parked {
    connections: Vec<(u64, AsyncSmtpConnection)>,
    next: u64,
}

impl Server {
    /// `name`: what we say we are called (RFC 5321 §4.1.1.1).
    pub fn new(settings: &Smtp, name: Option<&str>) -> Result<Arc<Self>, MailError> {
        Ok(Arc::new(Self {
            dialler: Dialler::new(settings, name)?,
            places: Semaphore::new(CONNECTIONS),
            parked: Mutex::default(),
        }))
    }

    /// Hands `message` over. Waits for a free connection first; from then on each step has its time.
    pub async fn send(self: &Arc<Self>, message: &Message) -> Result<(), SendError> {
        let envelope = message.envelope();
        let text = String::from_utf8(message.formatted())
            .map_err(|_| SendError::Defect("it is not UTF-8".to_owned()))?;
        let transaction = Transaction {
            from: envelope.from(),
            to: envelope.to(),
            message: Some(text),
        };
        self.run(&transaction).await
    }

    /// Asks whether the server would take a mail from `sender`, as [`Server::send`] does, and sends none.
    pub async fn ask(self: &Arc<Self>, sender: &Address) -> Result<(), SendError> {
        let transaction = Transaction {
            from: Some(sender),
            to: &[],
            message: None,
        };
        self.run(&transaction).await
    }

    async fn run(self: &Arc<Self>, transaction: &Transaction<'_>) -> Result<(), SendError> {
        // It is never closed.
        let _place = self.places.acquire().await;
        if let Some(connection) = self.take() {
            match self.run_on(connection, transaction, FIRST_AGAIN).await {
                // The server may have closed it long ago, or wants no more on it.
                Err(failure) if failure.is_of_connection() && !failure.may_have_arrived() => (),
                other => return other.map_err(Failure::into_error),
            }
        }
        let connection = self.dialler.connect().await;
        let connection = connection.map_err(SendError::Unreachable)?;
        let done = self.run_on(connection, transaction, COMMAND).await;
        done.map_err(Failure::into_error)
    }

    async fn run_on(
        self: &Arc<Self>,
        mut connection: AsyncSmtpConnection,
        transaction: &Transaction<'_>,
        patience: Duration,
    ) -> Result<(), Failure> {
        let done = transaction.run(&mut connection, patience).await;
        let is_usable = match &done {
            Ok(()) if transaction.message.is_some() => true,
            Err(failure) if failure.is_of_connection() => false,
            // The server still has what it was told of this mail.
            _ => matches!(timeout(COMMAND, connection.command(Rset)).await, Ok(Ok(_))),
        };
        if is_usable {
            self.park(connection);
        }
        done
    }

    fn parked(&self) -> std::sync::MutexGuard<'_, Parked> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<AsyncSmtpConnection> {
        let (_, connection) = self.parked().connections.pop()?;
        Some(connection)
    }

    fn park(self: &Arc<Self>, connection: AsyncSmtpConnection) {
        let mut parked = self.parked();
        let number = parked.next;
        parked.next += 1;
        parked.connections.push((number, connection));
        let server = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(IDLE).await;
            let idle = server
                .upgrade()
                .and_then(|server| server.take_number(number));
            if let Some(mut connection) = idle {
                // Whether or not it hears our good-bye, we are gone.
                let _ = timeout(FIRST_AGAIN, connection.quit()).await;
            }
        });
    }

    fn take_number(&self, number: u64) -> Option<AsyncSmtpConnection> {
        let connections = &mut self.parked().connections;
        let at = connections
            .iter()
            .position(|(parked, _)| *parked == number)?;
        Some(connections.swap_remove(at).1)
    }
}

/// One mail transaction (RFC 5321 §3.3), or as much of one as tells whether the server takes mail.
struct Transaction<'a> {
    from: Option<&'a Address>,
    to: &'a [Address],
    /// `None`: it ends before there is a recipient.
    message: Option<String>,
}

impl Transaction<'_> {
    /// `patience`: how long to wait for the answer to its first command.
    async fn run(
        &self,
        connection: &mut AsyncSmtpConnection,
        patience: Duration,
    ) -> Result<(), Failure> {
        let mut parameters = Vec::new();
        let mut addresses = self.to.iter().chain(self.from);
        if !addresses.all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
            if !connection
                .server_info()
                .supports_feature(Extension::SmtpUtfEight)
            {
                let sender = self.from.map(AsRef::<str>::as_ref);
                let step = match sender.is_none_or(str::is_ascii) {
                    true => Step::Recipient,
                    false => Step::Sender,
                };
                return Err(Failure::not_ascii(step));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let mail = Mail::new(self.from.cloned(), parameters);
        let sent = timeout(patience, connection.command(mail)).await;
        outcome::of(Step::Sender, sent)?;
        let Some(message) = &self.message else {
            return Ok(());
        };
        for recipient in self.to {
            let rcpt = Rcpt::new(recipient.clone(), Vec::new());
            let sent = timeout(COMMAND, connection.command(rcpt)).await;
            outcome::of(Step::Recipient, sent)?;
        }
        let sent = timeout(COMMAND, connection.command(Data)).await;
        outcome::of(Step::Data, sent)?;
        let sent = timeout(MESSAGE, connection.command(Content(message))).await;
        outcome::of(Step::Message, sent)
    }
}
