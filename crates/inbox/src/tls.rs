//! TLS to the mail server.

use std::{path::Path, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::{InboxError, Settings};

/// A stream of bytes to the server, plain or encrypted.
pub(crate) type Socket = Box<dyn Connection>;

pub(crate) trait Connection:
    AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug
{
}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + std::fmt::Debug> Connection for T {}

pub(crate) async fn handshake(settings: &Settings, socket: Socket) -> Result<Socket, InboxError> {
    let server = ServerName::try_from(settings.host.clone()).map_err(|_| InboxError::Host)?;
    let roots = match &settings.ca_file {
        Some(path) => read_roots(path).ok_or(InboxError::CaFile)?,
        None => default_roots(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InboxError::Connect(std::io::Error::other(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(server, socket).await.map_err(InboxError::Connect)?))
}

fn read_roots(path: &Path) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).ok()? {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

fn default_roots() -> RootCertStore {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    // A host without a store, or with odd certificates in it, still has Mozilla's list.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
