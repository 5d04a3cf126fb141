//! Where clients connect, and by which certificates they know the gateway.
//!
//! Certificates are bytes here: the core knows no TLS library. Their maker has verified that each can
//! be used, so whoever builds something of them has nothing to report.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// A listener for clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPlan {
    /// The address to bind.
    pub address: SocketAddr,
    /// TLS towards clients; `None`: plain TCP.
    pub tls: Option<TlsPlan>,
    /// Whether clients may speak HTTP/2: by ALPN over TLS, with prior knowledge on plain TCP.
    pub http2: bool,
    /// Whether each connection begins with a PROXY header, version 1 or 2. It is believed from
    /// trusted proxies; whoever else connects is refused.
    pub proxy_protocol: bool,
    /// The path that answers whether the gateway is ready, for whoever probes here; `None`: no path
    /// does.
    pub readiness: Option<Arc<str>>,
}

impl ListenerPlan {
    /// A listener without TLS.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None, http2: true, proxy_protocol: false, readiness: None }
    }
}

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// In the order of the file, not empty. The first is for clients that name no host, or one that
    /// no certificate has. Two with the same name have keys of different kinds.
    pub certificates: Vec<Arc<CertificatePlan>>,
    /// Whether TLS 1.2 is spoken, besides 1.3.
    pub tls12: bool,
    /// By what clients prove who they are; `None`: they are not asked.
    pub client_auth: Option<ClientAuthPlan>,
}

/// Certificates that clients show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthPlan {
    /// The CAs that a client's certificate must lead to.
    pub ca: Arc<CaPlan>,
    /// Whether a client without a certificate is refused.
    pub required: bool,
}

/// CAs, from a file.
#[derive(Clone, PartialEq, Eq)]
pub struct CaPlan {
    /// The file.
    pub file: PathBuf,
    /// Its certificates in DER (X.509), at least one, all of which can be used.
    pub roots: Vec<Vec<u8>>,
}

impl fmt::Debug for CaPlan {
    /// Without the certificates, which nobody can read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaPlan").field("file", &self.file).finish_non_exhaustive()
    }
}

impl TlsPlan {
    /// These certificates, with every default.
    pub fn of(certificates: Vec<Arc<CertificatePlan>>) -> Self {
        Self { certificates, tls12: true, client_auth: None }
    }
}

/// A certificate with its key, which fit each other.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificatePlan {
    /// The file that the certificates were read from.
    pub cert: PathBuf,
    /// The file that the key was read from.
    pub key: PathBuf,
    /// The certificates in DER (X.509): the server's own, then those that lead to its CA. Not empty.
    pub chain: Vec<Vec<u8>>,
    /// The private key in DER: PKCS #8, PKCS #1 or SEC 1.
    pub private_key: Vec<u8>,
    /// The DNS names that it is for, in lower case; `*.` stands for one label. Often one, may be none.
    pub names: Vec<Arc<str>>,
    /// When it ends.
    pub not_after: SystemTime,
}

impl fmt::Debug for CertificatePlan {
    /// Without the key; and without the certificates, which nobody can read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificatePlan")
            .field("cert", &self.cert)
            .field("key", &self.key)
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let certificate = CertificatePlan {
            cert: "shop.pem".into(),
            key: "shop.key".into(),
            chain: vec![vec![201; 3]],
            private_key: vec![202; 3],
            names: vec!["shop.example.com".into()],
            not_after: SystemTime::UNIX_EPOCH,
        };
        let shown = format!("{:?}", TlsPlan::of(vec![Arc::new(certificate)]));
        assert!(shown.contains("shop.example.com"), "{shown}");
        assert!(!shown.contains("201") && !shown.contains("202"), "{shown}");
    }
}
