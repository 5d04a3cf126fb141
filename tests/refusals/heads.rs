//! Heads: none of these reaches an endpoint, and nothing that stands behind them.

use switchback_testkit::{Answer, Behavior};

use super::{
    Row, SMUGGLED, assert_ended, assert_logged, assert_refused, one, only_answer, refused, seen,
};

/// The fields of a POST to a sound host.
const FRAMING: &[Row<'_>] = &[
    ("length, coding", "Content-Length: 5\r\nTransfer-Encoding: chunked", 400, "ambiguous_framing"),
    ("coding, length", "Transfer-Encoding: chunked\r\nContent-Length: 5", 400, "ambiguous_framing"),
    (
        "length 0, coding",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        400,
        "ambiguous_framing",
    ),
    ("length, no coding", "Content-Length: 5\r\nTransfer-Encoding:", 400, "ambiguous_framing"),
    ("twice, equal", "Content-Length: 5\r\nContent-Length: 5", 400, "invalid_content_length"),
    ("twice, different", "Content-Length: 5\r\nContent-Length: 6", 400, "invalid_content_length"),
    (
        "twice, apart",
        "Content-Length: 0\r\nA: b\r\ncontent-length: 0",
        400,
        "invalid_content_length",
    ),
    ("a list, equal", "Content-Length: 5, 5", 400, "invalid_content_length"),
    ("a list, different", "Content-Length: 5,6", 400, "invalid_content_length"),
    ("a sign", "Content-Length: +5", 400, "invalid_content_length"),
    ("a negative length", "Content-Length: -5", 400, "invalid_content_length"),
    ("hexadecimal", "Content-Length: 0x5", 400, "invalid_content_length"),
    ("two numbers", "Content-Length:  5 6", 400, "invalid_content_length"),
    ("a fraction", "Content-Length: 5.0", 400, "invalid_content_length"),
    ("an underscore", "Content-Length: 1_0", 400, "invalid_content_length"),
    ("quotes", "Content-Length: \"5\"", 400, "invalid_content_length"),
    ("no length", "Content-Length:", 400, "invalid_content_length"),
    ("blanks", "Content-Length: \t ", 400, "invalid_content_length"),
    ("64 bits and one", "Content-Length: 18446744073709551616", 400, "invalid_content_length"),
    ("21 digits", "Content-Length: 000000000000000000005", 400, "invalid_content_length"),
    ("other digits", "Content-Length: ٥", 400, "invalid_content_length"),
    ("chunked twice", "Transfer-Encoding: chunked, chunked", 501, "unknown_transfer_coding"),
    ("gzip before", "Transfer-Encoding: gzip, chunked", 501, "unknown_transfer_coding"),
    ("gzip after", "Transfer-Encoding: chunked, gzip", 501, "unknown_transfer_coding"),
    ("another coding", "Transfer-Encoding: xchunked", 501, "unknown_transfer_coding"),
    ("identity", "Transfer-Encoding: identity", 501, "unknown_transfer_coding"),
    ("a parameter", "Transfer-Encoding: chunked;q=1", 400, "invalid_transfer_encoding"),
    ("an empty item", "Transfer-Encoding: chunked,", 400, "invalid_transfer_encoding"),
    ("an empty item first", "Transfer-Encoding: ,chunked", 400, "invalid_transfer_encoding"),
    ("a quoted coding", "Transfer-Encoding: \"chunked\"", 400, "invalid_transfer_encoding"),
    ("two words", "Transfer-Encoding: chunked chunked", 400, "invalid_transfer_encoding"),
    ("no coding", "Transfer-Encoding:", 400, "invalid_transfer_encoding"),
    (
        "coding twice",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        400,
        "invalid_transfer_encoding",
    ),
    (
        "coding, gzip",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip",
        400,
        "invalid_transfer_encoding",
    ),
    ("a vertical tab", "Transfer-Encoding: \x0bchunked", 400, "invalid_field_value"),
    ("a NUL before", "Transfer-Encoding: \0chunked", 400, "invalid_field_value"),
    ("a space before the colon", "Transfer-Encoding : chunked", 400, "invalid_field_name"),
    ("a tab before the colon", "Content-Length\t: 5", 400, "invalid_field_name"),
    ("folded coding", "Transfer-Encoding:\r\n chunked", 400, "invalid_transfer_encoding"),
    ("folded behind", "Transfer-Encoding: chunked\r\n , gzip", 400, "folded_field"),
];

/// The fields of a POST to a sound host.
const FIELDS: &[Row<'_>] = &[
    ("LF", "A: b\nTransfer-Encoding: chunked", 400, "invalid_field_value"),
    ("LF at once", "A:\nB: c", 400, "invalid_field_value"),
    ("LF in a name", "A\nB: c", 400, "invalid_field_name"),
    ("an empty line of LF", "A: b\r\n\nC: d", 400, "invalid_field_name"),
    ("CR", "A: b\rTransfer-Encoding: chunked", 400, "invalid_field_value"),
    ("CR in a name", "A\rB: c", 400, "invalid_field_name"),
    ("two CR", "A: b\r", 400, "invalid_field_value"),
    ("CR alone", "\rA: b", 400, "invalid_field_value"),
    ("NUL in a value", "A: b\0c", 400, "invalid_field_value"),
    ("NUL in a name", "A\0: b", 400, "invalid_field_name"),
    ("a control", "A: \x01", 400, "invalid_field_value"),
    ("an escape", "A: b\x1b[2J", 400, "invalid_field_value"),
    ("DEL", "A: b\x7f", 400, "invalid_field_value"),
    ("folded by a space", "A: b\r\n c", 400, "folded_field"),
    ("folded by a tab", "A: b\r\n\tc", 400, "folded_field"),
    ("a space before the name", " A: b", 400, "folded_field"),
    ("a space before the colon", "A : b", 400, "invalid_field_name"),
    ("a space in the name", "A b: c", 400, "invalid_field_name"),
    ("no name", ": b", 400, "invalid_field_name"),
    ("no colon", "A", 400, "invalid_field_name"),
    ("a name in brackets", "(A): b", 400, "invalid_field_name"),
    ("a name that is not ASCII", "Ä: b", 400, "invalid_field_name"),
];

/// Whole heads.
const HEADS: &[Row<'_>] = &[
    // Hosts.
    ("no host", "GET / HTTP/1.1\r\n\r\n", 400, "missing_host"),
    ("no host but the target's", "GET http://a/ HTTP/1.1\r\n\r\n", 400, "missing_host"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "repeated_host"),
    (
        "one host twice",
        "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nhost: a\r\n\r\n",
        400,
        "repeated_host",
    ),
    ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "invalid_host"),
    ("a blank host", "GET / HTTP/1.1\r\nHost: \t\r\n\r\n", 400, "invalid_host"),
    ("a comma", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, "invalid_host"),
    ("a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "invalid_host"),
    ("a tab", "GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n", 400, "invalid_host"),
    ("a slash", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "invalid_host"),
    ("a quote", "GET / HTTP/1.1\r\nHost: \"a\"\r\n\r\n", 400, "invalid_host"),
    ("a backslash", "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", 400, "invalid_host"),
    ("an at sign", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, "invalid_host"),
    ("user and password", "GET / HTTP/1.1\r\nHost: u:p@b\r\n\r\n", 400, "invalid_host"),
    ("a fragment", "GET / HTTP/1.1\r\nHost: a#b\r\n\r\n", 400, "invalid_host"),
    ("a query", "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n", 400, "invalid_host"),
    ("an escape", "GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n", 400, "invalid_host"),
    ("a URL", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", 400, "invalid_host"),
    ("a port of letters", "GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n", 400, "invalid_host"),
    ("an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400, "invalid_host"),
    ("a port too high", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400, "invalid_host"),
    ("a port with a sign", "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n", 400, "invalid_host"),
    ("two ports", "GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n", 400, "invalid_host"),
    ("only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400, "invalid_host"),
    ("no closing bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, "invalid_host"),
    ("not ASCII", "GET / HTTP/1.1\r\nHost: bücher\r\n\r\n", 400, "invalid_host"),
    ("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", 400, "invalid_host"),
    ("another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "host_disagrees"),
    ("other letters", "GET http://a/ HTTP/1.1\r\nHost: A\r\n\r\n", 400, "host_disagrees"),
    ("another port", "GET http://a:81/ HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, "host_disagrees"),
    ("HTTP/1.0, another", "GET http://b/ HTTP/1.0\r\nHost: a\r\n\r\n", 400, "host_disagrees"),
    // Targets.
    ("no slash", "GET c HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a port", "GET :80/c HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("an at sign", "GET @evil/c HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("an asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a query", "GET ?c HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("an authority", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400, "invalid_target"),
    ("another scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("no authority", "GET http:///c HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a user", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a backslash", "GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a fragment", "GET /c#d HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("NUL", "GET /c\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a control", "GET /c\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("a tab", "GET /c\td HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    ("DEL", "GET /c\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_target"),
    (
        "a PROXY header",
        "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        "invalid_target",
    ),
    // Methods.
    ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "connect_not_allowed"),
    ("CONNECT to a path", "CONNECT /c HTTP/1.1\r\nHost: a\r\n\r\n", 405, "connect_not_allowed"),
    ("connect", "connect a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "connect_not_allowed"),
    ("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "trace_not_allowed"),
    ("trace", "trace / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "trace_not_allowed"),
    ("a bracket", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"),
    ("NUL", "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"),
    ("a colon", "GET: / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"),
    ("not ASCII", "GÉT / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"),
    ("a space before", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "invalid_method"),
    ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\x7f\x03\x03", 400, "invalid_method"),
    // Lines and versions.
    ("HTTP/0.9", "GET /\r\n", 400, "malformed_request_line"),
    ("no target", "GET\r\n\r\n", 400, "malformed_request_line"),
    ("two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    ("two spaces behind", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    (
        "a space in the target",
        "GET /c d HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        "malformed_request_line",
    ),
    ("a space at the end", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    ("lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    ("another protocol", "GET / RTSP/1.0\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    ("a longer version", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    ("LF", "GET / HTTP/1.1\nHost: a\n\n", 400, "malformed_request_line"),
    ("CR", "GET / HTTP/1.1\rHost: a\r\r", 400, "malformed_request_line"),
    ("LF before", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request_line"),
    (
        "two empty lines before",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
        "malformed_request_line",
    ),
    ("folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "folded_field"),
    ("LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400, "invalid_field_name"),
    ("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505, "version_not_supported"),
    ("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505, "version_not_supported"),
    ("HTTP/0.9 in full", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505, "version_not_supported"),
    (
        "HTTP/1.0 in chunks",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "invalid_transfer_encoding",
    ),
];

/// Each is refused as it should be, counted, logged, and not seen by the endpoint.
async fn refuses<'a>(rows: impl IntoIterator<Item = (&'a str, Vec<u8>, u16, &'a str)>) {
    let (backend, gateway) = one().await;
    let mut all = 0.0;
    for (name, bytes, status, reason) in rows {
        let name = format!("{reason}: {name}");
        let before = refused(&gateway, reason).await;
        let answer = only_answer(&gateway, &name, &bytes).await;
        assert_refused(&answer, &name, status);
        assert_logged(&gateway, &name, &answer).await;
        assert_eq!(refused(&gateway, reason).await, (before.0 + 1.0, before.1 + 1.0), "{name}");
        assert_eq!(backend.connections(), 0, "{name}: {:?}", seen(&backend));
        all += 1.0;
    }
    assert_eq!(gateway.log().len() as f64, all, "each has one line");
    let errors = [("reason", "http_request_error"), ("origin", "client")];
    let errors = gateway.metric("switchback_client_errors_total", &errors).await;
    assert_eq!(errors, all, "each is the client's error");
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
}

fn heads<'a>(
    rows: &'a [Row<'a>],
    head: impl Fn(&str) -> String,
) -> impl Iterator<Item = (&'a str, Vec<u8>, u16, &'a str)> {
    rows.iter().map(move |&(name, text, status, reason)| {
        (name, (head(text) + SMUGGLED).into_bytes(), status, reason)
    })
}

/// A body that ends whichever way its length is read.
fn post(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\n")
}

#[tokio::test]
async fn a_body_that_can_be_framed_in_two_ways_is_refused() {
    refuses(heads(FRAMING, post)).await;
}

#[tokio::test]
async fn a_field_that_can_be_read_in_two_ways_is_refused() {
    refuses(heads(FIELDS, post)).await;
}

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_refused() {
    refuses(heads(HEADS, str::to_owned)).await;
}

/// However much more has come than is looked at: the client has sent all of it before it reads.
#[tokio::test]
async fn a_head_that_is_too_large_is_refused_with_an_answer_that_arrives() {
    let head = |line: &str, fields: &str| format!("{line}\r\nHost: a\r\n{fields}\r\n");
    let get = "GET / HTTP/1.1";
    let target = |bytes| head(&format!("GET /{} HTTP/1.1", "a".repeat(bytes)), "");
    let value = |bytes| head(get, &format!("A: {}\r\n", "b".repeat(bytes)));
    let rows = [
        ("101 fields", head(get, &"A: b\r\n".repeat(100)), 431, "too_many_fields"),
        ("30,000 fields", head(get, &"A: b\r\n".repeat(30_000)), 431, "too_many_fields"),
        ("33 KB", value(33_000), 431, "header_too_large"),
        ("500 KB", value(500_000), 431, "header_too_large"),
        ("500 KB of a name", head(get, &"a".repeat(500_000)), 431, "header_too_large"),
        ("8193 bytes", target(8_192), 414, "target_too_long"),
        ("500 KB", target(500_000), 414, "target_too_long"),
        ("500 KB without end", format!("GET /{}", "a".repeat(500_000)), 414, "target_too_long"),
        ("500 KB of a method", "a".repeat(500_000), 431, "header_too_large"),
    ];
    let rows = rows.map(|(name, head, status, reason)| (name, head.into_bytes(), status, reason));
    refuses(rows).await;
}

/// The most that may be sent, and what is unusual but has one meaning.
#[tokio::test]
async fn what_has_one_meaning_is_passed_on() {
    let (backend, gateway) = one().await;
    backend.set(Behavior::Answer(Answer::ok("ok")));
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8_191));
    let fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(99));
    let value = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "b".repeat(32_000));
    let mut wrong = Vec::new();
    for sound in [
        &target,
        &fields,
        &value,
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:a\r\nA:\r\nB:\tc\t \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: under_score.example.:0080\r\n\r\n",
        "GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a?b@c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/\\b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\\b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /:80/c@d HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://[::1]:80/ HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET http://a_b.c.:00080/ HTTP/1.1\r\nHost: a_b.c.:00080\r\n\r\n",
        "GET HTTPS://a:8443 HTTP/1.1\r\nHost: a:8443\r\n\r\n",
        "GET http://a/b HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        "M-SEARCH //c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /b|c\"{}\\^%zz?`|{}\\^ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /bücher HTTP/1.1\r\nHost: a\r\nA: ü\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005 \r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tChunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    ] {
        let mut client = gateway.client().await;
        client.send_raw(sound.as_bytes()).await.expect("sent");
        let answer = client.read_response(super::SOON).await;
        let answer = answer.unwrap_or_else(|e| panic!("{e}: {sound:.200}"));
        if (answer.status, answer.complete) != (200, true) {
            wrong.push((answer.status, sound));
            continue;
        }
        let request = backend.recorded().pop().expect("a request");
        let is = |name: &str| {
            request.headers.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name)).count()
        };
        assert_eq!(is("host"), 1, "{:?} of {sound:.200}", request.headers);
        assert!(is("content-length") + is("transfer-encoding") <= 1, "{:?}", request.headers);
        assert!(request.complete);
        client.close();
    }
    assert!(wrong.is_empty(), "{wrong:.200?}");
    assert_eq!(refused(&gateway, "").await.0, 0.0);
}

/// After an answer the connection goes on as if nothing had been; after a refusal nothing goes on.
#[tokio::test]
async fn a_malformed_head_ends_a_connection_that_has_served() {
    let (backend, gateway) = one().await;
    let mut client = gateway.client().await;
    for _ in 0..2 {
        assert_eq!(client.get("/sound").await.expect("an answer").status, 200);
    }
    let smuggles = format!("GET /c\0 HTTP/1.1\r\n\r\n{SMUGGLED}");
    client.send_raw(smuggles.as_bytes()).await.expect("sent");
    let answer = client.read_response(super::SOON).await.expect("an answer");
    assert_refused(&answer, "the third", 400);
    let line = assert_logged(&gateway, "the third", &answer).await;
    assert_eq!((&line["method"], &line["path"]), (&"GET".into(), &"/c\0".into()), "{line}");
    assert_ended(client, "the third").await;
    assert_eq!(seen(&backend), ["GET /sound", "GET /sound"]);
}
