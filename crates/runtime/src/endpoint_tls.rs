//! TLS towards the endpoints of a pool, as Pingora is to make it: for traffic and probes alike.
//!
//! Two things that Pingora does of itself would be holes.
//!
//! - Without a name it verifies nothing. So an endpoint without one is verified by its IP address, which
//!   the certificate must carry (RFC 9110, section 4.3.5). No SNI is sent for it: that has no addresses
//!   (RFC 6066, section 3).
//! - It keeps connections by address, name and the serial number of our certificate, but not by the CA
//!   that has vouched for the endpoint. So what CA and certificate hold goes into the key of each kept
//!   connection, and after a reload that changes them nothing is sent on one that was verified otherwise.
//!
//! They are parsed once a pool. Of a CA or a certificate Pingora makes a rustls configuration for each
//! connection, which so has no session to resume: a handshake costs twice what it could (docs/PERFORMANCE.md). Without
//! either, connections share the configuration of Pingora's connector, and resume.

use std::fmt;
use std::sync::Arc;

use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::{HttpPeer, Peer};
use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use ring::digest::{Context, SHA256};
use switchback_core::plan::{CaPlan, CertificatePlan, UpstreamTlsPlan};

/// The bits of a peer's `group_key` that are left to others.
const OTHERS: u64 = 0b11;

/// TLS towards the endpoints of a pool.
pub struct EndpointTls {
    name: Arc<str>,
    verify: bool,
    ca: Option<Arc<CaType>>,
    certificate: Option<Arc<CertKey>>,
    /// Of what CA and certificate hold; 0: there is neither.
    group: u64,
}

impl fmt::Debug for EndpointTls {
    /// Without what nobody can read, or should.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointTls")
            .field("name", &self.name)
            .field("verify", &self.verify)
            .finish_non_exhaustive()
    }
}

impl EndpointTls {
    /// TLS by this plan.
    pub fn new(plan: &UpstreamTlsPlan) -> Self {
        Self {
            name: plan.sni.clone(),
            verify: plan.verify,
            ca: plan.ca.as_deref().map(authorities),
            certificate: plan.certificate.as_deref().and_then(certificate),
            group: group(plan),
        }
    }

    /// Makes a peer one with this TLS. Whoever sets a `group_key` does so before, in its two lowest bits; and
    /// gives it to [`verify_by_address`] once it has its address.
    pub fn apply(&self, peer: &mut HttpPeer) {
        peer.sni = self.name.to_string();
        peer.group_key ^= self.group;
        peer.client_cert_key = self.certificate.clone();
        peer.options.ca = self.ca.clone();
        peer.options.verify_cert = self.verify;
        peer.options.verify_hostname = self.verify;
    }
}

/// Has a peer with TLS that has no name verified by its address.
pub fn verify_by_address(peer: &mut HttpPeer) {
    if !peer.tls() || !peer.sni.is_empty() {
        return;
    }
    if let Some(address) = peer.address().as_inet() {
        peer.sni = address.ip().to_canonical().to_string();
    }
}

/// What cannot be parsed is left out: Pingora would panic. Of nothing, Pingora says that it cannot verify.
fn authorities(plan: &CaPlan) -> Arc<CaType> {
    let sound = plan.roots.iter().filter(|der| is_sound(der, &plan.file));
    sound.map(|der| WrappedX509::new(der.clone(), parse_x509)).collect()
}

fn certificate(plan: &CertificatePlan) -> Option<Arc<CertKey>> {
    let sound = !plan.chain.is_empty() && plan.chain.iter().all(|der| is_sound(der, &plan.cert));
    sound.then(|| Arc::new(CertKey::new(plan.chain.clone(), plan.private_key.clone())))
}

/// Whether Pingora can parse a certificate. Whoever made the plan has tried.
fn is_sound(der: &[u8], file: &std::path::Path) -> bool {
    let parsed = x509_parser::parse_x509_certificate(der);
    parsed.inspect_err(|error| log::error!("certificate {}: {error}", file.display())).is_ok()
}

fn group(plan: &UpstreamTlsPlan) -> u64 {
    if plan.ca.is_none() && plan.certificate.is_none() {
        return 0;
    }
    let mut digest = Context::new(&SHA256);
    let mut add = |kind: u8, der: &[u8]| {
        digest.update(&[kind]);
        digest.update(&(der.len() as u64).to_be_bytes());
        digest.update(der);
    };
    if let Some(ca) = &plan.ca {
        ca.roots.iter().for_each(|der| add(0, der));
    }
    if let Some(certificate) = &plan.certificate {
        certificate.chain.iter().for_each(|der| add(1, der));
        add(2, &certificate.private_key);
    }
    let digest = digest.finish();
    let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first) & !OTHERS
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::SystemTime;

    use super::*;

    fn plan(sni: &str) -> UpstreamTlsPlan {
        UpstreamTlsPlan { sni: sni.into(), verify: true, ca: None, certificate: None }
    }

    fn made(name: &str) -> (Vec<u8>, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        (made.cert.der().to_vec(), made.signing_key.serialize_der())
    }

    fn ca(roots: Vec<Vec<u8>>) -> Option<Arc<CaPlan>> {
        Some(Arc::new(CaPlan { file: "ca.pem".into(), roots }))
    }

    fn peer(plan: &UpstreamTlsPlan, address: &str, group_key: u64) -> HttpPeer {
        let address: SocketAddr = address.parse().unwrap();
        let mut peer = HttpPeer::new(address, true, String::new());
        peer.group_key = group_key;
        EndpointTls::new(plan).apply(&mut peer);
        verify_by_address(&mut peer);
        peer
    }

    #[test]
    fn no_peer_is_without_a_name_that_is_verified() {
        for (sni, address, name) in [
            ("shop.internal", "10.0.0.1:443", "shop.internal"),
            ("", "10.0.0.1:443", "10.0.0.1"),
            ("", "[2001:db8::1]:443", "2001:db8::1"),
            ("", "[::ffff:10.0.0.1]:443", "10.0.0.1"),
            ("", "[fe80::1%7]:443", "fe80::1"),
        ] {
            let peer = peer(&plan(sni), address, 0);
            assert_eq!(
                (peer.sni(), peer.verify_cert(), peer.verify_hostname()),
                (name, true, true)
            );
            rustls::pki_types::ServerName::try_from(peer.sni()).unwrap();
        }
    }

    #[test]
    fn kept_connections_are_those_of_the_same_ca_and_certificate() {
        let (one, key) = made("one");
        let (other, _) = made("other");
        let certificate = |der: &Vec<u8>| {
            Some(Arc::new(CertificatePlan {
                cert: "c.pem".into(),
                key: "c.key".into(),
                chain: vec![der.clone()],
                private_key: key.clone(),
                names: Vec::new(),
                not_after: SystemTime::UNIX_EPOCH,
            }))
        };
        let plain = plan("shop.internal");
        let kinds = [
            plain.clone(),
            UpstreamTlsPlan { ca: ca(vec![one.clone()]), ..plain.clone() },
            UpstreamTlsPlan { ca: ca(vec![other.clone()]), ..plain.clone() },
            UpstreamTlsPlan { ca: ca(vec![one.clone(), other.clone()]), ..plain.clone() },
            UpstreamTlsPlan { certificate: certificate(&one), ..plain.clone() },
            UpstreamTlsPlan { certificate: certificate(&other), ..plain.clone() },
        ];
        let key = |plan: &_, group| peer(plan, "10.0.0.1:443", group).reuse_hash();
        let keys: std::collections::BTreeSet<_> =
            kinds.iter().flat_map(|plan| [key(plan, 0), key(plan, 1)]).collect();
        assert_eq!(keys.len(), 2 * kinds.len(), "each has its own, and so has each group");
        for plan in &kinds {
            assert_eq!(key(plan, 0), key(&plan.clone(), 0), "and it is the same each time");
        }
    }

    #[test]
    fn what_cannot_be_parsed_lets_nobody_through() {
        let unusable = UpstreamTlsPlan { ca: ca(vec![vec![1, 2, 3]]), ..plan("a") };
        let peer = peer(&unusable, "10.0.0.1:443", 0);
        assert!(peer.options.ca.is_some_and(|ca| ca.is_empty()), "not the system's instead");
    }
}
