//! What a backend records, how it is scripted, killed, restarted and paused.

use std::time::Duration;

use switchback_testkit::{
    Answer, Backend, Behavior, Client, ClientError, Ending, Health, duplicated, eventually, hash,
};

async fn client(backend: &Backend) -> Client {
    Client::connect(backend.addr()).await.expect("the backend listens")
}

#[tokio::test]
async fn requests_are_recorded_with_their_bodies() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let mut client = client(&backend).await;
    let body = vec![42; 300_000];
    for framing in [("x-plain", "1"), ("transfer-encoding", "chunked")] {
        let headers = [("x-test-id", "a"), framing];
        let answer = client.request("PUT", "/p?q=1", &headers, &body).await.expect("an answer");
        assert_eq!(answer.json()["body_hash"], format!("{:016x}", hash(&body)));
        assert_eq!(answer.json()["body_len"], 300_000);
    }
    let recorded = backend.recorded();
    let last = recorded.last().expect("two requests");
    assert_eq!((&*last.method, &*last.target, last.nth), ("PUT", "/p?q=1", 1));
    assert_eq!((last.body_len, last.body_hash), (300_000, hash(&body)));
    assert!(last.complete && last.answered);
    assert_eq!((backend.requests(), backend.connections(), backend.open_connections()), (2, 1, 1));
    assert_eq!(backend.executions("a"), 2);
    assert_eq!(duplicated(&[&backend])["a"], 2);
    client.close();
    let closed = async || backend.open_connections() == 0;
    eventually(Duration::from_secs(5), "the connection is closed", closed).await;
}

#[tokio::test]
async fn a_request_that_is_cut_off_is_not_executed() {
    let backend = Backend::start().await;
    let mut client = client(&backend).await;
    let half = b"POST / HTTP/1.1\r\nhost: x\r\nx-test-id: a\r\ncontent-length: 10\r\n\r\nabc";
    client.send_raw(half).await.expect("sent");
    client.close();
    let closed = async || backend.connections() == 1 && backend.open_connections() == 0;
    eventually(Duration::from_secs(5), "the connection is closed", closed).await;
    assert_eq!((backend.requests(), backend.executions("a")), (1, 0));
    assert_eq!(backend.recorded()[0].body_len, 3);
}

#[tokio::test]
async fn what_is_taken_out_of_the_record_does_not_disturb_what_stays() {
    let backend = Backend::start().await;
    client(&backend).await.get("/old").await.expect("an answer");
    let mut half = client(&backend).await;
    half.send_raw(b"POST /new HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n")
        .await
        .expect("sent");
    let begun = async || backend.requests() == 2;
    eventually(Duration::from_secs(5), "half a request", begun).await;
    let recorded = backend.recorded();
    let age = recorded[1].at.elapsed() + (recorded[1].at - recorded[0].at) / 2;
    assert_eq!(backend.take_older_than(age).len(), 1);
    half.send_raw(b"abc").await.expect("sent");
    let whole = async || backend.recorded().iter().all(|it| it.target == "/new" && it.complete);
    eventually(Duration::from_secs(5), "the other half", whole).await;
    assert_eq!(backend.take_older_than(Duration::ZERO).len(), 1);
    assert!(backend.recorded().is_empty());
}

#[tokio::test]
async fn a_script_decides_for_each_request() {
    let backend = Backend::with(Behavior::script(|request| match request.index {
        0 => Behavior::CloseBeforeAnswer(Ending::Rst),
        _ if request.header("x-slow").is_some() => {
            Behavior::Answer(Answer::status(201).delay(Duration::from_millis(30)))
        }
        _ => Behavior::ok(),
    }))
    .await;
    let first = client(&backend).await.get("/").await;
    assert!(matches!(first, Err(ClientError::Reset(0))), "{first:?}");
    let mut client = client(&backend).await;
    let begin = std::time::Instant::now();
    let slow = client.request("GET", "/", &[("x-slow", "1")], b"").await.expect("an answer");
    assert_eq!(slow.status, 201);
    assert!(begin.elapsed() >= Duration::from_millis(30));
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_faults() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let backend = Backend::with(Behavior::status(500).sometimes(0.3, 7)).await;
        let mut client = client(&backend).await;
        let mut statuses = Vec::new();
        for _ in 0..100 {
            statuses.push(client.get("/").await.expect("an answer").status);
        }
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
    let faults = runs[0].iter().filter(|status| **status == 500).count();
    assert!((15..45).contains(&faults), "{faults}");
}

#[tokio::test]
async fn connections_are_reset_with_a_probability() {
    let backend = Backend::with(Behavior::ResetOnAccept.sometimes(0.5, 1)).await;
    let mut answered = 0;
    for _ in 0..40 {
        answered += usize::from(client(&backend).await.get("/").await.is_ok());
    }
    assert!((8..32).contains(&answered), "{answered}");
    assert_eq!((backend.connections(), backend.requests()), (40, answered as u64));
}

#[tokio::test]
async fn health_is_scripted_and_recorded_apart() {
    let backend = Backend::with(Behavior::status(500)).await;
    let probe = async |patience| {
        let mut client = Client::connect_within(backend.addr(), patience).await.ok()?;
        client.get("/healthz?x").await.ok().map(|answer| answer.status)
    };
    let (long, short) = (Duration::from_secs(5), Duration::from_millis(50));
    assert_eq!(probe(long).await, Some(200));
    backend.set_health(Health::Status(503));
    assert_eq!(probe(long).await, Some(503));
    backend.set_health(Health::SameAsTraffic);
    assert_eq!(probe(long).await, Some(500));
    backend.set_health(Health::Hang);
    assert_eq!(probe(short).await, None);
    assert_eq!((backend.requests(), backend.health_requests()), (0, 4));
}

#[tokio::test]
async fn a_killed_backend_resets_and_restarts_on_the_same_port() {
    let backend = Backend::with(Behavior::AcceptAndSilent { reads: true }).await;
    for round in 0..3 {
        let mut idle = client(&backend).await;
        let addr = backend.addr();
        let busy =
            tokio::spawn(
                async move { Client::connect(addr).await.expect("it listens").get("/").await },
            );
        let arrived = async || backend.requests() > round;
        eventually(Duration::from_secs(5), "the request is there", arrived).await;
        backend.kill().await;
        assert_eq!(backend.open_connections(), 0);
        let busy = busy.await.expect("no panic");
        assert!(matches!(busy, Err(ClientError::Reset(0))), "{busy:?}");
        let (_, end) = idle.read_to_end().await;
        assert_eq!(end.expect_err("a reset").kind(), std::io::ErrorKind::ConnectionReset);
        let refused = Client::connect(addr).await;
        assert!(matches!(refused, Err(ClientError::Connect(_))), "{refused:?}");
        backend.restart();
        assert_eq!(backend.addr(), addr);
    }
    backend.set(Behavior::ok());
    assert_eq!(client(&backend).await.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_paused_backend_accepts_in_the_kernel_and_goes_on_later() {
    let backend = Backend::start().await;
    let mut kept = client(&backend).await;
    kept.get("/").await.expect("an answer");
    backend.pause();
    let mut fresh = client(&backend).await;
    for paused in [&mut kept, &mut fresh] {
        let raw = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        paused.send_raw(raw).await.expect("the kernel takes it");
        let answer = paused.read_response(Duration::from_millis(50)).await;
        assert!(matches!(answer, Err(ClientError::TimedOut)), "{answer:?}");
    }
    assert_eq!(backend.requests(), 1);
    backend.resume();
    for resumed in [&mut kept, &mut fresh] {
        let answer = resumed.read_response(Duration::from_secs(5)).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn idle_connections_can_be_closed_alone() {
    let backend = Backend::start().await;
    let mut kept = client(&backend).await;
    kept.get("/").await.expect("an answer");
    backend.disconnect(Ending::Fin).await;
    assert_eq!(kept.read_raw().await.expect("a FIN"), b"");
    assert_eq!(client(&backend).await.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn what_is_no_http_is_counted_and_refused() {
    let backend = Backend::start().await;
    let mut client = client(&backend).await;
    client.send_raw(b"\x00\x01 nonsense\r\n\r\n").await.expect("sent");
    let answer = client.read_response(Duration::from_secs(5)).await.expect("an answer");
    assert_eq!((answer.status, backend.malformed(), backend.requests()), (400, 1, 0));
}
