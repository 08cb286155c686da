//! When a certificate is good, and what an operator should know of that.

use std::time::Duration;

use rustls_pki_types::CertificateDer;
use x509_cert::der::Decode;

use crate::clock::Timestamp;

/// How long before its end a certificate is warned of. Automatic renewal happens 30 days before.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 86_400);

/// When a certificate and those that signed it are all good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Something about the time of a certificate that an operator should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    NotYet(Timestamp),
    Soon(Timestamp, u64),
    Expired(Timestamp),
}

impl Concern {
    /// Whether clients refuse the certificate now.
    pub fn is_error(self) -> bool {
        match self {
            Self::NotYet(_) | Self::Expired(_) => true,
            Self::Soon(..) => false,
        }
    }
}

impl std::fmt::Display for Concern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotYet(from) => write!(
                f,
                "TLS_CERT: the certificate is not valid before {}; clients refuse it",
                from.rfc3339()
            ),
            Self::Soon(until, 1) => write!(
                f,
                "TLS_CERT: the certificate expires in 1 day, at {}; renew it",
                until.rfc3339()
            ),
            Self::Soon(until, days) => write!(
                f,
                "TLS_CERT: the certificate expires in {days} days, at {}; renew it",
                until.rfc3339()
            ),
            Self::Expired(until) => write!(
                f,
                "TLS_CERT: the certificate expired at {}; clients refuse it",
                until.rfc3339()
            ),
        }
    }
}

impl Validity {
    /// Of a chain; `None` when no certificate of it can be read.
    pub fn of(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let read = chain.iter().filter_map(|certificate| {
            let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
            let validity = certificate.tbs_certificate.validity;
            let moment = |time: x509_cert::time::Time| {
                let seconds = time.to_unix_duration().as_secs();
                Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
            };
            Some(Self {
                from: moment(validity.not_before),
                until: moment(validity.not_after),
            })
        });
        read.reduce(|one, other| Self {
            from: one.from.max(other.from),
            until: one.until.min(other.until),
        })
    }

    pub fn concern(self, now: Timestamp) -> Option<Concern> {
        if now > self.until {
            Some(Concern::Expired(self.until))
        } else if now < self.from {
            Some(Concern::NotYet(self.from))
        } else if now.plus(WARN_BEFORE) >= self.until {
            let days = self.until.since(now).as_secs() / 86_400;
            Some(Concern::Soon(self.until, days))
        } else {
            None
        }
    }
}
