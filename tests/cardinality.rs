//! The number of series does not depend on what clients send: 100,000 requests with hosts, paths, methods and
//! fields that nobody has heard of leave it as it was after one of each kind.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use switchback_testkit::{Backend, Gateway};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const REQUESTS: usize = 100_000;

/// Sent ahead on one connection; the last is one that ends it.
const ON_A_CONNECTION: usize = 250;

/// Clients at once.
const CLIENTS: usize = 4;

/// Far more than a connection takes.
const SOON: Duration = Duration::from_secs(60);

/// A stream of numbers without a pattern (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    fn name(&mut self) -> String {
        format!("x{:x}", self.below(u64::MAX))
    }

    /// A request that is answered, by an endpoint or with 404, and leaves the connection as it was.
    fn request(&mut self) -> String {
        let (name, other) = (self.name(), self.name());
        let method = match self.below(2) {
            0 => self.one(&["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"]).to_owned(),
            _ => name.to_uppercase(),
        };
        let known = self.below(50) == 0;
        let host = if known { "shop.example.com".to_owned() } else { format!("{name}.example") };
        let path = match self.below(3) {
            0 => format!("/{other}/%{:02x}", 0x20 + self.below(0x5f)),
            1 => format!("/{other}?{name}={other}"),
            _ => format!("/{name}/{other}/"),
        };
        let field = match self.below(6) {
            0 => format!("{name}: {other}"),
            1 => format!("User-Agent: {name}"),
            2 => format!("X-Forwarded-For: 203.0.113.{}", self.below(256)),
            3 => format!("X-Request-Id: {name}"),
            4 => {
                format!("Traceparent: 00-{:032x}-{:016x}-01", self.below(u64::MAX), self.below(99))
            }
            _ => format!("Cookie: {name}={other}"),
        };
        let body = if known && self.below(2) == 0 {
            "\r\nContent-Length: 5\r\n\r\nhello"
        } else {
            "\r\n\r\n"
        };
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{field}{body}")
    }

    /// One that is refused, of any of these kinds; its connection ends.
    fn bad(&mut self, kind: u64) -> String {
        let name = self.name();
        let host = "Host: shop.example.com\r\n";
        match kind {
            0 => format!("{name}\r\n\r\n"),
            1 => format!("GET /{name} HTTP/1.1\r\n\r\n"),
            2 => format!("GET /{name} HTTP/1.1\r\nHost: {name} {name}\r\n\r\n"),
            3 => format!("GET /{name} HTTP/{}.1\r\n{host}\r\n", 3 + self.below(6)),
            4 => format!("CONNECT {name}.example:443 HTTP/1.1\r\n{host}\r\n"),
            5 => format!("TRACE /{name} HTTP/1.1\r\n{host}\r\n"),
            6 => format!("GET /{name} HTTP/1.1\r\n{host}Content-Length: {name}\r\n\r\n"),
            7 => format!("GET /{name} HTTP/1.1\r\n{host}X: {}\r\n\r\n", name.repeat(4_000)),
            8 => format!("GET /{} HTTP/1.1\r\n{host}\r\n", name.repeat(1_000)),
            9 => format!(
                "GET /{name} HTTP/1.1\r\n{host}{}\r\n",
                format!("{name}: 1\r\n").repeat(120)
            ),
            10 => format!("GET /{name} HTTP/1.1\r\n{host}Transfer-Encoding: {name}\r\n\r\n"),
            _ => format!("G\u{0}T /{name} HTTP/1.1\r\n{host}\r\n"),
        }
    }

    const KINDS: u64 = 12;
}

/// Sends a connection's requests ahead of their answers, and counts these.
async fn connection(addr: SocketAddr, requests: String) -> usize {
    let mut stream = TcpStream::connect(addr).await.expect("the gateway");
    let (mut from, mut to) = stream.split();
    let mut answers = Vec::new();
    let both = async {
        // Of what is refused it may not take everything.
        let sending = async { to.write_all(requests.as_bytes()).await.unwrap_or_default() };
        tokio::join!(sending, from.read_to_end(&mut answers)).1
    };
    timeout(SOON, both).await.expect("an end").expect("an orderly one");
    let begins = |it: &&[u8]| it.starts_with(b"HTTP/1.1 ") && it[9].is_ascii_digit();
    answers.windows(10).filter(begins).count()
}

/// What is exposed: every series, without its value.
async fn series(gateway: &Gateway) -> BTreeSet<String> {
    let samples = gateway.metrics().await.samples.into_iter();
    samples.map(|it| format!("{}{:?}", it.name, it.labels)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_send_makes_no_series() {
    let backend = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .route_yaml("{ host: shop.example.com, pool: web }")
        .main_yaml("access_log: off")
        .start(Path::new(env!("CARGO_BIN_EXE_switchback")))
        .await;
    let addr = gateway.addr();
    let mut chance = Chance(1);
    for kind in 0..Chance::KINDS {
        let mut requests = String::new();
        for _ in 0..100 {
            requests += &chance.request();
        }
        let answers = connection(addr, requests + &chance.bad(kind)).await;
        assert_eq!(answers, 101, "kind {kind}");
    }
    let before = series(&gateway).await;
    let sent_before = gateway.metric("switchback_requests_total", &[]).await;

    let began = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(async move {
            let mut chance = Chance(100 + client as u64);
            let mut answers = 0;
            for _ in 0..REQUESTS / CLIENTS / ON_A_CONNECTION {
                let mut requests = String::new();
                for _ in 1..ON_A_CONNECTION {
                    requests += &chance.request();
                }
                let kind = chance.below(Chance::KINDS);
                requests += &chance.bad(kind);
                answers += connection(addr, requests).await;
            }
            answers
        });
    }
    let answers: usize = clients.join_all().await.into_iter().sum();
    assert_eq!(answers, REQUESTS);
    println!("{REQUESTS} requests in {:?}; {} series", began.elapsed(), before.len());

    let sent = gateway.metric("switchback_requests_total", &[]).await - sent_before;
    assert_eq!(sent, REQUESTS as f64);
    let after = series(&gateway).await;
    let new: Vec<_> = after.difference(&before).collect();
    assert!(new.is_empty() && after.len() == before.len(), "{new:#?}");
}
