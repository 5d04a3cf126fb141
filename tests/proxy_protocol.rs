//! PROXY headers towards endpoints: each connection begins with one, which names the client that the
//! requests on it come from, and no other's request is ever sent on it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use switchback_testkit::{
    Backend, Behavior, Client, Ending, Gateway, GatewayBuilder, H2Backend, H2Behavior, Proxied,
    Recorded, eventually, proxy_protocol,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const SOON: Duration = Duration::from_secs(5);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

fn pool(endpoints: &[SocketAddr], version: u8) -> GatewayBuilder {
    Gateway::builder().pool("web", endpoints).pool_yaml(&format!("proxy_protocol: v{version}"))
}

async fn demanding() -> Backend {
    let backend = Backend::start().await;
    backend.demand_proxy_header();
    backend
}

/// What a connection for this client begins with.
fn header(version: u8, client: &Client, gateway: &Gateway) -> Proxied {
    Proxied { version, addresses: Some((client.local_addr(), gateway.addr())) }
}

fn to<'a>(recorded: &'a [Recorded], prefix: &str) -> Vec<&'a Recorded> {
    recorded.iter().filter(|request| request.target.starts_with(prefix)).collect()
}

#[tokio::test]
async fn an_endpoint_learns_who_the_client_is_and_where_it_connected() {
    for version in [1, 2] {
        let backend = demanding().await;
        let gateway = pool(&[backend.addr()], version).start(binary()).await;
        let mut client = gateway.client().await;
        assert_eq!(client.get("/").await.expect("an answer").status, 200);
        let expected = header(version, &client, &gateway);
        assert_eq!(backend.recorded()[0].proxied, Some(expected));
        assert_eq!(backend.malformed(), 0);
    }
}

#[tokio::test]
async fn kept_connections_are_never_used_for_another_client() {
    let backend = demanding().await;
    let gateway = pool(&[backend.addr()], 2).start(binary()).await;
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(gateway.client().await);
    }
    for round in 0..10 {
        for (n, client) in clients.iter_mut().enumerate() {
            let method = if round % 3 == 2 { "POST" } else { "GET" };
            let target = format!("/{n}/{round}");
            let answer = client.request(method, &target, &[], b"").await.expect("an answer");
            assert_eq!(answer.status, 200);
        }
    }
    let recorded = backend.recorded();
    for (n, client) in clients.iter().enumerate() {
        let own = to(&recorded, &format!("/{n}/"));
        assert_eq!(own.len(), 10);
        let expected = header(2, client, &gateway);
        assert!(own.iter().all(|request| request.proxied == Some(expected)), "{own:?}");
        assert!(own.iter().any(|request| request.nth > 0), "its connection was not kept: {own:?}");
    }
}

/// Several at once, at first on connections that turn out to be closed, and are replaced.
#[tokio::test]
async fn nor_under_load() {
    let backend = demanding().await;
    backend.set(Behavior::CloseOnReuse { executed: false, ending: Ending::Fin });
    let gateway = pool(&[backend.addr()], 2).start(binary()).await;
    let mut clients = Vec::new();
    for n in 0..16 {
        let mut client = gateway.client().await;
        if n == 8 {
            eventually(SOON, "a stale one", async || backend.refused_on_reuse() > 0).await;
            backend.set(Behavior::ok());
        }
        clients.push(tokio::spawn(async move {
            for round in 0..40 {
                let answer = client.get(&format!("/{n}/{round}")).await.expect("an answer");
                assert_eq!(answer.status, 200);
            }
            client.local_addr()
        }));
    }
    let mut sources = Vec::new();
    for client in clients {
        sources.push(client.await.expect("no panic"));
    }
    let recorded = backend.recorded();
    for (n, source) in sources.iter().enumerate() {
        let own = to(&recorded, &format!("/{n}/"));
        assert_eq!(own.len(), 40);
        let addresses = Some((*source, gateway.addr()));
        let expected = Some(Proxied { version: 2, addresses });
        assert!(own.iter().all(|request| request.proxied == expected), "{own:?}");
    }
    assert_eq!(backend.malformed(), 0);
}

#[tokio::test]
async fn whom_a_trusted_proxy_speaks_for_is_who_is_named_without_a_port() {
    let backend = demanding().await;
    let gateway = pool(&[backend.addr()], 1)
        .main_yaml("trusted_proxies: [ 127.0.0.1 ]")
        .start(binary())
        .await;
    let mut proxy = gateway.client().await;
    for (target, client) in [
        ("/a", "198.51.100.1"),
        ("/b", "198.51.100.2"),
        ("/a", "198.51.100.1"),
        ("/c", "2001:db8::1"),
    ] {
        let header = [("x-forwarded-for", client)];
        let answer = proxy.request("GET", target, &header, b"").await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let recorded = backend.recorded();
    let source = |at: usize| recorded[at].proxied.and_then(|p| p.addresses).map(|(from, _)| from);
    assert_eq!(source(0), "198.51.100.1:0".parse().ok());
    assert_eq!(source(1), "198.51.100.2:0".parse().ok());
    assert_eq!(recorded[2].connection, recorded[0].connection);
    // Where we were reached over IPv4, its form is IPv6 nevertheless.
    assert_eq!(source(3), "[2001:db8::1]:0".parse().ok());
    let destination = recorded[3].proxied.and_then(|p| p.addresses).map(|(_, to)| to);
    let mapped = format!("[::ffff:127.0.0.1]:{}", gateway.addr().port());
    assert_eq!(destination, mapped.parse().ok());
}

#[tokio::test]
async fn http_2_connections_are_shared_by_the_requests_of_one_client() {
    let backend = H2Backend::with(H2Behavior::Answer(200)).await;
    backend.demand_proxy_header();
    let gateway = pool(&[backend.addr()], 2).pool_yaml("protocol: h2").start(binary()).await;
    let (mut one, mut other) = (gateway.client().await, gateway.client().await);
    for round in 0..5 {
        for (name, client) in [("one", &mut one), ("other", &mut other)] {
            let answer = client.get(&format!("/{name}/{round}")).await.expect("an answer");
            assert_eq!(answer.status, 200);
        }
    }
    let recorded = backend.recorded();
    for (name, client) in [("/one", &one), ("/other", &other)] {
        let expected = header(2, client, &gateway);
        let own = to(&recorded, name);
        assert!(own.len() == 5 && own.iter().all(|request| request.proxied == Some(expected)));
    }
    assert_eq!(backend.connections(), 2);
}

/// An endpoint that takes the header off, and speaks TLS with a certificate that nobody has signed but
/// itself; answers with who connected.
async fn tls_behind_header() -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(["shop.internal".to_owned()]).expect("made");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let proxied = proxy_protocol::take(&mut stream).await.ok()?;
                let mut stream = acceptor.accept(stream).await.ok()?;
                let _request = stream.read(&mut [0; 4096]).await.ok()?;
                let who = proxied.addresses.map_or("nobody".to_owned(), |(who, _)| who.to_string());
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{who}",
                    who.len()
                );
                stream.write_all(answer.as_bytes()).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
    address
}

#[tokio::test]
async fn it_comes_before_tls() {
    for version in [1, 2] {
        let address = tls_behind_header().await;
        let gateway = pool(&[address], version)
            .pool_yaml("host: shop.internal")
            .pool_yaml("tls: { verify: false }")
            .pool_yaml("health: { http: {}, interval: 100ms, timeout: 90ms }")
            .start(binary())
            .await;
        let mut client = gateway.client().await;
        let answer = client.get("/").await.expect("an answer");
        assert_eq!(answer.text(), client.local_addr().to_string());
        let healthy = gateway.metric("switchback_endpoint_status", &[("status", "healthy")]).await;
        assert_eq!(healthy, 1.0, "{}", gateway.stderr());
    }
}

#[tokio::test]
async fn probes_bring_one_that_names_nobody() {
    for (version, probe) in [(1, "http: { path: /healthz }"), (2, "http: {}"), (2, "tcp: {}")] {
        let backend = demanding().await;
        backend.set_health_path("/healthz");
        let gateway = pool(&[backend.addr()], version)
            .pool_yaml(&format!("health: {{ {probe}, interval: 50ms, timeout: 40ms }}"))
            .start(binary())
            .await;
        eventually(SOON, "a few probes", async || backend.proxy_headers().len() > 3).await;
        let nobody = Proxied { version, addresses: None };
        assert!(backend.proxy_headers().iter().all(|header| *header == nobody), "{probe}");
        assert_eq!(backend.malformed(), 0);
        let healthy = gateway.metric("switchback_endpoint_status", &[("status", "healthy")]).await;
        assert_eq!(healthy, 1.0, "{probe}: {}", gateway.stderr());
    }
}

#[tokio::test]
async fn without_the_key_an_endpoint_that_demands_one_gets_nothing() {
    let backend = demanding().await;
    let gateway = Gateway::builder().pool("web", &[backend.addr()]).start(binary()).await;
    assert_eq!(gateway.get("/").await.expect("an answer").status, 502);
    assert!(backend.malformed() > 0 && backend.requests() == 0);
}

/// Connecting fails as it does without a header, and as soon.
#[tokio::test]
async fn what_stands_between_is_told_apart_as_ever() {
    for (behavior, outcome) in [
        (Behavior::RefuseConnections, "connection_refused"),
        (Behavior::DropSyns, "connection_timeout"),
    ] {
        let (backend, other) = (demanding().await, demanding().await);
        backend.set(behavior.clone());
        let gateway = pool(&[backend.addr()], 2).start(binary()).await;
        assert!(gateway.get("/alone").await.expect("an answer").status >= 502);
        let line = gateway.log_line_for("/alone").await;
        assert_eq!(line["attempts"][0]["outcome"], outcome, "{line}");
        assert_eq!(line["attempts"][0]["sent"], "no", "{line}");
        drop(gateway);
        let gateway = pool(&[backend.addr(), other.addr()], 2).start(binary()).await;
        for _ in 0..4 {
            let mut client = gateway.client().await;
            let answer = client.request("POST", "/", &[], b"x").await.expect("an answer");
            assert_eq!(answer.status, 200, "{behavior:?}");
        }
        assert_eq!(other.malformed(), 0);
    }
}
