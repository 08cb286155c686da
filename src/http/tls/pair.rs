//! Reading a certificate and its key, and saying what is wrong with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio_rustls::rustls;
use tokio_rustls::rustls::ServerConfig;

use super::validity::Validity;
use crate::{config, files};

/// A certificate or key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{setting}: found {}: {problem}; allowed: a PEM file with {allowed}", path.display())]
    File {
        setting: &'static str,
        path: PathBuf,
        problem: String,
        allowed: &'static str,
    },
    #[error(
        "TLS_CERT and TLS_KEY are swapped: {} holds a private key and {} a certificate",
        certificate.display(),
        key.display()
    )]
    Swapped { certificate: PathBuf, key: PathBuf },
    #[error(
        "TLS_KEY: found {}: this key does not belong to the certificate in {}; allowed: its private key",
        key.display(),
        certificate.display()
    )]
    OtherKey { certificate: PathBuf, key: PathBuf },
    #[error(
        "TLS_CERT: found {}: the certificate of the key in {} is not the first; allowed: a PEM file that begins with it, and goes on with those that signed it",
        certificate.display(),
        key.display()
    )]
    OutOfOrder { certificate: PathBuf, key: PathBuf },
}

/// The TLS library says of all of these only that it cannot read them.
const UNUSABLE_KEY: &str = "a private key that is damaged, or that TLS cannot use: RSA has to have 2048 to 8192 bits, and a curve to be P-256, P-384, P-521 or Ed25519";

/// A certificate with its key, ready to be used.
pub struct Pair {
    pub config: Arc<ServerConfig>,
    pub validity: Option<Validity>,
}

impl Pair {
    pub fn read(files: &config::Tls) -> Result<Self, TlsError> {
        let certificate = Pem::read("TLS_CERT", &files.certificate, "a certificate chain")?;
        let key = Pem::read("TLS_KEY", &files.key, "a private key that is not encrypted")?;
        if certificate.certificates.is_empty()
            && certificate.has_key()
            && key.key.is_none()
            && !key.certificates.is_empty()
        {
            return Err(TlsError::Swapped {
                certificate: files.certificate.clone(),
                key: files.key.clone(),
            });
        }
        if certificate.certificates.is_empty() {
            return Err(certificate.refuse(if certificate.has_key() {
                "a private key and no certificate"
            } else {
                "no certificate in it"
            }));
        }
        let Some(private) = &key.key else {
            return Err(key.refuse(if key.is_encrypted {
                "a private key that is encrypted: `openssl pkey -in FILE -out NEW_FILE` writes it in plain form"
            } else if !key.certificates.is_empty() {
                "a certificate and no private key"
            } else {
                "no private key in it"
            }));
        };
        let chain = &certificate.certificates;
        let config = serve_with(chain.clone(), private).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                let comes_later = chain
                    .iter()
                    .any(|one| serve_with(vec![one.clone()], private).is_ok());
                let (certificate, key) = (files.certificate.clone(), files.key.clone());
                if comes_later {
                    TlsError::OutOfOrder { certificate, key }
                } else {
                    TlsError::OtherKey { certificate, key }
                }
            }
            rustls::Error::InvalidCertificate(_) => certificate.refuse(&error),
            rustls::Error::General(_) => key.refuse(UNUSABLE_KEY),
            error => key.refuse(error),
        })?;
        Ok(Self {
            config: Arc::new(config),
            validity: Validity::of(chain),
        })
    }
}

/// The library shows bytes as numbers.
fn in_words(error: pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => {
            "a part that has no end, as of a file that was cut off".to_owned()
        }
        pem::Error::Base64Decode(_) | pem::Error::IllegalSectionStart { .. } => {
            "a part that is damaged".to_owned()
        }
        other => other.to_string(),
    }
}

fn serve_with(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key.clone_key())?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// What is in a PEM file.
struct Pem<'a> {
    setting: &'static str,
    path: &'a Path,
    allowed: &'static str,
    certificates: Vec<CertificateDer<'static>>,
    key: Option<PrivateKeyDer<'static>>,
    is_encrypted: bool,
}

impl<'a> Pem<'a> {
    fn read(
        setting: &'static str,
        path: &'a Path,
        allowed: &'static str,
    ) -> Result<Self, TlsError> {
        let mut pem = Self {
            setting,
            path,
            allowed,
            certificates: Vec::new(),
            key: None,
            is_encrypted: false,
        };
        let bytes = files::read(path).map_err(|error| pem.refuse(error))?;
        let has = |words: &[u8]| bytes.windows(words.len()).any(|window| window == words);
        pem.is_encrypted = has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED");
        let certificates = CertificateDer::pem_slice_iter(&bytes);
        if pem.is_encrypted {
            // The bytes of the key would be taken for one that is broken.
            pem.certificates = certificates.map_while(Result::ok).collect();
            return Ok(pem);
        }
        pem.certificates = certificates
            .collect::<Result<_, _>>()
            .map_err(|error| pem.refuse(in_words(error)))?;
        pem.key = PrivateKeyDer::pem_slice_iter(&bytes)
            .next()
            .transpose()
            .map_err(|error| pem.refuse(in_words(error)))?;
        Ok(pem)
    }

    fn has_key(&self) -> bool {
        self.key.is_some() || self.is_encrypted
    }

    fn refuse(&self, problem: impl std::fmt::Display) -> TlsError {
        TlsError::File {
            setting: self.setting,
            path: self.path.to_owned(),
            problem: problem.to_string(),
            allowed: self.allowed,
        }
    }
}
