//! No key is forgotten, and no secret told, whatever the configuration.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_yaml::{Mapping, Value};
use switchback_config::diff::{Action, Change, Changes};

use super::{loaded, strategy, told};

/// Keys and positions down to a value.
type Path = Vec<Step>;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    At(usize),
}

/// The files of a text: the head and the tree of each.
fn files(text: &str) -> Vec<(String, Value)> {
    let parts = text.split("\n---\n").map(|part| part.split_once('\n').unwrap());
    parts.map(|(head, text)| (head.to_owned(), serde_yaml::from_str(text).unwrap())).collect()
}

fn text(files: &[(String, Value)]) -> String {
    let texts = files
        .iter()
        .map(|(head, tree)| format!("{head}\n{}", serde_yaml::to_string(tree).unwrap()));
    texts.collect::<Vec<_>>().join("---\n")
}

fn paths(tree: &Value, above: &Path, all: &mut Vec<Path>) {
    let mut down = |step, value| {
        let path: Path = above.iter().cloned().chain([step]).collect();
        all.push(path.clone());
        paths(value, &path, all);
    };
    match tree {
        Value::Mapping(entries) => {
            for (key, value) in entries {
                down(Step::Key(key.as_str().unwrap().to_owned()), value);
            }
        }
        Value::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                down(Step::At(at), item);
            }
        }
        _ => {}
    }
}

fn at<'a>(tree: &'a mut Value, path: &[Step]) -> &'a mut Value {
    path.iter().fold(tree, |tree, step| match step {
        Step::Key(key) => tree.get_mut(key.as_str()).unwrap(),
        Step::At(at) => tree.get_mut(at).unwrap(),
    })
}

/// Changes what stands at a path; the path of what has changed.
fn mutate(tree: &mut Value, path: &Path, how: Index) -> Path {
    let (last, above) = path.split_last().unwrap();
    if how.index(4) == 0 {
        match (at(tree, above), last) {
            (Value::Mapping(entries), Step::Key(key)) => drop(entries.shift_remove(key.as_str())),
            (Value::Sequence(items), Step::At(at)) => drop(items.remove(*at)),
            _ => unreachable!(),
        }
        return path.clone();
    }
    match at(tree, path) {
        Value::Bool(is) => *is = !*is,
        Value::String(text) => text.push('x'),
        Value::Number(number) => *number = (number.as_u64().unwrap() + 1).into(),
        Value::Mapping(entries) => {
            entries.insert("novel".into(), 7.into());
            return path.iter().cloned().chain([Step::Key("novel".to_owned())]).collect();
        }
        Value::Sequence(items) => items.push("novel".into()),
        other => panic!("{other:?}"),
    }
    path.clone()
}

/// Whether this change tells of what stands at the path.
fn names(change: &Change, path: &Path) -> bool {
    let key = |step: &Step| match step {
        Step::Key(key) => Some(key.clone()),
        Step::At(_) => None,
    };
    let keys: Vec<_> = path.iter().filter_map(key).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let list = keys[0];
    let is_entry = path.len() > 1 && ["endpoints", "listeners", "routes"].contains(&list);
    if path.len() == 1 && list.strip_suffix('s') == Some(change.subject.kind()) {
        // The whole list is gone.
        return change.action == Action::Removed;
    }
    let own = if is_entry { &keys[1..] } else { &keys[..] };
    let told = change.key.as_deref().unwrap_or_default();
    if !own.is_empty() && told == own.join(".") {
        return true;
    }
    let own = match own {
        // What makes the entry the one that it is, or all of it.
        [] | ["address"] | ["host"] | ["path", ..] if is_entry => {
            return change.action != Action::Changed || [list, "address"].contains(&told);
        }
        ["split", ..] => "split".to_owned(),
        own => own.join("."),
    };
    told == own
        || told.strip_prefix(&own).is_some_and(|rest| rest.starts_with('.'))
        || told.strip_prefix("endpoints[].").is_some_and(|told| told == own)
        // A key that is new in a mapping, and the whole list where one is told as a whole.
        || is_entry && told == list
}

fn is_silent_about(changes: &Changes, files: &[(String, Value)]) {
    let outputs =
        [changes.to_string(), serde_json::to_string(changes).unwrap(), format!("{changes:?}")];
    let at = |tree: &'_ Value, path: &[&str]| -> Vec<String> {
        let found = path.iter().try_fold(tree, |tree, key| tree.get(key));
        match found {
            Some(Value::Mapping(headers)) => {
                headers.values().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            found => found.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
        }
    };
    let paths: [&[&str]; 3] = [&["sticky", "secret"], &["admin", "token"], &["tracing", "headers"]];
    let secrets = files.iter().flat_map(|(_, tree)| paths.iter().flat_map(|path| at(tree, path)));
    for secret in secrets {
        for output in &outputs {
            let quoted = format!("{secret:?}");
            assert!(!output.contains(secret.trim()), "{secret}: {output}");
            assert!(!output.contains(quoted.trim_matches('"')), "{secret}: {output}");
        }
    }
}

fn configuration() -> impl Strategy<Value = (String, String)> {
    (strategy::main(), strategy::pool(), strategy::pool()).prop_map(|(main, a, b)| {
        let loaded = loaded(&main, &[("conf/pools/b.yaml", &b), ("conf/pools/a.yaml", &a)]);
        (loaded.effective(), loaded.effective_redacted())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_the_same_is_no_change((text, redacted) in configuration()) {
        // Equal texts are not parsed; a comment makes them differ.
        let other = text.replace("\n---\n", "\n# Another\n---\n") + "# Another\n";
        for other in [&text, &other, &redacted] {
            prop_assert!(told(&text, other).is_empty(), "{}", told(&text, other));
            prop_assert!(told(other, &text).is_empty());
        }
        prop_assert_eq!(told(&text, &text).to_string(), "nothing would change");
    }

    #[test]
    fn a_change_of_any_key_is_named(
        (running, redacted) in configuration(), file in any::<Index>(), path in any::<Index>(), how in any::<Index>()
    ) {
        let (mut files, before) = (files(&running), files(&running));
        let file = file.index(files.len());
        let tree = &mut files[file].1;
        let mut all = Vec::new();
        paths(tree, &Vec::new(), &mut all);
        let path = &all[path.index(all.len())];
        let path = &mutate(tree, path, how);
        let next = text(&files);
        for running in [&running, &redacted] {
            let changes = told(running, &next);
            prop_assert!(changes.iter().any(|change| names(change, path)), "{path:?}\n{changes}\n{next}");
            is_silent_about(&changes, &files);
            is_silent_about(&changes, &before);
            prop_assert!(!told(&next, running).is_empty());
        }
    }

    #[test]
    fn any_two_configurations_are_compared_without_a_word_of_their_secrets(
        (running, _) in configuration(), (next, redacted) in configuration()
    ) {
        for next in [&next, &redacted] {
            let changes = told(&running, next);
            is_silent_about(&changes, &files(&running));
            is_silent_about(&changes, &files(next));
        }
    }

    #[test]
    fn order_that_means_nothing_is_no_change((running, _) in configuration()) {
        let mut files = files(&running);
        let reverse = |tree: &mut Value, key: &str| {
            if let Some(list) = tree.get_mut(key).and_then(Value::as_sequence_mut) {
                list.reverse();
            }
        };
        for (_, tree) in &mut files {
            for key in ["endpoints", "listeners", "pools", "trusted_proxies", "routes"] {
                // The order of regular expressions may mean something.
                let has_expression = |tree: &Value| {
                    let routes = tree.get("routes").and_then(Value::as_sequence);
                    routes.into_iter().flatten().any(|one| one["path"].get("regex").is_some())
                };
                if key != "routes" || !has_expression(tree) {
                    reverse(tree, key);
                }
            }
            let mut entries: Vec<_> = tree.as_mapping().unwrap().clone().into_iter().collect();
            entries.reverse();
            *tree = Value::Mapping(entries.into_iter().collect::<Mapping>());
        }
        files[1..].reverse();
        let changes = told(&running, &text(&files));
        prop_assert!(changes.is_empty(), "{changes}");
    }
}
