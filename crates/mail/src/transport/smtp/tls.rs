//! TLS towards the mail server.

use std::{io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsConnector,
    rustls::pki_types::{CertificateDer, ServerName},
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
        let config = trust::client(settings.ca_file.as_deref())?;
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
