//! The routes of the main file.
//!
//! `timeouts.request` and `retry` of a route stand there in the effective configuration even where it
//! has them from its pool. Where they were the pool's before and are the pool's after, they are told at the
//! pool, and with the change of the route's pool if it is that.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_yaml::{Mapping, Value};

use super::stream::{NotEffective, Stream};
use super::tree::{Difference, Named, between};
use super::value::{self, brief, cut, meant};
use super::{Action, Change, Subject, gateway, words};

const KEY: &str = "routes";

/// Tells what differs.
pub(super) fn routes(
    running: &Stream<'_>,
    next: &Stream<'_>,
    list: &mut Vec<Change>,
) -> Result<(), NotEffective> {
    let (old, new) = (running.main().tree()?, next.main().tree()?);
    let (Some(before), Some(after)) = (Named::at(old, KEY, name), Named::at(new, KEY, name)) else {
        gateway::whole(old, new, KEY, list);
        return Ok(());
    };
    order(&before, &after, list);
    for (name, old, new) in after.common(&before) {
        let differences = between(old, new);
        if !differences.is_empty() {
            route(name, (old, running), (new, next), differences, list)?;
        }
    }
    for (name, route) in after.without(&before) {
        let sentence = format!("added{}", leads(route));
        list.push(Change::added(Subject::Route(name.to_owned()), sentence));
    }
    for (name, _) in before.without(&after) {
        let sentence = "removed; its requests take the next best route, or get a 404".to_owned();
        list.push(Change::removed(Subject::Route(name.to_owned()), sentence));
    }
    Ok(())
}

fn route(
    name: &str,
    (old, running): (&Value, &Stream<'_>),
    (new, next): (&Value, &Stream<'_>),
    differences: Vec<Difference<'_>>,
    list: &mut Vec<Change>,
) -> Result<(), NotEffective> {
    let (mut own, mut inherited) = (Vec::new(), Vec::new());
    let (before, after) = (targets(old), targets(new));
    for difference in differences {
        let is_pools = is_of_pools(&difference.key, difference.old, &before, running)?
            && is_of_pools(&difference.key, difference.new, &after, next)?;
        if is_pools { inherited.push(difference) } else { own.push(difference) }
    }
    // To and from a redirect, they come and go.
    let with: Vec<_> = inherited
        .iter()
        .filter(|one| one.old.is_some() && one.new.is_some())
        .map(words::of)
        .collect();
    for difference in own {
        let is_target = ["pool", "split"].contains(&difference.key.as_str());
        let note = match is_target && before != after && !with.is_empty() {
            true => format!("with that {}", with.join(", ")),
            false if gateway::is_page(&difference.key) => gateway::ANOTHER_PAGE.to_owned(),
            false => String::new(),
        };
        list.push(Change::changed(Subject::Route(name.to_owned()), &difference, &note));
    }
    Ok(())
}

/// The pools that a route goes to.
fn targets(route: &Value) -> Vec<&str> {
    let shares = route.get("split").and_then(Value::as_sequence).map(Vec::as_slice);
    let shares = shares.unwrap_or_default().iter().filter_map(|share| share.get("pool"));
    route.get("pool").into_iter().chain(shares).filter_map(Value::as_str).collect()
}

/// Whether this is what a route has from its pools: what they agree on.
fn is_of_pools(
    key: &str,
    value: Option<&Value>,
    targets: &[&str],
    stream: &Stream<'_>,
) -> Result<bool, NotEffective> {
    let Some((above, below)) = key.split_once('.') else {
        return Ok(false);
    };
    if !["timeouts", "retry"].contains(&above) {
        return Ok(false);
    }
    let mut values = Vec::with_capacity(targets.len());
    for target in targets {
        let Some(pool) = stream.pool(target) else {
            return Ok(false);
        };
        values.push(pool.tree()?.get(above).and_then(|above| above.get(below)));
    }
    let agreed = match values.as_slice() {
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        _ => None,
    };
    Ok(match (agreed, value) {
        (None, None) => true,
        (Some(agreed), Some(value)) => value::same(agreed, value),
        _ => false,
    })
}

/// Tells where the order of a host's regular expressions decides, and is another: among those of one
/// length, the first that matches takes a request.
fn order(before: &Named<'_>, after: &Named<'_>, list: &mut Vec<Change>) {
    let (old, new) = (expressions(before, after), expressions(after, before));
    let mut changed: Vec<_> =
        new.iter().filter(|(group, new)| old.get(*group) != Some(*new)).collect();
    changed.sort_unstable();
    for (group, new) in changed {
        let old = old.get(group).map(Vec::as_slice).unwrap_or_default();
        let join =
            |list: &[&str]| list.iter().map(|text| meant(text)).collect::<Vec<_>>().join(", ");
        let (host, old, new) = (cut(group.0), join(old), join(new));
        let sentence = format!(
            "{KEY}: of the expressions of {host}, the first that matches is now the first of {} instead of {}",
            cut(&new),
            cut(&old),
        );
        let change = Change::of(Subject::Gateway, Action::Changed, sentence);
        list.push(Change { key: Some(KEY.to_owned()), old: Some(old), new: Some(new), ..change });
    }
}

/// The regular expressions of the routes that the other list has too, by host and length.
fn expressions<'a>(
    routes: &Named<'a>,
    other: &Named<'_>,
) -> HashMap<(&'a str, usize), Vec<&'a str>> {
    let mut groups: HashMap<_, Vec<_>> = HashMap::new();
    for (name, route) in &routes.list {
        let expression = route.get("path").and_then(|path| path.get("regex"));
        let expression = expression.and_then(Value::as_str).filter(|_| other.find(name).is_some());
        if let Some(expression) = expression {
            let length = meant(expression).len();
            groups.entry((host(route), length)).or_default().push(expression);
        }
    }
    groups
}

fn host(route: &Value) -> &str {
    route.get("host").and_then(Value::as_str).unwrap_or("*")
}

/// As logs and metrics name a route: `shop.example.com/api/`, `*=/exact`, `*~^/expression`.
fn name(route: &Mapping) -> Option<Cow<'_, str>> {
    let host = route.get("host").map_or(Some("*"), Value::as_str)?;
    let path = match route.get("path") {
        None => "/".to_owned(),
        Some(Value::String(prefix)) => meant(prefix),
        Some(path) => match (path.get("exact"), path.get("regex")) {
            (Some(exact), None) => format!("={}", meant(exact.as_str()?)),
            (None, Some(regex)) => format!("~{}", meant(regex.as_str()?)),
            _ => return None,
        },
    };
    Some(format!("{host}{path}").into())
}

/// Where a new route leads.
fn leads(route: &Value) -> String {
    if let Some(pool) = route.get("pool") {
        return format!("; goes to pool {}", brief(pool));
    }
    if let Some(split) = route.get("split") {
        return format!("; splits to {}", brief(split));
    }
    let Some(redirect) = route.get("redirect") else {
        return String::new();
    };
    let told = |key: &str| redirect.get(key).map(brief).unwrap_or_default();
    format!("; redirects to {} with {}", told("to"), told("status"))
}
