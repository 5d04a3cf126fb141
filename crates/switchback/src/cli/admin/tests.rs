//! A gateway that answers what a test tells it to. The real one is asked in tests/operators.rs.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use super::*;

/// Answers each request by the function, given its first line and its body, and keeps both.
pub(in super::super) struct Canned {
    pub(in super::super) gateway: Gateway,
    asked: Arc<Mutex<Vec<String>>>,
}

/// The status and the body of an answer.
pub(in super::super) type Answered = (u16, String);

impl Canned {
    pub(in super::super) fn start(
        mut answer: impl FnMut(&str, &str) -> Answered + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Gateway::at(listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
                let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
                stream.read_exact(&mut body).unwrap();
                let body = String::from_utf8(body).unwrap();
                let line = head.lines().next().unwrap();
                let line = line.strip_suffix(" HTTP/1.1").unwrap();
                kept.lock().unwrap().push(format!("{line} {body}").trim_end().to_owned());
                let (status, text) = answer(line, &body);
                let length = text.len();
                let answer =
                    format!("HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n\r\n{text}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { gateway, asked }
    }

    /// One that has these at its paths.
    pub(in super::super) fn having(answers: &[(&str, Answered)]) -> Self {
        let answers: HashMap<_, _> =
            answers.iter().map(|(path, it)| ((*path).to_owned(), it.clone())).collect();
        Self::start(move |line, _| {
            let path = line.split(' ').nth(1).unwrap_or_default();
            answers.get(path).cloned().unwrap_or_else(|| problem(404, "there is no such thing"))
        })
    }

    /// The lines and bodies of what was asked.
    pub(in super::super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub(in super::super) fn problem(status: u16, detail: &str) -> Answered {
    (status, serde_json::json!({ "status": status, "detail": detail }).to_string())
}

/// What the gateway says that answers `/x` so.
fn said(answered: Answered, token: Option<&str>) -> No {
    let mut canned = Canned::having(&[("/x", answered)]);
    canned.gateway.token = token.map(str::to_owned);
    let no = canned.gateway.get("/x").unwrap_err();
    let at = format!("{}: ", canned.gateway.address());
    let bare = |why: String| why.strip_prefix(&at).expect("who says so").to_owned();
    match no {
        No::Missing(why) => No::Missing(bare(why)),
        No::Refused { why, may_be_forced } => No::Refused { why: bare(why), may_be_forced },
        No::Trouble(why) => No::Trouble(bare(why)),
    }
}

#[test]
fn whatever_is_no_success_is_told_with_what_can_be_done() {
    let trouble = |text: &str| No::Trouble(text.to_owned());
    for (answered, token, wanted) in [
        (
            (401, String::new()),
            None,
            trouble("it wants a token: give `--token-file FILE`, or set SWITCHBACK_ADMIN_TOKEN (status 401)"),
        ),
        ((401, String::new()), Some("t"), trouble("it knows another token (status 401)")),
        (problem(403, "ask there"), None, trouble("ask there (status 403)")),
        (
            problem(404, "there is no pool x"),
            None,
            No::Missing("it has no /x: this gateway is of an older version, or this is not its admin listener".to_owned()),
        ),
        (
            (409, r#"{"detail":"nobody left","may_be_forced":true}"#.to_owned()),
            None,
            No::Refused { why: "nobody left".to_owned(), may_be_forced: true },
        ),
        ((503, "busy\nx".to_owned()), None, trouble("it answered /x with status 503: busy")),
        (problem(500, "a \u{1b}[2J bug"), None, trouble("it answered /x with status 500: a \\u{1b}[2J bug")),
        ((500, String::new()), None, trouble("it answered /x with status 500")),
    ] {
        assert_eq!(said(answered, token), wanted);
    }
}

#[test]
fn nobody_there_is_told() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let why = Gateway::at(free).get("/x").unwrap_err().to_string();
    assert!(
        why.starts_with(&format!("{free}: connection refused: no gateway runs there")),
        "{why}"
    );
    let gateway = Gateway { at: "/nonexistent/admin.sock".parse().unwrap(), token: None };
    let why = gateway.get("/x").unwrap_err().to_string();
    assert!(why.starts_with("/nonexistent/admin.sock: there is no such socket"), "{why}");
}

#[test]
fn a_name_is_one_segment_of_a_path() {
    assert_eq!(segment("web-1.b_c~"), "web-1.b_c~");
    assert_eq!(segment("a/b?c d%é"), "a%2Fb%3Fc%20d%25%C3%A9");
}

#[test]
fn readiness_is_read_line_by_line() {
    let not = "not ready\npool web: required, and no endpoint can serve\n".to_owned();
    let canned = Canned::having(&[("/readyz", (503, not))]);
    let reasons = canned.gateway.reasons_not_ready().unwrap();
    assert_eq!(reasons, ["pool web: required, and no endpoint can serve"]);
    let canned = Canned::having(&[("/readyz", (200, "ready".to_owned()))]);
    assert_eq!(canned.gateway.reasons_not_ready(), Ok(Vec::new()));
}
