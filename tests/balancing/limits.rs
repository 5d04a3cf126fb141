//! Limits: never more at once than an endpoint may have; what does not fit goes elsewhere, or waits in
//! the order in which it came.

use std::time::{Duration, Instant};

use switchback_testkit::{
    Backend, Behavior, Ending, Gateway, Load, RequestInfo, Response, eventually, hash,
};
use tokio::task::JoinHandle;

use super::{SOON, binary, endpoint, most_at_once, ms, requests};

const TIMEOUTS: &str = "timeouts: { connect: 500ms, first_byte: 8s, request: 8s }";

/// Long enough for whatever is to happen meanwhile.
const LONG: Duration = ms(2_500);

/// Takes long where the path says so, and a moment elsewhere.
fn long_or_short(request: &RequestInfo) -> Behavior {
    let delay = if request.target.starts_with("/long") { LONG } else { ms(20) };
    Behavior::ok_after(delay)
}

/// One endpoint that may have one request.
async fn narrow(queue: &str) -> (Backend, Gateway) {
    let backend = Backend::with(Behavior::script(long_or_short)).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml(TIMEOUTS)
        .pool_yaml("max_requests: 1")
        .pool_yaml(queue)
        .start(binary())
        .await;
    (backend, gateway)
}

/// A request in the background.
async fn ask(gateway: &Gateway, target: &str) -> JoinHandle<(Response, Instant)> {
    let mut client = gateway.client().await;
    let target = target.to_owned();
    tokio::spawn(async move {
        let answer = client.get(&target).await.expect("an answer");
        (answer, Instant::now())
    })
}

/// Occupies the one endpoint.
async fn occupy(gateway: &Gateway, backend: &Backend) -> JoinHandle<(Response, Instant)> {
    let asked = ask(gateway, "/long").await;
    eventually(SOON, "it is there", async || backend.requests() == 1).await;
    asked
}

async fn waiting(gateway: &Gateway, count: u32) {
    eventually(SOON, &format!("{count} wait"), async || {
        gateway.metric("switchback_pool_waiting", &[("pool", "web")]).await == f64::from(count)
    })
    .await;
}

async fn waits(gateway: &Gateway, result: &str) -> f64 {
    gateway.metric("switchback_waits_total", &[("pool", "web"), ("result", result)]).await
}

fn assert_turned_away(answer: &Response) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    let after = answer.header("retry-after").expect("a Retry-After");
    assert!(after.parse::<u32>().is_ok_and(|seconds| seconds > 0), "Retry-After: {after}");
    let said = answer.header("proxy-status");
    assert_eq!(said, Some("switchback; error=connection_limit_reached"));
}

async fn all_quiet(gateway: &Gateway) {
    eventually(SOON, "nothing is left", async || {
        let metrics = gateway.metrics().await;
        let left = ["switchback_pool_waiting", "switchback_endpoint_in_flight"];
        left.iter().all(|name| metrics.sum(name, &[]) == 0.0)
    })
    .await;
}

#[tokio::test]
async fn what_is_too_much_for_one_tier_goes_to_the_next() {
    let work = ms(300);
    let backends = Backend::start_many(3).await;
    backends.iter().for_each(|backend| backend.set(Behavior::ok_after(work)));
    for balance in ["peak_ewma", "round_robin", "random", "least_requests", "maglev"] {
        backends.iter().for_each(Backend::clear);
        let limited = |backend| endpoint(backend, "tier: 0, max_requests: 2");
        let last = endpoint(&backends[2], "tier: 1");
        let gateway = Gateway::builder()
            .pool_of("web", &[limited(&backends[0]), limited(&backends[1]), last])
            .pool_yaml(&format!("balance: {balance}"))
            .start(binary())
            .await;
        let report = Load::new(gateway.addr()).clients(6).count(6).run().await;
        assert_eq!(report.ok, 6, "{report}");
        assert_eq!(requests(&backends), [2, 2, 2], "{balance}");
        // And while it goes on.
        let report = Load::new(gateway.addr()).clients(9).count(63).run().await;
        assert_eq!(report.ok, 63, "{report}");
        for backend in &backends[..2] {
            assert_eq!(most_at_once(backend, work), 2, "{balance}");
        }
        all_quiet(&gateway).await;
    }
}

#[tokio::test]
async fn the_pools_limit_is_for_each_that_names_none() {
    let work = ms(200);
    let backends = Backend::start_many(2).await;
    backends.iter().for_each(|backend| backend.set(Behavior::ok_after(work)));
    let endpoints = [endpoint(&backends[0], "max_requests: 3"), backends[1].addr().to_string()];
    let gateway = Gateway::builder()
        .pool_of("web", &endpoints)
        .pool_yaml("max_requests: 1\nqueue_timeout: 5s")
        .start(binary())
        .await;
    let report = Load::new(gateway.addr()).clients(12).count(48).run().await;
    assert_eq!(report.ok, 48, "{report}");
    assert_eq!(most_at_once(&backends[0], work), 3);
    assert_eq!(most_at_once(&backends[1], work), 1);
}

#[tokio::test]
async fn connections_in_use_are_limited_as_requests_are() {
    let work = ms(300);
    let backends = Backend::start_many(2).await;
    backends.iter().for_each(|backend| backend.set(Behavior::ok_after(work)));
    let addresses: Vec<_> = backends.iter().map(Backend::addr).collect();
    let gateway = Gateway::builder()
        .pool("web", &addresses)
        .pool_yaml("max_connections: 2\nmax_requests: 50\nqueue_timeout: 5s")
        .start(binary())
        .await;
    let report = Load::new(gateway.addr()).clients(10).count(40).mix(&[("POST", 9), ("GET", 0)]);
    let report = report.run().await;
    assert_eq!(report.ok, 40, "{report}");
    for backend in &backends {
        assert_eq!(most_at_once(backend, work), 2);
    }
}

#[tokio::test]
async fn who_waits_goes_out_in_the_order_of_arrival() {
    let (backend, gateway) = narrow("queue_timeout: 6s").await;
    let mut asked = vec![occupy(&gateway, &backend).await];
    let mut expected = vec!["/long".to_owned()];
    for n in 1..=12 {
        let target = format!("/{n}");
        asked.push(ask(&gateway, &target).await);
        waiting(&gateway, n).await;
        expected.push(target);
    }
    for asked in asked {
        assert_eq!(asked.await.expect("it ends").0.status, 200);
    }
    let order: Vec<_> = backend.recorded().into_iter().map(|request| request.target).collect();
    assert_eq!(order, expected);
    assert_eq!(most_at_once(&backend, ms(20)), 1);
    assert_eq!(waits(&gateway, "granted").await, 12.0);
    all_quiet(&gateway).await;
}

#[tokio::test]
async fn without_a_queue_the_answer_comes_at_once() {
    let (backend, gateway) = narrow("queue: 0").await;
    let occupant = occupy(&gateway, &backend).await;
    let begin = Instant::now();
    for method in ["GET", "POST"] {
        let mut client = gateway.client().await;
        assert_turned_away(&client.request(method, "/", &[], b"").await.expect("an answer"));
    }
    assert!(begin.elapsed() < ms(500), "{:?}", begin.elapsed());
    assert_eq!(occupant.await.expect("it ends").0.status, 200);
    assert_eq!(backend.requests(), 1);
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn who_finds_the_queue_full_does_not_wait() {
    let (backend, gateway) = narrow("queue: 2\nqueue_timeout: 5s").await;
    let mut asked = vec![occupy(&gateway, &backend).await];
    for n in 1..=2 {
        asked.push(ask(&gateway, &format!("/{n}")).await);
        waiting(&gateway, n).await;
    }
    let begin = Instant::now();
    assert_turned_away(&gateway.get("/late").await.expect("an answer"));
    assert!(begin.elapsed() < ms(500), "{:?}", begin.elapsed());
    for asked in asked {
        assert_eq!(asked.await.expect("it ends").0.status, 200);
    }
    assert_eq!(waits(&gateway, "full").await, 1.0);
}

#[tokio::test]
async fn nobody_waits_for_longer_than_the_queue_allows() {
    let (backend, gateway) = narrow("queue_timeout: 400ms").await;
    let occupant = occupy(&gateway, &backend).await;
    let begin = Instant::now();
    assert_turned_away(&gateway.get("/").await.expect("an answer"));
    let waited = begin.elapsed();
    assert!((ms(400)..ms(1_200)).contains(&waited), "{waited:?}");
    assert_eq!(waits(&gateway, "timed_out").await, 1.0);
    assert_eq!(occupant.await.expect("it ends").0.status, 200);
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_place_at_once() {
    let (backend, gateway) = narrow("queue: 1\nqueue_timeout: 5s").await;
    let occupant = occupy(&gateway, &backend).await;
    let requests = [
        "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    ];
    let mut left = 0;
    for ending in [Ending::Fin, Ending::Rst] {
        for request in requests {
            let mut client = gateway.client().await;
            client.send_raw(request.as_bytes()).await.expect("sent");
            waiting(&gateway, 1).await;
            let begin = Instant::now();
            match ending {
                Ending::Fin => client.close(),
                Ending::Rst => client.reset(),
            }
            waiting(&gateway, 0).await;
            let took = begin.elapsed();
            assert!(took < ms(200), "{ending:?} after {request:?}: {took:?}");
            left += 1;
        }
    }
    eventually(SOON, "they are counted", async || {
        waits(&gateway, "client_gone").await == f64::from(left)
    })
    .await;
    // The one place is free for somebody else.
    let patient = ask(&gateway, "/patient").await;
    assert_eq!(patient.await.expect("it ends").0.status, 200);
    assert_eq!(occupant.await.expect("it ends").0.status, 200);
    let seen: Vec<_> = backend.recorded().into_iter().map(|request| request.target).collect();
    assert_eq!(seen, ["/long", "/patient"]);
    all_quiet(&gateway).await;
}

#[tokio::test]
async fn what_is_uploaded_by_those_who_wait_arrives_whole() {
    let (backend, gateway) = narrow("queue_timeout: 6s").await;
    let mut asked = vec![occupy(&gateway, &backend).await];
    // Kept while it waits, more than is kept, and one of which nobody knows how long it will be.
    let uploads = [(2_000, false), (64 * 1024, false), (64 * 1024 + 1, false), (2_000, true)];
    for (n, (size, chunked)) in (1..).zip(uploads) {
        let mut client = gateway.client().await;
        asked.push(tokio::spawn(async move {
            let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let headers = [("transfer-encoding", "chunked")];
            let headers = if chunked { &headers[..] } else { &[] };
            let answer = client.request("POST", &format!("/{n}"), headers, &body).await;
            (answer.expect("an answer"), Instant::now())
        }));
        waiting(&gateway, n).await;
    }
    // One whose second half comes while it waits, and one whose second half comes after.
    let head = "HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234";
    let mut halves = Vec::new();
    for n in 5..=6 {
        let mut client = gateway.client().await;
        client.send_raw(format!("POST /{n} {head}").as_bytes()).await.expect("sent");
        waiting(&gateway, n).await;
        halves.push(client);
    }
    halves[0].send_raw(b"56789").await.expect("sent");
    for asked in asked {
        assert_eq!(asked.await.expect("it ends").0.status, 200);
    }
    eventually(SOON, "it goes out", async || backend.requests() == 7).await;
    halves[1].send_raw(b"56789").await.expect("sent");
    for client in &mut halves {
        assert_eq!(client.read_response(SOON).await.expect("an answer").status, 200);
    }
    let seen = backend.recorded();
    for (n, (size, _)) in (1..).zip(uploads) {
        let body: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        assert_eq!((seen[n].body_len, seen[n].body_hash), (size as u64, hash(&body)), "{n}");
    }
    for half in &seen[5..] {
        assert_eq!((half.body_len, half.body_hash), (10, hash(b"0123456789")), "{}", half.target);
    }
    all_quiet(&gateway).await;
}
