//! Opens connections to the mail server: TCP, TLS as the settings say, and logging in.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::extension::ClientId;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::lines::Lines;
use super::outcome::{COMMAND, reason};
use crate::config::{Secret, Smtp, SmtpTls};
use crate::files;
use crate::mail::MailError;

/// For each of a host's addresses.
const ADDRESS: Duration = Duration::from_secs(20);

/// Makes connections.
pub struct Dialler {
    host: String,
    port: u16,
    name: ClientId,
    security: Security,
    login: Option<(String, Secret)>,
}

enum Security {
    None,
    /// TLS from the first byte on.
    Implicit(TlsParameters),
    StartTls(TlsParameters),
    /// STARTTLS where it is offered.
    Opportunistic(TlsParameters),
}

impl Dialler {
    pub fn new(settings: &Smtp, name: Option<&str>) -> Result<Self, MailError> {
        let security = match settings.tls {
            SmtpTls::None => Security::None,
            SmtpTls::Opportunistic => Security::Opportunistic(tls(settings)?),
            SmtpTls::Required if settings.implicit_tls => Security::Implicit(tls(settings)?),
            SmtpTls::Required => Security::StartTls(tls(settings)?),
        };
        Ok(Self {
            host: settings.host.clone(),
            port: settings.port,
            name: client_id(name),
            security,
            login: settings.credentials.clone(),
        })
    }

    /// A connection on which mails can be handed over, or what is in the way.
    pub async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        let place = format!("{host}:{}", self.port);
        let dialled = in_time(&place, self.dial()).await;
        let mut connection = dialled.map_err(|problem| format!("{problem}{}", self.hint()))?;
        let start = match &self.security {
            Security::StartTls(tls) => Some(tls),
            Security::Opportunistic(tls) => Some(tls).filter(|_| connection.can_starttls()),
            Security::None | Security::Implicit(_) => None,
        };
        if let Some(tls) = start {
            let starting = connection.starttls(tls.clone(), &self.name);
            in_time(&format!("TLS with {place}"), starting).await?;
        }
        if let Some((user, password)) = &self.login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            let logging_in = connection.auth(&mechanisms, &credentials);
            let logged_in = in_time(&format!("logging in to {place}"), logging_in).await;
            logged_in.map_err(|problem| self.without_password(problem))?;
        }
        Ok(connection)
    }

    /// Some servers repeat what they were told.
    fn without_password(&self, problem: String) -> String {
        let Some((user, password)) = &self.login else {
            return problem;
        };
        let password = password.reveal();
        // One may hold the next.
        let forms = [
            STANDARD.encode(format!("\0{user}\0{password}")),
            STANDARD.encode(password),
            password.to_owned(),
        ];
        forms
            .iter()
            .fold(problem, |problem, form| problem.replace(form, "********"))
    }

    /// What is worth a look when there is no greeting, on the ports that tell.
    fn hint(&self) -> &'static str {
        let is_implicit = matches!(self.security, Security::Implicit(_));
        match (is_implicit, self.port) {
            (false, 465) => " (port 465 expects TLS from the start: smtps://)",
            (true, 25 | 587) => " (ports 25 and 587 expect STARTTLS: smtp://)",
            _ => "",
        }
    }

    /// Connects, and waits for the greeting.
    async fn dial(&self) -> Result<AsyncSmtpConnection, Box<dyn Error + Send + Sync>> {
        if let Security::Implicit(tls) = &self.security {
            let server = (self.host.as_str(), self.port);
            let (tls, name) = (Some(tls.clone()), &self.name);
            let connecting =
                AsyncSmtpConnection::connect_tokio1(server, Some(ADDRESS), name, tls, None);
            return Ok(connecting.await?);
        }
        let stream = self.stream().await?;
        // The end of a long message must not wait until the other side acknowledges the rest, which it may put off
        // (RFC 1122 §4.2.3.2).
        stream.set_nodelay(true)?;
        let stream = Box::new(Lines::new(stream));
        Ok(AsyncSmtpConnection::connect_with_transport(stream, &self.name).await?)
    }

    /// A connection to the first of the host's addresses that accepts a connection.
    async fn stream(&self) -> io::Result<TcpStream> {
        let mut failure = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            match timeout(ADDRESS, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = ErrorKind::TimedOut.into(),
            }
        }
        Err(failure)
    }
}

async fn in_time<T, E: Into<Box<dyn Error + Send + Sync>>>(
    what: &str,
    doing: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match timeout(COMMAND, doing).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(format!("{what}: {}", reason(error.into().as_ref()))),
        Err(_) => Err(format!("{what}: no answer within {} s", COMMAND.as_secs())),
    }
}

/// A name that servers may look up; where there is none, lettre's, which is an address literal.
fn client_id(name: Option<&str>) -> ClientId {
    match name.filter(|name| name.contains('.') && !name.ends_with(|c: char| c.is_ascii_digit())) {
        Some(name) => ClientId::Domain(name.to_owned()),
        None => ClientId::default(),
    }
}

fn tls(settings: &Smtp) -> Result<TlsParameters, MailError> {
    let builder = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca {
        let trusting = |pem: zeroize::Zeroizing<Vec<u8>>| {
            if CertificateDer::pem_slice_iter(&pem).next().is_none() {
                return Err("no certificate in it".to_owned());
            }
            let certificate = Certificate::from_pem(&pem).map_err(|error| error.to_string())?;
            let built = builder.add_root_certificate(certificate).build();
            built.map_err(|error| error.to_string())
        };
        let pem = files::read(path).map_err(|error| error.to_string());
        return pem
            .and_then(trusting)
            .map_err(|problem| MailError::Authority {
                path: path.clone(),
                problem,
            });
    }
    let builder = match settings.tls {
        // With opportunistic TLS, checking the certificate protects nothing (RFC 7435).
        SmtpTls::Opportunistic => builder
            .certificate_store(CertificateStore::None)
            .dangerous_accept_invalid_certs(true)
            .dangerous_accept_invalid_hostnames(true),
        SmtpTls::Required | SmtpTls::None => builder,
    };
    let built = builder.build();
    built.map_err(|error| MailError::Tls(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MailTransport, Settings, Source};

    #[test]
    fn who_mixes_up_the_two_ways_of_tls_is_told() {
        for (url, hint) in [
            ("smtp://mail.example.com:465", "smtps://"),
            ("smtps://mail.example.com:587", "smtp://"),
            ("smtps://mail.example.com:25", "smtp://"),
            ("smtp://mail.example.com", ""),
            ("smtps://mail.example.com", ""),
            ("smtp://mail.example.com:2525", ""),
        ] {
            let settings = Settings::read(&mut Source::of(&[("SMTP_URL", url)])).expect("valid");
            let MailTransport::Smtp(smtp) = &settings.mail.transport else {
                panic!("a server");
            };
            let dialler = Dialler::new(smtp, None).expect("can be used");
            let told = dialler.hint();
            assert!(
                told.ends_with(&format!("{hint})")) || hint.is_empty() && told.is_empty(),
                "{url}: {told}"
            );
        }
    }
}
