use switchback_core::plan::{Ratio, TracingPlan};

use super::*;

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const UNSAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

fn request(fields: &[(&'static str, &str)]) -> RequestHeader {
    let mut request = RequestHeader::build("GET", b"/", None).unwrap();
    for (name, value) in fields {
        request.append_header(*name, *value).unwrap();
    }
    request
}

/// An export that samples so much of what begins here.
fn traces(per_mille: u16) -> Traces {
    Traces::new(Some(&TracingPlan {
        otlp: "http://127.0.0.1:4318".into(),
        sample: Ratio::per_mille(per_mille).unwrap(),
        service: TracingPlan::SERVICE.into(),
        headers: Vec::new(),
    }))
}

#[test]
fn a_trace_goes_on_if_it_is_one() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (version, tail, sound) in [
        ("00-", "", true),
        ("00-", "-more", false),
        ("01-", "-more", true),
        ("01-", "more", false),
        ("cc-", "", true),
        ("ff-", "", false),
        ("0A-", "", false),
        ("", "", false),
    ] {
        let value = format!("{version}{trace}{tail}");
        assert_eq!(parse(value.as_bytes()).is_some(), sound, "{value}");
    }
    for broken in [
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b70-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa-ba902b7-01",
        "",
    ] {
        assert_eq!(parse(broken.as_bytes()), None, "{broken}");
    }
}

#[test]
fn what_is_written_is_read_alike() {
    let parent = parse(SAMPLED.as_bytes()).unwrap();
    assert_eq!(traceparent(parent.trace, parent.span, parent.flags), SAMPLED.as_bytes());
}

#[test]
fn a_broken_trace_takes_its_state_with_it() {
    for (fields, left) in [
        (&[("traceparent", SAMPLED), ("tracestate", "a=1")][..], 2),
        (&[("traceparent", SAMPLED), ("traceparent", SAMPLED), ("tracestate", "a=1")], 0),
        (&[("traceparent", "x"), ("tracestate", "a=1")], 0),
        (&[("tracestate", "a=1")], 0),
    ] {
        // Without tracing, and with: then there is always one.
        for (traces, of_ours) in [(Traces::new(None), 0), (traces(0), usize::from(left == 0))] {
            let mut request = request(fields);
            let trace = admit(&mut request, &traces);
            tell(&mut request, trace.as_ref(), 0).unwrap();
            assert_eq!(request.headers.len(), left + of_ours, "{fields:?}");
        }
    }
}

#[test]
fn a_trace_that_ends_at_this_connection_takes_its_state_with_it() {
    for (flags, left) in [(SAMPLED, 0), (UNSAMPLED, 0)] {
        let mut request = request(&[("traceparent", flags), ("tracestate", "a=1")]);
        let trace = admit(&mut request, &Traces::new(None));
        // As Pingora does where Connection names it.
        request.remove_header("traceparent");
        tell(&mut request, trace.as_ref(), 0).unwrap();
        assert_eq!(request.headers.len(), left);
    }
}

#[test]
fn each_attempt_is_told_a_span_of_its_own() {
    let given = request(&[("traceparent", SAMPLED), ("tracestate", "a=1")]);
    let trace = admit(&mut given.clone(), &traces(0)).unwrap();
    let context = trace.exported().unwrap();
    for attempt in 0..3 {
        let mut request = given.clone();
        tell(&mut request, Some(&trace), attempt).unwrap();
        let parent = parse(request.headers["traceparent"].as_bytes()).unwrap();
        assert_eq!((parent.trace, parent.span), (trace.id, context.attempt(attempt)));
        assert_eq!(request.headers["tracestate"], "a=1");
    }
}

#[test]
fn without_tracing_the_gateway_has_no_part_in_it() {
    let off = Traces::new(None);
    let trace = admit(&mut request(&[("traceparent", SAMPLED)]), &off).unwrap();
    assert_eq!((u128::from_be_bytes(trace.id), &trace.context), (hexadecimal(ID), &None));
    assert_eq!(admit(&mut request(&[]), &off), None);
    assert_eq!(admit(&mut request(&[("traceparent", "x")]), &off), None);
}

#[test]
fn a_trace_that_is_recorded_goes_on_in_a_span_of_ours() {
    let fields = [("traceparent", SAMPLED), ("tracestate", "a=1,b=2"), ("tracestate", "c=3")];
    // Whoever began it has decided.
    for per_mille in [0, 1_000] {
        let trace = admit(&mut request(&fields), &traces(per_mille)).unwrap();
        let context = trace.exported().unwrap();
        assert_eq!(u128::from_be_bytes(trace.id), hexadecimal(ID));
        assert_eq!(context.parent, Some(0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()));
        assert_ne!(Some(context.span), context.parent);
        assert_eq!(context.flags, TraceContext::SAMPLED);
        assert_eq!(context.state, Some(Text::from("a=1,b=2,c=3")));
    }
}

#[test]
fn of_later_versions_only_what_is_known_goes_on() {
    let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more";
    let trace = admit(&mut request(&[("traceparent", later)]), &traces(0)).unwrap();
    assert_eq!(trace.exported().unwrap().flags, 0b11);
}

#[test]
fn a_trace_that_is_not_recorded_goes_on_untouched() {
    let mut request = request(&[("traceparent", UNSAMPLED), ("tracestate", "a=1")]);
    let trace = admit(&mut request, &traces(1_000)).unwrap();
    assert_eq!((u128::from_be_bytes(trace.id), &trace.context), (hexadecimal(ID), &None));
    assert_eq!(request.headers["traceparent"], UNSAMPLED);
}

#[test]
fn a_trace_that_begins_here_is_exported_if_it_is_sampled() {
    for (per_mille, flags) in [(0, 0b10), (1_000, 0b11)] {
        for fields in [&[][..], &[("traceparent", "x")]] {
            let trace = admit(&mut request(fields), &traces(per_mille)).unwrap();
            let context = trace.context.as_ref().unwrap();
            assert_eq!((context.parent, context.flags), (None, flags), "{fields:?}");
            assert_eq!(trace.exported().is_some(), per_mille > 0);
            assert_ne!((context.trace, context.span), ([0; 16], [0; 8]));
        }
    }
    let begun = || admit(&mut request(&[]), &traces(0)).unwrap().id;
    assert_ne!(begun(), begun());
}

#[test]
fn what_would_swell_a_span_is_left_out_of_it() {
    for state in ["", &"a".repeat(513), "a=\u{e4}"] {
        let fields = [("traceparent", SAMPLED), ("tracestate", state)];
        let mut request = request(&fields);
        let trace = admit(&mut request, &traces(0)).unwrap();
        assert_eq!(trace.exported().unwrap().state, None);
        assert!(request.headers.contains_key("tracestate"), "but it goes on");
    }
}

fn hexadecimal(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap()
}
