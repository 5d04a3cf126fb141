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
}

impl ListenerPlan {
    /// A listener without TLS.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// In the order of the file, not empty. The first is for clients that name no host, or one that
    /// no certificate has. Two with the same name have keys of different kinds.
    pub certificates: Vec<Arc<CertificatePlan>>,
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
        let shown = format!("{:?}", TlsPlan { certificates: vec![Arc::new(certificate)] });
        assert!(shown.contains("shop.example.com"), "{shown}");
        assert!(!shown.contains("201") && !shown.contains("202"), "{shown}");
    }
}
