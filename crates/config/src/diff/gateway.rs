//! The main file, but for its routes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use serde_yaml::{Mapping, Value};

use super::stream::Stream;
use super::tree::{Difference, Named, between, differences};
use super::value::cut;
use super::{Action, Change, Subject, needs_restart};

/// Tells what differs; the streams say which pools come and go.
pub(super) fn gateway(
    old: &Mapping,
    new: &Mapping,
    streams: (&Stream<'_>, &Stream<'_>),
    list: &mut Vec<Change>,
) {
    for difference in differences(old, new, &["listeners", "pools", "routes"]) {
        list.push(change(&difference));
    }
    pools(old, new, streams, list);
    listeners(old, new, list);
}

/// A key that is configured once.
pub(super) fn change(difference: &Difference<'_>) -> Change {
    let restart = needs_restart(&difference.key);
    let note = match (difference.key.as_str(), difference.old.is_some(), difference.new.is_some()) {
        ("startup_timeout", ..) => "holds at the next start",
        ("admin.token", false, _) => "who has not got it can use the API no more",
        ("admin.token", _, false) => "the API is for clients on the gateway's own machine",
        ("admin.token", ..) => "the old one is no longer taken",
        (key, ..) if is_page(key) => ANOTHER_PAGE,
        _ => "",
    };
    Change::changed(Subject::Gateway, difference, note).restart(restart)
}

/// What follows from another fingerprint of an error page.
pub(super) const ANOTHER_PAGE: &str = "the file has another content";

/// Whether a key tells of the content of an error page.
pub(super) fn is_page(key: &str) -> bool {
    key.starts_with("error_pages.") && key.ends_with(".fingerprint")
}

/// A key told as one value, where its parts are not to be told apart.
pub(super) fn whole(old: &Mapping, new: &Mapping, key: &str, list: &mut Vec<Change>) {
    if old.get(key) != new.get(key) {
        list.push(change(&Difference::new(key.to_owned(), old.get(key), new.get(key))));
    }
}

fn listeners(old: &Mapping, new: &Mapping, list: &mut Vec<Change>) {
    let key = "listeners";
    let (Some(before), Some(after)) = (Named::at(old, key, address), Named::at(new, key, address))
    else {
        return whole(old, new, key, list);
    };
    let subject = |address: &str| Subject::Listener(address.to_owned());
    let mut keys = |at: &str, old, new| {
        for difference in between(old, new) {
            let restart = needs_restart(&format!("{key}.{}", difference.key));
            list.push(
                Change::changed(subject(at), &difference, note(&difference)).restart(restart),
            );
        }
    };
    for (address, old, new) in after.common(&before) {
        keys(address, old, new);
    }
    let gone: Vec<_> = before.without(&after).collect();
    let come: Vec<_> = after.without(&before).collect();
    if let ([(from, old)], [(_, new)]) = (gone.as_slice(), come.as_slice()) {
        return keys(from, old, new);
    }
    for (address, _) in gone {
        let sentence = "removed; nobody is accepted there any more".to_owned();
        list.push(Change::removed(subject(address), sentence).restart(true));
    }
    for (address, _) in come {
        list.push(Change::added(subject(address), "added".to_owned()).restart(true));
    }
}

/// What follows for clients of a listener, where the key alone does not say it.
fn note(difference: &Difference<'_>) -> &'static str {
    let new = difference.new.and_then(Value::as_bool);
    let asks = difference.new.and_then(|value| value.get("required")).and_then(Value::as_bool);
    match (difference.key.as_str(), new, asks) {
        ("proxy_protocol", Some(true), _) => "connections without a PROXY header are refused",
        ("proxy_protocol", Some(false), _) => "connections with a PROXY header are refused",
        ("tls.client_certificates.ca_fingerprint", ..) => "the file has other CAs",
        ("tls.client_certificates.required", Some(true), _)
        | ("tls.client_certificates", _, Some(true)) => "clients without a certificate are refused",
        ("tls.client_certificates.required", Some(false), _) => {
            "clients need no certificate any more"
        }
        ("tls.client_certificates", None, None) => {
            "clients are not asked for a certificate any more"
        }
        _ => "",
    }
}

/// What identifies a listener or an endpoint.
pub(super) fn address(entry: &Mapping) -> Option<Cow<'_, str>> {
    Some(entry.get("address")?.as_str()?.into())
}

/// The list of the pools' files. What comes and goes with its pool is told there.
fn pools(
    old: &Mapping,
    new: &Mapping,
    (running, next): (&Stream<'_>, &Stream<'_>),
    list: &mut Vec<Change>,
) {
    let (Some(before), Some(after)) = (files(old), files(new)) else {
        return whole(old, new, "pools", list);
    };
    let explained = |name: &str, with: &Stream<'_>, without: &Stream<'_>| {
        with.pool(name).is_some() && without.pool(name).is_none()
    };
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let come = after.keys().filter(|name| !before.contains_key(*name));
    if gone.into_iter().any(|name| !explained(name, running, next))
        || come.into_iter().any(|name| !explained(name, next, running))
    {
        return whole(old, new, "pools", list);
    }
    let moved = after.iter().filter_map(|(name, file)| {
        before.get(name).filter(|before| *before != file).map(|before| (*name, *before, *file))
    });
    let mut moved: Vec<_> = moved.collect();
    moved.sort_unstable();
    let Some((name, from, to)) = moved.first() else {
        return;
    };
    let files = format!("{} instead of {}", cut(to), cut(from));
    let sentence = match moved.len() {
        1 => format!("pools: the file of {} is {files}", cut(name)),
        count => format!("pools: {count} of them have other files, as {} has {files}", cut(name)),
    };
    let join = |files: Vec<&str>| Some(format!("[{}]", files.join(", ")));
    let change = Change::of(Subject::Gateway, Action::Changed, sentence);
    list.push(Change {
        key: Some("pools".to_owned()),
        old: join(moved.iter().map(|(_, from, _)| *from).collect()),
        new: join(moved.iter().map(|(_, _, to)| *to).collect()),
        ..change
    });
}

/// The pools' files by the pools' names; `None`: it is no list of files, or two make one pool.
fn files(tree: &Mapping) -> Option<HashMap<&str, &str>> {
    let list =
        tree.get("pools").map_or(Some(&[][..]), |list| list.as_sequence().map(Vec::as_slice))?;
    let files: HashMap<_, _> = list.iter().map(named).collect::<Option<_>>()?;
    (files.len() == list.len()).then_some(files)
}

fn named(file: &Value) -> Option<(&str, &str)> {
    let file = file.as_str()?;
    Some((Path::new(file).file_stem()?.to_str()?, file))
}
