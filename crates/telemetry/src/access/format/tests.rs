use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use smallvec::smallvec;
use switchback_core::plan::LogTemplate;

use super::*;
use crate::access::{AttemptRecord, Attempts, Failure};

fn record() -> AccessRecord {
    AccessRecord {
        time: UNIX_EPOCH + Duration::from_millis(1_795_342_272_123),
        id: Text::from("01JD"),
        client: "203.0.113.9".parse().unwrap(),
        method: Text::from_static("GET"),
        host: Some(Text::from("shop.example.com")),
        path: Text::from("/api/cart"),
        referer: Some(Text::from("https://example.com/?token=secret")),
        user_agent: Some(Text::from("curl/8.0 (\"x\")")),
        trace_id: None,
        status: Some(200),
        bytes_in: 7,
        bytes_out: 512,
        duration: Duration::from_micros(38_100),
        queued: Duration::from_millis(2),
        route: Some("shop.example.com/api/".into()),
        pool: Some("api".into()),
        protocol: "HTTP/1.1",
        attempts_omitted: 3,
        attempts: smallvec![AttemptRecord {
            endpoint: "10.0.1.12:8080".parse().unwrap(),
            reused: false,
            start: Duration::ZERO,
            duration: Duration::from_millis(38),
            connect: None,
            first_byte: None,
            outcome: "completed",
            sent: "yes",
            status: Some(200),
            decision: None,
            detail: None,
        }],
        failure: None,
    }
}

/// Of a request of which nothing is known that need not be.
fn bare() -> AccessRecord {
    AccessRecord {
        host: None,
        referer: None,
        user_agent: None,
        status: None,
        route: None,
        pool: None,
        attempts: Attempts::new(),
        attempts_omitted: 0,
        queued: Duration::ZERO,
        ..record()
    }
}

fn failed_by(origin: Origin) -> Option<Failure> {
    Some(Failure { reason: "client_gone", detail: None, origin, decision: None, pool: None })
}

fn written(format: LogFormat, record: &AccessRecord) -> String {
    let mut out = Vec::new();
    Lines::new(format).push(&mut out, record);
    String::from_utf8(out).unwrap()
}

fn by_template(template: &str, record: &AccessRecord) -> String {
    written(LogFormat::Template(LogTemplate::parse(template).unwrap()), record)
}

#[test]
fn a_combined_line_is_nginxs() {
    assert_eq!(
        written(LogFormat::Combined, &record()),
        "203.0.113.9 - - [22/Nov/2026:10:11:12 +0000] \"GET /api/cart HTTP/1.1\" 200 512 \
         \"https://example.com/\" \"curl/8.0 (\\x22x\\x22)\"\n"
    );
    let h2 = AccessRecord { protocol: "h2", ..record() };
    assert!(written(LogFormat::Combined, &h2).contains("\"GET /api/cart HTTP/2.0\" 200 "));
}

#[test]
fn what_is_not_there_is_a_dash_in_a_combined_line() {
    assert!(written(LogFormat::Combined, &bare()).ends_with(" 000 512 \"-\" \"-\"\n"));
    let unread = AccessRecord { method: Text::from(""), path: Text::from(""), ..record() };
    assert!(written(LogFormat::Combined, &unread).contains("] \"-\" 200 "));
    let empty = AccessRecord { referer: Some(Text::from("")), ..record() };
    assert!(written(LogFormat::Combined, &empty).contains(" 512 \"\" \"curl"), "as nginx does");
}

#[test]
fn a_client_that_went_without_an_answer_has_499() {
    let gone = AccessRecord { failure: failed_by(Origin::Client), ..bare() };
    assert!(written(LogFormat::Combined, &gone).contains("\" 499 512 "));
    let ours = AccessRecord { failure: failed_by(Origin::Gateway), ..bare() };
    assert!(written(LogFormat::Combined, &ours).contains("\" 000 512 "));
}

#[test]
fn a_template_has_every_field() {
    let all: Vec<_> = LogField::ALL.iter().map(|(_, name, _)| format!("{{{name}}}")).collect();
    let failed = AccessRecord { failure: failed_by(Origin::Client), ..record() };
    assert_eq!(
        by_template(&all.join("|"), &failed),
        "2026-11-22T10:11:12.123Z|22/Nov/2026:10:11:12 +0000|01JD|203.0.113.9|GET|shop.example.com|\
         /api/cart|HTTP/1.1|200|7|512|38.1|2.0|shop.example.com/api/|api|4|10.0.1.12:8080|completed|\
         client_gone|client|https://example.com/|curl/8.0 (\\x22x\\x22)\n"
    );
}

#[test]
fn what_is_not_there_is_a_dash_or_nothing_counted_in_a_template() {
    let template = "{host} {status} {queued_ms} {route} {pool} {attempts} {endpoint} {outcome} \
                    {reason} {origin} {referer} \"{user_agent}\" {{}}";
    assert_eq!(by_template(template, &bare()), "- - 0 - - 0 - - - - - \"-\" {}\n");
}

proptest! {
    #[test]
    fn whatever_a_client_sends_stays_in_its_field(
        path in proptest::collection::vec(any::<u8>(), 0..80),
        agent in proptest::collection::vec(any::<u8>(), 0..80),
        method in "[A-Z\"\\\\\n]{1,8}",
    ) {
        let sent = AccessRecord {
            method: Text::from(method.as_str()),
            path: Text::from(path.as_slice()),
            user_agent: Some(Text::from(agent.as_slice())),
            ..record()
        };
        let template = "{method} \"{path}\" \"{user_agent}\" {host} \"{referer}\" \"{id}\"";
        for line in [written(LogFormat::Combined, &sent), by_template(template, &sent)] {
            prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
            prop_assert_eq!(line.matches('"').count() % 2, 0);
            prop_assert!(line.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)));
        }
        let line = written(LogFormat::Combined, &sent);
        prop_assert_eq!(line.matches('"').count(), 6);
    }
}
