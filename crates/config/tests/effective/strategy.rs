//! Valid configurations, as texts: every key there and not there, every shorthand.
//!
//! In flow style, whose trailing commas are allowed: so pieces are put together without looking at
//! what is in them.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

type Text = BoxedStrategy<String>;

const ALGORITHMS: &[&str] =
    &["peak_ewma", "least_requests", "round_robin", "random", "ring_hash", "maglev"];

/// A main file with routes to the pools `a` and `b`.
pub(crate) fn main() -> impl Strategy<Value = String> {
    let routes = (1usize..6).prop_flat_map(|count| (0..count).map(route).collect::<Vec<_>>());
    const NETWORKS: &str = "trusted_proxies: [10.0.0.0/8, 192.0.2.1, '2001:db8::/32'], ";
    let networks = prop_oneof![
        word(&["", "trusted_proxies: [], "]).prop_map(|networks| (networks, "")).boxed(),
        Just((NETWORKS.to_owned(), "proxy_protocol: true, ")).boxed(),
    ];
    let log = word(&[
        "stdout",
        "off",
        "{}",
        "{ file: logs/a.log }",
        "{ file: '/$${x}', format: json }",
        "{ format: combined }",
        "{ format: { template: '{client} $$$${status} {{ \"{path}\"' } }",
        "{ file: a.log, format: { template: ' {time} # {user_agent}: ' } }",
    ]);
    let drain = some(vec![("delay", word(&["0s", "5s", "2m"])), ("timeout", time())]);
    let rest = some(vec![
        ("admin", admin()),
        ("behind", word(&["none", "aws-alb", "aws-nlb", "gcp", "azure", "cloudflare"])),
        ("client_keepalive", word(&["1s", "75s", "1.5s", "24h"])),
        ("forwarded", word(&["true", "false"])),
        ("underscores", word(&["drop", "keep"])),
        ("limits", limits()),
        ("startup_timeout", time()),
        ("access_log", log),
        ("tracing", tracing()),
        ("drain", braced(drain)),
        ("threads", number(1..=1024)),
        ("zone", word(&["a", "eu-west-1b", "'1'", "'$$$$'", "no"])),
    ]);
    let listener = some(vec![
        ("http2", word(&["true", "false"])),
        ("readiness", word(&["/readyz", "'/ready$$$${x}'"])),
    ]);
    (routes, rest, listener, networks).prop_map(|(routes, rest, listener, (networks, proxied))| {
        let listeners =
            format!("[ '0.0.0.0:8080', {{ address: '[::]:8081', {proxied}{listener} }} ]");
        let (routes, rest) = (routes.concat(), networks + &rest);
        format!("{{ listeners: {listeners}, pools: pools/*.yaml, {rest} routes: [ {routes} ] }}")
    })
}

fn admin() -> Text {
    word(&[
        "{ address: 0.0.0.0:1 }",
        "{ address: '[::]:9901' }",
        "{ address: 127.0.0.1:9901, token: 1234567890123456 }",
        "{ address: 127.0.0.1:9901, token: 'a.b-c_d~e+f/g0123456789==' }",
        "{ socket: run/admin.sock }",
        "{ socket: '/$${x}: #' }",
    ])
}

fn tracing() -> Text {
    let headers = [
        "{}",
        "{ authorization: 'Bearer 0123456789abcdef', x-b: 'null null null null' }",
        "{ X-Team: '$$$${a}: #\\ \"x\" $$$$' }",
    ];
    let keys = some(vec![
        ("sample", percent(0..=1000)),
        ("service", word(&["edge-eu", "'$$$${a}'", "no", "1"])),
        ("headers", select(headers.to_vec()).prop_map(str::to_owned).boxed()),
    ]);
    let otlp = word(&["http://collector:4318", "'https://a.b./c$$$${d}/'", "'http://[::1]'"]);
    (otlp, keys).prop_map(|(otlp, keys)| format!("{{ otlp: {otlp}, {keys} }}")).boxed()
}

fn limits() -> Text {
    let count = || number(1..=1_000_000);
    braced(some(vec![
        ("connections", count()),
        ("connections_per_client", count()),
        ("requests_per_connection", count()),
        ("header_size", word(&["1KiB", "12345B", "64KiB", "1MiB"])),
        ("header_fields", number(10..=250)),
        ("target_size", word(&["128B", "1000B", "1KiB"])),
        ("header_timeout", time()),
        ("handshake_timeout", time()),
        ("body_timeout", time()),
        ("body_rate", word(&["0B", "500B", "1GiB"])),
        ("send_timeout", time()),
        ("http2_streams", number(1..=1000)),
        ("http2_resets", number(0..=1000)),
    ]))
}

/// A pool's file.
pub(crate) fn pool() -> impl Strategy<Value = String> {
    let endpoints =
        (1usize..5).prop_flat_map(|count| (1..=count).map(endpoint).collect::<Vec<_>>());
    let limits = ["connect", "first_byte", "idle", "tunnel", "write", "keepalive", "request"]
        .map(|key| (key, time()));
    let rest = some(vec![
        ("balance", word(ALGORITHMS)),
        ("hash", hash()),
        ("sticky", sticky()),
        ("slow_start", slow_start()),
        ("max_requests", number(1..=1_000_000)),
        ("max_connections", number(1..=1_000_000)),
        ("queue", number(0..=1_000_000)),
        ("queue_timeout", time()),
        ("protocol", word(&["http1", "h2"])),
        ("host", word(&["Web.internal", "'[::1]'", "'10'"])),
        ("tls", word(&["{}", "{ sni: a.b }", "{ verify: false }"])),
        ("proxy_protocol", word(&["v1", "v2"])),
        ("required", word(&["true", "false"])),
        ("health", health()),
        ("ejection", ejection()),
        ("timeouts", braced(some(limits.into()))),
        ("retry", retry()),
        (
            "retry_budget",
            braced(some(vec![("ratio", percent(0..=10_000)), ("floor", number(0..=1_000_000))])),
        ),
    ]);
    (endpoints, rest).prop_map(|(endpoints, rest)| {
        let endpoints = endpoints.concat();
        format!("{{ endpoints: [ {endpoints} ], {rest} }}")
    })
}

fn endpoint(at: usize) -> Text {
    let keys = some(vec![
        ("weight", number(1..=1000)),
        ("tier", number(0..=255)),
        ("zone", word(&["a", "eu-west-1b", "'2'"])),
        ("max_requests", number(1..=1_000_000)),
        ("max_connections", number(1..=1_000_000)),
        ("drain", word(&["true", "false"])),
        ("disabled", word(&["true", "false"])),
    ]);
    prop_oneof![
        Just(format!("10.0.0.{at}:80, ")),
        keys.prop_map(move |keys| format!("{{ address: '[2001:db8::{at}]:80', {keys} }}, ")),
    ]
    .boxed()
}

fn health() -> Text {
    let http = some(vec![
        ("path", word(&["/", "/ok?a=$$$$b", "/healthz"])),
        ("expect", word(&["200", "[200-299, 404]"])),
        ("port", number(1..=65535)),
    ]);
    let grpc = some(vec![
        ("service", word(&["''", "shop.v1.Cart", "'$$$${x'"])),
        ("port", number(1..=65535)),
    ]);
    let probe = prop_oneof![
        word(&["", "tcp: {}, "]),
        braced(grpc).prop_map(|grpc| format!("grpc: {grpc}, ")),
        braced(http).prop_map(|http| format!("http: {http}, ")),
    ];
    let keys = some(vec![
        ("enabled", word(&["true", "false"])),
        ("interval", time()),
        ("fast_interval", time()),
        ("timeout", time()),
        ("rise", number(1..=1000)),
        ("fall", number(1..=1000)),
        ("concurrency", number(1..=10_000)),
    ]);
    braced((probe, keys).prop_map(|(probe, keys)| probe + &keys).boxed())
}

fn hash() -> Text {
    const KEYS: &[&str] = &[
        "client",
        "path",
        "query",
        "header:X-User",
        "cookie:cart",
        "'cookie:$$$$'",
        "'header:$$$$x'",
    ];
    let bound = prop_oneof![word(&["off"]), percent(1010..=10_000)].boxed();
    prop_oneof![word(KEYS), braced(some(vec![("key", word(KEYS)), ("bounded_load", bound)]))]
        .boxed()
}

fn sticky() -> Text {
    let secret = word(&[
        "0123456789abcdef",
        "'$$$${a}: #\\ \"x\" $$$$'",
        "null null null null",
        "' 1e3            '",
    ]);
    let keys = some(vec![
        ("cookie", word(&["shop_session", "'__Host-a'", "'$$$$'", "'|`'", "no"])),
        ("max_age", word(&["1s", "1.5s", "24h"])),
        ("secure", word(&["auto", "always", "never"])),
        ("same_site", word(&["lax", "strict", "none"])),
    ]);
    (secret, keys).prop_map(|(secret, keys)| format!("{{ secret: {secret}, {keys} }}")).boxed()
}

fn slow_start() -> Text {
    let table = some(vec![
        ("enabled", word(&["true", "false"])),
        ("duration", time()),
        ("from", percent(10..=1000)),
    ]);
    prop_oneof![time(), braced(table)].boxed()
}

fn ejection() -> Text {
    braced(some(vec![
        ("enabled", word(&["true", "false"])),
        ("consecutive", number(1..=1000)),
        ("statuses", word(&["500", "[500-502, '504']"])),
        ("window", time()),
        ("min_requests", number(1..=1_000_000)),
        ("tolerance", percent(10..=1000)),
        ("time", time()),
        ("max_time", time()),
        ("max_ejected", percent(0..=1000)),
        ("probation", number(1..=1000)),
    ]))
}

fn retry() -> Text {
    let statuses = word(&["503", "500-599", "[502, 504]", "[500-501, '503']"]);
    braced(some(vec![
        ("enabled", word(&["true", "false"])),
        ("attempts", number(1..=100)),
        ("statuses", statuses),
        ("backoff", time()),
        ("max_backoff", time()),
        ("trust_idempotency_key", word(&["true", "false"])),
        ("non_idempotent", word(&["true", "false"])),
    ]))
}

/// The route at this place of the list; its path is no other route's.
fn route(at: usize) -> Text {
    let host = word(&["", "host: '*', ", "host: '*.example.com', ", "host: Shop.example.com., "]);
    let path = select(vec![
        format!("/{at}"),
        format!("/{at}//"),
        format!("{{ exact: '/{at}$$$$' }}"),
        format!("{{ regex: '^/{at}[a-z]{{2}}\\.x$' }}"),
        format!("{{ regex: '[{at}$${{]' }}"),
    ]);
    let redirect =
        word(&["redirect: { to: /new/, status: 301 }", "redirect: { to: 'https://a.b/$$$${c}' }"]);
    let action = prop_oneof![4 => forward(), 1 => redirect];
    let bound = some(vec![("max_body", word(&["1B", "10MiB", "1500000B", "1TiB"]))]);
    (host, path, bound, action)
        .prop_map(|(host, path, bound, action)| {
            format!("{{ {host}path: {path}, {bound}{action} }}, ")
        })
        .boxed()
}

fn forward() -> Text {
    let two = (number(1..=1000), number(1..=1000)).prop_map(|(a, b)| {
        format!("split: [ {{ pool: a, weight: {a} }}, {{ pool: b, weight: {b} }} ]")
    });
    let one =
        number(1..=2).prop_map(|weight| format!("split: [ {{ pool: a, weight: {weight} }} ]"));
    let pools = prop_oneof![word(&["pool: a", "pool: b"]), two, one];
    let request = time().prop_map(|time| format!("{{ request: {time} }}"));
    let overrides = some(vec![("timeouts", request.boxed()), ("retry", retry())]);
    (pools, overrides).prop_map(|(pools, overrides)| format!("{pools}, {overrides}")).boxed()
}

/// `key: value, ` for some of these.
fn some(keys: Vec<(&'static str, Text)>) -> Text {
    let pairs = keys
        .into_iter()
        .map(|(key, value)| value.prop_map(move |value| format!("{key}: {value}, ")).boxed());
    let pairs: Vec<_> = pairs.collect();
    let count = pairs.len();
    subsequence(pairs, 0..=count)
        .prop_flat_map(|chosen| chosen)
        .prop_map(|chosen| chosen.concat())
        .boxed()
}

fn braced(inside: Text) -> Text {
    inside.prop_map(|inside| format!("{{ {inside} }}")).boxed()
}

fn word(words: &'static [&'static str]) -> Text {
    select(words).prop_map(str::to_owned).boxed()
}

fn number(range: std::ops::RangeInclusive<u32>) -> Text {
    range.prop_map(|number| number.to_string()).boxed()
}

/// A percentage, from a range in per mille.
fn percent(range: std::ops::RangeInclusive<u32>) -> Text {
    range.prop_map(|tenths| format!("{}.{}%", tenths / 10, tenths % 10)).boxed()
}

fn time() -> Text {
    let millis = (1u64..86_400_000).prop_map(|millis| format!("{millis}ms"));
    prop_oneof![word(&["500ms", "2s", "1m30s", "1.5h", "24h", "0.25ms"]), millis].boxed()
}
