//! TLS towards endpoints: verified by default, and a bad certificate is that endpoint's failure.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{Acceptor, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use switchback_testkit::{Backend, Client, Gateway, Signal, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

const SOON: Duration = Duration::from_secs(10);
/// Probes; and nobody waits for an endpoint that will not come back.
const PROBES: &str = "health: { http: {}, interval: 100ms, timeout: 90ms }\nqueue: 0";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// A CA.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a CA") }
    }

    fn sign(&self, names: &[&str]) -> Pair {
        self.sign_for(names, (2020, 2100))
    }

    /// From the beginning of one year to that of another.
    fn sign_for(&self, names: &[&str], (from, to): (i32, i32)) -> Pair {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        (params.not_before, params.not_after) =
            (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        let key = KeyPair::generate().expect("a key");
        Pair { certificate: params.signed_by(&key, &self.issuer).expect("a certificate"), key }
    }
}

impl Pair {
    fn pem(&self) -> String {
        self.certificate.pem() + &self.key.serialize_pem()
    }
}

/// An endpoint by this certificate, which says the name that it was asked for, and goes on listening; whoever
/// connects has a certificate of `clients`, where that is given.
async fn endpoint(
    pair: &Pair,
    clients: Option<&Authority>,
    version: &'static SupportedProtocolVersion,
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .expect("versions");
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).expect("a CA");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pair.key.serialize_der()));
    let config = config.with_single_cert(vec![pair.certificate.der().clone()], key);
    let mut config = config.expect("a certificate");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(acceptor.clone(), stream));
        }
    });
    address
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let name = stream.get_ref().1.server_name().unwrap_or("none").to_owned();
    loop {
        if stream.read(&mut [0; 4096]).await.ok()? == 0 {
            return None;
        }
        let length = name.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// An endpoint with a certificate that nobody has signed but itself; answers its SNI.
async fn self_signed() -> SocketAddr {
    let made = rcgen::generate_simple_self_signed(["shop.internal".to_owned()]).expect("made");
    let pair = Pair { certificate: made.cert, key: made.signing_key };
    endpoint(&pair, None, &TLS13).await
}

/// Waits for an attempt that the endpoint has refused with these words. With TLS 1.3 not each one hears why:
/// who writes while the endpoint closes may hear that it is closed.
async fn refused(gateway: &Gateway, words: &str) {
    let refused = async || {
        assert_eq!(gateway.get("/refused").await.expect("an answer").status, 502);
        let log = gateway.log();
        let attempts = log.iter().filter_map(|line| line["attempts"].as_array()).flatten();
        let heard = |attempt: &Value| {
            attempt["outcome"] == "tls_alert_received"
                && attempt["sent"] == "no"
                && attempt["detail"].as_str().is_some_and(|detail| detail.contains(words))
        };
        attempts.into_iter().any(heard)
    };
    eventually(SOON, words, refused).await;
}

/// The last attempt at `path`, as the log has it: its outcome, and the words.
async fn failed(gateway: &Gateway, path: &str) -> (String, String) {
    assert_eq!(gateway.get(path).await.expect("an answer").status, 502);
    let line = gateway.log_line_for(path).await;
    let attempt = line["attempts"].as_array().and_then(|all| all.last()).expect("an attempt");
    assert_eq!((&attempt["sent"], &attempt["outcome"]), (&"no".into(), &line["reason"]), "{line}");
    let text = |name: &str| attempt[name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("detail"))
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
    let plain = Backend::start().await;
    let gateway = Gateway::builder()
        .pool("web", &[plain.addr()])
        .pool_yaml("tls: { sni: shop.internal }")
        .start(binary())
        .await;
    assert_eq!(gateway.get("/plain").await.expect("an answer").status, 502);
    assert_eq!(gateway.log_line_for("/plain").await["reason"], "tls_protocol_error");
}

#[tokio::test]
async fn an_endpoint_is_offered_aes_128_first() {
    for tls in ["sni: shop.internal", "sni: shop.internal, ca: ca.pem"] {
        let endpoint = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = endpoint.local_addr().expect("an address");
        let gateway = Gateway::builder()
            .pool("web", &[address])
            .pool_yaml(&format!("tls: {{ {tls} }}"))
            .file("ca.pem", Authority::new("the endpoints'").issuer.pem())
            .start(binary())
            .await;
        let hello = async {
            let (stream, _) = endpoint.accept().await.expect("a connection");
            let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
            hello.expect("a ClientHello").client_hello().cipher_suites().to_vec()
        };
        let (offered, _) = tokio::join!(hello, gateway.get("/hello"));
        assert_eq!(offered[0], CipherSuite::TLS13_AES_128_GCM_SHA256, "{tls}");
        assert!(offered.contains(&CipherSuite::TLS13_AES_256_GCM_SHA384), "{tls}: {offered:?}");
    }
}

/// Waits for the only endpoint to be healthy: a busy machine may make a probe late.
async fn healthy(gateway: &Gateway) {
    let healthy = [("status", "healthy")];
    let is = async || gateway.metric("switchback_endpoint_status", &healthy).await == 1.0;
    eventually(SOON, "healthy", is).await;
}

/// The words of a failed probe.
async fn probe_failed(gateway: &Gateway, words: &str) {
    let told = async || gateway.stderr().contains(words);
    eventually(SOON, words, told).await;
}

#[tokio::test]
async fn an_endpoint_without_a_name_is_verified_by_its_address() {
    let authority = Authority::new("ours");
    let other = Authority::new("another");
    for (pair, words) in [
        (other.sign(&["127.0.0.1"]), "signed by nobody who is trusted here"),
        (authority.sign(&["shop.internal"]), "the certificate is not valid for name \"127.0.0.1\""),
        (authority.sign(&["127.0.0.2"]), "the certificate is not valid for name \"127.0.0.1\""),
        (authority.sign(&["127.0.0.1"]), ""),
    ] {
        let address = endpoint(&pair, None, &TLS13).await;
        let gateway = Gateway::builder()
            .file("ca.pem", authority.issuer.pem())
            .pool("web", &[address])
            .pool_yaml("tls: { ca: ca.pem }")
            .pool_yaml(PROBES)
            .start(binary())
            .await;
        if words.is_empty() {
            let answer = gateway.get("/").await.expect("an answer");
            assert_eq!((answer.status, answer.text().as_ref()), (200, "none"), "no SNI is sent");
            healthy(&gateway).await;
            continue;
        }
        let (outcome, detail) = failed(&gateway, "/refused").await;
        assert!(outcome == "tls_certificate_error" && detail.contains(words), "{detail}");
        probe_failed(&gateway, words).await;
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    let authority = Authority::new("ours");
    let name = &["shop.internal"][..];
    for (pair, words) in [
        (authority.sign_for(name, (2020, 2021)), "the certificate has expired"),
        (authority.sign_for(name, (2099, 2100)), "the certificate is not valid yet"),
        (
            authority.sign(&["a.internal"]),
            "not valid for name \"shop.internal\"; certificate is only valid for \"a.internal\"",
        ),
        // By the same name, with another key.
        (Authority::new("ours").sign(name), "was the CA made anew?"),
        (Authority::new("another").sign(name), "signed by nobody who is trusted here"),
    ] {
        for version in [&TLS12, &TLS13] {
            let address = endpoint(&pair, None, version).await;
            let gateway = Gateway::builder()
                .file("ca.pem", authority.issuer.pem())
                .pool("web", &[address])
                .pool_yaml("tls: { ca: ca.pem, sni: shop.internal }")
                .pool_yaml(PROBES)
                .start(binary())
                .await;
            let (outcome, detail) = failed(&gateway, "/refused").await;
            assert!(outcome == "tls_certificate_error" && detail.contains(words), "{detail}");
            probe_failed(&gateway, words).await;
        }
    }
}

#[tokio::test]
async fn the_gateway_proves_who_it_is() {
    let ours = Authority::new("ours");
    let pair = ours.sign(&["shop.internal"]);
    let stranger = Authority::new("another").sign(&["gateway.internal"]);
    for version in [&TLS12, &TLS13] {
        let address = endpoint(&pair, Some(&ours), version).await;
        let gateway = async |certificate: &str| {
            Gateway::builder()
                .file("ca.pem", ours.issuer.pem())
                .file("gateway.pem", ours.sign(&["gateway.internal"]).pem())
                .file("stranger.pem", stranger.pem())
                .pool("web", &[address])
                .pool_yaml(&format!("tls: {{ ca: ca.pem, sni: shop.internal{certificate} }}"))
                .pool_yaml(PROBES)
                .start(binary())
                .await
        };
        let known = gateway(", certificate: { cert: gateway.pem, key: gateway.pem }").await;
        assert_eq!(known.get("/").await.expect("an answer").status, 200, "{}", known.stderr());
        healthy(&known).await;
        for (certificate, words) in [
            (
                ", certificate: { cert: stranger.pem, key: stranger.pem }",
                "refuses the pool's certificate",
            ),
            ("", "wants a certificate"),
        ] {
            let unknown = gateway(certificate).await;
            refused(&unknown, words).await;
            probe_failed(&unknown, words).await;
        }
    }
}

#[tokio::test]
async fn over_http_2_the_endpoint_is_heard_as_well() {
    let ours = Authority::new("ours");
    let pair = ours.sign(&["shop.internal"]);
    for version in [&TLS12, &TLS13] {
        let address = endpoint(&pair, Some(&ours), version).await;
        let gateway = Gateway::builder()
            .file("ca.pem", ours.issuer.pem())
            .pool("web", &[address])
            .pool_yaml("tls: { ca: ca.pem, sni: shop.internal }")
            .pool_yaml("protocol: h2\nqueue: 0")
            .start(binary())
            .await;
        refused(&gateway, "wants a certificate").await;
    }
}

#[tokio::test]
async fn a_post_goes_on_from_an_endpoint_that_refuses_the_certificate() {
    let ours = Authority::new("ours");
    let pair = ours.sign(&["shop.internal"]);
    let refuses = endpoint(&pair, Some(&ours), &TLS13).await;
    let serves = endpoint(&pair, None, &TLS13).await;
    let gateway = Gateway::builder()
        .file("ca.pem", ours.issuer.pem())
        .pool("web", &[refuses, serves])
        .pool_yaml("tls: { ca: ca.pem, sni: shop.internal }")
        .start(binary())
        .await;
    for at in 0..4 {
        let mut client = Client::connect(gateway.addr()).await.expect("a connection");
        let answer = client.request("POST", &format!("/{at}"), &[], b"once").await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
    let refused = [("outcome", "tls_alert_received")];
    assert!(gateway.metric("switchback_attempts_total", &refused).await >= 1.0);
}

#[tokio::test]
async fn openssl_asks_for_our_certificate_and_gets_it() {
    if Command::new("openssl").arg("version").output().is_err() {
        return;
    }
    let ours = Authority::new("ours");
    let folder = tempfile::TempDir::new().expect("a folder");
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
    write("ca.pem", ours.issuer.pem()).expect("written");
    write("server.pem", ours.sign(&["shop.internal"]).pem()).expect("written");
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = port.local_addr().expect("an address");
    drop(port);
    let mut server = Command::new("openssl");
    server.args([
        "s_server",
        "-www",
        "-cert",
        "server.pem",
        "-CAfile",
        "ca.pem",
        "-naccept",
        "100",
    ]);
    server.args(["-Verify", "2", "-verify_return_error", "-accept"]).arg(address.to_string());
    server.current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = server.spawn().expect("openssl");
    eventually(SOON, "it listens", async || TcpStream::connect(address).await.is_ok()).await;
    for (certificate, status) in
        [(", certificate: { cert: gateway.pem, key: gateway.pem }", 200), ("", 502)]
    {
        let gateway = Gateway::builder()
            .file("ca.pem", ours.issuer.pem())
            .file("gateway.pem", ours.sign(&["gateway.internal"]).pem())
            .pool("web", &[address])
            .pool_yaml(&format!("tls: {{ ca: ca.pem, sni: shop.internal{certificate} }}"))
            .start(binary())
            .await;
        let answer = gateway.get("/asked").await.expect("an answer");
        assert_eq!(answer.status, status, "{}", gateway.stdout());
        if status == 502 {
            refused(&gateway, "wants a certificate").await;
        }
    }
    let _ = server.kill();
    let _ = server.wait();
}

#[tokio::test]
async fn nothing_is_sent_on_a_connection_that_was_verified_by_another_ca() {
    let ours = Authority::new("ours");
    let address = endpoint(&ours.sign(&["shop.internal"]), None, &TLS13).await;
    let gateway = Gateway::builder()
        .file("ca.pem", ours.issuer.pem())
        .file("other.pem", Authority::new("another").issuer.pem())
        .pool("web", &[address])
        .pool_yaml("tls: { ca: ca.pem, sni: shop.internal }")
        .start(binary())
        .await;
    let kept = async || {
        assert_eq!(gateway.get("/before").await.expect("an answer").status, 200);
        gateway.log().iter().any(|line| line["attempts"][0]["reused"] == true)
    };
    eventually(SOON, "a connection is kept", kept).await;
    let pool = gateway.read("pools/web.yaml");
    gateway.write("pools/web.yaml", &pool.replace("ca.pem", "other.pem"));
    gateway.signal(Signal::HUP);
    let applied = async || gateway.metric("switchback_config_generation", &[]).await >= 2.0;
    eventually(SOON, "the reload is applied", applied).await;
    let (outcome, _) = failed(&gateway, "/after").await;
    assert_eq!(outcome, "tls_certificate_error");
}
