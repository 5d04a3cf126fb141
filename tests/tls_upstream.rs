//! TLS towards endpoints: verified by default, and a bad certificate is that endpoint's failure.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use switchback_testkit::Gateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// An endpoint with a certificate that nobody has signed but itself; answers its SNI.
async fn self_signed() -> SocketAddr {
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
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.ok()?;
                let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
                let _request = stream.read(&mut [0; 4096]).await.ok()?;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{name}",
                    name.len()
                );
                stream.write_all(answer.as_bytes()).await.ok()?;
                stream.shutdown().await.ok()
            });
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused() {
    let address = self_signed().await;
    let gateway = Gateway::builder()
        .pool("web", &[address])
        .pool_yaml("tls: { sni: shop.internal }")
        .start(binary())
        .await;
    assert_eq!(gateway.get("/tls").await.expect("an answer").status, 502);
    let line = gateway.log_line_for("/tls").await;
    assert_eq!(line["reason"], "tls_certificate_error", "{line}");
    assert_eq!(line["attempts"][0]["sent"], "no");
}

#[tokio::test]
async fn the_pools_name_is_asked_for_by_traffic_and_probes() {
    let address = self_signed().await;
    let gateway = Gateway::builder()
        .pool("web", &[address])
        .pool_yaml("host: shop.internal")
        .pool_yaml("tls: { verify: false }")
        .pool_yaml("health: { http: {}, interval: 100ms, timeout: 90ms }")
        .start(binary())
        .await;
    let answer = gateway.get("/").await.expect("an answer");
    assert_eq!(String::from_utf8_lossy(&answer.body), "shop.internal");
    let healthy = gateway.metric("switchback_endpoint_status", &[("status", "healthy")]).await;
    assert_eq!(healthy, 1.0, "{}", gateway.stderr());
}

#[tokio::test]
async fn an_endpoint_that_speaks_no_tls_fails_the_handshake() {
    let plain = switchback_testkit::Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[plain.addr()])
        .pool_yaml("tls: { sni: shop.internal }")
        .start(binary())
        .await;
    assert_eq!(gateway.get("/plain").await.expect("an answer").status, 502);
    assert_eq!(gateway.log_line_for("/plain").await["reason"], "tls_protocol_error");
}
