//! A listener's `tls` to a [`TlsPlan`]: the certificates are read, and tried.

use std::collections::HashMap;
use std::sync::Arc;

use switchback_core::plan::{ClientAuthPlan, TlsPlan};

use super::gateway::Context;
use super::pair::{Pair, pair};
use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::source::Span;

/// What `min_version` can be, and whether TLS 1.2 is spoken then.
pub(crate) const TLS_VERSIONS: &[(&str, bool)] = &[("1.2", true), ("1.3", false)];

const EXAMPLE: &str = "write `certificates: [ { cert: certs/shop.pem, key: certs/shop.key } ]`";

/// TLS towards the clients of a listener; `None`: plain TCP, or what is wrong has been reported.
pub(super) fn tls(field: &Field<schema::ListenerTls>, context: &Context<'_>) -> Option<TlsPlan> {
    let reporter = context.reporter;
    let Given { value: tls, span } = field.given()?;
    let client_auth = client_auth(&tls.client_certificates, context);
    let tls12 = tls.min_version.parse(reporter, |text| min_version(text));
    let list = match &tls.certificates {
        Field::Bad => return None,
        Field::Missing => {
            let problem = Problem::new(
                "`tls` of a listener has no `certificates`",
                "the key is missing here",
            );
            reporter.error(*span, problem.help(EXAMPLE));
            return None;
        }
        Field::Given(list) => list,
    };
    if list.value.is_empty() {
        let problem = Problem::new("there are no certificates", "the list is empty");
        reporter.error(list.span, problem.help(EXAMPLE));
        return None;
    }
    let entries = list.value.iter().filter_map(Field::given);
    let read = |entry| pair(entry, "clients", context.outside, reporter);
    let pairs: Vec<_> = entries.filter_map(read).collect();
    if pairs.len() == list.value.len() {
        refuse_twins(&pairs, reporter);
        warn_of_nameless(&pairs, reporter);
    }
    let certificates = pairs.into_iter().map(|pair| Arc::new(pair.plan)).collect();
    let default = TlsPlan::of(certificates);
    Some(TlsPlan { tls12: tls12.or(default.tls12), client_auth, ..default })
}

/// Certificates that clients show; `None`: they are not asked, or what is wrong has been reported.
fn client_auth(
    field: &Field<schema::ClientCertificates>,
    context: &Context<'_>,
) -> Option<ClientAuthPlan> {
    let reporter = context.reporter;
    let Given { value: clients, span } = field.given()?;
    if clients.ca.is_missing() {
        let label = "the key is missing here";
        let problem = Problem::new("`client_certificates` has no `ca`", label);
        reporter.error(
            *span,
            problem.help("write `client_certificates: { ca: certs/clients.pem }`, with the CAs that sign them"),
        );
    }
    let ca = context.outside.authorities(&clients.ca, reporter)?;
    Some(ClientAuthPlan { ca, required: clients.required.clone().or(true) })
}

/// Whether TLS 1.2 is spoken.
fn min_version(text: &str) -> Result<bool, Problem> {
    if let Some((_, tls12)) = TLS_VERSIONS.iter().find(|(word, _)| *word == text) {
        return Ok(*tls12);
    }
    let help = "write `1.2` or `1.3`";
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_ssl = text.to_ascii_lowercase().starts_with("ssl");
    if is_ssl || ["1", "10", "11"].contains(&&*digits) {
        let message = format!("`min_version` {} is too old", quote(text));
        let label = "TLS 1.1 and what came before are withdrawn (RFC 8996), and not spoken here";
        return Err(Problem::new(message, label)
            .help("write `1.2`, or leave the key away: every browser since 2014 has it"));
    }
    let near = TLS_VERSIONS.iter().find(|(word, _)| word.replace('.', "") == digits);
    let label = match near {
        Some((word, _)) => format!("did you mean `{word}`?"),
        None => "not one of the choices".to_owned(),
    };
    Err(Problem::new(format!("unknown `min_version` {}", quote(text)), label).help(help))
}

/// Refuses two certificates between which nothing could choose.
fn refuse_twins(pairs: &[Pair], reporter: &Reporter<'_>) {
    let mut first: HashMap<(&str, u8), Span> = HashMap::new();
    for pair in pairs {
        let kind = u8::from(pair.kind);
        let twin = pair
            .plan
            .names
            .iter()
            .find_map(|name| first.get(&(&**name, kind)).map(|first| (name, *first)));
        if let Some((name, first)) = twin {
            let message = format!("two certificates for {}", quote(name));
            let problem = Problem::new(message, "again here").related(first, "first here");
            let help = "remove one of them; two of a name are of use only with keys of different kinds, ECDSA and RSA";
            reporter.error(pair.span, problem.help(help));
            continue;
        }
        first.extend(pair.plan.names.iter().map(|name| ((&**name, kind), pair.span)));
    }
}

/// Warns of certificates that no name leads to.
fn warn_of_nameless(pairs: &[Pair], reporter: &Reporter<'_>) {
    for (position, pair) in pairs.iter().enumerate().filter(|(_, pair)| pair.plan.names.is_empty())
    {
        let name = pair.plan.cert.to_string_lossy();
        let problem = match (pair.has_addresses, position) {
            (true, 0) => continue,
            (true, _) => Problem::new(
                format!("the certificate in {name} is never used"),
                "it is for IP addresses alone, and clients do not say which they connect to",
            )
            .help("put it first: the first certificate is for clients that name no host"),
            (false, _) => Problem::new(
                format!("the certificate in {name} names no host"),
                "it has no DNS name among its subject alternative names",
            )
            .help("clients refuse it; that its common name is a host's is no longer enough (RFC 9525)"),
        };
        reporter.warn(pair.span, problem);
    }
}
