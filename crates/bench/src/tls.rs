//! The certificate that every proxy shows, made at the start, and the client that verifies it.
//!
//! ECDSA on P-256, as most certificates now are. The client resumes no session: a handshake per request is a full one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::client::Resumption;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::Failure;
use crate::scenario::Wire;

/// The name in the certificate.
pub(crate) const NAME: &str = "bench.example.com";

/// A certificate that signs itself, in files.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// The certificate alone.
    pub(crate) cert: PathBuf,
    /// The key alone.
    pub(crate) key: PathBuf,
    /// Both in one file, as HAProxy wants them.
    pub(crate) both: PathBuf,
    roots: Arc<RootCertStore>,
}

impl Certificate {
    /// Makes one, with files in `folder`.
    pub(crate) fn make(folder: &Path) -> Result<Self, Failure> {
        let pair = KeyPair::generate()?;
        let made = CertificateParams::new(vec![NAME.to_owned()])?.self_signed(&pair)?;
        let write = |name: &str, text: &str| -> io::Result<PathBuf> {
            let path = folder.join(name);
            std::fs::write(&path, text)?;
            Ok(path)
        };
        let mut roots = RootCertStore::empty();
        roots.add(made.der().clone())?;
        Ok(Self {
            cert: write("cert.pem", &made.pem())?,
            key: write("key.pem", &pair.serialize_pem())?,
            both: write("both.pem", &(made.pem() + &pair.serialize_pem()))?,
            roots: Arc::new(roots),
        })
    }

    /// What connects over TLS 1.3; `None` over plain TCP.
    pub(crate) fn connector(&self, wire: Wire) -> Result<Option<TlsConnector>, Failure> {
        let protocol: &[u8] = match wire {
            Wire::Plain => return Ok(None),
            Wire::Tls => b"http/1.1",
            Wire::H2 => b"h2",
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![protocol.to_vec()];
        Ok(Some(TlsConnector::from(Arc::new(config))))
    }
}
