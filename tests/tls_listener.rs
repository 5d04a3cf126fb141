//! TLS towards clients: the right certificate, and everything else as without it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use serde_json::Value;
use switchback_testkit::{Backend, Behavior, Gateway, GatewayBuilder, Signal, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const SOON: Duration = Duration::from_secs(10);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// Certificates that sign themselves, each for some names.
struct Certificates {
    made: Vec<(String, CertificateDer<'static>, String)>,
}

impl Certificates {
    fn of(names: &[&[&str]]) -> Self {
        let made = names.iter().map(|names| {
            let key = KeyPair::generate().expect("a key");
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            let made = CertificateParams::new(names).expect("names").self_signed(&key);
            let made = made.expect("a certificate");
            (made.pem() + &key.serialize_pem(), made.der().clone(), made.pem())
        });
        Self { made: made.collect() }
    }

    /// The listener of `address` with all of them, as YAML.
    fn listener(&self, address: &str) -> String {
        let entry = |at| format!("{{ cert: certs/{at}.pem, key: certs/{at}.pem }}");
        let entries: Vec<_> = (0..self.made.len()).map(entry).collect();
        format!("{{ address: {address}, tls: {{ certificates: [ {} ] }} }}", entries.join(", "))
    }

    fn files(&self, mut builder: GatewayBuilder) -> GatewayBuilder {
        for (at, (pem, _, _)) in self.made.iter().enumerate() {
            builder = builder.file(&format!("certs/{at}.pem"), pem.as_str());
        }
        builder
    }

    /// Which of them this is.
    fn position(&self, seen: &[u8]) -> Option<usize> {
        self.made.iter().position(|(_, der, _)| der.as_ref() == seen)
    }
}

/// A gateway with a TLS listener beside a plain one, which is [`Gateway::addr`].
fn gateway(certificates: &Certificates, backend: &Backend) -> GatewayBuilder {
    let tls = certificates.listener("$SPARE");
    let builder = Gateway::builder()
        .pool("web", &[backend.addr()])
        .main_yaml(&format!("listeners: [ $LISTEN, {tls} ]"));
    certificates.files(builder)
}

/// A connection whose certificate is the one that is expected: it is its own authority.
async fn connect(
    address: SocketAddr,
    name: &str,
    certificate: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let tcp = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// Sends a request, and reads an answer with a Content-Length.
async fn exchange(stream: &mut TlsStream<TcpStream>, request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).await.expect("sent");
    // The last record may still be ours.
    stream.flush().await.expect("sent");
    let mut got = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return (head.to_owned(), body.to_owned());
            }
        }
        let count = stream.read_buf(&mut got).await.expect("an answer");
        assert!(count > 0, "cut off after {text:?}");
    }
}

/// The values of a field, as the endpoint got it.
fn field(echo: &str, name: &str) -> Vec<String> {
    let echo: Value = serde_json::from_str(echo).unwrap_or_else(|e| panic!("{e}: {echo}"));
    let pairs = echo["headers"].as_array().expect("pairs").iter();
    let of = pairs.filter(|pair| pair[0].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name)));
    of.map(|pair| pair[1].as_str().expect("a text").to_owned()).collect()
}

const GET: &str = "GET /x HTTP/1.1\r\nHost: shop.example.com\r\n\r\n";

/// The certificate that a client sees which asks for a name and looks at nothing.
async fn seen(address: SocketAddr, name: &str, certificates: &Certificates) -> Option<usize> {
    let tcp = TcpStream::connect(address).await.expect("a connection");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(careless::Careless(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.ok()?;
    certificates.position(stream.get_ref().1.peer_certificates()?.first()?)
}

#[tokio::test]
async fn a_client_sees_the_certificate_of_the_host_that_it_asks_for() {
    let certificates = Certificates::of(&[
        &["first.example.com"],
        &["*.example.com"],
        &["shop.example.com", "example.com"],
    ]);
    let backend = Backend::start().await;
    let gateway = gateway(&certificates, &backend).start(binary()).await;
    let address = gateway.spare_addr();
    for (name, expected) in [
        ("shop.example.com", 2),
        ("SHOP.example.com", 2),
        ("example.com", 2),
        ("www.example.com", 1),
        ("first.example.com", 0),
        ("a.www.example.com", 0),
        ("elsewhere.test", 0),
        // An address is no name: there is no SNI.
        ("127.0.0.1", 0),
    ] {
        assert_eq!(seen(address, name, &certificates).await, Some(expected), "{name}");
    }
    // Verified, by clients of either version.
    for (versions, version) in
        [(&[&TLS13], ProtocolVersion::TLSv1_3), (&[&TLS12], ProtocolVersion::TLSv1_2)]
    {
        for (name, at) in [("shop.example.com", 2), ("www.example.com", 1)] {
            let certificate = &certificates.made[at].1;
            let mut stream =
                connect(address, name, certificate, versions).await.expect("a handshake");
            let session = stream.get_ref().1;
            assert_eq!(session.protocol_version(), Some(version));
            assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
            let (head, _) = exchange(&mut stream, GET).await;
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        }
    }
    assert_eq!(gateway.get("/plain").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn requests_are_as_without_tls_but_for_the_scheme() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let gateway = gateway(&certificates, &backend)
        .pool_yaml("sticky: { secret: 0123456789abcdef }")
        .start(binary())
        .await;
    let certificate = &certificates.made[0].1;
    let mut stream = connect(gateway.spare_addr(), "shop.example.com", certificate, &[&TLS13])
        .await
        .expect("TLS");
    // Whoever is not trusted does not say what it came over.
    let request = "GET /1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: http\r\n\r\n";
    let (head, echo) = exchange(&mut stream, request).await;
    assert_eq!(field(&echo, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&echo, "x-forwarded-for"), ["127.0.0.1"]);
    assert!(head.contains("; Secure;"), "{head}");
    // On the same connection, with more of a body than a record holds.
    let body = "0123456789abcdef".repeat(8192);
    let length = body.len();
    let request = format!("POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
    let (head, echo) = exchange(&mut stream, &request).await;
    assert!(head.starts_with("HTTP/1.1 200") && echo.contains(&body), "{head}");
    let (_, echo) = exchange(&mut stream, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(echo.contains("/3"), "{echo}");
    let request = "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    exchange(&mut stream, request).await;
    assert_eq!(stream.read(&mut [0; 16]).await.expect("closed as TLS closes"), 0);
    let line = gateway.log_line_for("\"/2\"").await;
    assert_eq!((&line["status"], &line["client"]), (&200.into(), &"127.0.0.1".into()), "{line}");

    let plain = gateway.get("/").await.expect("an answer");
    assert_eq!(field(&plain.text(), "x-forwarded-proto"), ["http"]);
}

#[tokio::test]
async fn a_trusted_proxy_says_what_its_client_came_over() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::with(Behavior::Echo { body: false }).await;
    let gateway = gateway(&certificates, &backend)
        .pool_yaml("sticky: { secret: 0123456789abcdef }")
        .main_yaml("trusted_proxies: [ 127.0.0.0/8 ]")
        .start(binary())
        .await;
    let (address, certificate) = (gateway.spare_addr(), &certificates.made[0].1);
    for (said, scheme) in [("X-Forwarded-Proto: http\r\n", "http"), ("", "https")] {
        let mut stream =
            connect(address, "shop.example.com", certificate, &[&TLS13]).await.expect("TLS");
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{said}\r\n");
        let (head, echo) = exchange(&mut stream, &request).await;
        assert_eq!(field(&echo, "x-forwarded-proto"), [scheme]);
        assert_eq!(head.contains("; Secure"), scheme == "https", "{head}");
    }
}

#[tokio::test]
async fn time_limits_hold_over_tls() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::with(Behavior::AcceptAndSilent { reads: true }).await;
    let gateway = gateway(&certificates, &backend)
        .pool_yaml("timeouts: { first_byte: 300ms, request: 500ms }")
        .start(binary())
        .await;
    let certificate = &certificates.made[0].1;
    let mut stream = connect(gateway.spare_addr(), "shop.example.com", certificate, &[&TLS13])
        .await
        .expect("TLS");
    let began = Instant::now();
    let (head, _) = exchange(&mut stream, GET).await;
    assert!(head.starts_with("HTTP/1.1 504"), "{head}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_is_no_tls_does_no_harm() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::start().await;
    let gateway = gateway(&certificates, &backend).start(binary()).await;
    let address = gateway.spare_addr();
    let failed = async |reason| {
        gateway.metric("switchback_tls_handshake_failures_total", &[("reason", reason)]).await
    };
    assert_eq!(seen(address, "shop.example.com", &certificates).await, Some(0));
    // Who waited for the gateway has connected, too.
    let closed = failed("closed").await;
    for bytes in [GET.as_bytes(), &[0; 2000], b"\x16\x03\x01\xff\xff", b""] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        stream.shutdown().await.expect("closed");
        let mut got = Vec::new();
        // A reset is an answer, too.
        let _ = stream.read_to_end(&mut got).await;
        let told = got.starts_with(b"HTTP/1.1 400 ") && got.ends_with(b"use https\n");
        assert_eq!(told, bytes == GET.as_bytes(), "{:?}", String::from_utf8_lossy(&got));
    }
    eventually(SOON, "all are counted", async || failed("closed").await > closed).await;
    assert_eq!((failed("plain_http").await, failed("protocol").await), (1.0, 2.0));
    let stranger = Certificates::of(&[&["shop.example.com"]]);
    let refused = connect(address, "shop.example.com", &stranger.made[0].1, &[&TLS13]).await;
    assert!(refused.is_err(), "the client knows another authority");
    eventually(SOON, "it has said so", async || failed("alert").await == 1.0).await;
    assert_eq!(backend.requests(), 0);
    assert_eq!(seen(address, "shop.example.com", &certificates).await, Some(0));
    // And TLS to the listener without.
    assert_eq!(seen(gateway.addr(), "shop.example.com", &certificates).await, None);
    assert_eq!(gateway.get("/").await.expect("an answer").status, 200);
    assert!(!gateway.stderr().contains("handshake"), "{}", gateway.stderr());
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_handshake_is_let_go() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::start().await;
    let gateway = gateway(&certificates, &backend).start(binary()).await;
    let began = Instant::now();
    let mut stream = TcpStream::connect(gateway.spare_addr()).await.expect("a connection");
    // The beginning of a record; a byte now and then buys no time.
    stream.write_all(b"\x16\x03\x01\x20\x00").await.expect("sent");
    let mut got = [0; 16];
    let ended = loop {
        let _ = stream.write_all(b"\x01").await;
        let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut got));
        match read.await {
            Ok(_) => break began.elapsed(),
            Err(_) => assert!(began.elapsed() < Duration::from_secs(20), "it is still there"),
        }
    };
    assert!(ended > Duration::from_secs(5), "{ended:?}");
    let timeouts = [("reason", "timeout")];
    let metric = "switchback_tls_handshake_failures_total";
    assert_eq!(gateway.metric(metric, &timeouts).await, 1.0);
}

#[tokio::test]
async fn an_idle_client_is_kept_for_as_long_as_configured() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::start().await;
    let gateway =
        gateway(&certificates, &backend).main_yaml("client_keepalive: 1s").start(binary()).await;
    let certificate = &certificates.made[0].1;
    let mut stream = connect(gateway.spare_addr(), "shop.example.com", certificate, &[&TLS13])
        .await
        .expect("TLS");
    exchange(&mut stream, GET).await;
    let began = Instant::now();
    // Pingora closes an idle connection without TLS's own goodbye. Between two answers nothing can be
    // missing (RFC 9112, section 9.8).
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    let kept = began.elapsed();
    assert!(kept > Duration::from_millis(900) && kept < Duration::from_secs(3), "{kept:?}");

    let mut plain = gateway.client().await;
    assert_eq!(plain.get("/").await.expect("an answer").status, 200);
    let began = Instant::now();
    let (_, end) = plain.read_to_end().await;
    end.expect("a clean end");
    let kept = began.elapsed();
    assert!(kept > Duration::from_millis(900) && kept < Duration::from_secs(3), "{kept:?}");
}

#[tokio::test]
async fn a_drain_lets_requests_over_tls_end() {
    let certificates = Certificates::of(&[&["shop.example.com"]]);
    let backend = Backend::with(Behavior::ok_after(Duration::from_millis(700))).await;
    let gateway = gateway(&certificates, &backend).start(binary()).await;
    let certificate = &certificates.made[0].1;
    let mut stream = connect(gateway.spare_addr(), "shop.example.com", certificate, &[&TLS13])
        .await
        .expect("TLS");
    stream.write_all(GET.as_bytes()).await.expect("sent");
    let in_flight = async || gateway.metric("switchback_requests_in_flight", &[]).await == 1.0;
    eventually(Duration::from_secs(5), "in flight", in_flight).await;
    gateway.signal(Signal::TERM);
    let (head, _) = exchange(&mut stream, "").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn curl_is_content() {
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let certificates = Certificates::of(&[&["other.example.com"], &["*.example.com"]]);
    let backend = Backend::with(Behavior::Echo { body: true }).await;
    let gateway = gateway(&certificates, &backend).start(binary()).await;
    let authority = gateway.dir().join("ca.pem");
    gateway.write("ca.pem", &certificates.made[1].2);
    let port = gateway.spare_addr().port();
    let url = format!("https://shop.example.com:{port}/from-curl");
    for (options, status) in [
        (&["--tlsv1.3"][..], "HTTP/2 200"),
        (&["--tls-max", "1.2"], "HTTP/2 200"),
        (&["--http1.1"], "HTTP/1.1 200"),
        (&["-d", "a=b"], "HTTP/2 200"),
        (&["--no-alpn"], "HTTP/1.1 200"),
    ] {
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--max-time", "10", "--cacert"]).arg(&authority);
        command.arg("--resolve").arg(format!("shop.example.com:{port}:127.0.0.1"));
        command.args(options).args([&url, &url]);
        let output = tokio::task::spawn_blocking(move || command.output()).await;
        let output = output.expect("a thread").expect("curl runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{options:?}: {errors}\n{said}");
        assert_eq!(said.matches(status).count(), 2, "{options:?}: {said}");
        let https = "[\"x-forwarded-proto\",\"https\"]";
        let compact = said.to_lowercase().replace(' ', "");
        assert_eq!(compact.matches(https).count(), 2, "{said}");
    }
}

/// A client that takes any certificate: which one it is, is the question.
mod careless {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};

    #[derive(Debug)]
    pub(crate) struct Careless(pub(crate) Arc<CryptoProvider>);

    impl ServerCertVerifier for Careless {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_on_by_itself_and_no_connection_is_lost() {
    let backend = Backend::start().await;
    let [before, after] = [0, 1].map(|_| Certificates::of(&[&["shop.example.com"]]));
    let gateway = gateway(&before, &backend).start(binary()).await;
    let (address, name) = (gateway.spare_addr(), "shop.example.com");
    let mut kept = connect(address, name, &before.made[0].1, &[&TLS13]).await.expect("a handshake");
    let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\n\r\n");
    let mut answer = [0; 4_096];

    // Half of a renewal: the key does not match, and nothing changes.
    gateway.write("certs/0.pem", &format!("{}{}", after.made[0].2, key_of(&before)));
    let refused = [("result", "refused")];
    let refused = async || gateway.metric("switchback_config_reloads_total", &refused).await == 1.0;
    eventually(SOON, "a key of another certificate is refused", refused).await;
    assert_eq!(seen(address, name, &before).await, Some(0));

    gateway.write("certs/0.pem", &after.made[0].0);
    let renewed = async || seen(address, name, &after).await == Some(0);
    eventually(SOON, "the new certificate is shown", renewed).await;
    let told = async || gateway.stderr().contains("fingerprint");
    eventually(SOON, "the log tells of it", told).await;
    let mut diff = Command::new(binary());
    let diff = diff.arg("diff").arg("-c").arg(gateway.dir().join("switchback.yaml"));
    let diff = diff.current_dir(gateway.dir()).output().expect("the command");
    assert_eq!(diff.status.code(), Some(0), "{}", String::from_utf8_lossy(&diff.stdout));
    for _ in 0..2 {
        kept.write_all(request.as_bytes()).await.expect("sent");
        let length = kept.read(&mut answer).await.expect("an answer");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{:?}", &answer[..length]);
    }
}

fn key_of(certificates: &Certificates) -> &str {
    let (both, _, certificate) = &certificates.made[0];
    &both[certificate.len()..]
}
