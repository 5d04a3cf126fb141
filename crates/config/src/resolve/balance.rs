//! How a pool chooses: `balance`, `hash` and `slow_start`.

use std::time::Duration;

use switchback_core::plan::{Balance, HashKey, HashPlan, Ratio, SlowStart};

use crate::decode::{Field, Given, OrTable};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::suggest;
use crate::value::{duration, number, percent, token};

/// What `balance` can be.
pub(crate) const ALGORITHMS: &[(&str, Balance)] = &[
    ("peak_ewma", Balance::PeakEwma),
    ("least_requests", Balance::LeastRequests),
    ("round_robin", Balance::RoundRobin),
    ("random", Balance::Random),
    ("ring_hash", Balance::RingHash),
    ("maglev", Balance::Maglev),
];
const NAMELESS: &[&str] = &["client", "path", "query"];
const NAMED: &[&str] = &["header", "cookie"];

/// The algorithm.
pub(super) fn balance(field: &Field<String>, reporter: &Reporter<'_>) -> Field<Balance> {
    field.parse(reporter, |text| number::choice("balance", text, ALGORITHMS))
}

/// What is hashed. Where the algorithm does not hash, the default: so the plan is the same with the
/// key and without.
pub(super) fn hash(
    field: &Field<OrTable<schema::Hash>>,
    balance: &Field<Balance>,
    reporter: &Reporter<'_>,
) -> HashPlan {
    let default = HashPlan::default();
    let Some(Given { value, span }) = field.given() else {
        return default;
    };
    let (key, bounded_load) = match value {
        OrTable::Text(text) => {
            (Field::Given(Given { value: text.clone(), span: *span }), Field::Missing)
        }
        OrTable::Table(table) => (table.key.clone(), table.bounded_load.clone()),
    };
    let key = key.parse(reporter, |text| hash_key(text));
    let is_bad = matches!(key, Field::Bad);
    let plan = HashPlan {
        key: key.or(default.key),
        bounded_load: bounded_load.parse(reporter, |text| bound(text)).or(default.bounded_load),
    };
    let algorithm = balance.value().copied().unwrap_or_default();
    if algorithm.hashes() {
        return plan;
    }
    if !is_bad && !matches!(balance, Field::Bad) {
        let name =
            ALGORITHMS.iter().find(|(_, one)| *one == algorithm).map_or("", |(name, _)| name);
        let label = format!("the pool's `balance` is `{name}`, which does not hash");
        let problem = Problem::new("`hash` has no effect", label);
        let help = "write `balance: ring_hash` or `balance: maglev`, or remove `hash`";
        reporter.warn(*span, problem.help(help));
    }
    HashPlan::default()
}

fn hash_key(text: &str) -> Result<HashKey, Problem> {
    let (kind, name) = match text.split_once(':') {
        Some((kind, name)) => (kind, Some(name)),
        None => (text, None),
    };
    match (kind, name) {
        ("client", None) => Ok(HashKey::Client),
        ("path", None) => Ok(HashKey::Path),
        ("query", None) => Ok(HashKey::Query),
        ("header" | "cookie", None | Some("")) => {
            let message = format!("the hash key {} has no name", quote(text));
            let help = format!("write for example `{kind}:X-User`");
            Err(Problem::new(message, format!("which {kind}?")).help(help))
        }
        ("cookie", Some(name)) => token::cookie(name).map(HashKey::Cookie),
        ("header", Some(name)) => name.parse().map(HashKey::Header).map_err(|_| {
            let label = "a character is in it that cannot stand in a header's name";
            Problem::new(format!("{} is no name of a header", quote(name)), label)
                .help("write letters, digits and `-`: `header:X-User`")
        }),
        (kind, Some(_)) if NAMELESS.contains(&kind) => {
            let label = format!("`{kind}` takes no name");
            Err(Problem::new(format!("unknown hash key {}", quote(text)), label).help(format!(
                "write `{kind}`; a cookie or a header is `cookie:NAME`, `header:NAME`"
            )))
        }
        _ => {
            let label = match suggest::nearest(kind, [NAMELESS, NAMED].concat()) {
                Some(near) if NAMED.contains(&near) => {
                    let meant = format!("{near}:{}", name.unwrap_or("NAME"));
                    format!("did you mean {}?", quote(&meant))
                }
                Some(near) => format!("did you mean `{near}`?"),
                None => "not one of the choices".to_owned(),
            };
            Err(Problem::new(format!("unknown hash key {}", quote(text)), label)
                .help("write `client`, `path`, `query`, `header:NAME` or `cookie:NAME`"))
        }
    }
}

fn bound(text: &str) -> Result<Option<Ratio>, Problem> {
    if text == "off" {
        return Ok(None);
    }
    let ratio = percent::parse("bounded_load", text, 1010..=Ratio::MAX_PER_MILLE);
    // A number that is written wrong has a help of its own.
    let is_number = text.starts_with(|c: char| c.is_ascii_digit());
    let is_percentage = percent::parse("", text, 0..=u16::MAX).is_ok();
    ratio.map(Some).map_err(|problem| match is_number && !is_percentage {
        true => problem,
        false => problem.help("100% is the average load; write `125%`, or `off` for no bound"),
    })
}

/// How an endpoint comes to its full share.
pub(super) fn slow_start(
    field: &Field<OrTable<schema::SlowStart>>,
    reporter: &Reporter<'_>,
) -> SlowStart {
    let default = SlowStart::default();
    let off = "to switch it off, write `slow_start: { enabled: false }`";
    let table = match field.value() {
        None => return default,
        Some(OrTable::Table(table)) => table,
        Some(OrTable::Text(text)) => {
            let duration = field.parse(reporter, |_| match text.as_str() {
                "off" | "false" | "no" | "none" => {
                    let message = format!("`slow_start` is {}, which is no duration", quote(text));
                    Err(Problem::new(message, "a duration or a mapping is wanted").help(off))
                }
                text => duration::parse_or("slow_start", text, off),
            });
            return SlowStart { duration: duration.or(default.duration), ..default };
        }
    };
    let duration = table.duration.parse(reporter, |text| duration::parse_or("duration", text, off));
    let from = table.from.parse(reporter, |text| percent::parse("from", text, 10..=1000));
    if !table.enabled.clone().or(true) {
        return SlowStart { duration: Duration::ZERO, ..default };
    }
    SlowStart { duration: duration.or(default.duration), from: from.or(default.from) }
}
