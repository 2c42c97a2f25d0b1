//! Whose certificates are believed when we connect to servers of others.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Why there is no way to tell whom to believe.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file with trusted certificates is missing, empty or malformed.
    #[error("no certificate can be read from {}", .0.display())]
    CaFile(PathBuf),
    /// The TLS library refuses its own defaults.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// TLS that believes the certificates in `ca_file` (PEM) only; without one, Mozilla's list and the host's
/// own store.
pub fn client(ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let roots = match ca_file {
        Some(path) => read(path).ok_or_else(|| TrustError::CaFile(path.to_owned()))?,
        None => usual(),
    };
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn read(path: &Path) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).ok()? {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

fn usual() -> RootCertStore {
    let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    // A host without a store, or with odd certificates in it, still has Mozilla's list.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
