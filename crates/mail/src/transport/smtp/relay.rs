//! What a mail server lets us see of itself, for who sets it up.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use jiff::Timestamp;
use tokio_rustls::rustls::{self, CertificateError};
use x509_parser::{extensions::GeneralName, parse_x509_certificate};

use crate::SendError;

/// A mail server that lets us in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relay {
    /// Where it answered.
    pub address: Option<IpAddr>,
    /// Takes commands in groups (RFC 2920).
    pub pipelining: bool,
    /// Takes addresses with letters beyond ASCII before the `@` (RFC 6531).
    pub smtputf8: bool,
    /// The largest message it takes, in bytes, if it names a bound (RFC 1870).
    pub max_size: Option<u64>,
    /// It knows who we are: we signed in.
    pub signed_in: bool,
    /// What it showed, and we believed; `None` without TLS.
    pub certificate: Option<Certificate>,
}

/// A certificate that we believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Host names and addresses it is for.
    pub names: Vec<String>,
    /// Until when it is good.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Reads what matters of it (RFC 5280).
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name);
        let not_after = certificate.validity().not_after.timestamp();
        Some(Self {
            names: names.collect(),
            not_after: Timestamp::from_second(not_after).unwrap_or(Timestamp::MAX),
        })
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| Ipv4Addr::from(bytes).to_string());
            let v6 = <[u8; 16]>::try_from(*bytes).map(|bytes| Ipv6Addr::from(bytes).to_string());
            v4.or(v6).ok()
        }
        _ => None,
    }
}

/// A mail server that does not let us in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct CheckError {
    /// What happened, and where.
    pub error: SendError,
    /// What is wrong with the certificate it showed, if that is the reason.
    pub certificate: Option<BadCertificate>,
}

impl From<SendError> for CheckError {
    fn from(error: SendError) -> Self {
        Self { error, certificate: None }
    }
}

/// Why a certificate is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadCertificate {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for other names.
    OtherName(Vec<String>),
    /// Nobody we trust signed it.
    UnknownIssuer,
    /// Something else; the words of the error say what.
    Other,
}

impl BadCertificate {
    /// `None` if the handshake failed for another reason.
    pub(super) fn of(error: &io::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(reason) = error.get_ref()?.downcast_ref()? else {
            return None;
        };
        Some(match reason {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName => Self::OtherName(Vec::new()),
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::OtherName(presented.clone())
            }
            // The second: somebody of the same name as one we trust.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            _ => Self::Other,
        })
    }
}
