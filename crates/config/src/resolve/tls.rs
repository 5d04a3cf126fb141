//! A listener's `tls` to a [`TlsPlan`]: the certificates are read, and tried.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::SignatureAlgorithm;
use switchback_core::plan::{CertificatePlan, TlsPlan};

use super::gateway::Context;
use crate::certificate::{self, Chain, Misfit};
use crate::decode::{Field, Given};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::source::Span;

/// A certificate that ends sooner is worth a warning: enough time for somebody to be back from leave.
const SOON: Duration = Duration::from_secs(14 * DAY);
const DAY: u64 = 24 * 60 * 60;

const EXAMPLE: &str = "write `certificates: [ { cert: certs/shop.pem, key: certs/shop.key } ]`";

/// What was read of an entry of `certificates`.
struct Pair {
    plan: CertificatePlan,
    kind: SignatureAlgorithm,
    span: Span,
    has_addresses: bool,
}

/// TLS towards the clients of a listener; `None`: plain TCP, or what is wrong has been reported.
pub(super) fn tls(field: &Field<schema::ListenerTls>, context: &Context<'_>) -> Option<TlsPlan> {
    let reporter = context.reporter;
    let Given { value: tls, span } = field.given()?;
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
    let pairs: Vec<_> = entries.filter_map(|entry| pair(entry, context)).collect();
    if pairs.len() == list.value.len() {
        refuse_twins(&pairs, reporter);
        warn_of_nameless(&pairs, reporter);
    }
    Some(TlsPlan::of(pairs.into_iter().map(|pair| Arc::new(pair.plan)).collect()))
}

/// Reads a certificate and its key; `None`: what is wrong has been reported.
fn pair(entry: &Given<schema::Certificate>, context: &Context<'_>) -> Option<Pair> {
    let reporter = context.reporter;
    let schema::Certificate { cert, key } = &entry.value;
    for (name, field) in [("cert", cert), ("key", key)] {
        if field.is_missing() {
            let message = format!("a certificate has no `{name}`");
            let problem = Problem::new(message, "the key is missing in this entry");
            reporter.error(
                entry.span,
                problem.help("write `{ cert: certs/shop.pem, key: certs/shop.key }`"),
            );
        }
    }
    let read = |text: &str| -> Result<(PathBuf, Vec<u8>), Problem> {
        let path = context.base.join(text);
        let bytes = context.files.read(&path)?;
        Ok((path, bytes))
    };
    let chain = cert.parse(reporter, |text| {
        let (path, bytes) = read(text)?;
        certificate::chain(&bytes, &path.to_string_lossy()).map(|chain| (path, chain))
    });
    let key = key.parse(reporter, |text| {
        let (path, bytes) = read(text)?;
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
    if let Some(problem) = context.now.and_then(|now| out_of_date(chain, &names.0, now)) {
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

/// What is to be said of a certificate's dates.
fn out_of_date(chain: &Chain, name: &str, now: SystemTime) -> Option<Problem> {
    let (from, to) = (chain.not_before, chain.not_after);
    if let Ok(ago) = now.duration_since(to.time()) {
        let problem = Problem::new(
            format!("the certificate in {name} has ended"),
            format!("on {to}, {} ago", days(ago)),
        );
        return Some(problem.help("clients refuse it: put a new one in its place"));
    }
    if let Ok(left) = from.time().duration_since(now)
        && !left.is_zero()
    {
        let problem = Problem::new(
            format!("the certificate in {name} is not valid yet"),
            format!("only from {from} on, in {}", days(left)),
        );
        return Some(
            problem.help("clients refuse it until then; is the clock of this machine right?"),
        );
    }
    let left = to.time().duration_since(now).ok().filter(|left| *left < SOON)?;
    let problem = Problem::new(
        format!("the certificate in {name} ends within two weeks"),
        format!("on {to}, in {}", days(left)),
    );
    Some(problem.help("clients refuse it from then on: renew it"))
}

fn days(time: Duration) -> String {
    match time.as_secs() / DAY {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
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
