//! What a hostile client of HTTP/2 may cost: the memory and the processor of the gateway, and the others
//! their answers. Each flood runs beside probes, clients over HTTP/1 and HTTP/2 that ask for something
//! small, again and again. A line for each, with what became of the flood:
//!
//! ```console
//! $ cargo test -p switchback --test http2_floods -- --nocapture 2>&1 | grep FLOOD
//! ```
//!
//! Bounds are those of an unoptimised build on a busy machine: what they are to find is what grows with
//! the flood.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use switchback_testkit::raw::{self, Kind, RawH2, Verdict};
use switchback_testkit::{
    Backend, Behavior, Client, Framing, Gateway, H2Client, H2Service, eventually,
};
use tokio::task::{JoinHandle, JoinSet};

const SOON: Duration = Duration::from_secs(10);
const MIB: u64 = 1024 * 1024;

/// GOAWAY's code for a peer that makes too much work (RFC 9113, section 7).
const ENHANCE_YOUR_CALM: u32 = 11;

/// How long a probe may take at most.
const PATIENCE: Duration = Duration::from_secs(2);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn get(target: &str) -> [(&str, &str); 4] {
    [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", target)]
}

fn post(target: &str) -> [(&str, &str); 4] {
    [(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", target)]
}

/// What a process has taken: resident bytes, and time of the processor.
fn usage(pid: u32) -> (u64, Duration) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let resident: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    // The name in parentheses may hold anything; utime and stime are the 12th and 13th behind it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    (resident * 1024, Duration::from_millis(ticks * 10))
}

/// Clients that mean no harm, and what they saw while it went on.
struct Probes {
    shared: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    over: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    worst: AtomicU64,
    peak: AtomicU64,
}

impl Probes {
    fn start(addr: SocketAddr, pid: u32) -> Self {
        let shared = Arc::new(Seen::default());
        let seen = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut kept = H2Client::connect(addr).await.expect("the gateway");
            while !seen.over.load(Ordering::SeqCst) {
                let began = Instant::now();
                let over_http2 = tokio::time::timeout(PATIENCE, kept.get("/probe")).await;
                let well = over_http2.is_ok_and(|answer| answer.status == 200);
                let over_http1 = async { Client::connect(addr).await?.get("/probe").await };
                let over_http1 = tokio::time::timeout(PATIENCE, over_http1).await;
                let both = well && matches!(over_http1, Ok(Ok(answer)) if answer.status == 200);
                let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                seen.worst.fetch_max(took, Ordering::SeqCst);
                let count = if both { &seen.answered } else { &seen.failed };
                count.fetch_add(1, Ordering::SeqCst);
                if kept.is_closed() {
                    kept = H2Client::connect(addr).await.expect("the gateway");
                }
                seen.peak.fetch_max(usage(pid).0, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        Self { shared, task }
    }
}

/// A gateway under a flood, and what it may cost.
struct Trial {
    gateway: Gateway,
    name: &'static str,
    before: (u64, Duration),
    began: Instant,
    probes: Probes,
}

impl Trial {
    async fn begin(name: &'static str, gateway: Gateway) -> Self {
        // What the first requests leave behind is not the flood's.
        for _ in 0..20 {
            gateway.get("/warm").await.expect("an answer");
        }
        let before = usage(gateway.pid());
        let probes = Probes::start(gateway.addr(), gateway.pid());
        Self { name, before, began: Instant::now(), probes, gateway }
    }

    fn addr(&self) -> SocketAddr {
        self.gateway.addr()
    }

    /// The flood is over: nobody was turned away meanwhile, and memory grew by less than this.
    #[expect(clippy::print_stderr, reason = "the table of all floods, by --nocapture")]
    async fn end(self, came_of_it: impl std::fmt::Debug, most: u64) -> Gateway {
        let Self { gateway, name, before, began, probes } = self;
        let took = began.elapsed();
        probes.shared.over.store(true, Ordering::SeqCst);
        probes.task.await.expect("the probes");
        let (resident, cpu) = usage(gateway.pid());
        let seen = &probes.shared;
        let [answered, failed, worst, peak] =
            [&seen.answered, &seen.failed, &seen.worst, &seen.peak]
                .map(|it| it.load(Ordering::SeqCst));
        let peak = peak.max(resident);
        eprintln!(
            "FLOOD {name}: {came_of_it:?}; {took:.1?}, processor {:.1?}, memory {} KiB -> {} KiB at most, \
             {} KiB then; probes {answered}, failed {failed}, worst {worst} ms",
            cpu.saturating_sub(before.1),
            before.0 / 1024,
            peak / 1024,
            resident / 1024,
        );
        assert!(answered > 0 && failed == 0, "{name}: {failed} of the others were not served");
        assert!(worst < 1_500, "{name}: one of the others waited {worst} ms");
        let grown = peak.saturating_sub(before.0);
        assert!(grown < most, "{name}: {grown} bytes more than before");
        assert!(
            gateway.is_running() && !gateway.stderr().contains("panicked"),
            "{}",
            gateway.stderr()
        );
        eventually(SOON, "nothing is in flight", async || {
            gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0
                && gateway.metric("switchback_requests_in_flight", &[]).await == 0.0
        })
        .await;
        gateway
    }
}

async fn plain() -> (Backend, Gateway) {
    with("client_keepalive: 75s").await
}

async fn with(main: &str) -> (Backend, Gateway) {
    let backend = Backend::start().await;
    let gateway =
        Gateway::builder().pool("web", &[backend.addr()]).main_yaml(main).start(binary()).await;
    (backend, gateway)
}

/// Whether the gateway has had enough of each. Its last word may be lost: what it has not read makes
/// the system reset the connection.
fn are_told_to_calm_down(ends: &[Verdict]) -> bool {
    let calm = Verdict::GoAway(ENHANCE_YOUR_CALM);
    ends.contains(&calm) && ends.iter().all(|end| *end == calm || *end == Verdict::Closed)
}

/// So many connections, each of which says all of it and waits for the end.
async fn flood(addr: SocketAddr, connections: usize, bytes: Vec<u8>) -> Vec<Verdict> {
    let bytes = Arc::new(bytes);
    let mut floods = JoinSet::new();
    for _ in 0..connections {
        let bytes = Arc::clone(&bytes);
        floods.spawn(async move {
            let mut connection = RawH2::connect(addr).await.expect("the gateway");
            for piece in bytes.chunks(64 * 1024) {
                // The gateway may have had enough; the reason is read below.
                if connection.send(piece).await.is_err() {
                    break;
                }
            }
            connection.end(Duration::from_secs(1)).await
        });
    }
    floods.join_all().await
}

fn settings_frame() -> Vec<u8> {
    raw::frame(Kind::Settings, 0, 0, &[0, 3, 0, 0, 0, 100])
}

/// CVE-2023-44487.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset_ends_its_connection() {
    let (backend, gateway) = plain().await;
    let trial = Trial::begin("rapid reset, 10 connections of 10,000", gateway).await;
    let mut bytes = Vec::new();
    let block = raw::block(&get("/reset"));
    for n in 0..10_000 {
        bytes.extend(raw::headers(2 * n + 1, true, &block));
        bytes.extend(raw::frame(Kind::RstStream, 0, 2 * n + 1, &8_u32.to_be_bytes()));
    }
    let ends = flood(trial.addr(), 10, bytes).await;
    assert!(are_told_to_calm_down(&ends), "{ends:?}");
    let hit =
        trial.gateway.metric("switchback_limits_hit_total", &[("limit", "http2_flood")]).await;
    assert_eq!(hit, 10.0);
    trial.end(&ends[0], 24 * MIB).await;
    let reached = backend.recorded().iter().filter(|seen| seen.target == "/reset").count();
    assert!(reached <= 10 * 120, "{reached} requests reached the endpoint");
}

/// Slow enough that each request is accepted first: the limit of h2 does not count those.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resets_of_requests_under_way_cost_what_requests_cost() {
    let backend = Backend::with(Behavior::script(|request| match &*request.target {
        "/reset" => Behavior::AcceptAndSilent { reads: true },
        _ => Behavior::ok(),
    }))
    .await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    let trial = Trial::begin("resets of requests under way, 4 connections of 500", gateway).await;
    let addr = trial.addr();
    let mut floods = JoinSet::new();
    for _ in 0..4 {
        floods.spawn(async move {
            let mut connection = RawH2::connect(addr).await.expect("the gateway");
            for batch in 0..50 {
                let streams = (0..10).map(|n| 2 * (batch * 10 + n) + 1);
                let block = raw::block(&get("/reset"));
                let requests: Vec<u8> =
                    streams.clone().flat_map(|stream| raw::headers(stream, true, &block)).collect();
                let resets: Vec<u8> = streams
                    .flat_map(|it| raw::frame(Kind::RstStream, 0, it, &8_u32.to_be_bytes()))
                    .collect();
                let asked = connection.send(&requests).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                // On a busy machine they are met before they were accepted, which is counted.
                if asked.is_err() || connection.send(&resets).await.is_err() {
                    break;
                }
            }
            connection.end(Duration::from_millis(200)).await
        });
    }
    let ends = floods.join_all().await;
    trial.end(&ends, 32 * MIB).await;
    eventually(SOON, "the endpoint is told", async || backend.open_connections() <= 4).await;
}

/// CVE-2024-27316.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_without_an_end_ends_its_connection() {
    let (_backend, gateway) = plain().await;
    let trial = Trial::begin("CONTINUATION, 10 connections of 10,000", gateway).await;
    let mut ends = Vec::new();
    for (name, piece) in [
        ("empty", Vec::new()),
        ("small", raw::block(&[("x-a", "1")])),
        ("large", raw::block(&[("x-a", &"a".repeat(8_000))])),
    ] {
        let mut bytes = raw::frame(Kind::Headers, 1, 1, &raw::block(&get("/")));
        for _ in 0..if name == "large" { 1_000 } else { 10_000 } {
            bytes.extend(raw::frame(Kind::Continuation, 0, 1, &piece));
        }
        let of_this = flood(trial.addr(), 10, bytes).await;
        assert!(are_told_to_calm_down(&of_this), "{name}: {of_this:?}");
        ends.push((name, of_this[0]));
    }
    trial.end(ends, 24 * MIB).await;
}

/// CVE-2019-9515 and CVE-2019-9512: each is to be answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_pings_cost_no_memory_whether_their_answers_are_read_or_not() {
    for (name, frame) in [
        ("SETTINGS, 4 connections of 50,000", settings_frame()),
        ("PING, 4 connections of 50,000", raw::frame(Kind::Ping, 0, 0, &[7; 8])),
    ] {
        let (_backend, gateway) = plain().await;
        let trial = Trial::begin(name, gateway).await;
        let bytes = frame.repeat(50_000);
        let read = flood(trial.addr(), 4, bytes.clone()).await;
        // And who reads nothing is not read, once what is due to him fills the sockets.
        let mut unread = Vec::new();
        for _ in 0..4 {
            let mut connection = RawH2::connect(trial.addr()).await.expect("the gateway");
            for _ in 0..4 {
                let pushing = connection.send_only(&bytes);
                let _ = tokio::time::timeout(Duration::from_millis(500), pushing).await;
            }
            unread.push(connection);
        }
        trial.end(&read, 24 * MIB).await;
    }
}

/// CVE-2019-9518.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_without_content_ends_its_connection() {
    let (backend, gateway) = plain().await;
    let trial = Trial::begin("empty DATA, 10 connections of 10,000", gateway).await;
    let mut bytes = raw::headers(1, false, &raw::block(&post("/empty")));
    bytes.extend(raw::frame(Kind::Data, 0, 1, &[]).repeat(10_000));
    let ends = flood(trial.addr(), 10, bytes).await;
    assert!(are_told_to_calm_down(&ends), "{ends:?}");
    trial.end(&ends[0], 24 * MIB).await;
    assert!(backend.recorded().iter().all(|seen| seen.target != "/empty" || !seen.complete));
}

/// As a stream of small messages is, which has to pass: gRPC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_pieces_of_a_body_pass() {
    let service = H2Service::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[service.addr()])
        .pool_yaml("protocol: h2")
        .start(binary())
        .await;
    let trial = Trial::begin("small DATA that is read, 20,000", gateway).await;
    let mut connection = RawH2::connect(trial.addr()).await.expect("the gateway");
    connection.send(&raw::headers(1, false, &raw::block(&post("/small")))).await.expect("sent");
    // Within the window of the stream, so that nobody has to wait for it.
    let piece = raw::frame(Kind::Data, 0, 1, b"abc");
    for _ in 0..200 {
        connection.send(&piece.repeat(100)).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    connection.send(&raw::frame(Kind::Data, 1, 1, &[])).await.expect("sent");
    let verdict = connection.verdict(1, SOON).await;
    assert_eq!(verdict, Verdict::Answered(200));
    trial.end(verdict, 24 * MIB).await;
    let received = service.seen().iter().map(|seen| seen.received).max();
    assert_eq!(received, Some(60_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_and_priorities_cost_no_memory() {
    let (_backend, gateway) = plain().await;
    let trial =
        Trial::begin("WINDOW_UPDATE and PRIORITY, 4 connections of 50,000 each", gateway).await;
    let one = 1_u32.to_be_bytes();
    let windows =
        flood(trial.addr(), 4, raw::frame(Kind::WindowUpdate, 0, 0, &one).repeat(50_000)).await;
    let mut bytes = Vec::new();
    for n in 0..50_000_u32 {
        // On another stream each, none of which is ever opened.
        bytes.extend(raw::frame(Kind::Priority, 0, 2 * n + 1, &[0, 0, 0, 0, 16]));
    }
    let priorities = flood(trial.addr(), 4, bytes).await;
    let most = (u32::MAX >> 1).to_be_bytes();
    let overflow =
        flood(trial.addr(), 4, raw::frame(Kind::WindowUpdate, 0, 0, &most).repeat(2)).await;
    assert_eq!(overflow, [Verdict::GoAway(3); 4], "FLOW_CONTROL_ERROR");
    trial.end((windows, priorities, overflow[0]), 24 * MIB).await;
}

/// A header of 64 MiB in 16 KiB: one long field, and then its index.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_unpacks_to_thousands_of_times_its_size_is_refused() {
    let (backend, gateway) = plain().await;
    let trial = Trial::begin("header bomb, 20 connections of 20", gateway).await;
    let mut bytes = Vec::new();
    for n in 0..20_u32 {
        let mut block = raw::block(&get("/bomb"));
        block.extend(raw::indexed("x-a", &"a".repeat(4_000)));
        block.extend([0x80 | 62; 12_000]);
        bytes.extend(raw::headers(2 * n + 1, true, &block));
    }
    let ends = flood(trial.addr(), 20, bytes).await;
    assert!(are_told_to_calm_down(&ends), "{ends:?}");
    trial.end(&ends[0], 24 * MIB).await;
    assert!(backend.recorded().iter().all(|seen| seen.target != "/bomb"));
}

/// A little above the limit instead: those beside it go on, and it has its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_that_unpacks_to_more_than_the_limit_is_answered() {
    let (backend, gateway) = plain().await;
    let mut connection = RawH2::connect(gateway.addr()).await.expect("the gateway");
    let mut block = raw::block(&get("/bomb"));
    block.extend(raw::indexed("x-a", &"a".repeat(4_000)));
    block.extend([0x80 | 62; 9]);
    connection.send(&raw::headers(1, true, &block)).await.expect("sent");
    connection.request(3, &get("/after")).await.expect("sent");
    let verdicts = connection.verdicts([1, 3], SOON).await;
    assert_eq!(verdicts, [Verdict::Answered(431), Verdict::Answered(200)]);
    assert_eq!(backend.recorded().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_end_their_connection_when_they_are_many() {
    let (backend, gateway) = plain().await;
    let trial = Trial::begin("malformed requests, 10 connections of 2,000", gateway).await;
    let mut ends = Vec::new();
    for (name, fields) in [
        // Refused by h2, by Pingora, and by us.
        ("connection", [&get("/malformed")[..], &[("connection", "close")]].concat()),
        ("host beside :authority", [&get("/malformed")[..], &[("host", "b")]].concat()),
        ("target", get("malformed").to_vec()),
    ] {
        let block = raw::block(&fields);
        let bytes = (0..2_000).flat_map(|n| raw::headers(2 * n + 1, true, &block)).collect();
        let of_this = flood(trial.addr(), 10, bytes).await;
        // What has an answer of its own, as over HTTP/1, costs what requests cost.
        assert!(name == "target" || are_told_to_calm_down(&of_this), "{name}: {of_this:?}");
        ends.push((name, of_this[0]));
    }
    trial.end(ends, 96 * MIB).await;
    assert!(backend.recorded().iter().all(|seen| seen.target != "malformed"));
}

/// Who says nothing, or stops in the middle of what comes before a request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_come_to_a_request_is_closed() {
    let limits = "client_keepalive: 1s\nlimits: { header_timeout: 1s }";
    let (_backend, gateway) = with(limits).await;
    let trial = Trial::begin("half-said, 30 connections each", gateway).await;
    let addr = trial.addr();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let half = raw::frame(Kind::Headers, 1, 1, &raw::block(&get("/half")));
    let settings = raw::frame(Kind::Settings, 0, 0, &[]);
    let mut held = JoinSet::new();
    for (name, said, within) in [
        ("nothing", Vec::new(), 3_000),
        ("half a preface", preface[..10].to_vec(), 3_000),
        ("a preface without SETTINGS", preface.to_vec(), 6_000),
        ("a preface and half SETTINGS", [&preface[..], &settings[..5]].concat(), 6_000),
        ("half HEADERS", [&preface[..], &settings, &half].concat(), 6_000),
        ("half a frame", [&preface[..], &settings, &half[..20]].concat(), 6_000),
    ] {
        for _ in 0..30 {
            let said = said.clone();
            held.spawn(async move {
                let mut client = Client::connect(addr).await.expect("the gateway");
                client.send_raw(&said).await.expect("sent");
                let began = Instant::now();
                let (_, end) = client.read_to_end().await;
                let took = began.elapsed();
                let closed = end.as_ref().is_ok()
                    || end.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset);
                (name, took, closed && took < Duration::from_millis(within))
            });
        }
    }
    let ends = held.join_all().await;
    let mut slowest = std::collections::BTreeMap::new();
    for (name, took, _) in &ends {
        let slowest: &mut Duration = slowest.entry(*name).or_default();
        *slowest = (*slowest).max(*took);
    }
    let late: Vec<_> = ends.iter().filter(|end| !end.2).map(|end| end.0).collect();
    assert!(late.is_empty(), "not closed: {late:?} {slowest:?}");
    trial.end(slowest, 24 * MIB).await;
}

/// Pings are no requests: they keep no connection open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_pings_is_closed() {
    let (_backend, gateway) = with("client_keepalive: 1s").await;
    let mut connection = RawH2::connect(gateway.addr()).await.expect("the gateway");
    let began = Instant::now();
    while connection.send(&raw::frame(Kind::Ping, 0, 0, &[7; 8])).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(began.elapsed() < Duration::from_secs(6), "it is still open");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_come_are_given_up() {
    let service = H2Service::start().await;
    let backend = Backend::start().await;
    for over_http2 in [false, true] {
        let (address, protocol) = match over_http2 {
            false => (backend.addr(), "protocol: http1"),
            true => (service.addr(), "protocol: h2"),
        };
        let gateway = Gateway::builder()
            .pool("web", &[address])
            .pool_yaml(protocol)
            .main_yaml("limits: { body_timeout: 1s }")
            .start(binary())
            .await;
        let trial = Trial::begin("stalled bodies, 10 connections of 50", gateway).await;
        let addr = trial.addr();
        let mut stalls = JoinSet::new();
        for _ in 0..10 {
            stalls.spawn(async move {
                let mut connection = RawH2::connect(addr).await.expect("the gateway");
                let mut fields = post("/stalled").to_vec();
                fields.push(("content-length", "1000"));
                for n in 0..50 {
                    let mut request = raw::headers(2 * n + 1, false, &raw::block(&fields));
                    request.extend(raw::frame(Kind::Data, 0, 2 * n + 1, b"0123456789"));
                    connection.send(&request).await.expect("sent");
                }
                let streams: [u32; 50] = std::array::from_fn(|n| 2 * n as u32 + 1);
                let verdicts = connection.verdicts(streams, SOON).await;
                connection.request(101, &get("/after")).await.expect("sent");
                (verdicts, connection.verdict(101, SOON).await)
            });
        }
        let ends = stalls.join_all().await;
        for (verdicts, after) in &ends {
            assert!(verdicts.iter().all(|it| *it == Verdict::Answered(408)), "{verdicts:?}");
            assert_eq!(*after, Verdict::Answered(200), "its connection goes on");
        }
        trial.end(ends[0].0[0], 64 * MIB).await;
        assert!(backend.recorded().iter().all(|seen| seen.target != "/stalled" || !seen.complete));
    }
}

/// 1,000 requests for 100 MiB each, by clients that take nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_cost_little_and_are_given_up() {
    // What is sent of it fills the gateway's buffers; more would only fill the kernel's.
    let (declared, sent) = (100 * 1024 * 1024, 1024 * 1024);
    let framing = Framing::ContentLength;
    let backend = Backend::with(Behavior::script(move |request| match &*request.target {
        "/download/104857600" => Behavior::StalledBody { framing, declared, sent },
        _ => Behavior::ok(),
    }))
    .await;
    let service = H2Service::start().await;
    for (over_http2, window) in [(false, 0), (false, 1_000), (true, 0)] {
        let (address, protocol) = match over_http2 {
            false => (backend.addr(), "protocol: http1"),
            true => (service.addr(), "protocol: h2"),
        };
        let gateway = Gateway::builder()
            .pool("web", &[address])
            .pool_yaml(protocol)
            .pool_yaml("timeouts: { connect: 5s, first_byte: 20s, idle: 20s, request: 30s }")
            .main_yaml("limits: { send_timeout: 4s }")
            .start(binary())
            .await;
        let name = match over_http2 {
            false => "unread answers over HTTP/1, 50 connections of 20",
            true => "unread answers over HTTP/2, 50 connections of 20",
        };
        let trial = Trial::begin(name, gateway).await;
        let addr = trial.addr();
        let mut clients = JoinSet::new();
        for n in 0..50 {
            clients.spawn(async move {
                // One after the other: 400 MB at once are a matter of the machine.
                tokio::time::sleep(Duration::from_millis(40) * n).await;
                let settings = [(4, window)];
                let mut connection =
                    RawH2::connect_with(addr, &settings).await.expect("the gateway");
                for n in 0..20 {
                    let request = get("/download/104857600");
                    connection.request(2 * n + 1, &request).await.expect("sent");
                }
                // Each begins, and is cut off where it stands.
                let deadline = (Instant::now() + Duration::from_secs(20)).into();
                let (mut answered, mut cut) = (0, 0);
                while cut < 20 {
                    match connection.next(deadline).await {
                        Ok(frame) => {
                            answered += usize::from(frame.kind == Kind::Headers as u8);
                            cut += usize::from(frame.kind == Kind::RstStream as u8);
                        }
                        Err(_) => break,
                    }
                }
                (answered, cut)
            });
        }
        let ends = clients.join_all().await;
        let answered: usize = ends.iter().map(|end| end.0).sum();
        let cut: usize = ends.iter().map(|end| end.1).sum();
        assert_eq!((answered, cut), (1_000, 1_000), "answered, and cut off");
        let gateway = trial.end((window, answered, cut), 600 * MIB).await;
        if !over_http2 {
            eventually(SOON, "the endpoint is told", async || backend.open_connections() <= 8)
                .await;
        }
        drop(gateway);
    }
}

/// With windows as wide as can be, and a socket that is never read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_nothing_at_all_is_cut_off() {
    let (declared, sent, framing) = (100 * 1024 * 1024, 1024 * 1024, Framing::ContentLength);
    let backend = Backend::with(Behavior::script(move |request| match &*request.target {
        "/big" => Behavior::StalledBody { framing, declared, sent },
        _ => Behavior::ok(),
    }))
    .await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .pool_yaml("timeouts: { connect: 5s, first_byte: 20s, idle: 20s, request: 30s }")
        .main_yaml("limits: { send_timeout: 2s }")
        .start(binary())
        .await;
    let trial = Trial::begin("sockets that are not read, 10 connections of 50", gateway).await;
    let mut held = Vec::new();
    let wide = u32::MAX >> 1;
    for _ in 0..10 {
        let settings = [(4, wide)];
        let mut connection =
            RawH2::connect_with(trial.addr(), &settings).await.expect("the gateway");
        let more = raw::frame(Kind::WindowUpdate, 0, 0, &(wide - 65_535).to_be_bytes());
        connection.send_only(&more).await.expect("sent");
        for n in 0..50 {
            let request = raw::headers(2 * n + 1, true, &raw::block(&get("/big")));
            connection.send_only(&request).await.expect("sent");
        }
        held.push(connection);
    }
    let closed = async || {
        // The probe has one, or two.
        trial.gateway.metric("switchback_connections", &[]).await <= 2.0
    };
    eventually(Duration::from_secs(12), "they are cut off", closed).await;
    trial.end("cut off", 400 * MIB).await;
    drop(held);
}
