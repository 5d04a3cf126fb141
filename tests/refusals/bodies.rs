//! Bodies in chunks that go wrong midway: the endpoint may have seen their beginning, and never takes
//! them for complete, nor what follows for a request.

use switchback_testkit::{Behavior, eventually};

use super::{Row, SMUGGLED, SOON, assert_logged, assert_refused, one, only_answer, refused, seen};

const CHUNK: &str = "invalid_chunk";
const TRAILER: &str = "invalid_trailer";

/// What stands in the place of chunks.
const CHUNKS: &[Row<'_>] = &[
    ("no size", "\r\n", 400, CHUNK),
    ("no size after data", "5\r\nhello\r\n\r\n", 400, CHUNK),
    ("no size, an extension", ";x\r\n", 400, CHUNK),
    ("no size after data, an extension", "5\r\nhello\r\n;x\r\n", 400, CHUNK),
    ("a blank size", " \r\n", 400, CHUNK),
    ("a space before", " 5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("a sign", "+5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("negative", "-5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("a prefix", "0x5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("a suffix", "5h\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("an underscore", "0_5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("two sizes", "5 5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("a comma", "5,5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("LF behind the size", "5\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("CR behind the size", "5\rhello\r\n0\r\n\r\n", 400, CHUNK),
    ("LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("CR in an extension", "5;a\rb\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("NUL in an extension", "5;a\0b\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("LF before the size", "\n5\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("64 bits and one", "10000000000000000\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("64 bits and five", "10000000000000005\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("17 digits", "00000000000000005\r\nhello\r\n0\r\n\r\n", 400, CHUNK),
    ("no CRLF behind data", "5\r\nhello0\r\n\r\n", 400, CHUNK),
    ("LF behind data", "5\r\nhello\n0\r\n\r\n", 400, CHUNK),
    ("CR behind data", "5\r\nhello\r0\r\n\r\n", 400, CHUNK),
    ("one byte too much", "5\r\nhello!\r\n0\r\n\r\n", 400, CHUNK),
    ("one byte too few", "5\r\nhell\r\n0\r\n\r\n", 400, CHUNK),
    ("LF behind the last", "5\r\nhello\r\n0\n\r\n", 400, CHUNK),
    ("an empty line of LF", "5\r\nhello\r\n0\r\n\n", 400, TRAILER),
    ("a length", "0\r\nContent-Length: 5\r\n\r\n", 400, TRAILER),
    ("a coding", "0\r\ntransfer-encoding: chunked\r\n\r\n", 400, TRAILER),
    ("a host", "5\r\nhello\r\n0\r\nHost: b\r\n\r\n", 400, TRAILER),
    ("no name", "0\r\n: b\r\n\r\n", 400, TRAILER),
    ("a space in the name", "0\r\na b: c\r\n\r\n", 400, TRAILER),
    ("a space before the colon", "0\r\na : c\r\n\r\n", 400, TRAILER),
    ("folded", "0\r\na: b\r\n c\r\n\r\n", 400, TRAILER),
    ("LF", "0\r\na: b\nc: d\r\n\r\n", 400, TRAILER),
    ("CR", "0\r\na: b\rc: d\r\n\r\n", 400, TRAILER),
    ("NUL", "0\r\na: \0\r\n\r\n", 400, TRAILER),
    // No trailers, but a request that begins too soon.
    ("a request", "0\r\nGET /smuggled HTTP/1.1\r\n\r\n", 400, TRAILER),
];

fn chunked(body: &str) -> String {
    format!("POST /sound HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

/// Nobody answered, and nothing ran that was not whole. When it is sent, the endpoint has everything
/// that it will get.
async fn refuses(rows: &[(&str, String, u16, &str)], size: usize) {
    let (backend, gateway) = one().await;
    for (name, body, status, reason) in rows {
        let name = format!("{reason}: {name}, by {size}");
        backend.clear();
        let before = refused(&gateway, reason).await;
        let bytes = chunked(body) + SMUGGLED;
        let answer = if size == usize::MAX {
            only_answer(&gateway, &name, bytes.as_bytes()).await
        } else {
            let mut client = gateway.client().await;
            for piece in bytes.as_bytes().chunks(size) {
                // Once it is refused, nobody reads on for ever.
                if client.send_raw(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            let answer = client.read_response(SOON).await;
            answer.unwrap_or_else(|e| panic!("{name}: {e}"))
        };
        assert_refused(&answer, &name, *status);
        let line = assert_logged(&gateway, &name, &answer).await;
        assert_eq!(line["path"], "/sound", "{name}: {line}");
        assert_eq!(refused(&gateway, reason).await, (before.0 + 1.0, before.1 + 1.0), "{name}");
        // The endpoint sees that it was left: its connection is not kept.
        let left = async || backend.open_connections() == 0;
        eventually(SOON, &format!("{name}: the endpoint is left"), left).await;
        let requests = seen(&backend);
        assert!(requests.is_empty() || requests == ["POST /sound"], "{name}: {requests:?}");
        assert!(backend.recorded().iter().all(|it| !it.complete), "{name}: it ran");
    }
    // Nobody is to blame but the client.
    let failed = [("outcome", "abandoned")];
    let attempts = gateway.metrics().await;
    let attempts = attempts.sum("switchback_attempts_total", &[])
        - attempts.sum("switchback_attempts_total", &failed)
        - attempts.sum("switchback_attempts_total", &[("outcome", "client_gone")]);
    assert_eq!(attempts, 0.0, "an endpoint was blamed");
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
}

fn rows() -> Vec<(&'static str, String, u16, &'static str)> {
    CHUNKS
        .iter()
        .map(|&(name, body, status, reason)| (name, body.to_owned(), status, reason))
        .collect()
}

#[tokio::test]
async fn chunks_that_can_be_read_in_two_ways_are_refused_in_one_piece() {
    let extension = format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(300));
    let extensions = format!("1;{}\r\nx\r\n", "a".repeat(200)).repeat(100) + "0\r\n\r\n";
    let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(40));
    let trailer = format!("0\r\na: {}\r\n\r\n", "b".repeat(10_000));
    let large = [
        ("one extension", extension, 400, "chunk_extensions"),
        ("all extensions", extensions, 400, "chunk_extensions"),
        ("many trailers", trailers, 400, TRAILER),
        ("a long trailer", trailer, 400, TRAILER),
    ];
    refuses(&[rows(), large.to_vec()].concat(), usize::MAX).await;
}

#[tokio::test]
async fn chunks_that_can_be_read_in_two_ways_are_refused_byte_by_byte() {
    refuses(&rows(), 1).await;
}

/// The client is still sending when its body is refused, and has not read yet.
#[tokio::test]
async fn a_refusal_arrives_though_the_client_goes_on_sending() {
    let (backend, gateway) = one().await;
    let more = "5\r\nhello\r\n".repeat(100_000);
    let bytes = chunked(&format!("5\r\nhello\r\n;x\r\n{more}0\r\n\r\n{SMUGGLED}"));
    for _ in 0..5 {
        let answer = only_answer(&gateway, "a megabyte more", bytes.as_bytes()).await;
        assert_refused(&answer, "a megabyte more", 400);
    }
    assert!(backend.recorded().iter().all(|it| !it.complete && it.target == "/sound"));
}

/// Sizes that nothing could hold, but that are numbers: whoever reads on waits for the rest.
#[tokio::test]
async fn behind_a_chunk_of_any_size_nothing_runs() {
    let (backend, gateway) = one().await;
    for size in ["7FFFFFFFFFFFFFFF", "8000000000000000", "fffffffffffffff0", "FFFFFFFFFFFFFFFF"] {
        backend.clear();
        let mut client = gateway.client().await;
        let bytes = chunked(&format!("{size}\r\nhello\r\n0\r\n\r\n{SMUGGLED}"));
        client.send_raw(bytes.as_bytes()).await.expect("sent");
        let begun = async || !backend.recorded().is_empty();
        eventually(SOON, &format!("it has begun: {size}"), begun).await;
        client.close();
        let left = async || backend.open_connections() == 0;
        eventually(SOON, &format!("it was left: {size}"), left).await;
        assert_eq!(seen(&backend), ["POST /sound"], "{size}");
        assert!(!backend.recorded()[0].complete, "{size}");
    }
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
}

/// Extensions and trailers are dropped: what is sent on has one framing, made by the gateway.
#[tokio::test]
async fn what_an_endpoint_gets_is_framed_anew() {
    let (backend, gateway) = one().await;
    backend.set(Behavior::Echo { body: true });
    let body = "5;a=\"b\"\r\nhello\r\n1 ;c\r\n!\r\n0;d\r\nX-Trailer: e\r\n\r\n";
    let mut client = gateway.client().await;
    client.send_raw((chunked(body) + SMUGGLED).as_bytes()).await.expect("sent");
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["body"], "hello!");
    // Nothing was wrong with that, so the next one runs.
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!(answer.json()["target"], "/smuggled");
    assert!(backend.recorded().iter().all(|it| it.complete));
}
