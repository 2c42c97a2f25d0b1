//! TLS to the mail server.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

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
    let config = trust::client(settings.ca_file.as_deref())?;
    let connector = TlsConnector::from(Arc::new(config));
    Ok(Box::new(connector.connect(server, socket).await.map_err(InboxError::Connect)?))
}
