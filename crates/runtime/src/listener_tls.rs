//! TLS of a listener: a rustls configuration for each change of it.
//!
//! Handshakes take the one of the generation in force, so certificates, versions, HTTP/2 and who must prove
//! himself change with a reload, for the connections that come after. Where nothing of a listener has
//! changed, the next generation has the very same configuration, and a reload costs nothing.
//!
//! Sessions outlive a reload, or each one would have every client make a whole handshake, all at once. A
//! ticket holds the session, the client's certificate included, under a key that lives for twelve hours
//! and is used for six; each listener has its own, and nothing is written anywhere: another gateway, and
//! the next process, know none of them. What is resumed is not verified again. So the rule by which
//! clients prove themselves is part of a session: where it has changed, no older one is resumed.
//!
//! The cipher suite is the first of ours ([`cryptography`](crate::cryptography)) that the client has, whatever its
//! order. But one that would have ChaCha20 before all others has no AES in its CPU: it gets what it wants.
//!
//! After a handshake a client gets two tickets, since one must not be used twice (RFC 8446, appendix C.4), and
//! clients come by two connections at once. One less would save 3 % of a handshake's cryptography, and cost more than
//! that as soon as one in seven of the second ones is used; with RSA, where it is a whole signature, one in a hundred.
//!
//! Early data (RFC 8446, section 2.3) is not taken. It can be replayed by whoever has seen it, and a gateway
//! cannot tell for which requests that does no harm.

use std::sync::Arc;

use rustls::crypto::ring::Ticketer;
use rustls::pki_types::CertificateDer;
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions,
    VerifierBuilderError, WebPkiClientVerifier, danger::ClientCertVerifier,
};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use switchback_core::plan::{ClientAuthPlan, TlsPlan};

use crate::certificates::Certificates;
use crate::cryptography::provider;

/// Sessions that are kept for clients of TLS 1.2 that know no tickets.
const KEPT: usize = 256;

const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// TLS of a listener, under one configuration.
#[derive(Debug)]
pub struct ListenerTls {
    plan: TlsPlan,
    http2: bool,
    /// `None`: it cannot be used.
    config: Option<Suites>,
    sessions: Sessions,
}

/// A configuration by whose order of cipher suites one is chosen.
#[derive(Debug)]
struct Suites {
    ours: Arc<ServerConfig>,
    theirs: Arc<ServerConfig>,
}

/// By what sessions are resumed.
#[derive(Clone, Debug)]
struct Sessions {
    /// `None`: the system gave no random numbers.
    tickets: Option<Arc<dyn ProducesTickets>>,
    kept: Arc<dyn StoresServerSessions>,
}

impl ListenerTls {
    /// TLS by this plan, for a listener that had `running`.
    pub(crate) fn of(plan: &TlsPlan, http2: bool, running: Option<&Arc<Self>>) -> Arc<Self> {
        if let Some(running) = running.filter(|it| it.plan == *plan && it.http2 == http2) {
            return running.clone();
        }
        let same_rule = running.filter(|it| it.plan.client_auth == plan.client_auth);
        let sessions = same_rule.map_or_else(Sessions::new, |it| it.sessions.clone());
        let config = match config(plan, http2, &sessions) {
            Ok(config) => Some(Suites::of(config)),
            // Whoever made the plan has tried just this. To ask nobody would be worse.
            Err(error) => {
                log::error!("a listener with TLS lets nobody in: {error}");
                None
            }
        };
        Arc::new(Self { plan: plan.clone(), http2, config, sessions })
    }

    /// What the handshake needs of a client that would rather have ChaCha20 than AES, or not; `None`: nobody
    /// can be let in.
    pub fn config(&self, chacha: bool) -> Option<&Arc<ServerConfig>> {
        let config = self.config.as_ref()?;
        Some(if chacha { &config.theirs } else { &config.ours })
    }

    /// Whether clients are asked for a certificate.
    pub fn asks_clients(&self) -> bool {
        self.plan.client_auth.is_some()
    }
}

impl Suites {
    fn of(theirs: ServerConfig) -> Self {
        let mut ours = theirs.clone();
        ours.ignore_client_order = true;
        Self { ours: Arc::new(ours), theirs: Arc::new(theirs) }
    }
}

impl Sessions {
    fn new() -> Self {
        let tickets = Ticketer::new();
        let tickets =
            tickets.inspect_err(|error| log::error!("no sessions over TLS: {error}")).ok();
        Self { tickets, kept: ServerSessionMemoryCache::new(KEPT) }
    }
}

fn config(
    plan: &TlsPlan,
    http2: bool,
    sessions: &Sessions,
) -> Result<ServerConfig, VerifierBuilderError> {
    let versions = if plan.tls12 { VERSIONS } else { &VERSIONS[..1] };
    let builder = ServerConfig::builder_with_provider(provider().clone())
        .with_protocol_versions(versions)
        .expect("ring has cipher suites for both versions");
    let builder = match &plan.client_auth {
        Some(rule) => builder.with_client_cert_verifier(verifier(rule)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Certificates::new(plan)));
    // A client that asks for something else is refused (RFC 7301, section 3.2): what is said to it could
    // be taken for something else, too (ALPACA). One that does not ask gets HTTP/1.1.
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.max_early_data_size = 0;
    match &sessions.tickets {
        Some(tickets) => {
            config.ticketer = tickets.clone();
            config.session_storage = sessions.kept.clone();
        }
        None => config.session_storage = Arc::new(NoServerSessionStorage {}),
    }
    Ok(config)
}

fn verifier(rule: &ClientAuthPlan) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rule.ca.roots.iter().cloned().map(CertificateDer::from));
    let provider = provider().clone();
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    match rule.required {
        true => builder.build(),
        false => builder.allow_unauthenticated().build(),
    }
}

#[cfg(test)]
mod tests {
    use switchback_core::plan::CaPlan;

    use super::*;

    fn rule(required: bool) -> ClientAuthPlan {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().to_vec();
        let ca = Arc::new(CaPlan { file: "ca.pem".into(), roots: vec![root] });
        ClientAuthPlan { ca, required }
    }

    fn same_tickets(one: &ListenerTls, other: &ListenerTls) -> bool {
        let tickets = |it: &ListenerTls| it.sessions.tickets.clone().unwrap();
        Arc::ptr_eq(&tickets(one), &tickets(other))
    }

    #[test]
    fn what_has_not_changed_is_not_made_again() {
        let plan = TlsPlan::of(Vec::new());
        let first = ListenerTls::of(&plan, true, None);
        assert!(Arc::ptr_eq(&first, &ListenerTls::of(&plan.clone(), true, Some(&first))));
        let next = ListenerTls::of(&plan, false, Some(&first));
        assert!(!Arc::ptr_eq(&first, &next) && same_tickets(&first, &next));
        let next = ListenerTls::of(&TlsPlan { tls12: false, ..plan.clone() }, true, Some(&first));
        assert!(same_tickets(&first, &next));
        assert!(!same_tickets(&first, &ListenerTls::of(&plan, true, None)), "another listener");
    }

    #[test]
    fn no_session_outlives_the_rule_by_which_its_client_was_verified() {
        let plan = |client_auth| TlsPlan { client_auth, ..TlsPlan::of(Vec::new()) };
        let optional = rule(false);
        let required = ClientAuthPlan { required: true, ..optional.clone() };
        let first = ListenerTls::of(&plan(Some(optional.clone())), true, None);
        for changed in [None, Some(required), Some(rule(false))] {
            let next = ListenerTls::of(&plan(changed.clone()), true, Some(&first));
            assert!(next.config(false).is_some() && !same_tickets(&first, &next), "{changed:?}");
            assert_eq!(next.asks_clients(), changed.is_some());
        }
        assert!(same_tickets(&first, &ListenerTls::of(&plan(Some(optional)), false, Some(&first))));
    }

    #[test]
    fn without_a_ca_nobody_is_let_in() {
        let ca = Arc::new(CaPlan { file: "ca.pem".into(), roots: vec![vec![1, 2, 3]] });
        let client_auth = Some(ClientAuthPlan { ca, required: false });
        let plan = TlsPlan { client_auth, ..TlsPlan::of(Vec::new()) };
        assert!(ListenerTls::of(&plan, true, None).config(false).is_none());
    }
}
