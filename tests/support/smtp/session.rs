//! One connection of the mail server (RFC 5321, RFC 3207, RFC 4954).

use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::{At, Do, Mail, Shared, Tls};

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

struct Session<'a> {
    stream: BufReader<Box<dyn Stream>>,
    shared: &'a Shared,
    number: usize,
    is_encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

fn closed() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}

/// Talks until one side has enough.
pub async fn run(stream: TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    let (stream, is_encrypted): (Box<dyn Stream>, bool) = match &shared.setup.tls {
        Tls::Implicit(config) => (accept(stream, config).await?, true),
        _ => (Box::new(stream), false),
    };
    let mut session = Session {
        stream: BufReader::new(stream),
        shared,
        number,
        is_encrypted,
        user: None,
        from: None,
        to: Vec::new(),
    };
    session.answer(At::Connection, "220 test ESMTP").await?;
    loop {
        let line = session.line().await?;
        session = session.command(&line).await?;
    }
}

async fn accept(
    stream: impl Stream + 'static,
    config: &Arc<ServerConfig>,
) -> io::Result<Box<dyn Stream>> {
    let stream = TlsAcceptor::from(config.clone()).accept(stream).await?;
    Ok(Box::new(stream))
}

impl Session<'_> {
    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            return Err(closed());
        }
        Ok(line.trim_end_matches("\r\n").to_owned())
    }

    async fn reply(&mut self, text: &str) -> io::Result<()> {
        self.stream
            .write_all(format!("{text}\r\n").as_bytes())
            .await?;
        self.stream.flush().await?;
        if text.starts_with("421") || text.starts_with("221") {
            return Err(closed());
        }
        Ok(())
    }

    /// Answers as usual, or as the test wants. Gives whether it was a yes.
    async fn answer(&mut self, at: At, usual: &str) -> io::Result<bool> {
        match self.shared.fault(at) {
            None => self.reply(usual).await?,
            Some(Do::Wait(gate)) => {
                gate.pass().await;
                self.reply(usual).await?;
            }
            Some(Do::Close) => return Err(closed()),
            Some(Do::Reply(text)) => {
                self.reply(text).await?;
                return Ok(text.starts_with(['2', '3']));
            }
        }
        Ok(usual.starts_with(['2', '3']))
    }

    async fn command(mut self, line: &str) -> io::Result<Self> {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let is_locked = self.shared.setup.login.is_some() && self.user.is_none();
        match verb.as_str() {
            "EHLO" => self.hello().await?,
            "STARTTLS" => return self.start_tls().await,
            "AUTH" => self.log_in(line).await?,
            "MAIL" | "RCPT" | "DATA" if is_locked => {
                self.reply("530 5.7.0 Authentication required").await?;
            }
            // RFC 5321 §4.1.4: a transaction is ended before the next begins.
            "MAIL" if self.from.is_some() => {
                self.reply("503 5.5.1 Nested MAIL command").await?;
            }
            "MAIL" => {
                if self.answer(At::Sender, "250 2.1.0 Ok").await? {
                    self.from = Some(path(line));
                    self.to.clear();
                }
            }
            "RCPT" if self.from.is_some() => self.recipient(path(line)).await?,
            "DATA" if !self.to.is_empty() => self.data().await?,
            "RSET" => {
                self.forget();
                self.reply("250 2.0.0 Ok").await?;
            }
            "NOOP" => self.reply("250 2.0.0 Ok").await?,
            "QUIT" => self.reply("221 2.0.0 Bye").await?,
            "RCPT" | "DATA" => self.reply("503 5.5.1 Bad sequence of commands").await?,
            _ => self.reply("500 5.5.2 Unknown command").await?,
        }
        Ok(self)
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn hello(&mut self) -> io::Result<()> {
        let mut lines = vec!["test", "8BITMIME", "ENHANCEDSTATUSCODES"];
        let offers_tls = matches!(self.shared.setup.tls, Tls::Start(_)) && !self.is_encrypted;
        if offers_tls {
            lines.push("STARTTLS");
        }
        if self.shared.setup.login.is_some() {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate();
        let lines =
            lines.map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }));
        let lines: Vec<String> = lines.collect();
        self.reply(&lines.join("\r\n")).await
    }

    async fn start_tls(mut self) -> io::Result<Self> {
        let shared = self.shared;
        let Tls::Start(config) = &shared.setup.tls else {
            self.reply("502 5.5.1 No STARTTLS").await?;
            return Ok(self);
        };
        self.answer(At::StartTls, "220 2.0.0 Go ahead").await?;
        let stream = accept(self.stream.into_inner(), config).await?;
        self.stream = BufReader::new(stream);
        self.is_encrypted = true;
        Ok(self)
    }

    async fn log_in(&mut self, line: &str) -> io::Result<()> {
        let Some(response) = line.strip_prefix("AUTH PLAIN ") else {
            return self.reply("504 5.5.4 Unknown mechanism").await;
        };
        let decoded = STANDARD.decode(response).unwrap_or_default();
        let decoded = String::from_utf8_lossy(&decoded);
        let given: Vec<&str> = decoded.split('\0').skip(1).collect();
        let (user, password) = self.shared.setup.login.unwrap_or_default();
        if given != [user, password] {
            return self
                .reply("535 5.7.8 Authentication credentials invalid")
                .await;
        }
        if self.answer(At::Login, "235 2.7.0 Welcome").await? {
            self.user = Some(user.to_owned());
        }
        Ok(())
    }

    async fn recipient(&mut self, to: String) -> io::Result<()> {
        let from = self.from.clone().unwrap_or_default();
        if self.shared.is_new(&from, &to) {
            return self.reply("451 4.7.1 Greylisted, please come back").await;
        }
        if self.answer(At::Recipient, "250 2.1.5 Ok").await? {
            self.to.push(to);
        }
        Ok(())
    }

    async fn data(&mut self) -> io::Result<()> {
        if !self.answer(At::Data, "354 End with a dot").await? {
            return Ok(());
        }
        let mut data = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
            match self.shared.fault(At::Middle) {
                None => (),
                Some(Do::Wait(gate)) => gate.pass().await,
                Some(Do::Close | Do::Reply(_)) => return Err(closed()),
            }
        }
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data: data.into_bytes(),
            is_encrypted: self.is_encrypted,
            user: self.user.clone(),
            connection: self.number,
        };
        match self.shared.fault(At::Message) {
            Some(Do::Reply(text)) => self.reply(text).await,
            Some(Do::Close) => {
                self.shared.keep(mail);
                Err(closed())
            }
            Some(Do::Wait(gate)) => {
                gate.pass().await;
                self.shared.keep(mail);
                self.reply("250 2.0.0 Taken").await
            }
            None => {
                self.shared.keep(mail);
                self.reply("250 2.0.0 Taken").await
            }
        }
    }
}

/// What stands between the angle brackets.
fn path(line: &str) -> String {
    let path = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    path.map_or(String::new(), |(path, _)| path.to_owned())
}
