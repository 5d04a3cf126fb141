//! Good configurations with a few things changed, as a slip of the hand, a bad merge or a template
//! would: whatever comes of it gets an answer, and every place in that answer is one of the files.

#![expect(clippy::unwrap_used, reason = "a failing unwrap is a failing test")]

use proptest::prelude::*;
use proptest::sample::Index;
use switchback_config::{Diagnostics, parse_str};

const MAINS: &[&str] = &[
    include_str!("../../../conf/switchback.yaml"),
    include_str!("../../../conf/minimal/switchback.yaml"),
    include_str!("../../../tests/config_corpus/shadowed_route/switchback.yaml"),
    include_str!("../../../tests/config_corpus/probe_path_is_a_redirect/switchback.yaml"),
    include_str!("../../../tests/config_corpus/redirect_without_end/switchback.yaml"),
    include_str!("../../../tests/config_corpus/behind_nlb_proxied/switchback.yaml"),
    include_str!("../../../tests/config_corpus/client_limits/switchback.yaml"),
    include_str!("../../../tests/config_corpus/access_log_template_field/switchback.yaml"),
    include_str!("../../../tests/config_corpus/admin_socket_with_token/switchback.yaml"),
    include_str!("../../../tests/config_corpus/error_pages/switchback.yaml"),
    include_str!("../../../tests/config_corpus/tracing/switchback.yaml"),
];
const POOLS: &[&str] = &[
    include_str!("../../../conf/pools/web.yaml"),
    include_str!("../../../conf/pools/api.yaml"),
    include_str!("../../../tests/config_corpus/limits_beyond_every_route/pools/web.yaml"),
    include_str!("../../../tests/config_corpus/all_drained/pools/web.yaml"),
    include_str!("../../../tests/config_corpus/ejection_time_above_max/pools/web.yaml"),
    include_str!("../../../tests/config_corpus/behind_nlb_proxied/pools/web.yaml"),
    include_str!("../../../tests/config_corpus/endpoint_tls/pools/web.yaml"),
];
const FILES: [&str; 4] = [
    "conf/switchback.yaml",
    "conf/pools/web.yaml",
    "conf/pools/api.yaml",
    "conf/pools/web-canary.yaml",
];

/// What somebody, or some program, puts in the place of a value.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("99999999999999999999999999999".to_owned()),
        Just("-9223372036854775809".to_owned()),
        Just("1e308".to_owned()),
        Just("18446744073709551615h".to_owned()),
        Just("1000.0000001%".to_owned()),
        Just("[".repeat(200)),
        Just("{a: ".repeat(40)),
        Just("[[[[[[[[[[1]]]]]]]]]]".to_owned()),
        Just("x".repeat(20_000)),
        Just("店\u{202e}é\u{1f980}\u{0301}\u{feff}".to_owned()),
        Just("\u{85}\u{2028}".to_owned()),
        Just("\"\\u0000\\e[2J\"".to_owned()),
        Just("${A}".to_owned()),
        Just("\"${A:-${B}}\"".to_owned()),
        Just("*a".to_owned()),
        Just("&a".to_owned()),
        Just("!!binary x".to_owned()),
        Just("|".to_owned()),
        Just("null".to_owned()),
        Just("/".repeat(3000)),
        Just("'^(((((a*)*)*)*)*)*$'".to_owned()),
        Just("0.0.0.0:8080".to_owned()),
        Just("127.0.0.1:8080".to_owned()),
        "[ -~]{0,30}",
        "\\PC{0,12}",
    ]
}

/// One change. Places are taken modulo what there is.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Delete(Index),
    Double(Index, Index),
    Swap(Index, Index),
    Indent(Index, u8),
    Values(Index, Index),
    Value(Index, String),
    Break(Index, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    let breaks = prop::sample::select(vec!["\r", "\r\n", "\n", "\t", "\u{85}"]);
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        at().prop_map(Change::Delete),
        (at(), at()).prop_map(|(from, to)| Change::Double(from, to)),
        (at(), at()).prop_map(|(one, other)| Change::Swap(one, other)),
        (at(), 0..9u8).prop_map(|(at, by)| Change::Indent(at, by)),
        (at(), at()).prop_map(|(one, other)| Change::Values(one, other)),
        (at(), value()).prop_map(|(at, value)| Change::Value(at, value)),
        (at(), breaks).prop_map(|(at, text)| Change::Break(at, text)),
    ]
}

/// A line up to its value, and the value.
fn parts(line: &str) -> (String, String) {
    let split = line.find(": ").map(|at| at + 2).or_else(|| line.find("- ").map(|at| at + 2));
    let (key, value) = line.split_at(split.unwrap_or(line.len()));
    (key.to_owned(), value.to_owned())
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for change in changes.iter().filter(|_| !text.is_empty()) {
        if lines.is_empty() {
            break;
        }
        let count = lines.len();
        match change {
            Change::Byte(at, byte) => {
                let mut bytes = lines.join("\n").into_bytes();
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] ^= byte;
                }
                lines = String::from_utf8_lossy(&bytes).split('\n').map(str::to_owned).collect();
            }
            Change::Delete(at) => drop(lines.remove(at.index(count))),
            Change::Double(from, to) => {
                let line = lines[from.index(count)].clone();
                lines.insert(to.index(count + 1), line);
            }
            Change::Swap(one, other) => lines.swap(one.index(count), other.index(count)),
            Change::Indent(at, by) => {
                let line = &mut lines[at.index(count)];
                *line = " ".repeat((*by).into()) + line.trim_start();
            }
            Change::Values(one, other) => {
                let (one, other) = (one.index(count), other.index(count));
                let ((key, value), (other_key, other_value)) =
                    (parts(&lines[one]), parts(&lines[other]));
                lines[one] = key + &other_value;
                lines[other] = other_key + &value;
            }
            Change::Value(at, value) => {
                let line = &mut lines[at.index(count)];
                *line = parts(line).0 + value;
            }
            Change::Break(at, text) => {
                let line = &mut lines[at.index(count)];
                let middle = line.chars().count() / 2;
                let (start, end): (String, String) =
                    (line.chars().take(middle).collect(), line.chars().skip(middle).collect());
                *line = format!("{start}{text}{end}");
            }
        }
    }
    lines.join("\n")
}

/// The lines as an editor counts them: YAML ends one at LF, CRLF and CR.
fn lines(text: &str) -> Vec<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    text.split(['\n', '\r']).map(str::to_owned).collect()
}

fn every_place_is_in_the_files(diagnostics: &Diagnostics, texts: &[&str; 4]) {
    let json = serde_json::to_value(diagnostics).unwrap();
    for one in json["diagnostics"].as_array().unwrap() {
        for place in [one, &one["related"]] {
            if place.is_null() {
                continue;
            }
            let file =
                FILES.iter().position(|file| place["file"] == *file).expect("a file of ours");
            let lines = lines(texts[file]);
            let line = place["line"].as_u64().expect("a text that was read has lines");
            let text = &lines[usize::try_from(line).unwrap() - 1];
            let (column, width) =
                (place["column"].as_u64().unwrap(), place["width"].as_u64().unwrap());
            let characters = text.chars().count() as u64;
            assert!(column >= 1 && column <= characters + 1 && width >= 1, "{place} in {text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_changed_gets_an_answer_with_places_in_the_files(
        (main, pool) in (any::<Index>(), any::<Index>()),
        of_main in prop::collection::vec(change(), 0..4),
        of_pool in prop::collection::vec(change(), 0..5),
    ) {
        let main = changed(MAINS[main.index(MAINS.len())], &of_main);
        let pool = changed(POOLS[pool.index(POOLS.len())], &of_pool);
        let texts = [main.as_str(), &pool, POOLS[1], POOLS[2]];
        let pools: Vec<_> = FILES.into_iter().zip(texts).skip(1).collect();
        let environment = |name: &str| (name == "A").then(|| "a: [\n\u{1b}".to_owned());
        let diagnostics = match parse_str((FILES[0], &main), &pools, &environment) {
            Ok(loaded) => {
                // What will be run can be printed, and read again.
                prop_assert!(!loaded.effective().is_empty());
                prop_assert_eq!(loaded.warnings.errors(), 0);
                loaded.warnings
            }
            Err(diagnostics) => {
                prop_assert!(diagnostics.errors() > 0);
                diagnostics
            }
        };
        let said = diagnostics.to_string();
        prop_assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{:?}", said);
        every_place_is_in_the_files(&diagnostics, &texts);
    }
}
