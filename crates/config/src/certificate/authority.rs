//! CAs: what another's certificate must lead to.
//!
//! Each is tried as a trust anchor with the function that the running gateway uses, so one that it could
//! not use is told with its place, and never passed over: a CA that is missing refuses everybody whom it
//! has signed.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::SectionKind;
use x509_parser::certificate::X509Certificate;

use super::{Date, held, sections};
use crate::diagnostic::Problem;

/// What a file of CAs holds.
#[derive(Clone, Debug)]
pub(crate) struct Authorities {
    /// In DER, at least one.
    pub(crate) der: Vec<Vec<u8>>,
    /// What is known of each, in the same order; nothing of one that only `rustls` can read.
    pub(crate) known: Vec<Option<Known>>,
}

/// What is to be known of a CA, beside its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) not_after: Date,
    /// Whether it can have signed anything, itself included.
    pub(crate) signs: bool,
}

/// Reads the CAs of the file that is called `name`.
pub(crate) fn authorities(bytes: &[u8], name: &str) -> Result<Authorities, Problem> {
    let help = "`ca` is a PEM file with the certificates of one or more CAs";
    let sections = sections(bytes, name, help)?;
    let certificates = sections.iter().filter(|(kind, _)| *kind == SectionKind::Certificate);
    let der: Vec<_> = certificates.map(|(_, der)| der.clone()).collect();
    if der.is_empty() {
        let message = format!("there is no certificate in {name}");
        return Err(Problem::new(message, held(&sections)).help(help));
    }
    for (position, der_of_one) in der.iter().enumerate() {
        let der_of_one = CertificateDer::from(der_of_one.as_slice());
        if RootCertStore::empty().add(der_of_one).is_err() {
            let message = format!("{} cannot be used", called(position, der.len(), name));
            let label = "it is damaged, or no certificate of a CA that TLS here could take";
            return Err(Problem::new(message, label).help(help));
        }
    }
    let known = der.iter().map(|der| {
        x509_parser::parse_x509_certificate(der).ok().map(|(_, parsed)| Known {
            not_after: Date(parsed.validity().not_after),
            signs: signs(&parsed),
        })
    });
    Ok(Authorities { known: known.collect(), der })
}

/// Whether anything can lead to it: it is a CA, or its own. Version 1 does not say, and is believed.
fn signs(certificate: &X509Certificate<'_>) -> bool {
    let constraints = certificate.basic_constraints().ok().flatten();
    let is_its_own = certificate.subject().as_raw() == certificate.issuer().as_raw();
    constraints.is_some_and(|found| found.value.ca) || is_its_own || certificate.version().0 == 0
}

/// Which of a file's certificates.
pub(crate) fn called(position: usize, count: usize, name: &str) -> String {
    match count {
        1 => format!("the certificate in {name}"),
        _ => format!("certificate {} of {count} in {name}", position + 1),
    }
}
