//! Answers that can be read in two ways, or that nobody asked for, are their endpoint's failure: another
//! one is asked where that is allowed, and the client gets a 502 where not. It never gets to see them.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use switchback_testkit::{Answer, Backend, Behavior, Client, End, Framing, Gateway, Response};
use tokio::net::{TcpListener, TcpStream};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn garbage(answer: impl Into<Vec<u8>>) -> Behavior {
    Behavior::Garbage(Bytes::from(answer.into()))
}

/// Without ejection, which would end the row of failures.
async fn gateway(endpoints: &[SocketAddr]) -> Gateway {
    let builder = Gateway::builder().pool("web", endpoints);
    builder.pool_yaml("ejection: { enabled: false }\nqueue: 0").start(binary()).await
}

async fn send(gateway: &Gateway, request: &str) -> Response {
    let mut client = gateway.client().await;
    client.send_raw(request.as_bytes()).await.expect("sent");
    client.read_response(Duration::from_secs(5)).await.expect("an answer")
}

const UPGRADE: &str = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A POST is not repeated, so one attempt shows all.
const POST: &str = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

/// An endpoint's answer is refused: with these words in the log, and a 502.
async fn refused(request: &str, answers: &[(&str, &str)]) {
    let backend = Backend::start().await;
    let gateway = gateway(&[backend.addr()]).await;
    for (nth, (answer, words)) in answers.iter().enumerate() {
        backend.set(garbage(*answer));
        let before = backend.requests();
        let request = request.replacen("/x", &format!("/case-{nth}."), 1);
        let got = send(&gateway, &request).await;
        let line = gateway.log_line_for(&format!("/case-{nth}.")).await;
        assert_eq!(got.status, 502, "{answer:?}: {line}");
        assert!(!got.text().contains("planted"), "{answer:?}: {}", got.text());
        let attempt = &line["attempts"][0];
        assert_eq!(attempt["outcome"], "http_protocol_error", "{answer:?}: {line}");
        let detail = attempt["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{answer:?}: {line}");
        assert_eq!(backend.requests() - before, 1, "{answer:?}");
    }
}

const AMBIGUOUS: [(&str, &str); 24] = [
    ("200 OK\r\nTransfer-Encoding: gzip, chunked", "Transfer-Encoding other than chunked"),
    ("200 OK\r\nTransfer-Encoding: identity", "Transfer-Encoding other than chunked"),
    ("200 OK\r\nTransfer-Encoding: xchunked", "Transfer-Encoding other than chunked"),
    ("200 OK\r\nTransfer-Encoding: chunked, chunked", "Transfer-Encoding other than chunked"),
    ("200 OK\r\nTransfer-Encoding:", "Transfer-Encoding other than chunked"),
    (
        "200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding other than chunked",
    ),
    ("200 OK\r\nTransfer-Encoding: chunked;q=1", "Transfer-Encoding other than chunked"),
    ("200 OK\r\nTransfer-Encoding: x\r\nContent-Length: 7", "Transfer-Encoding other than chunked"),
    ("200 OK\r\nContent-Length: 7\r\nContent-Length: 7", "more than one Content-Length"),
    ("200 OK\r\nContent-Length: 7, 7", "more than one Content-Length"),
    ("200 OK\r\nContent-Length: 7\r\nContent-Length: 8", "Content-Length"),
    ("200 OK\r\nContent-Length: +7", "Content-Length"),
    ("200 OK\r\nContent-Length: -1", "Content-Length"),
    ("200 OK\r\nContent-Length: 0x7", "Content-Length"),
    ("200 OK\r\nContent-Length:", "Content-Length"),
    ("200 OK\r\nContent-Length: 99999999999999999999999", "Content-Length"),
    ("204 No Content\r\nContent-Length: 7", "Content-Length in an answer that has no body"),
    (
        "204 No Content\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding in an answer that has no body",
    ),
    ("103 Early Hints\r\nContent-Length: 7", "Content-Length in an answer that has no body"),
    (
        "100 Continue\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding in an answer that has no body",
    ),
    ("200 OK\r\nX-A: a\u{0}b", "header value"),
    ("200 OK\r\nX-A: a\u{1}b", "header value"),
    ("200 OK\r\nX-A: a\u{7f}b", "header value"),
    ("200 OK\r\nX-A: a\rContent-Length: 0", "header value"),
];

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_not_passed_on() {
    let answers: Vec<_> = AMBIGUOUS
        .iter()
        .map(|(head, words)| (format!("HTTP/1.1 {head}\r\n\r\nplanted"), *words))
        .collect();
    let mut answers: Vec<_> = answers.iter().map(|(head, words)| (head.as_str(), *words)).collect();
    answers.extend([
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nplanted\r\n0\r\n\r\n",
            "another version",
        ),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\nplanted", "header name"),
        ("HTTP/1.1 200 OK\r\n: planted\r\n\r\n", "header name"),
        ("HTTP/1.1 2x0 OK\r\n\r\nplanted", "status"),
        ("HTTP/2.0 200 OK\r\n\r\nplanted", "HTTP version"),
        ("planted", "HTTP version"),
    ]);
    refused(POST, &answers).await;
}

#[tokio::test]
async fn another_endpoint_is_asked_instead() {
    let (bad, good) = (Backend::start().await, Backend::start().await);
    let gateway = gateway(&[bad.addr(), good.addr()]).await;
    let mut met = 0;
    for (head, _) in AMBIGUOUS {
        bad.set(garbage(format!("HTTP/1.1 {head}\r\n\r\nplanted")));
        for _ in 0..2 {
            let answer = gateway.get("/").await.expect("an answer");
            assert_eq!((answer.status, answer.text().as_str()), (200, "ok\n"), "{head}");
        }
        assert!(bad.requests() > met, "{head}: never met");
        met = bad.requests();
    }
}

#[tokio::test]
async fn nobody_changes_the_protocol_unasked() {
    let switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
    let websocket = format!("{switched}Upgrade: websocket\r\n\r\nplanted");
    refused(POST, &[(&websocket, "asked for no upgrade")]).await;
    let h2c = UPGRADE.replacen("Upgrade: websocket", "Upgrade: h2c", 1);
    let h2c_answer = format!("{switched}Upgrade: h2c\r\n\r\nplanted");
    refused(&h2c.replacen("GET", "PATCH", 1), &[(&h2c_answer, "asked for no upgrade")]).await;
    let other = format!("{switched}Upgrade: h2c\r\n\r\nplanted");
    let unnamed = format!("{switched}\r\nplanted");
    let old = websocket.replacen("1.1", "1.0", 1);
    let answers = [
        (other.as_str(), "another protocol"),
        (&unnamed, "another protocol"),
        (&old, "another version"),
    ];
    refused(&UPGRADE.replacen("GET", "PATCH", 1), &answers).await;
}

#[tokio::test]
async fn endless_interim_answers_end() {
    let backend = Backend::start().await;
    let gateway = gateway(&[backend.addr()]).await;
    let hints = |count| "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(count);
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    backend.set(garbage(format!("{}{last}", hints(16))));
    let answer = send(&gateway, POST).await;
    assert_eq!((answer.status, answer.interim.len()), (200, 16));
    backend.set(garbage(format!("{}{last}", hints(17))));
    let answer = send(&gateway, &POST.replace("/x", "/many")).await;
    assert_eq!(answer.status, 502);
    assert!(answer.interim.len() <= 16);
    let line = gateway.log_line_for("/many").await;
    assert_eq!(line["attempts"][0]["detail"], "too many interim answers", "{line}");
}

#[tokio::test]
async fn a_header_has_an_end() {
    let backend = Backend::start().await;
    let gateway = gateway(&[backend.addr()]).await;
    let fields: String = (0..300).map(|n| format!("X-{n}: 1\r\n")).collect();
    backend.set(garbage(format!("HTTP/1.1 200 OK\r\n{fields}\r\n")));
    assert_eq!(send(&gateway, &POST.replace("/x", "/fields")).await.status, 502);
    let line = gateway.log_line_for("/fields").await;
    assert_eq!(line["attempts"][0]["outcome"], "http_protocol_error", "{line}");
    backend.set(Behavior::HugeHeader(2_000_000));
    assert_eq!(send(&gateway, &POST.replace("/x", "/bytes")).await.status, 502);
    let line = gateway.log_line_for("/bytes").await;
    assert_eq!(line["attempts"][0]["outcome"], "http_response_header_section_size", "{line}");
}

/// What a client gets of an answer.
async fn passed_on(request: &str, answer: &str) -> Response {
    let backend = Backend::with(garbage(answer)).await;
    let gateway = gateway(&[backend.addr()]).await;
    send(&gateway, request).await
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn of_two_framings_only_ours_goes_on() {
    // Pingora drops the length before anybody can see it; see crates/proxy/src/sound.rs.
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\n\r\n";
    let answer = passed_on(GET, both).await;
    assert_eq!((answer.status, answer.end, answer.text().as_str()), (200, End::Chunked, "hello"));
    assert_eq!(answer.header("content-length"), None);
}

#[tokio::test]
async fn a_zero_that_promises_nothing_is_no_fault() {
    let none = passed_on(GET, "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!((none.status, none.header("content-length")), (204, None));
    let same = "HTTP/1.1 304 Not Modified\r\nETag: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let same = passed_on(GET, same).await;
    assert_eq!((same.status, same.header("transfer-encoding")), (304, None));
    let same = passed_on(GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n").await;
    assert_eq!((same.status, same.header("content-length")), (304, Some("7")));
    let head = GET.replacen("GET", "HEAD", 1);
    let head = passed_on(&head, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n").await;
    assert_eq!((head.header("content-length"), head.end), (Some("7"), End::NoBody));
}

#[tokio::test]
async fn what_the_rfc_wants_mended_is_mended() {
    // RFC 9112, sections 5.1 and 5.2: of answers, and of these two alone.
    let answer =
        "HTTP/1.1 200 OK\r\nX-Folded: one\r\n  two\r\nX-Space : 1\r\nContent-Length: 2\r\n\r\nok";
    let answer = passed_on(GET, answer).await;
    assert_eq!((answer.status, answer.header("x-space")), (200, Some("1")));
    assert_eq!(answer.header("x-folded"), Some("one two"));
}

#[tokio::test]
async fn what_concerns_the_endpoint_s_connection_stays_there() {
    let fields = "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
        Proxy-Connection: close\r\nProxy-Authenticate: Basic\r\nTE: x\r\nTrailer: Expires\r\n\
        Upgrade: h2c\r\nServer: app/1\r\nX-Powered-By: php\r\n";
    let answer = format!(
        "HTTP/1.1 103 Early Hints\r\n{fields}Link: x\r\n\r\n\
         HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nExpires: 0\r\n\r\n"
    );
    let answer = passed_on(GET, &answer).await;
    let names = |headers: &[(String, String)]| {
        let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    let expected = ["connection", "date", "server", "transfer-encoding", "x-powered-by"];
    assert_eq!(names(&answer.headers), expected);
    assert_eq!(names(&answer.interim[0].headers), ["link", "server", "x-powered-by"]);
}

#[tokio::test]
async fn what_an_endpoint_wants_a_client_to_speak_is_told() {
    let wants = "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Content-Length: 0\r\n\r\n";
    let answer = passed_on(GET, wants).await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")));
}

#[tokio::test]
async fn old_clients_get_what_they_know() {
    let answers = [
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.0 200 OK\r\n\r\nhello",
    ];
    let backend = Backend::start().await;
    let gateway = gateway(&[backend.addr()]).await;
    for answer in answers {
        backend.set(garbage(answer));
        let mut client = Client::connect(gateway.addr()).await.expect("connected");
        client.send_raw(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n").await.expect("sent");
        let (bytes, end) = client.read_to_end().await;
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        assert!(end.is_ok() && text.starts_with("http/1.") && text.contains(" 200 "), "{text}");
        assert_eq!(text.matches("http/1.").count(), 1, "{text}");
        assert!(
            !text.contains("transfer-encoding") && text.contains("connection: close"),
            "{text}"
        );
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
    }
}

#[tokio::test]
async fn a_body_without_a_length_goes_on_in_chunks() {
    for framing in [Framing::UntilClose, Framing::Chunked] {
        let backend = Backend::with(Behavior::Answer(Answer::ok("hello").framing(framing))).await;
        let gateway = gateway(&[backend.addr()]).await;
        let answer = gateway.get("/").await.expect("an answer");
        assert_eq!((answer.end, answer.text().as_str()), (End::Chunked, "hello"), "{framing:?}");
    }
}

/// What an endpoint with HTTP/2 says.
#[derive(Clone, Copy, Default)]
struct Said {
    status: u16,
    fields: &'static [(&'static str, &'static str)],
    body: &'static str,
    trailer: Option<&'static str>,
}

/// An endpoint that says this to everybody, for as long as the test lives.
async fn says(said: Said) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, said));
        }
    });
    address
}

async fn serve(stream: TcpStream, said: Said) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (_, mut respond) = request?;
        let mut head = http::Response::builder().status(said.status);
        for (name, value) in said.fields {
            head = head.header(*name, *value);
        }
        let ends = said.body.is_empty() && said.trailer.is_none();
        let mut body = respond.send_response(head.body(()).expect("an answer"), ends)?;
        if !ends {
            body.send_data(Bytes::from_static(said.body.as_bytes()), said.trailer.is_none())?;
        }
        if let Some(value) = said.trailer {
            let value = http::HeaderValue::from_static(value);
            let name = http::HeaderName::from_static("grpc-status");
            body.send_trailers([(name, value)].into_iter().collect())?;
        }
    }
    Ok(())
}

async fn http2(endpoints: &[SocketAddr]) -> Gateway {
    let builder = Gateway::builder().pool("web", endpoints).pool_yaml("protocol: h2");
    builder.pool_yaml("ejection: { enabled: false }\nqueue: 0").start(binary()).await
}

#[tokio::test]
async fn endpoints_with_http_2_may_not_be_ambiguous_either() {
    for (status, fields) in [
        (200, &[("content-length", "2"), ("content-length", "2")][..]),
        (200, &[("content-length", "2, 2")]),
        (200, &[("content-length", "+2")]),
        (204, &[("content-length", "2")]),
    ] {
        let body = if status == 200 { "ok" } else { "" };
        let bad = says(Said { status, fields, body, trailer: None }).await;
        let gateway = http2(&[bad]).await;
        let answer = send(&gateway, POST).await;
        let line = gateway.log_line_for("\"/x\"").await;
        assert_eq!(answer.status, 502, "{fields:?}: {line}");
        assert_eq!(line["attempts"][0]["outcome"], "http_protocol_error", "{line}");
    }
}

#[tokio::test]
async fn trailers_that_stop_here_are_not_announced() {
    let fields = &[("trailer", "grpc-status"), ("x-kept", "1")];
    let endpoint = says(Said { status: 200, fields, body: "ok", trailer: Some("0") }).await;
    let gateway = http2(&[endpoint]).await;
    let answer = send(&gateway, GET).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "ok"));
    assert_eq!((answer.header("trailer"), answer.header("x-kept")), (None, Some("1")));
}

#[tokio::test]
async fn trailers_go_from_http_2_to_http_2() {
    let fields = &[("trailer", "grpc-status")];
    let endpoint = says(Said { status: 200, fields, body: "ok", trailer: Some("0") }).await;
    let gateway = http2(&[endpoint]).await;
    let stream = TcpStream::connect(gateway.addr()).await.expect("connected");
    let (mut client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = http::Request::get("http://a/").body(()).expect("a request");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let (head, mut body) = answer.await.expect("an answer").into_parts();
    assert_eq!(head.headers["trailer"], "grpc-status");
    while let Some(data) = body.data().await {
        assert_eq!(data.expect("data"), "ok");
    }
    let trailers = body.trailers().await.expect("an end").expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
}
