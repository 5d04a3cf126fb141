//! Certificates and CAs: their files, and what is in them.
//!
//! What was found is told only where the text is shown and compared, so that a renewal under the same
//! name is a change; not where it is to be loaded again.

use std::path::Path;

use serde::Serialize;
use switchback_core::plan::{CaPlan, CertificatePlan};

use super::{Secrets, relative};
use crate::certificate::Date;

/// An entry of `certificates`, or `certificate` of a pool.
#[derive(Debug, Serialize)]
pub(super) struct Certificate {
    cert: String,
    key: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    found: Option<Found>,
}

#[derive(Debug, Serialize)]
struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    ends: Option<String>,
    /// The certificate's fingerprint, as `openssl x509 -fingerprint -sha256` has it but for the form.
    fingerprint: String,
}

/// The key `ca`, beside others.
#[derive(Debug, Serialize)]
pub(super) struct Ca {
    ca: String,
    /// Of one certificate as above, of several over one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_fingerprint: Option<String>,
}

pub(super) fn certificate(plan: &CertificatePlan, base: &Path, secrets: Secrets) -> Certificate {
    let own = plan.chain.first().map_or(&[][..], std::slice::from_ref);
    Certificate {
        cert: relative(&plan.cert, base),
        key: relative(&plan.key, base),
        found: (secrets == Secrets::Fingerprints).then(|| Found {
            ends: Date::of(plan.not_after).map(|date| date.to_string()),
            fingerprint: fingerprint(own),
        }),
    }
}

pub(super) fn ca(plan: &CaPlan, base: &Path, secrets: Secrets) -> Ca {
    let is_told = secrets == Secrets::Fingerprints;
    Ca { ca: relative(&plan.file, base), ca_fingerprint: is_told.then(|| fingerprint(&plan.roots)) }
}

fn fingerprint(certificates: &[Vec<u8>]) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    for certificate in certificates {
        context.update(certificate);
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
