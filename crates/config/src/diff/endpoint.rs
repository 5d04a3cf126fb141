//! The endpoints of a pool.

use serde_yaml::{Mapping, Value};

use super::gateway::address;
use super::tree::{Difference, Named, between};
use super::value::{self, brief};
use super::{Change, Subject};

/// Tells what differs.
pub(super) fn endpoints(pool: &str, old: &Mapping, new: &Mapping, list: &mut Vec<Change>) {
    let key = "endpoints";
    let (Some(before), Some(after)) = (Named::at(old, key, address), Named::at(new, key, address))
    else {
        if old.get(key) != new.get(key) {
            let difference = Difference::new(key.to_owned(), old.get(key), new.get(key));
            list.push(Change::changed(Subject::Pool(pool.to_owned()), &difference, ""));
        }
        return;
    };
    let is_probed = is_probed(new);
    let subject =
        |address: &str| Subject::Endpoint { pool: pool.to_owned(), address: address.to_owned() };
    let common = after.common(&before).map(|(address, old, new)| (address, between(old, new)));
    let common: Vec<_> = common.collect();
    let alike = alike(&common);
    for difference in &alike {
        let note = note(difference, is_probed);
        let change = Change::changed(Subject::Pool(pool.to_owned()), difference, note);
        let sentence = format!("each of its {} endpoints: {}", common.len(), change.sentence);
        list.push(Change { key: Some(format!("{key}[].{}", difference.key)), sentence, ..change });
    }
    for (address, differences) in &common {
        let own = differences.iter().filter(|one| !alike.iter().any(|other| same(one, other)));
        for difference in own {
            let note = note(difference, is_probed);
            list.push(Change::changed(subject(address), difference, note));
        }
    }
    for (address, endpoint) in after.without(&before) {
        list.push(Change::added(subject(address), added(endpoint, is_probed)));
    }
    for (address, _) in before.without(&after) {
        let sentence = "removed; finishes what it has, gets nothing new".to_owned();
        list.push(Change::removed(subject(address), sentence));
    }
}

/// What differs at each of several endpoints, and in the same way: a pool's `max_requests` stands there.
fn alike<'a>(common: &[(&str, Vec<Difference<'a>>)]) -> Vec<Difference<'a>> {
    let [(_, first), rest @ ..] = common else {
        return Vec::new();
    };
    let is_everywhere = |one: &&Difference<'_>| {
        !rest.is_empty() && rest.iter().all(|(_, other)| other.iter().any(|other| same(one, other)))
    };
    let copy = |one: &Difference<'a>| Difference::new(one.key.clone(), one.old, one.new);
    first.iter().filter(|one| !one.is_secret).filter(is_everywhere).map(copy).collect()
}

fn same(one: &Difference<'_>, other: &Difference<'_>) -> bool {
    one.key == other.key && one.old == other.old && one.new == other.new
}

fn added(endpoint: &Value, is_probed: bool) -> String {
    let is = |key: &str| endpoint.get(key).and_then(Value::as_bool) == Some(true);
    let mut text = "added".to_owned();
    for (key, usual) in [("weight", "1"), ("tier", "0")] {
        if let Some(value) = endpoint.get(key).filter(|value| value::whole(value) != usual) {
            text.push_str(&format!(", {key} {}", brief(value)));
        }
    }
    text.push_str(match () {
        () if is("disabled") => ", disabled; gets nothing",
        () if is("drain") => ", draining; gets requests only when nobody else has room",
        () if is_probed => "; gets traffic once its probes pass",
        () => "; gets traffic at once",
    });
    text
}

/// Whether the endpoints of a pool are probed.
fn is_probed(pool: &Mapping) -> bool {
    let health = pool.get("health").and_then(|health| health.get("enabled"));
    health.and_then(Value::as_bool) == Some(true)
}

/// What follows, where the key alone does not say it.
fn note(difference: &Difference<'_>, is_probed: bool) -> &'static str {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).unwrap_or(0);
    let is_on = difference.new.and_then(Value::as_bool) == Some(true);
    match difference.key.as_str() {
        "tier" if number(difference.new) > number(difference.old) => {
            "gets traffic only when the tiers before it cannot serve"
        }
        "drain" if is_on => "keeps its sessions, gets others only when nobody else has room",
        "drain" => "gets new sessions again",
        "disabled" if is_on => "finishes what it has, gets nothing new, not even probes",
        "disabled" if is_probed => "gets traffic once its probes pass",
        "disabled" => "gets traffic at once",
        _ => "",
    }
}
