//! A pool's file.

use serde_yaml::{Mapping, Value};

use super::changes::counted;
use super::endpoint;
use super::tree::{Difference, differences};
use super::{Change, Subject};

pub(super) fn added(name: &str, tree: &Mapping) -> Change {
    let sentence = format!("added, with {}", endpoints(tree));
    Change::added(Subject::Pool(name.to_owned()), sentence)
}

pub(super) fn removed(name: &str, tree: &Mapping) -> Change {
    let endpoints = endpoints(tree);
    let sentence = format!("removed, with {endpoints}; what is under way is finished");
    Change::removed(Subject::Pool(name.to_owned()), sentence)
}

/// Tells what differs.
pub(super) fn pool(name: &str, old: &Mapping, new: &Mapping, list: &mut Vec<Change>) {
    for difference in differences(old, new, &["endpoints"]) {
        let subject = Subject::Pool(name.to_owned());
        list.push(Change::changed(subject, &difference, note(&difference)));
    }
    endpoint::endpoints(name, old, new, list);
}

fn endpoints(tree: &Mapping) -> String {
    let count = tree.get("endpoints").and_then(Value::as_sequence).map_or(0, Vec::len);
    counted(count, "endpoint")
}

/// What follows for the operator and for clients, where the key alone does not say it.
fn note(difference: &Difference<'_>) -> &'static str {
    let is = |side: Option<&Value>| side.is_some_and(|value| value.as_bool() == Some(true));
    let (has_old, has_new) = (difference.old.is_some(), difference.new.is_some());
    let new = is(difference.new);
    match difference.key.as_str() {
        "sticky" if !has_old => "sessions stay with the endpoint that they have next",
        "sticky" if !has_new => "sessions no longer stay with an endpoint",
        "sticky.secret" | "sticky.cookie" => "every session chooses its endpoint again, once",
        "hash" | "hash.key" => "requests may go to other endpoints than before",
        "health.enabled" if !new => "its endpoints are not probed any more",
        "ejection.enabled" if !new => "failing requests take no endpoint out any more",
        "retry.enabled" if !new => "what fails is not tried again",
        "tls" if !has_old => "new connections to its endpoints use TLS",
        "tls" if !has_new => "new connections to its endpoints are not encrypted",
        "tls.ca_fingerprint" if has_old && has_new => "the file has other CAs",
        "proxy_protocol" if !has_new => {
            "new connections to its endpoints begin without a PROXY header"
        }
        "proxy_protocol" => "new connections to its endpoints begin with a PROXY header of it",
        "required" if new => "the gateway is ready only while it can serve",
        "required" => "the gateway is ready without it",
        "tls.verify" if !new => "certificates of its endpoints are not checked any more",
        _ => "",
    }
}
