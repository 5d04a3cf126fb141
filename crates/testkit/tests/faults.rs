//! Each behaviour does what it says, as seen by a raw client.

use std::time::Duration;

use switchback_testkit::{
    Answer, Backend, Behavior, Client, ClientError, Early, End, Ending, Framing,
};

/// For what must not come.
const SHORT: Duration = Duration::from_millis(100);
/// For what must come, however busy the machine.
const LONG: Duration = Duration::from_secs(5);

async fn outcome_of(backend: &Backend, patience: Duration) -> String {
    let mut client = match Client::connect_within(backend.addr(), patience).await {
        Ok(client) => client,
        Err(e) => return format!("{e:?}"),
    };
    match client.get("/").await {
        Ok(answer) => format!("{} {} {:?}", answer.status, answer.body.len(), answer.end),
        Err(e) => format!("{e:?}"),
    }
}

#[tokio::test]
async fn each_fault_is_seen_as_what_it_is() {
    use Ending::{Fin, Rst};
    use Framing::{Chunked, ContentLength, UntilClose};
    let gap = Duration::from_millis(2);
    let cut = |framing, ending| Behavior::TruncatedBody { framing, declared: 10, sent: 4, ending };
    let slow = |framing| Behavior::SlowBody { framing, piece: 3, count: 4, gap };
    let table = [
        (Behavior::ok(), "200 3 ContentLength"),
        (Behavior::status(503), "503 11 ContentLength"),
        (Behavior::status(204), "204 0 NoBody"),
        (Behavior::Answer(Answer::ok("abc").framing(Chunked)), "200 3 Chunked"),
        (Behavior::Answer(Answer::ok("abc").framing(UntilClose)), "200 3 Close"),
        (Behavior::ResetOnAccept, "Reset(0)"),
        (Behavior::AcceptAndSilent { reads: true }, "TimedOut"),
        (Behavior::AcceptAndSilent { reads: false }, "TimedOut"),
        (Behavior::CloseBeforeAnswer(Fin), "Closed(0)"),
        (Behavior::CloseBeforeAnswer(Rst), "Reset(0)"),
        (Behavior::Garbage("\x16\x03\x01 what".into()), "Malformed(\"invalid HTTP version\")"),
        (Behavior::TruncatedHeader(Fin), "Closed(46)"),
        (Behavior::TruncatedHeader(Rst), "Reset(46)"),
        (cut(ContentLength, Fin), "200 4 CutOff"),
        (cut(ContentLength, Rst), "200 4 Reset"),
        (cut(Chunked, Fin), "200 4 CutOff"),
        (cut(Chunked, Rst), "200 4 Reset"),
        (cut(UntilClose, Fin), "200 4 Close"),
        (cut(UntilClose, Rst), "200 4 Reset"),
        (Behavior::StalledBody { framing: ContentLength, declared: 10, sent: 4 }, "200 4 Stalled"),
        (slow(ContentLength), "200 12 ContentLength"),
        (slow(Chunked), "200 12 Chunked"),
        (
            Behavior::SlowHeader { answer: Answer::ok("abc"), gap: Duration::ZERO },
            "200 3 ContentLength",
        ),
        (Behavior::HugeHeader(100_000), "200 3 ContentLength"),
        (Behavior::Upgrade, "426 11 ContentLength"),
    ];
    for (behavior, seen) in table {
        let name = format!("{behavior:?}");
        let backend = Backend::with(behavior).await;
        let silent = seen.contains("TimedOut") || seen.contains("Stalled");
        let patience = if silent { SHORT } else { LONG };
        assert_eq!(outcome_of(&backend, patience).await, seen, "{name}");
    }
}

#[tokio::test]
async fn a_refusing_backend_refuses_at_once_and_comes_back_on_the_same_port() {
    let backend = Backend::start().await;
    for _ in 0..3 {
        assert_eq!(outcome_of(&backend, LONG).await, "200 3 ContentLength");
        backend.set(Behavior::RefuseConnections);
        assert!(outcome_of(&backend, LONG).await.contains("ConnectionRefused"));
        backend.set(Behavior::ok());
    }
    assert_eq!(backend.requests(), 3);
}

#[tokio::test]
async fn a_kept_connection_is_closed_on_reuse() {
    for (executed, ending) in
        [(true, Ending::Fin), (false, Ending::Fin), (true, Ending::Rst), (false, Ending::Rst)]
    {
        let backend = Backend::with(Behavior::CloseOnReuse { executed, ending }).await;
        let mut client = Client::connect(backend.addr()).await.expect("it listens");
        assert_eq!(client.get("/").await.expect("the first is answered").status, 200);
        assert!(client.is_reusable());
        let second = client.request("POST", "/", &[("x-test-id", "b")], b"body").await;
        let seen = matches!(
            (second.expect_err("no answer"), ending),
            (ClientError::Closed(0), Ending::Fin) | (ClientError::Reset(0), Ending::Rst)
        );
        assert!(seen);
        assert_eq!(backend.executions("b"), u64::from(executed));
        assert_eq!(backend.refused_on_reuse(), u64::from(!executed));
    }
}

#[tokio::test]
async fn a_kept_connection_is_closed_after_its_idle_time() {
    let idle = Duration::from_millis(300);
    let behavior = Behavior::CloseAfterAnswerSilently { idle, ending: Ending::Fin };
    let backend = Backend::with(behavior).await;
    let mut client = Client::connect(backend.addr()).await.expect("it listens");
    for _ in 0..3 {
        let answer = client.get("/").await.expect("still open");
        assert_eq!(answer.header("connection"), None);
    }
    let idle_since = std::time::Instant::now();
    assert_eq!(client.read_raw().await.expect("a FIN, no reset"), b"");
    assert!(idle_since.elapsed() >= Duration::from_millis(250));
}

#[tokio::test]
async fn an_early_answer_comes_before_the_body() {
    let answer = Answer::status(413);
    let head = b"POST / HTTP/1.1\r\nhost: x\r\nx-test-id: a\r\ncontent-length: 6\r\n\r\nabc";
    for (then, status_of_next) in [
        (Early::Keep, Some(413)),
        (Early::Close(Ending::Fin), None),
        (Early::Close(Ending::Rst), None),
    ] {
        let backend = Backend::with(Behavior::EarlyAnswer { answer: answer.clone(), then }).await;
        let mut client = Client::connect(backend.addr()).await.expect("it listens");
        client.send_raw(head).await.expect("sent");
        let early = client.read_response(LONG).await.expect("an answer");
        assert_eq!((early.status, early.complete), (413, true));
        assert_eq!(backend.executions("a"), 0);
        // The body's rest meets a closed connection, or is read and forgotten.
        let _ = client.send_raw(b"def").await;
        let next = client.get("/").await.ok().map(|answer| answer.status);
        assert_eq!(next, status_of_next, "{then:?}");
    }
}

#[tokio::test]
async fn half_a_body_is_read_and_then_reset() {
    let backend = Backend::with(Behavior::ReadHalfOfBodyThenReset).await;
    for chunked in [false, true] {
        let mut client = Client::connect(backend.addr()).await.expect("it listens");
        let headers: &[_] = if chunked { &[("transfer-encoding", "chunked")] } else { &[] };
        let answer = client.request("POST", "/", headers, &[7; 1_000]).await;
        assert!(matches!(answer, Err(ClientError::Reset(0))), "{answer:?}");
    }
    let lengths: Vec<_> = backend.recorded().iter().map(|r| (r.body_len, r.complete)).collect();
    assert_eq!(lengths, [(500, false), (1, false)]);
}

#[tokio::test]
async fn interim_answers_come_first() {
    let behavior = Behavior::Informational { statuses: vec![100, 103], answer: Answer::ok("abc") };
    let backend = Backend::with(behavior).await;
    let mut client = Client::connect(backend.addr()).await.expect("it listens");
    for _ in 0..2 {
        let answer = client.get("/").await.expect("an answer");
        let interim: Vec<_> = answer.interim.iter().map(|i| i.status).collect();
        assert_eq!((answer.status, interim), (200, vec![100, 103]));
    }
}

#[tokio::test]
async fn expect_continue_is_honoured() {
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let mut client = Client::connect(backend.addr()).await.expect("it listens");
    let head = b"PUT / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n";
    client.send_raw(head).await.expect("sent");
    assert!(client.read_raw().await.expect("a 100").starts_with(b"HTTP/1.1 100"));
    client.send_raw(b"abc").await.expect("sent");
    let answer = client.read_response(LONG).await.expect("an answer");
    assert_eq!(answer.json()["body"], "abc");
}

#[tokio::test]
async fn an_upgraded_connection_echoes_raw_bytes() {
    let backend = Backend::with(Behavior::Upgrade).await;
    let mut client = Client::connect(backend.addr()).await.expect("it listens");
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let answer = client.request("GET", "/", &upgrade, b"").await.expect("an answer");
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    for message in [b"one", b"two"] {
        client.send_raw(message).await.expect("sent");
        assert_eq!(client.read_raw().await.expect("echo"), message);
    }
}

#[tokio::test]
async fn a_head_answer_has_a_length_and_no_body() {
    let backend = Backend::start().await;
    let mut client = Client::connect(backend.addr()).await.expect("it listens");
    for _ in 0..2 {
        let answer = client.request("HEAD", "/", &[], b"").await.expect("an answer");
        assert_eq!((answer.header("content-length"), answer.end), (Some("3"), End::NoBody));
        assert!(client.is_reusable());
    }
}
