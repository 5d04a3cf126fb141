//! A certificate with its key: read, and tried together.

use rustls::SignatureAlgorithm;
use switchback_core::plan::CertificatePlan;

use super::dates;
use super::outside::Outside;
use crate::certificate::{self, Chain, Misfit};
use crate::decode::Given;
use crate::diagnostic::{Problem, Reporter};
use crate::schema;
use crate::source::Span;

/// What was read of a certificate.
pub(super) struct Pair {
    pub(super) plan: CertificatePlan,
    pub(super) kind: SignatureAlgorithm,
    pub(super) span: Span,
    pub(super) has_addresses: bool,
}

/// Reads a certificate and its key, which `others` are shown; `None`: what is wrong has been reported.
pub(super) fn pair(
    entry: &Given<schema::Certificate>,
    others: &str,
    outside: &Outside<'_>,
    reporter: &Reporter<'_>,
) -> Option<Pair> {
    let schema::Certificate { cert, key } = &entry.value;
    for (name, field) in [("cert", cert), ("key", key)] {
        if field.is_missing() {
            let message = format!("a certificate has no `{name}`");
            let problem = Problem::new(message, "the key is missing here");
            reporter.error(
                entry.span,
                problem.help("write `{ cert: certs/shop.pem, key: certs/shop.key }`"),
            );
        }
    }
    let chain = cert.parse(reporter, |text| {
        let (path, bytes) = outside.read(text)?;
        certificate::chain(&bytes, &path.to_string_lossy()).map(|chain| (path, chain))
    });
    let key = key.parse(reporter, |text| {
        let (path, bytes) = outside.read(text)?;
        certificate::key(&bytes, &path.to_string_lossy()).map(|key| (path, key))
    });
    let Given { value: (cert, chain), span } = chain.given()?;
    let Given { value: (key, private_key), span: key_span } = key.given()?;
    let names = (cert.to_string_lossy(), key.to_string_lossy());
    let kind = match certificate::fit(chain, private_key, (&*names.0, &*names.1)) {
        Ok(kind) => kind,
        Err(Misfit::Chain(problem)) => {
            reporter.error(*span, problem);
            return None;
        }
        Err(Misfit::Key(problem)) => {
            reporter.error(*key_span, problem);
            return None;
        }
    };
    let doubt = |now| dates::out_of_date(chain, &names.0, others, now);
    if let Some(problem) = outside.now.and_then(doubt) {
        reporter.warn(*span, problem);
    }
    let Chain { der, names, has_addresses, not_after, .. } = chain.clone();
    let plan = CertificatePlan {
        cert: cert.clone(),
        key: key.clone(),
        chain: der,
        private_key: private_key.clone(),
        names,
        not_after: not_after.time(),
    };
    Some(Pair { plan, kind, span: *span, has_addresses })
}
