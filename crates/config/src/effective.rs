//! The effective configuration: the plan as files again, with every default filled in.
//!
//! It answers what an operator asks of a file that says little: *what will it do?* One document for
//! each file that was read, in a stream. Each, written over the file that its head names, loads to
//! the same plan: a test holds it to that, so what is printed is what runs.
//!
//! Printed from the plan, not from the files: a value that went astray between the two is
//! seen. Variables are expanded, wildcards of `pools` are the files that they found, shorthands are
//! written out. What has no value stays away: `threads` (one for each CPU), `zone`, `tracing`, `error_pages`, a
//! `token`, `tls`, `host` and `sticky` of a pool, limits without a figure, a probe's `port`; and `hash`, where the algorithm does not
//! hash. A pool's `max_requests` and `max_connections` stand at its endpoints, where they take effect. Away
//! stays a `request` or a key of `retry`, too, of a route whose `split` goes to pools that disagree on
//! it: each share has its own pool's. The gateway's error pages stand at the gateway alone.
//!
//! `serde_yaml` writes it: it knows what must be quoted, and how (`docs/decisions/0001`). One thing
//! is known that it does not write so that it reads the same: the line separators U+2028 and U+2029
//! in a regular expression or in the path of the access log, at which YAML 1.1 breaks lines and YAML
//! 1.2 does not.

mod certificate;
mod error_pages;
mod gateway;
mod health;
mod limits;
mod observe;
mod pool;
pub(crate) mod secret;
mod traffic;

use std::path::{Component, Path, PathBuf};

use serde::Serialize;
use switchback_core::plan::{RetryPolicy, StatusSet};

use crate::Loaded;
use crate::diagnostic::escape;
use crate::value::duration;

/// What stands in the place of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// The secret: what is printed can be loaded.
    Shown,
    /// Its [fingerprint](secret): what is printed can be shown and compared.
    Fingerprints,
}

/// The stream of documents.
pub(crate) fn text(loaded: &Loaded, secrets: Secrets) -> String {
    let (plan, files) = (&loaded.plan, loaded.files.as_slice());
    let (main, rest) =
        files.split_first().map_or((Path::new(""), files), |(main, rest)| (main.as_path(), rest));
    let base = main.parent().unwrap_or(Path::new(""));
    // What follows the pools are certificates, keys and error pages.
    let rest = &rest[..plan.pools.len().min(rest.len())];
    let pools = rest.iter().map(|path| relative(path, base)).collect();
    let mut stream = document(main, &gateway::gateway(plan, pools, base, secrets), secrets);
    for ((path, pool), retry) in rest.iter().zip(&plan.pools).zip(&loaded.inherited) {
        stream.push_str("---\n");
        stream.push_str(&document(path, &pool::pool(pool, retry, base, secrets), secrets));
    }
    stream
}

/// A document under the name of its file.
fn document(path: &Path, content: &impl Serialize, secrets: Secrets) -> String {
    let content = match secrets {
        Secrets::Shown => serde_yaml::to_string(content),
        Secrets::Fingerprints => serde_yaml::to_value(content).and_then(|mut tree| {
            secret::redact(&mut tree);
            serde_yaml::to_string(&tree)
        }),
    };
    let content =
        content.expect("text, numbers and truth values under fixed keys can be written as YAML");
    format!("# {}\n{content}", escape(&path.to_string_lossy()))
}

/// A path as the main file in `base` would name it.
fn relative(path: &Path, base: &Path) -> String {
    let plain: PathBuf = base.components().filter(|part| *part != Component::CurDir).collect();
    let inside = path.strip_prefix(base).or_else(|_| path.strip_prefix(plain));
    value(&inside.unwrap_or(path).to_string_lossy())
}

/// A text as a value of the file: where a `$` would begin a variable or stand for another, it is
/// doubled.
fn value(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        written.push(character);
        if character == '$' && matches!(rest.peek(), Some('$' | '{')) {
            written.push('$');
        }
    }
    written
}

/// The word for a value, of the words that the file may have.
fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, one)| *one == value).map_or("", |(word, _)| word)
}

/// A set of statuses as a list: `[502-504]`.
fn statuses(set: &StatusSet) -> Vec<String> {
    let text = |&(low, high): &(u16, u16)| match low == high {
        true => low.to_string(),
        false => format!("{low}-{high}"),
    };
    set.ranges().iter().map(text).collect()
}

/// `retry`; of a pool in full, of a route without what it leaves to its pools.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Retry {
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statuses: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backoff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_backoff: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_idempotency_key: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    non_idempotent: Option<bool>,
}

impl Retry {
    /// What all policies agree on.
    fn common(policies: &[&RetryPolicy]) -> Self {
        Self {
            enabled: agreed(policies, |retry| retry.enabled),
            attempts: agreed(policies, |retry| retry.attempts.get()),
            statuses: agreed(policies, |retry| statuses(&retry.statuses)),
            backoff: agreed(policies, |retry| duration::display(retry.backoff)),
            max_backoff: agreed(policies, |retry| duration::display(retry.max_backoff)),
            trust_idempotency_key: agreed(policies, |retry| retry.trust_idempotency_key),
            non_idempotent: agreed(policies, |retry| retry.non_idempotent),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::common(&[])
    }
}

/// What `of` gives for each of `items`, if it is the same for all.
fn agreed<T, V: PartialEq>(items: &[T], of: impl Fn(&T) -> V) -> Option<V> {
    let (first, rest) = items.split_first()?;
    let first = of(first);
    rest.iter().all(|item| of(item) == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_is_doubled_only_where_it_would_be_read_as_more() {
        for (text, wanted) in
            [("^/x$", "^/x$"), ("${A}", "$${A}"), ("$$", "$$$"), ("$${", "$$$${"), ("a$b", "a$b")]
        {
            assert_eq!(value(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_path_is_told_as_the_main_file_would() {
        for (path, base, wanted) in [
            ("conf/pools/web.yaml", "conf", "pools/web.yaml"),
            ("conf/pools/web.yaml", "./conf", "pools/web.yaml"),
            ("./conf/access.log", "./conf", "access.log"),
            ("pools/web.yaml", "", "pools/web.yaml"),
            ("pools/web.yaml", ".", "pools/web.yaml"),
            ("conf/../pools/web.yaml", "conf", "../pools/web.yaml"),
            ("/var/log/access.log", "conf", "/var/log/access.log"),
        ] {
            assert_eq!(relative(Path::new(path), Path::new(base)), wanted, "{path}");
        }
    }
}
