use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::access::{Attempts, Text};

fn plan(per_mille: u16) -> TracingPlan {
    TracingPlan {
        otlp: "http://127.0.0.1:4318".into(),
        sample: Ratio::per_mille(per_mille).unwrap(),
        service: TracingPlan::SERVICE.into(),
        headers: Vec::new(),
    }
}

fn traced() -> Box<Traced> {
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let record = AccessRecord {
        time: UNIX_EPOCH,
        id: Text::from_static("1"),
        client,
        method: Text::from_static("GET"),
        host: None,
        path: Text::from_static("/"),
        referer: None,
        user_agent: None,
        trace_id: Some([1; 16]),
        status: Some(200),
        bytes_in: 0,
        bytes_out: 0,
        duration: Duration::ZERO,
        queued: Duration::ZERO,
        route: None,
        pool: None,
        protocol: "HTTP/1.1",
        attempts: Attempts::new(),
        attempts_omitted: 0,
        failure: None,
    };
    Box::new(Traced {
        context: context([2; 8]),
        record,
        peer: client,
        over_tls: false,
        endpoint_over_tls: false,
        endpoint_over_h2: false,
    })
}

fn context(span: SpanId) -> TraceContext {
    TraceContext { trace: [1; 16], parent: None, span, flags: TraceContext::SAMPLED, state: None }
}

fn trace(number: u64) -> TraceId {
    // A walk through all numbers in leaps of the golden ratio.
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [7; 16];
    id[8..].copy_from_slice(&mixed.to_be_bytes());
    id
}

#[test]
fn so_many_traces_are_sampled_as_are_wanted() {
    for (per_mille, expected) in [(0, 0), (100, 1_000), (500, 5_000), (1_000, 10_000)] {
        let traces = Traces::new(Some(&plan(per_mille)));
        let sampled = (0..10_000).filter(|&number| traces.samples(trace(number))).count();
        assert!(sampled.abs_diff(expected) <= 5, "{per_mille}: {sampled}");
    }
    let all = Traces::new(Some(&plan(1_000)));
    assert!(all.samples([0xff; 16]) && all.samples(trace(0)));
    assert!(!Traces::new(Some(&plan(0))).samples(trace(0)));
}

#[test]
fn who_is_sampled_at_a_rate_is_sampled_at_a_higher_one() {
    let (few, many) = (Traces::new(Some(&plan(50))), Traces::new(Some(&plan(200))));
    for id in (0..10_000).map(trace).filter(|&id| few.samples(id)) {
        assert!(many.samples(id), "{id:?}");
    }
}

#[test]
fn without_a_plan_there_is_nothing() {
    let traces = Traces::new(None);
    traces.export(traced());
    traces.count_dropped(1);
    assert!(traces.is_off() && !traces.samples([1; 16]) && traces.take().is_none());
    assert_eq!((traces.dropped(), traces.exported()), (0, 0));
}

#[test]
fn what_has_no_place_is_counted() {
    let traces = Traces::new(Some(&plan(1_000)));
    for _ in 0..Traces::CAPACITY + 3 {
        traces.export(traced());
    }
    assert_eq!(traces.dropped(), 3);
    let taken = std::iter::from_fn(|| traces.take()).count();
    assert_eq!(taken, Traces::CAPACITY);
}

#[test]
fn the_spans_of_a_request_are_all_different() {
    let mut seen = BTreeSet::new();
    for span in [[0, 0, 0, 0, 0, 0, 0, 1], [0xff; 8], [3; 8]] {
        let context = context(span);
        assert!(seen.insert(span));
        for number in 0..1_000 {
            assert!(seen.insert(context.attempt(number)), "{span:?} {number}");
            assert_eq!(context.attempt(number), context.attempt(number));
        }
    }
    assert!(!seen.contains(&[0; 8]));
}
