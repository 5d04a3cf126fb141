//! Certificates and keys: from the bytes of PEM files to what TLS can use, or what is wrong with them.
//!
//! `rustls` reads PEM and judges whether a key is fit and fits its certificate, with the same
//! functions that the running gateway uses: what passes here works there. What rustls does not tell, the
//! names and the dates, is read by `x509-parser`.
//!
//! Names come from the subject alternative names alone. The common name is not looked at, because no
//! client does any more (RFC 9525, section 2).
//!
//! No message repeats what a file holds: it may be a key.

mod authority;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use rustls::SignatureAlgorithm;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

pub(crate) use authority::{Authorities, authorities, called};

use crate::diagnostic::Problem;

static RING: LazyLock<CryptoProvider> = LazyLock::new(ring::default_provider);

/// What a certificate's file holds.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    /// In DER, the certificate itself first.
    pub(crate) der: Vec<Vec<u8>>,
    /// DNS names in lower case.
    pub(crate) names: Vec<Arc<str>>,
    /// Whether it is for IP addresses, too. Clients that connect by one name nothing.
    pub(crate) has_addresses: bool,
    pub(crate) not_before: Date,
    pub(crate) not_after: Date,
}

/// A point in time, as a certificate says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date(ASN1Time);

impl Date {
    /// `None`: no certificate can say it.
    pub(crate) fn of(time: SystemTime) -> Option<Self> {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
        ASN1Time::from_timestamp(i64::try_from(seconds).ok()?).ok().map(Self)
    }

    pub(crate) fn time(self) -> SystemTime {
        let seconds = u64::try_from(self.0.timestamp()).unwrap_or(0);
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}

impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.0.to_datetime();
        let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
        write!(f, "{year}-{month:02}-{day:02} {:02}:{:02} UTC", at.hour(), at.minute())
    }
}

/// Reads the certificates of the file that is called `name`.
pub(crate) fn chain(bytes: &[u8], name: &str) -> Result<Chain, Problem> {
    let help = "`cert` is a PEM file with the certificate itself, then those that lead to its CA";
    let sections = sections(bytes, name, help)?;
    let certificates = sections.iter().filter(|(kind, _)| *kind == SectionKind::Certificate);
    let der: Vec<_> = certificates.map(|(_, der)| der.clone()).collect();
    let Some(own) = der.first() else {
        let message = format!("there is no certificate in {name}");
        return Err(Problem::new(message, held(&sections)).help(help));
    };
    let unreadable = || {
        let message = format!("the certificate in {name} cannot be read");
        Problem::new(message, "it is damaged, or no X.509").help(help)
    };
    let (_, parsed) = x509_parser::parse_x509_certificate(own).map_err(|_| unreadable())?;
    let alternatives = parsed.subject_alternative_name().map_err(|_| unreadable())?;
    let alternatives = alternatives.map(|found| found.value.general_names.as_slice());
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut has_addresses = false;
    for alternative in alternatives.unwrap_or_default() {
        match alternative {
            GeneralName::DNSName(name) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                if !names.iter().any(|known| **known == *name) {
                    names.push(name.into());
                }
            }
            GeneralName::IPAddress(_) => has_addresses = true,
            _ => {}
        }
    }
    let validity = parsed.validity();
    let (not_before, not_after) = (Date(validity.not_before), Date(validity.not_after));
    Ok(Chain { names, has_addresses, not_before, not_after, der })
}

/// Reads the private key of the file that is called `name`; in DER.
pub(crate) fn key(bytes: &[u8], name: &str) -> Result<Vec<u8>, Problem> {
    let has = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
    if has(b"-----BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED") {
        let message = format!("the key in {name} is encrypted");
        let problem = Problem::new(message, "nobody could type its password at a start");
        return Err(problem.help(
            "write it without: `openssl pkey -in OLD -out NEW`, readable by the gateway's user alone",
        ));
    }
    let help =
        "`key` is a PEM file with the certificate's private key; it may be the same file as `cert`";
    let sections = sections(bytes, name, help)?;
    let key = sections.iter().find(|(kind, _)| is_key(*kind));
    key.map(|(_, der)| der.clone()).ok_or_else(|| {
        Problem::new(format!("there is no private key in {name}"), held(&sections)).help(help)
    })
}

/// Why a certificate and a key cannot be used together, and which of them that is said of.
#[derive(Debug)]
pub(crate) enum Misfit {
    Chain(Problem),
    Key(Problem),
}

/// Whether they can be used together; of which kind the key is.
pub(crate) fn fit(
    chain: &Chain,
    key: &[u8],
    names: (&str, &str),
) -> Result<SignatureAlgorithm, Misfit> {
    let (cert_name, key_name) = names;
    let unfit = || {
        let message = format!("the key in {key_name} cannot be used");
        let problem =
            Problem::new(message, "it is damaged, or of a kind that TLS here does not know");
        Misfit::Key(
            problem.help("RSA of 2048 bits and more, ECDSA on P-256 and P-384, and Ed25519 work"),
        )
    };
    let signer = PrivateKeyDer::try_from(key.to_vec()).ok();
    let signer = signer.and_then(|key| RING.key_provider.load_private_key(key).ok());
    let signer = signer.ok_or_else(unfit)?;
    let kind = signer.algorithm();
    let fits = |der: &Vec<u8>| {
        CertifiedKey::new(vec![CertificateDer::from(der.clone())], signer.clone()).keys_match()
    };
    let own = chain.der.first().map(fits);
    match own {
        Some(Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch))) => {
            let message = format!("the key in {key_name} is not that of the certificate");
            let other = chain.der.iter().skip(1).any(|der| fits(der).is_ok());
            Err(Misfit::Key(match other {
                true => Problem::new(message, "it is that of a later certificate of the file")
                    .help(format!("put the certificate itself first in {cert_name}")),
                false => Problem::new(message, "it belongs to another one").help(
                    "`openssl x509 -noout -pubkey -in CERT` and `openssl pkey -pubout -in KEY` print the same for a pair",
                ),
            }))
        }
        Some(Err(rustls::Error::InvalidCertificate(_))) => {
            let message = format!("the certificate in {cert_name} cannot be used");
            let problem = Problem::new(message, "TLS here takes X.509 version 3 alone");
            Err(Misfit::Chain(problem.help("ask for a new one, with subject alternative names")))
        }
        // "Unknown" is what a key says that cannot tell: nothing is known against it.
        _ => Ok(kind),
    }
}

type Sections = Vec<(SectionKind, Vec<u8>)>;

/// What a PEM file is made of.
fn sections(bytes: &[u8], name: &str, help: &str) -> Result<Sections, Problem> {
    if !bytes.windows(11).any(|window| window == b"-----BEGIN ") {
        let problem =
            Problem::new(format!("{name} is not PEM"), "no line in it begins with `-----BEGIN`");
        // What DER begins with: a sequence.
        return Err(match bytes.first() {
            Some(0x30) => problem.help("if it is DER, `openssl x509 -inform der` and `openssl pkey -inform der` convert it"),
            _ => problem.help(help),
        });
    }
    let sections: Result<Sections, _> = <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).collect();
    sections.map_err(|error| {
        let label = match error {
            PemError::MissingSectionEnd { .. } => "its last section has no `-----END` line",
            PemError::IllegalSectionStart { .. } => "a `-----BEGIN` line is not complete",
            _ => "what stands between two of its lines is no Base64",
        };
        Problem::new(format!("{name} is damaged"), label)
            .help("copy it again from where it comes from")
    })
}

fn is_key(kind: SectionKind) -> bool {
    matches!(kind, SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey)
}

/// What is in a file that does not have what it should.
fn held(sections: &Sections) -> &'static str {
    match sections.first() {
        Some((SectionKind::Certificate, _)) => "it holds a certificate",
        Some((SectionKind::Csr, _)) => {
            "it holds a request for a certificate, not what the CA made of it"
        }
        Some((SectionKind::PublicKey, _)) => "it holds a public key",
        Some((kind, _)) if is_key(*kind) => "it holds a private key",
        _ => "it holds something else",
    }
}
