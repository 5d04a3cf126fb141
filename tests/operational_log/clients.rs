//! A thousand clients of each kind that misbehaves: standard error grows by nothing.

use std::net::SocketAddr;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use switchback_testkit::raw::{self, Kind, RawH2};
use switchback_testkit::{Backend, Behavior, Client, Gateway, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{SOON, binary, by_default, lines};

/// Of each kind.
const CLIENTS: usize = 1_000;
/// At once.
const TOGETHER: usize = 50;
/// How long an answer is waited for; a client that misbehaves has no claim to one.
const PATIENCE: Duration = Duration::from_millis(500);

/// How a client goes.
#[derive(Clone, Copy)]
enum Going {
    /// It reads what comes first.
    Read,
    /// It resets at once.
    Reset,
    /// It closes.
    Close,
}

async fn throw(addr: SocketAddr, bytes: &[u8], going: Going) {
    let Ok(mut stream) = TcpStream::connect(addr).await else { return };
    // Whoever is refused amid it may see a reset.
    let _ = stream.write_all(bytes).await;
    match going {
        Going::Read => {
            let _ = timeout(PATIENCE, stream.read(&mut [0; 4096])).await;
        }
        Going::Reset => {
            let _ = stream.set_zero_linger();
        }
        Going::Close => {}
    }
}

/// So many clients that say this.
async fn crowd(addr: SocketAddr, bytes: &[u8], going: Going) {
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        if clients.len() == TOGETHER {
            clients.join_next().await;
        }
        let bytes = bytes.to_vec();
        clients.spawn(async move { throw(addr, &bytes, going).await });
    }
    clients.join_all().await;
}

/// A hello of TLS 1.3 with this name in it.
fn hello(name: &[u8]) -> Vec<u8> {
    let sized = |bytes: &[u8]| {
        let length = u16::try_from(bytes.len()).expect("a short one").to_be_bytes();
        [&length[..], bytes].concat()
    };
    let extension = |kind: u16, bytes: &[u8]| [&kind.to_be_bytes()[..], &sized(bytes)].concat();
    let names = sized(&[&[0][..], &sized(name)].concat());
    let extensions = [
        extension(0, &names),
        extension(43, &[2, 3, 4]),
        extension(13, &[0, 2, 4, 3]),
        extension(10, &[0, 2, 0, 0x1d]),
        extension(51, &[0, 0]),
    ]
    .concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0], &sized(&extensions)].concat();
    let [_, a, b, c] = u32::try_from(body.len()).expect("a short one").to_be_bytes();
    [&[22, 3, 1][..], &sized(&[&[1, a, b, c][..], &body].concat())].concat()
}

/// Nothing was said meanwhile; and the gateway is well.
async fn assert_quiet(gateway: &Gateway, before: &str) {
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    let grown = gateway.stderr();
    let grown = grown.strip_prefix(before).expect("it only grows");
    assert_eq!(grown, "", "standard error has grown");
}

async fn gateway(more: &str) -> (Backend, Gateway) {
    let backend = Backend::with(Behavior::script(|request| match &*request.target {
        "/silent" => Behavior::AcceptAndSilent { reads: true },
        _ => Behavior::ok(),
    }))
    .await;
    let key = KeyPair::generate().expect("a key");
    let names = vec!["shop.example.com".to_owned()];
    let made = CertificateParams::new(names).expect("names").self_signed(&key);
    let pem = made.expect("a certificate").pem() + &key.serialize_pem();
    let gateway = by_default()
        .pool("web", &[backend.addr()])
        .main_yaml(more)
        .file("cert.pem", pem)
        .start(binary())
        .await;
    let started = async || !lines(&gateway, "listening on").is_empty();
    eventually(SOON, "its first line", started).await;
    (backend, gateway)
}

const TLS: &str = "listeners: [ $LISTEN, { address: $SPARE, tls: { certificates: \
    [ { cert: cert.pem, key: cert.pem } ] } } ]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_tls() {
    let (_backend, gateway) = gateway(TLS).await;
    let before = gateway.stderr();
    let addr = gateway.spare_addr();
    let whole = hello(b"shop.example.com");
    for (bytes, going) in [
        (&b"\x16\x03\x01\xff\xffgarbage all over"[..], Going::Read),
        (b"\x80\x2e\x01\x00\x02\x00\x15", Going::Read),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Going::Read),
        // rustls warns of both.
        (&hello(b"203.0.113.9"), Going::Read),
        (&hello(b"no_name\xff\n"), Going::Read),
        (&whole, Going::Read),
        (&whole, Going::Reset),
        (&whole[..40], Going::Close),
        // An alert that warns, before and after.
        (b"\x15\x03\x01\x00\x02\x01\x5a", Going::Read),
        (&[&whole[..], b"\x15\x03\x03\x00\x02\x01\x5a"].concat(), Going::Read),
    ] {
        crowd(addr, bytes, going).await;
    }
    let failures = gateway.metric("switchback_tls_handshake_failures_total", &[]).await;
    assert!(failures > 5.0 * CLIENTS as f64, "they are counted: {failures}");
    assert_quiet(&gateway, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_http() {
    let (_backend, gateway) = gateway("limits: { connections: 100, header_timeout: 1s }").await;
    let before = gateway.stderr();
    let addr = gateway.addr();
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    for (bytes, going) in [
        (&b"\x00\x01\x02 garbage\r\n\r\n"[..], Going::Read),
        (b"GET / HTTP/1.1\r\n\r\n", Going::Read),
        (b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n", Going::Read),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Going::Read),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnope\r\n", Going::Read),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Going::Read),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", Going::Read),
        (long.as_bytes(), Going::Read),
        (b"GET / HTTP/1.1\r\nHo", Going::Reset),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Going::Reset),
        (b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n", Going::Close),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc", Going::Reset),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc", Going::Close),
        (b"", Going::Reset),
    ] {
        crowd(addr, bytes, going).await;
    }
    // Beyond the limit of connections.
    let mut idle = Vec::new();
    for _ in 0..CLIENTS {
        idle.extend(TcpStream::connect(addr).await);
    }
    drop(idle);
    let refused = gateway.metric("switchback_connections_refused_total", &[]).await;
    assert!(refused > CLIENTS as f64 / 2.0, "they are counted: {refused}");
    let room = async || gateway.get("/").await.is_ok_and(|answer| answer.status == 200);
    eventually(SOON, "there is room again", room).await;
    assert_quiet(&gateway, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_http_2() {
    let (_backend, gateway) = gateway("").await;
    let before = gateway.stderr();
    let addr = gateway.addr();
    let get = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/silent")];
    let block = raw::block(&get);
    let mut resets = Vec::new();
    for stream in (1..400).step_by(2) {
        resets.extend(raw::headers(stream, true, &block));
        resets.extend(raw::frame(Kind::RstStream, 0, stream, &8_u32.to_be_bytes()));
    }
    for bytes in [
        resets,
        // Answers to pings that nobody sent; a window of nothing; a stream that is not there.
        raw::frame(Kind::Ping, 1, 0, &[7; 8]).repeat(20),
        raw::frame(Kind::WindowUpdate, 0, 0, &[0; 4]),
        raw::frame(Kind::Data, 0, 9, b"nobody's"),
        raw::headers(1, true, b"\xff\xff\xff\xff\xff"),
        raw::headers(1, true, &raw::block(&[("connection", "close"), ("X-Upper", "case")])),
        raw::headers(1, false, &block),
        raw::frame(Kind::Settings, 0, 0, b"odd"),
        b"no frame at all, but long enough for one".to_vec(),
    ] {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            if clients.len() == TOGETHER {
                clients.join_next().await;
            }
            let bytes = bytes.clone();
            clients.spawn(async move {
                let Ok(mut client) = RawH2::connect(addr).await else { return };
                let _ = client.send(&bytes).await;
                let _ = client.end(Duration::from_millis(5)).await;
            });
        }
        clients.join_all().await;
    }
    assert_quiet(&gateway, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_proxy_protocol() {
    let listener = "listeners: [ { address: $LISTEN, proxy_protocol: true }, $SPARE ]\n\
                    trusted_proxies: [ 127.0.0.1 ]";
    let (_backend, gateway) = gateway(listener).await;
    let before = gateway.stderr();
    for (bytes, going) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], Going::Read),
        (b"PROXY TCP4 nobody nowhere 1 2\r\n", Going::Read),
        (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x01x", Going::Read),
        (b"PROXY TCP4 192.0.2.1", Going::Reset),
        (b"", Going::Close),
    ] {
        crowd(gateway.addr(), bytes, going).await;
    }
    let mut client = Client::connect(gateway.spare_addr()).await.expect("the other listener");
    assert_eq!(client.get("/").await.expect("an answer").status, 200);
    assert_eq!(gateway.stderr(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_admin_listener() {
    let (_backend, gateway) = gateway("").await;
    let before = gateway.stderr();
    let addr = gateway.admin_addr();
    let asked = |what: &str, host: &str, more: &str| {
        format!("{what} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
    };
    let us = addr.to_string();
    let huge = "Content-Length: 9999999999999\r\n";
    let evil = "Origin: https://evil.example\r\nContent-Length: 0\r\n";
    for (text, going) in [
        ("\x16\x03\x01 garbage\r\n\r\n".to_owned(), Going::Read),
        ("GET / HT".to_owned(), Going::Reset),
        (asked("GET /nothing", &us, ""), Going::Read),
        (asked("GET /api/v1/config", "evil.example", ""), Going::Read),
        (asked("POST /api/v1/reload", &us, evil), Going::Read),
        (asked("POST /api/v1/reload", "evil.example", "Content-Length: 0\r\n"), Going::Read),
        (asked("PUT /api/v1/pools/web/endpoints/1/override", &us, huge), Going::Reset),
        (asked("PUT /api/v1/pools/no/endpoints/1.2.3.4:5/override", &us, ""), Going::Read),
        (asked("GET /metrics", &us, ""), Going::Reset),
    ] {
        crowd(addr, text.as_bytes(), going).await;
    }
    assert_quiet(&gateway, &before).await;
}
