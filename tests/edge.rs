//! Where clients come in: PROXY headers before requests and TLS, and the limits that hold whatever the
//! endpoint says meanwhile.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use switchback_testkit::{Backend, Behavior, Client, Gateway, Signal, eventually, proxy_protocol};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SOON: Duration = Duration::from_secs(10);

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn addresses(source: &str, destination: &str) -> Option<(SocketAddr, SocketAddr)> {
    Some((source.parse().expect("an address"), destination.parse().expect("an address")))
}

/// A gateway whose listeners want PROXY headers: one plain, one with TLS.
async fn proxied(backend: &Backend, trusted: &str) -> Gateway {
    let key = KeyPair::generate().expect("a key");
    let made = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let made = made.self_signed(&key).expect("a certificate");
    Gateway::builder()
        .pool("web", &[backend.addr()])
        .file("own.pem", made.pem() + &key.serialize_pem())
        .main_yaml(&format!(
            "trusted_proxies: [{trusted}]\n\
             limits: {{ handshake_timeout: 1s, connections_per_client: 3 }}\n\
             listeners:\n\
             - {{ address: $LISTEN, proxy_protocol: true }}\n\
             - {{ address: $SPARE, proxy_protocol: true, \
                  tls: {{ certificates: [ {{ cert: own.pem, key: own.pem }} ] }} }}"
        ))
        .start(binary())
        .await
}

async fn refused(gateway: &Gateway) -> f64 {
    gateway.metric("switchback_connections_refused_total", &[("reason", "proxy_header")]).await
}

#[tokio::test]
async fn who_a_trusted_proxy_names_is_the_client() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = proxied(&backend, "127.0.0.0/8").await;
    let client = addresses("203.0.113.9:4711", "192.0.2.1:80");
    for (header, expected) in [
        (proxy_protocol::v1(client), "203.0.113.9"),
        (proxy_protocol::v2(client), "203.0.113.9"),
        (proxy_protocol::v2(addresses("[2001:db8::9]:1", "[2001:db8::1]:80")), "2001:db8::9"),
        // A health check of the proxy's own speaks for itself.
        (proxy_protocol::v1(None), "127.0.0.1"),
        (proxy_protocol::v2(None), "127.0.0.1"),
    ] {
        // In one piece, and byte by byte.
        for pieces in [1, header.len()] {
            let bytes = [&header[..], GET.as_bytes()].concat();
            let mut client = gateway.client().await;
            for piece in bytes.chunks(bytes.len().div_ceil(pieces)) {
                client.send_raw(piece).await.expect("sent");
            }
            let echo = client.read_response(SOON).await.expect("an answer").json();
            let fields = echo["headers"].as_array().expect("fields");
            let said = fields.iter().find(|field| field[0] == "x-forwarded-for");
            assert_eq!(said.expect("the field")[1], expected);
        }
    }
}

#[tokio::test]
async fn without_a_header_in_order_nobody_comes_in() {
    let backend = Backend::start().await;
    let gateway = proxied(&backend, "127.0.0.0/8").await;
    let before = refused(&gateway).await;
    for (count, wrong) in [
        GET.as_bytes(),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        // One that never ends.
        b"PROXY TCP4 1.2.3.4 ",
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = gateway.client().await;
        let began = Instant::now();
        client.send_raw(wrong).await.expect("sent");
        let (answer, _) = client.read_to_end().await;
        assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
        assert!(refused(&gateway).await - before > count as f64);
    }
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn a_connection_that_breaks_within_its_header_was_stopped_by_no_limit() {
    let backend = Backend::start().await;
    let gateway = proxied(&backend, "127.0.0.0/8").await;
    let before = refused(&gateway).await;
    let mut client = tokio::net::TcpStream::connect(gateway.addr()).await.expect("a connection");
    client.write_all(b"PROXY TC").await.expect("sent");
    let open = async || gateway.metric("switchback_connections", &[]).await == 1.0;
    eventually(SOON, "it is there", open).await;
    client.set_zero_linger().expect("a reset");
    drop(client);
    eventually(SOON, "it is refused", async || refused(&gateway).await > before).await;
    let limit = [("limit", "handshake_timeout")];
    assert_eq!(gateway.metric("switchback_limits_hit_total", &limit).await, 0.0);
}

#[tokio::test]
async fn who_is_not_trusted_names_nobody() {
    let backend = Backend::start().await;
    let gateway = proxied(&backend, "10.0.0.0/8").await;
    let before = refused(&gateway).await;
    let mut client = gateway.client().await;
    let header = proxy_protocol::v1(addresses("203.0.113.9:4711", "192.0.2.1:80"));
    // The gateway may have closed before all is written.
    let _ = client.send_raw(&[&header[..], GET.as_bytes()].concat()).await;
    assert!(client.read_to_end().await.0.is_empty());
    assert_eq!(backend.requests(), 0);
    assert!(refused(&gateway).await > before);
}

#[tokio::test]
async fn clients_are_counted_by_whom_the_proxy_names() {
    let backend = Backend::start().await;
    let gateway = proxied(&backend, "127.0.0.0/8").await;
    let connect = async |source: &str| {
        let mut client = gateway.client().await;
        let header = proxy_protocol::v2(addresses(source, "192.0.2.1:80"));
        client.send_raw(&[&header[..], GET.as_bytes()].concat()).await.expect("sent");
        let status = client.read_response(SOON).await.expect("an answer").status;
        (client, status)
    };
    let mut held = Vec::new();
    for port in 1..=3 {
        held.push(connect(&format!("203.0.113.9:{port}")).await);
    }
    held.push(connect("203.0.113.9:4").await);
    held.push(connect("203.0.113.10:1").await);
    let statuses: Vec<_> = held.iter().map(|(_, status)| *status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 200]);
}

/// A proxy may send its header and what follows in one packet, or cut it anywhere.
#[tokio::test]
async fn a_client_hello_may_come_with_the_header() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let backend = Backend::start().await;
    let gateway = proxied(&backend, "127.0.0.0/8").await;
    let hello = client_hello();
    let header = proxy_protocol::v1(addresses("203.0.113.9:4711", "192.0.2.1:443"));
    let bytes = [header, hello].concat();
    let address = gateway.spare_addr();
    let answers = tokio::task::spawn_blocking(move || {
        let cut = |at: usize| {
            let mut stream = TcpStream::connect(address).expect("connected");
            stream.set_nodelay(true).expect("set");
            stream.set_read_timeout(Some(SOON)).expect("set");
            stream.write_all(&bytes[..at]).expect("sent");
            if at < bytes.len() {
                std::thread::sleep(Duration::from_millis(20));
                stream.write_all(&bytes[at..]).expect("sent");
            }
            let mut first = [0; 1];
            stream.read_exact(&mut first).map(|()| first[0]).expect("an answer")
        };
        [bytes.len(), 60, 47, 46, 45, 20, 1].map(cut)
    });
    // A handshake's record, and no `H` of a plain answer.
    assert_eq!(answers.await.expect("no panic"), [0x16; 7]);
}

/// The first thing that openssl says.
fn client_hello() -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let mut openssl = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-servername", "localhost"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let (mut stream, _) = listener.accept().expect("it connects");
    let mut hello = vec![0; 16 * 1024];
    let length = stream.read(&mut hello).expect("it speaks");
    hello.truncate(length);
    let _ = openssl.kill();
    let _ = openssl.wait();
    hello
}

/// An endpoint that says these bytes when it has read a head, and nothing more.
async fn says(bytes: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                stream.write_all(bytes.as_bytes()).await?;
                tokio::time::sleep(Duration::from_secs(60)).await;
                std::io::Result::Ok(())
            });
        }
    });
    address
}

async fn hasty(endpoint: SocketAddr) -> Gateway {
    Gateway::builder()
        .pool("web", &[endpoint])
        .pool_yaml("timeouts: { first_byte: 1s, request: 1s, idle: 1s }\nhealth: { tcp: {} }")
        .main_yaml("limits: { body_timeout: 1s }")
        .start(binary())
        .await
}

#[tokio::test]
async fn a_final_answer_ends_the_wait_of_who_waits_to_send_a_body() {
    let endpoint = says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno").await;
    let gateway = hasty(endpoint).await;
    let mut client = gateway.client().await;
    let request =
        "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n";
    client.send_raw(request.as_bytes()).await.expect("sent");
    assert_eq!(client.read_response(SOON).await.expect("an answer").status, 401);
    let (rest, end) = client.read_to_end().await;
    assert!(rest.is_empty() && end.is_ok(), "{end:?}");
    let in_flight = async || gateway.metric("switchback_endpoint_in_flight", &[]).await == 0.0;
    eventually(SOON, "nobody is at the endpoint", in_flight).await;
}

#[tokio::test]
async fn an_interim_answer_buys_an_endpoint_no_time() {
    let endpoint = says("HTTP/1.1 100 Continue\r\n\r\n").await;
    let gateway = hasty(endpoint).await;
    for request in [
        GET,
        "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let mut client = gateway.client().await;
        let began = Instant::now();
        client.send_raw(request.as_bytes()).await.expect("sent");
        assert_eq!(client.read_response(SOON).await.expect("an answer").status, 504);
        assert!(began.elapsed() < Duration::from_millis(2_500), "{:?} {request}", began.elapsed());
    }
}

#[tokio::test]
async fn an_upgrade_that_connection_does_not_name_is_none() {
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    for request in [
        "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Content-Length: 2\r\n\r\nhi",
    ] {
        let mut client = gateway.client().await;
        client.send_raw(request.as_bytes()).await.expect("sent");
        let echo = client.read_response(SOON).await.expect("an answer").text();
        assert!(!echo.to_ascii_lowercase().contains("upgrade"), "{echo}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_while_the_gateway_leaves_says_so() {
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(400))).await;
    let gateway = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml("drain: { delay: 0s, timeout: 10s }")
        .start(binary())
        .await;
    let mut client: Client = gateway.client().await;
    client.send_raw(GET.as_bytes()).await.expect("sent");
    eventually(SOON, "it is on its way", async || backend.requests() == 1).await;
    gateway.signal(Signal::TERM);
    let answer = client.read_response(SOON).await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
}
