//! What a client may cost.

use std::num::NonZeroU32;
use std::time::Duration;

use switchback_core::plan::LimitsPlan;

use crate::decode::Field;
use crate::diagnostic::{Problem, Reporter};
use crate::schema::{self, Gateway};
use crate::value::{duration, number, size};

/// Beyond this, a client that says nothing is cheaper to hold than a connection is to have.
const LONG_HEADER: Duration = Duration::from_secs(60);

/// The most that counts can be.
const MOST: u32 = 1_000_000;
/// What a head may be.
const HEADER: std::ops::RangeInclusive<u64> = 1 << 10..=1 << 20;
/// What a target may be.
const TARGET: std::ops::RangeInclusive<u64> = 128..=63 << 10;
/// What a second may bring.
const RATE: std::ops::RangeInclusive<u64> = 0..=1 << 30;
/// What a body may be: more than that is written as no limit.
const BODY: std::ops::RangeInclusive<u64> = 1..=1 << 40;

/// The limits for clients; what is wrong is reported.
pub(super) fn limits(file: &Gateway, reporter: &Reporter<'_>) -> LimitsPlan {
    let default = LimitsPlan::default();
    let Some(limits) = file.limits.value() else {
        return default;
    };
    let count = |what: &str, field: &Field<i64>| -> Option<NonZeroU32> {
        let help = match what {
            "connections" => "leave the key away for what memory and descriptors allow",
            _ => "leave the key away for no limit",
        };
        let count = field.parse(reporter, |value| {
            number::count(what, *value, MOST).map_err(|problem| problem.help(help))
        });
        count.given().map(|given| given.value)
    };
    let within = |what: &str, field: &Field<i64>, range: (i64, i64), default: u32| -> u32 {
        field.parse(reporter, |value| number::within(what, *value, range.0..=range.1)).or(default)
    };
    let time = |what: &str, field: &Field<String>, default: Duration| -> Duration {
        field.parse(reporter, |text| duration::parse(what, text)).or(default)
    };
    let (header_size, target_size) = sizes(limits, default, reporter);
    LimitsPlan {
        connections: count("connections", &limits.connections),
        connections_per_client: count("connections_per_client", &limits.connections_per_client),
        requests_per_connection: count("requests_per_connection", &limits.requests_per_connection),
        header_size,
        header_fields: within(
            "header_fields",
            &limits.header_fields,
            (10, 250),
            default.header_fields,
        ),
        target_size,
        header_timeout: header_timeout(&limits.header_timeout, reporter)
            .unwrap_or(default.header_timeout),
        handshake_timeout: time(
            "handshake_timeout",
            &limits.handshake_timeout,
            default.handshake_timeout,
        ),
        body_timeout: time("body_timeout", &limits.body_timeout, default.body_timeout),
        body_rate: limits
            .body_rate
            .parse(reporter, |text| size::parse("body_rate", text, RATE))
            .or(default.body_rate),
        send_timeout: time("send_timeout", &limits.send_timeout, default.send_timeout),
        http2_streams: within(
            "http2_streams",
            &limits.http2_streams,
            (1, 1000),
            default.http2_streams,
        ),
        http2_resets: within("http2_resets", &limits.http2_resets, (0, 1000), default.http2_resets),
    }
}

/// The sizes of a head and of the target in it.
fn sizes(limits: &schema::Limits, default: LimitsPlan, reporter: &Reporter<'_>) -> (u32, u32) {
    let header =
        limits.header_size.parse(reporter, |text| size::parse("header_size", text, HEADER));
    let target =
        limits.target_size.parse(reporter, |text| size::parse("target_size", text, TARGET));
    let is_known = !matches!(header, Field::Bad);
    let whole = header.or(default.header_size);
    if let Some(given) = target.given().filter(|given| is_known && given.value > whole) {
        let message = "`target_size` is larger than `header_size`";
        let label = format!(
            "the target is a part of the head, which ends at {}",
            size::display(whole.into())
        );
        reporter.error(
            given.span,
            Problem::new(message, label).help("make it smaller, or `header_size` larger"),
        );
    }
    (whole, target.or(default.target_size.min(whole)))
}

fn header_timeout(field: &Field<String>, reporter: &Reporter<'_>) -> Option<Duration> {
    let timeout = field.parse(reporter, |text| duration::parse("header_timeout", text));
    let given = timeout.given()?;
    if given.value > LONG_HEADER {
        let label = format!(
            "for {}, a client holds a connection with a byte now and then",
            duration::display(given.value)
        );
        let help = "10s are enough for any that means well; how long an *idle* client is kept is `client_keepalive`";
        let message = "`header_timeout` is longer than a minute";
        reporter.warn(given.span, Problem::new(message, label).help(help));
    }
    Some(given.value)
}

/// The most bytes of a request's body; `None`: no limit.
pub(super) fn max_body(field: &Field<String>, reporter: &Reporter<'_>) -> Option<u64> {
    let size = field.parse(reporter, |text| {
        size::parse("max_body", text, BODY).map_err(|problem| match text.trim_start_matches('0') {
            "B" | "KiB" | "MiB" | "GiB" | "TiB" => problem.help("leave the key away for no limit"),
            _ => problem,
        })
    });
    size.given().map(|given| given.value)
}
