//! Encryption of connections, by the `sslmode` of libpq.

use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};

use crate::config::{Certificate, Postgres};
use crate::files;
use crate::store::db::{Error, Result};

/// Makes encrypted connections as the settings ask for.
pub fn connector(url: &Postgres) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let signed = match url.certificate {
        Certificate::Any => None,
        Certificate::Signed | Certificate::SignedForHost => {
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots(url)?.into(), provider.clone())
                    .build();
            Some(verifier.map_err(|error| Error::Unavailable(format!("sslrootcert: {error}")))?)
        }
    };
    let verifier = Verifier {
        signed,
        for_host: url.certificate == Certificate::SignedForHost,
        provider: provider.clone(),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Defect(format!("TLS: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Whom to trust: those named, or the system's.
fn roots(url: &Postgres) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let certificates = match &url.roots {
        Some(path) => {
            let refuse = |error: &dyn std::fmt::Display| {
                Error::Unavailable(format!("sslrootcert {}: {error}", path.display()))
            };
            let pem = files::read(path).map_err(|error| refuse(&error))?;
            let certificates =
                CertificateDer::pem_slice_iter(&pem).collect::<std::result::Result<Vec<_>, _>>();
            certificates.map_err(|error| refuse(&error))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    roots.add_parsable_certificates(certificates);
    Ok(roots)
}

/// Checks a server's certificate as far as the mode asks for.
#[derive(Debug)]
struct Verifier {
    /// Checks that a trusted authority signed it, and for the host; `None`: it may be any.
    signed: Option<Arc<WebPkiServerVerifier>>,
    for_host: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, TlsError> {
        let Some(signed) = &self.signed else {
            return Ok(ServerCertVerified::assertion());
        };
        match signed.verify_server_cert(certificate, intermediates, host, ocsp, now) {
            // The signature is checked before the name.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.for_host => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
