//! A proxy that programs reach the world through, as companies have them.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rcgen::CertifiedKey;
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncWriteExt as _, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer},
};

use crate::platform::{self, Platform};

/// Leads every HTTPS connection to one [`Platform`], whatever host it is for. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    url: String,
    certificate: NamedTempFile,
    reached: Arc<Mutex<Vec<String>>>,
    serving: tokio::task::AbortHandle,
}

impl Proxy {
    /// Starts one whose certificate is good for all of `hosts`.
    pub async fn start(platform: &Platform, hosts: &[&str]) -> Self {
        let names: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = NamedTempFile::new().unwrap();
        fs_err::write(certificate.path(), made.cert.pem()).unwrap();
        let (to, tls) = (platform.address(), tls(&made));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let reached = Arc::<Mutex<Vec<String>>>::default();
        let serving = tokio::spawn({
            let reached = reached.clone();
            async move {
                loop {
                    let (connection, _) = listener.accept().await.unwrap();
                    // A client that hangs up is no concern of ours.
                    tokio::spawn(lead(connection, to, tls.clone(), reached.clone()));
                }
            }
        });
        Self { url, certificate, reached, serving: serving.abort_handle() }
    }

    /// What makes a program go through it, and believe its certificate.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, String); 2] {
        let certificate = self.certificate.path().display().to_string();
        [("HTTPS_PROXY", self.url.clone()), ("SSL_CERT_FILE", certificate)]
    }

    /// The host and port of each connection so far.
    #[must_use]
    pub fn reached(&self) -> Vec<String> {
        self.reached.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn tls(own: &CertifiedKey<rcgen::KeyPair>) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn lead(
    connection: TcpStream,
    to: SocketAddr,
    tls: TlsAcceptor,
    reached: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut connection = BufReader::new(connection);
    // `CONNECT host:port HTTP/1.1`.
    let host = platform::target(&mut connection).await?;
    reached.lock().unwrap().push(host);
    connection.write_all(b"HTTP/1.1 200 so\r\n\r\n").await?;
    let mut client = tls.accept(connection).await?;
    copy_bidirectional(&mut client, &mut TcpStream::connect(to).await?).await?;
    Ok(())
}
