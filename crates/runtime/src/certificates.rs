//! Which certificate a client sees.
//!
//! Built when they are configured, so a handshake looks up a name and signs.
//!
//! A name is looked for exactly, then as `*.` and what follows its first label (RFC 9525, section 6.3:
//! a wildcard stands for one label). Whoever names nothing, or what no certificate has, sees the first
//! one: rather a name that does not match than a handshake that says nothing.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use switchback_core::plan::{CertificatePlan, TlsPlan};

use crate::cryptography::provider;

/// The certificates of a listener.
#[derive(Debug)]
pub(crate) struct Certificates {
    all: Vec<Arc<CertifiedKey>>,
    /// Of each name, those that have it: several with keys of different kinds.
    named: HashMap<Arc<str>, Vec<Arc<CertifiedKey>>>,
}

impl Certificates {
    pub(crate) fn new(plan: &TlsPlan) -> Self {
        let mut certificates = Self { all: Vec::new(), named: HashMap::new() };
        for plan in &plan.certificates {
            let key = match certified(plan, provider()) {
                Ok(key) => Arc::new(key),
                // Whoever made the plan has tried just this.
                Err(error) => {
                    log::error!("certificate {}: {error}", plan.cert.display());
                    continue;
                }
            };
            for name in &plan.names {
                certificates.named.entry(name.clone()).or_default().push(key.clone());
            }
            certificates.all.push(key);
        }
        certificates
    }

    /// The certificate for a client that asks for `name` and can verify signatures of these `schemes`.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = name.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let named = name.as_deref().and_then(|name| self.named(name)).unwrap_or(&self.all);
        let usable = named.iter().find(|key| key.key.choose_scheme(schemes).is_some());
        usable.or(named.first()).cloned()
    }

    fn named(&self, name: &str) -> Option<&Vec<Arc<CertifiedKey>>> {
        let wildcard = || {
            let (_, parent) = name.split_once('.')?;
            self.named.get(format!("*.{parent}").as_str())
        };
        self.named.get(name).or_else(wildcard)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

fn certified(
    plan: &CertificatePlan,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, rustls::Error> {
    let chain = plan.chain.iter().cloned().map(CertificateDer::from).collect();
    let key = PrivateKeyDer::try_from(plan.private_key.clone())
        .map_err(|error| rustls::Error::General(error.to_owned()))?;
    CertifiedKey::from_der(chain, key, provider)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const ECDSA: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
    const ED25519: &[SignatureScheme] = &[SignatureScheme::ED25519];

    fn certificate(
        names: &[&str],
        algorithm: &'static rcgen::SignatureAlgorithm,
    ) -> Arc<CertificatePlan> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let owned: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::CertificateParams::new(owned).unwrap().self_signed(&key).unwrap();
        Arc::new(CertificatePlan {
            cert: "test.pem".into(),
            key: "test.key".into(),
            chain: vec![made.der().to_vec()],
            private_key: key.serialize_der(),
            names: names.iter().map(|&name| name.into()).collect(),
            not_after: SystemTime::UNIX_EPOCH,
        })
    }

    fn certificates(of: &[&[&str]]) -> (TlsPlan, Certificates) {
        let made = of.iter().map(|names| certificate(names, &rcgen::PKCS_ECDSA_P256_SHA256));
        let plan = TlsPlan::of(made.collect());
        let certificates = Certificates::new(&plan);
        (plan, certificates)
    }

    /// Which of the plan's certificates a client sees.
    fn seen(
        (plan, certificates): &(TlsPlan, Certificates),
        name: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> usize {
        let chosen = certificates.choose(name, schemes).unwrap();
        let der = chosen.cert[0].as_ref();
        plan.certificates.iter().position(|one| one.chain[0] == der).unwrap()
    }

    #[test]
    fn the_exact_name_goes_before_the_wildcard_and_nothing_leads_to_the_first() {
        let made = certificates(&[
            &["first.example.com"],
            &["*.example.com", "*.shop.example.com"],
            &["www.example.com", "example.com"],
        ]);
        for (name, position) in [
            (Some("www.example.com"), 2),
            (Some("WWW.Example.com."), 2),
            (Some("example.com"), 2),
            (Some("api.example.com"), 1),
            (Some("a.shop.example.com"), 1),
            (Some("first.example.com"), 0),
            // One label, and no more.
            (Some("a.b.example.com"), 0),
            (Some("com"), 0),
            (Some("*.example.com"), 1),
            (Some(""), 0),
            (None, 0),
        ] {
            assert_eq!(seen(&made, name, ECDSA), position, "{name:?}");
        }
    }

    #[test]
    fn of_two_kinds_of_keys_a_client_sees_the_one_that_it_can_verify() {
        let names = &["shop.example.com"][..];
        let plan = TlsPlan::of(vec![
            certificate(names, &rcgen::PKCS_ED25519),
            certificate(names, &rcgen::PKCS_ECDSA_P256_SHA256),
        ]);
        let made = (plan.clone(), Certificates::new(&plan));
        for name in [Some("shop.example.com"), None] {
            assert_eq!(seen(&made, name, ED25519), 0);
            assert_eq!(seen(&made, name, ECDSA), 1);
            assert_eq!(seen(&made, name, &[ECDSA, ED25519].concat()), 0, "the order of the file");
            assert_eq!(seen(&made, name, &[SignatureScheme::RSA_PSS_SHA256]), 0);
        }
    }

    #[test]
    fn what_cannot_be_used_is_left_out() {
        let good = certificate(&["a.example"], &rcgen::PKCS_ED25519);
        let bad = CertificatePlan { private_key: vec![1, 2, 3], ..(*good).clone() };
        let plan = TlsPlan::of(vec![Arc::new(bad)]);
        assert!(Certificates::new(&plan).choose(Some("a.example"), ED25519).is_none());
    }
}
