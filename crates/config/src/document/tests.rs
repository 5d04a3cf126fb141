use serde_yaml::Value;

use super::*;
use crate::diagnostic::Report;
use crate::source::Source;

/// Reads a text without a diagnostic.
fn tree(text: &str) -> Node {
    let report = Report::default();
    let source = Source::new("test.yaml".into(), text);
    let environment = |name: &str| (name == "TWO").then(|| "2".to_owned());
    let node = read(&report.of(&source, 0), &environment);
    let diagnostics = report.finish();
    assert!(diagnostics.is_empty(), "{diagnostics}");
    node.unwrap()
}

/// Whether the tree is what `serde_yaml` reads. It gives plain scalars a type, so those are compared
/// by their text.
fn agrees(node: &Node, value: &Value) -> bool {
    match (&node.kind, value) {
        (Kind::Null, Value::Null) => true,
        (Kind::Scalar { text, .. }, Value::String(value)) => text == value,
        (Kind::Scalar { text, plain: true }, Value::Bool(value)) => *text == value.to_string(),
        (Kind::Scalar { text, plain: true }, Value::Number(value)) => *text == value.to_string(),
        (Kind::Sequence(items), Value::Sequence(values)) => {
            items.len() == values.len() && items.iter().zip(values).all(|(a, b)| agrees(a, b))
        }
        (Kind::Mapping(entries), Value::Mapping(values)) => {
            entries.len() == values.len()
                && entries.iter().zip(values).all(|((key, node), (name, value))| {
                    name.as_str() == Some(&key.text) && agrees(node, value)
                })
        }
        _ => false,
    }
}

#[test]
fn serde_yaml_reads_the_same() {
    for text in [
        include_str!("../../../../conf/pools/web.yaml"),
        include_str!("../../../../conf/pools/api.yaml"),
        include_str!("../../../../conf/pools/web-canary.yaml"),
        include_str!("../../../../conf/minimal/switchback.yaml"),
        include_str!("../../../../conf/minimal/pools/web.yaml"),
        "a: &x { b: [1, true, ~, 'it''s'] }\nc: *x\nd: |\n  two\n  lines\ne: >-\n  one\n  line\nf: \"\\u00e9\"\n",
        "a:\r\n  - b\r\n  -   - c\r\n      - d: e\r\n        f:\r\ng: plain over\r\n  two lines\r\n",
    ] {
        let (node, value) = (tree(text), serde_yaml::from_str(text).unwrap());
        assert!(agrees(&node, &value), "{text}\n{node:#?}\n{value:#?}");
    }
}

/// The value at a path of keys.
fn at<'a>(node: &'a Node, path: &[&str]) -> &'a Node {
    path.iter().fold(node, |node, step| match &node.kind {
        Kind::Mapping(entries) => &entries.iter().find(|(key, _)| key.text == *step).unwrap().1,
        Kind::Sequence(items) => &items[step.parse::<usize>().unwrap()],
        other => panic!("{other:?} has no {step}"),
    })
}

#[test]
fn everything_knows_its_place() {
    let tree =
        tree("a:\n  - b: [ x, \"é y\"]\n    c: |\n      long\n      text\nd: { e: f,\n  g: h }\n");
    for (path, line, column, width) in [
        (&["a"][..], 2, 3, 1),
        (&["a", "0"], 2, 5, 1),
        (&["a", "0", "b"], 2, 8, 11),
        (&["a", "0", "b", "0"], 2, 10, 1),
        (&["a", "0", "b", "1"], 2, 13, 5),
        (&["d"], 6, 4, 7),
        (&["d", "g"], 7, 6, 1),
    ] {
        assert_eq!(at(&tree, path).span, Span { line, column, width }, "{path:?}");
    }
}

#[test]
fn variables_fill_values_and_nothing_else() {
    let tree = tree("${TWO}: \"${TWO}\"\nb: '${TWO}'\n# ${UNSET}\nc: $${TWO}\n");
    assert_eq!(at(&tree, &["${TWO}"]).kind, Kind::Scalar { text: "2".into(), plain: true });
    assert_eq!(at(&tree, &["c"]).kind, Kind::Scalar { text: "${TWO}".into(), plain: true });
}
