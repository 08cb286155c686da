//! `vestibule healthcheck`: asks the running service whether it is well, for a container that has no other program.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme, crypto};

use super::outcome::{Exit, FAILED, Outcome};
use super::setup::{runtime, settings};
use crate::config::{self, Server};

pub fn command() -> Command {
    let timeout = Arg::new("timeout")
        .long("timeout")
        .value_name("PERIOD")
        .default_value("3s")
        .value_parser(|text: &str| {
            let timeout = config::duration(text).filter(|timeout| !timeout.is_zero());
            timeout.ok_or("allowed: a period such as 3s or 1m")
        })
        .help("Time for the whole answer");
    let ready = Arg::new("ready")
        .long("ready")
        .action(ArgAction::SetTrue)
        .help("Ask whether requests can be served (/readyz), not only whether the process runs (/healthz)");
    Command::new("healthcheck")
        .about("Ask the running service whether it is well: exit code 0 if it is, else 1")
        .arg(ready)
        .arg(timeout)
}

pub fn run(matches: &ArgMatches) -> Outcome {
    // Docker knows 0 and 1 and no more.
    let server = settings(matches).map_err(|_| Exit(FAILED))?.server;
    let timeout: Duration = matches.get_one("timeout").copied().unwrap_or_default();
    let path = if matches.get_flag("ready") {
        "/readyz"
    } else {
        "/healthz"
    };
    let scheme = server.tls.as_ref().map_or("http", |_| "https");
    let address = address(&server);
    let unhealthy =
        |why: &dyn Display| Exit::failed(format!("unhealthy: {scheme}://{address}{path}: {why}"));
    if server.port == 0 {
        return Err(unhealthy(&"PORT=0 does not tell where the service listens"));
    }
    let asking = async { tokio::time::timeout(timeout, ask(&server, address, path)).await };
    match runtime()?.block_on(asking) {
        Ok(Ok(200)) => Ok(()),
        Ok(Ok(status)) => Err(unhealthy(&format_args!("answered {status}"))),
        Ok(Err(error)) => Err(unhealthy(&error)),
        Err(_) => Err(unhealthy(&format_args!("no answer in {timeout:?}"))),
    }
}

/// Where the service is reached from its own machine.
fn address(server: &Server) -> SocketAddr {
    let host = match server.host {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, server.port)
}

/// The status of the answer to GET.
async fn ask(server: &Server, address: SocketAddr, path: &str) -> io::Result<u16> {
    let stream = TcpStream::connect(address).await?;
    if server.tls.is_none() {
        return get(stream, address, path).await;
    }
    let tls = TlsConnector::from(Arc::new(tls_config().map_err(io::Error::other)?));
    let stream = tls.connect(address.ip().into(), stream).await?;
    get(stream, address, path).await
}

async fn get(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    path: &str,
) -> io::Result<u16> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: vestibule-healthcheck\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    // All that is needed stands in "HTTP/1.1 200".
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    std::str::from_utf8(&head)
        .ok()
        .and_then(|head| head.strip_prefix("HTTP/1.1 ")?.parse().ok())
        .ok_or_else(|| io::Error::other("the answer is not HTTP"))
}

/// The certificate is not checked: nothing secret is sent, the name in it is not that of the loopback address, and one
/// that was renewed on disk since the start is no reason to call the service ill.
fn tls_config() -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::command;
    use super::*;
    use crate::config::{Settings, Source};

    fn address_of(host: &str) -> String {
        let settings = Settings::read(&mut Source::of(&[("HOST", host)])).expect("valid");
        address(&settings.server).to_string()
    }

    #[test]
    fn an_address_for_all_is_asked_on_loopback() {
        for (host, expected) in [
            ("0.0.0.0", "127.0.0.1:8000"),
            ("::", "[::1]:8000"),
            ("127.0.0.9", "127.0.0.9:8000"),
            ("10.1.2.3", "10.1.2.3:8000"),
        ] {
            assert_eq!(address_of(host), expected);
        }
    }

    #[test]
    fn a_timeout_is_a_period() {
        for (timeout, is_good) in [("3s", true), ("1m", true), ("0s", false), ("3", false)] {
            let matches =
                command().try_get_matches_from(["vestibule", "healthcheck", "--timeout", timeout]);
            assert_eq!(matches.is_ok(), is_good, "{timeout}");
        }
    }
}
