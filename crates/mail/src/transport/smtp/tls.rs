//! TLS towards the mail server.

use std::{io, path::Path, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use super::{SetupError, SmtpSettings};

/// A stream of bytes to the server, plain or encrypted.
pub(super) type Socket = Box<dyn Stream>;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Turns a plain connection to one host into one that nobody else reads.
pub(super) struct Client {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl Client {
    /// Trusts the certificates in the settings' file only; without one, Mozilla's list and the
    /// host's own store.
    pub(super) fn new(settings: &SmtpSettings) -> Result<Self, SetupError> {
        let server = ServerName::try_from(settings.host.clone())
            .map_err(|_| SetupError::Host(settings.host.clone()))?;
        let roots = match &settings.ca_file {
            Some(path) => read_roots(path).ok_or_else(|| SetupError::CaFile(path.clone()))?,
            None => default_roots(),
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server })
    }

    /// The protected stream, and the server's own certificate.
    pub(super) async fn handshake(
        &self,
        socket: Socket,
    ) -> io::Result<(Socket, Option<CertificateDer<'static>>)> {
        let stream = self.connector.connect(self.server.clone(), socket).await?;
        let shown = stream.get_ref().1.peer_certificates();
        let own = shown.and_then(|chain| chain.first()).cloned();
        Ok((Box::new(stream), own))
    }
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
