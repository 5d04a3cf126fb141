use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use serde_json::Value;
use smallvec::smallvec;

use super::*;
use crate::access::{PoolState, Text};
use crate::origin::Origin;

fn formatted(record: &AccessRecord) -> String {
    let mut out = Vec::new();
    Formatter::new().push(&mut out, record);
    String::from_utf8(out).unwrap()
}

fn attempt() -> AttemptRecord {
    AttemptRecord {
        endpoint: "10.0.1.12:8080".parse().unwrap(),
        reused: false,
        start: Duration::from_micros(20_500),
        duration: Duration::from_micros(17_600),
        connect: Some(Duration::from_micros(400)),
        first_byte: Some(Duration::from_millis(12)),
        outcome: "completed",
        sent: "yes",
        status: Some(200),
        decision: None,
        detail: None,
    }
}

fn lost_attempt() -> AttemptRecord {
    AttemptRecord {
        endpoint: "10.0.1.11:8080".parse().unwrap(),
        reused: true,
        start: Duration::ZERO,
        duration: Duration::from_micros(20_400),
        connect: Some(Duration::ZERO),
        first_byte: None,
        outcome: "connection_terminated",
        sent: "maybe",
        status: None,
        decision: Some("retry"),
        detail: None,
    }
}

fn record() -> AccessRecord {
    AccessRecord {
        time: UNIX_EPOCH + Duration::from_millis(1_795_342_272_123),
        id: Text::from("01JD"),
        client: "203.0.113.9".parse().unwrap(),
        method: Text::from_static("GET"),
        host: Some(Text::from("shop.example.com")),
        path: Text::from("/api/cart"),
        referer: None,
        user_agent: None,
        trace_id: None,
        status: Some(200),
        bytes_in: 0,
        bytes_out: 512,
        duration: Duration::from_micros(38_100),
        queued: Duration::ZERO,
        route: Some("shop.example.com/api/".into()),
        pool: Some("api".into()),
        protocol: "h2",
        attempts_omitted: 0,
        attempts: smallvec![lost_attempt(), attempt()],
        failure: None,
    }
}

#[test]
fn the_line_of_the_design_is_written_as_designed() {
    assert_eq!(
        formatted(&record()),
        concat!(
            r#"{"time":"2026-11-22T10:11:12.123Z","id":"01JD","client":"203.0.113.9","method":"GET","#,
            r#""host":"shop.example.com","path":"/api/cart","status":200,"bytes_in":0,"bytes_out":512,"#,
            r#""duration_ms":38.1,"route":"shop.example.com/api/","pool":"api","protocol":"h2","#,
            r#""attempts":[{"endpoint":"10.0.1.11:8080","reused":true,"duration_ms":20.4,"connect_ms":0,"#,
            r#""outcome":"connection_terminated","sent":"maybe","decision":"retry"},"#,
            r#"{"endpoint":"10.0.1.12:8080","reused":false,"start_ms":20.5,"duration_ms":17.6,"#,
            r#""connect_ms":0.4,"first_byte_ms":12.0,"outcome":"completed","status":200}]}"#,
            "\n"
        )
    );
}

#[test]
fn a_failed_request_says_why_and_what_the_pool_was_like() {
    let mut failed = record();
    failed.status = Some(504);
    failed.attempts = smallvec![AttemptRecord {
        endpoint: "[2001:db8::1]:8080".parse().unwrap(),
        outcome: "response_timeout",
        sent: "maybe",
        status: None,
        decision: Some("stop: not idempotent"),
        detail: Some(Text::from("no header within 30 s")),
        ..attempt()
    }];
    failed.failure = Some(Failure {
        reason: "http_response_timeout",
        detail: None,
        origin: Origin::Gateway,
        decision: Some("stop: not idempotent"),
        pool: Some(PoolState { healthy: 2, total: 3 }),
    });
    let line: Value = serde_json::from_str(&formatted(&failed)).unwrap();
    assert_eq!(line["reason"], "http_response_timeout");
    assert_eq!(line["origin"], "gateway");
    assert_eq!(line["decision"], "stop: not idempotent");
    assert_eq!((&line["healthy"], &line["total"]), (&2.into(), &3.into()));
    assert_eq!(line["attempts"][0]["endpoint"], "[2001:db8::1]:8080");
    assert_eq!(line["attempts"][0]["detail"], "no header within 30 s");
}

#[test]
fn the_trace_is_written_as_its_header_has_it() {
    let mut trace = [0; 16];
    trace[0] = 0x0a;
    trace[15] = 0xf1;
    let traced = AccessRecord { trace_id: Some(trace), ..record() };
    let line: Value = serde_json::from_str(&formatted(&traced)).unwrap();
    assert_eq!(line["trace_id"], "0a0000000000000000000000000000f1");
}

#[test]
fn what_is_absent_has_no_key_but_a_missing_status_is_null() {
    let bare = AccessRecord {
        host: None,
        status: None,
        route: None,
        pool: None,
        attempts: smallvec![],
        ..record()
    };
    let line: Value = serde_json::from_str(&formatted(&bare)).unwrap();
    let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    for absent in
        ["host", "route", "pool", "reason", "origin", "decision", "healthy", "total", "trace_id"]
    {
        assert!(!keys.contains(&absent), "{absent}");
    }
    assert_eq!(line.get("status"), Some(&Value::Null));
    assert_eq!(line["attempts"], Value::Array(vec![]));
}

proptest! {
    #[test]
    fn whatever_a_client_sends_is_one_line_of_valid_json(
        host in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        path in proptest::collection::vec(any::<u8>(), 0..80),
        method in any::<String>(),
        detail in any::<String>(),
        status in any::<Option<u16>>(),
        bytes in any::<u64>(),
        nanos in any::<u64>(),
        client in any::<IpAddr>(),
        endpoint in any::<std::net::SocketAddr>(),
    ) {
        let mut sent = record();
        sent.host = host.as_deref().map(Text::from);
        sent.path = Text::from(path.as_slice());
        sent.method = Text::from(method.as_str());
        sent.status = status;
        sent.bytes_out = bytes;
        sent.duration = Duration::from_nanos(nanos);
        sent.queued = Duration::from_nanos(nanos / 2);
        sent.client = client;
        sent.attempts[0].endpoint = endpoint;
        sent.attempts[0].detail = Some(Text::from(detail.as_str()));

        let line = formatted(&sent);
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        let read: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read["path"].as_str().unwrap(), String::from_utf8_lossy(&path));
        prop_assert_eq!(
            read.get("host").map(|host| host.as_str().unwrap().to_owned()),
            host.map(|host| String::from_utf8_lossy(&host).into_owned())
        );
        prop_assert_eq!(read["method"].as_str().unwrap(), method);
        prop_assert_eq!(read["bytes_out"].as_u64(), Some(bytes));
        prop_assert_eq!(read.get("queued_ms").is_some(), nanos > 1);
        prop_assert_eq!(read["client"].as_str().unwrap(), client.to_string());
        prop_assert_eq!(read["attempts"][0]["endpoint"].as_str().unwrap(), endpoint.to_string());
        prop_assert_eq!(read["attempts"][0]["detail"].as_str().unwrap(), detail);
    }
}
