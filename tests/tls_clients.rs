//! TLS as real clients make it: openssl and curl resume sessions, agree on a protocol and prove who they
//! are; and what a reload changes of all that, for the connections that come after.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use serde_json::Value;
use switchback_testkit::{Backend, Behavior, Gateway, GatewayBuilder, Signal, eventually};

const SOON: Duration = Duration::from_secs(10);
const GET: &str = "GET /x HTTP/1.1\r\nHost: shop.example.com\r\nConnection: close\r\n\r\n";

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_switchback"))
}

/// A CA, and what it has signed.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Pair {
    pem: String,
    der: Vec<u8>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a CA") }
    }

    fn sign(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let made = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { pem: made.pem() + &key.serialize_pem(), der: made.der().to_vec() }
    }
}

/// A gateway with a TLS listener by the name of `shop.example.com`, and `more` in it.
struct Shop {
    authority: Authority,
    gateway: Gateway,
    _backend: Backend,
}

impl Shop {
    async fn open(listener: &str) -> Self {
        Self::with(listener, |builder| builder).await
    }

    async fn with(listener: &str, more: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> Self {
        let authority = Authority::new("the shop's");
        let backend = Backend::with(Behavior::Echo { body: false }).await;
        let builder = Gateway::builder()
            .pool("web", &[backend.addr()])
            .main_yaml(&listeners(listener))
            .file("ca.pem", authority.issuer.pem())
            .file("shop.pem", authority.sign("shop.example.com", |_| {}).pem);
        let gateway = more(builder).start(binary()).await;
        Self { authority, gateway, _backend: backend }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.spare_addr()
    }

    /// Puts the files in force as they are, with this of the listener.
    async fn reload(&self, from: &str, to: &str) {
        let main = self.gateway.read("switchback.yaml");
        assert!(main.contains(from), "{main}");
        self.gateway.write("switchback.yaml", &main.replace(from, to));
        let generation =
            async || self.gateway.metric("switchback_config_generation", &[]).await as u64;
        let before = generation().await;
        self.gateway.signal(Signal::HUP);
        let applied = async || generation().await > before;
        eventually(SOON, "the reload is applied", applied).await;
    }

    async fn failed(&self, reason: &str) -> f64 {
        let metric = "switchback_tls_handshake_failures_total";
        self.gateway.metric(metric, &[("reason", reason)]).await
    }

    /// What `openssl s_client` says that asks for `/x`.
    async fn openssl(&self, options: &[&str]) -> String {
        let mut command = Command::new("openssl");
        command.arg("s_client").arg("-connect").arg(self.address().to_string());
        command.args(["-servername", "shop.example.com", "-CAfile", "ca.pem", "-ign_eof"]);
        self.run(command.args(options), GET).await
    }

    /// What curl says that asks for `/x`; `Err`: it gave up.
    async fn curl(&self, options: &[&str]) -> Result<String, String> {
        let port = self.address().port();
        let mut command = Command::new("curl");
        command.args(["-sS", "-i", "--max-time", "10", "--cacert", "ca.pem", "--resolve"]);
        command.arg(format!("shop.example.com:{port}:127.0.0.1")).args(options);
        let said = self.run(command.arg(format!("https://shop.example.com:{port}/x")), "").await;
        if said.contains("curl: (") { Err(said) } else { Ok(said) }
    }

    /// Runs a command in the gateway's folder; what it says.
    async fn run(&self, command: &mut Command, input: &'static str) -> String {
        command.current_dir(self.gateway.dir());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command is installed");
        let ended = tokio::task::spawn_blocking(move || {
            // One that has given up takes nothing.
            let _ = child.stdin.take().map(|mut to| to.write_all(input.as_bytes()));
            child.wait_with_output()
        });
        let output = ended.await.expect("a thread").expect("an end");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text(&output.stdout) + &text(&output.stderr)
    }
}

fn listeners(more: &str) -> String {
    let certificates = "certificates: [ { cert: shop.pem, key: shop.pem } ]";
    let (tls, rest) = more.split_once('|').unwrap_or((more, ""));
    format!("listeners: [ $LISTEN, {{ address: $SPARE, tls: {{ {certificates}{tls} }}{rest} }} ]")
}

/// The values of a field, as the endpoint got it.
fn field(said: &str, name: &str) -> Vec<String> {
    let body = &said[said.find("{\"").unwrap_or_else(|| panic!("no echo in {said}"))..];
    let mut echo = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    let echo = echo.next().expect("an echo").unwrap_or_else(|e| panic!("{e}: {said}"));
    let pairs = echo["headers"].as_array().expect("pairs").iter();
    let of = pairs.filter(|pair| pair[0].as_str().is_some_and(|it| it.eq_ignore_ascii_case(name)));
    of.map(|pair| pair[1].as_str().expect("a text").to_owned()).collect()
}

/// A certificate as a byte sequence of structured fields (RFC 8941, section 3.3.5).
fn in_field(der: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in der.chunks(3) {
        let bits = part.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - part.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63] as char;
            text.push(if at > part.len() { '=' } else { letter });
        }
    }
    format!(":{text}:")
}

#[tokio::test]
async fn sessions_are_resumed_and_outlive_a_reload() {
    let shop = Shop::open("").await;
    for version in ["-tls1_2", "-tls1_3"] {
        let session = format!("session{version}");
        let first = shop.openssl(&[version, "-sess_out", &session]).await;
        assert!(first.contains("HTTP/1.1 200") && first.contains("\nNew, TLSv1."), "{first}");
        let next = shop.openssl(&[version, "-sess_in", &session]).await;
        assert!(next.contains("HTTP/1.1 200") && next.contains("\nReused, TLSv1."), "{next}");
        // 0-RTT is offered to nobody.
        assert!(!next.contains("Early data was accepted"), "{next}");
        assert!(!next.contains("Max Early Data: 1"), "{next}");
    }
    // With session ids, for whoever knows no tickets.
    let ids = shop.openssl(&["-tls1_2", "-no_ticket", "-sess_out", "ids"]).await;
    assert!(ids.contains("\nNew, TLSv1."), "{ids}");
    let again = shop.openssl(&["-tls1_2", "-reconnect"]).await;
    assert_eq!(again.matches("\nReused, TLSv1.2").count(), 5, "{again}");

    shop.gateway.write("shop.pem", &shop.authority.sign("shop.example.com", |_| {}).pem);
    shop.reload("} }", "}, http2: false }").await;
    for session in ["session-tls1_2", "session-tls1_3", "ids"] {
        let version = if session.ends_with("3") { "-tls1_3" } else { "-tls1_2" };
        let next = shop.openssl(&[version, "-sess_in", session]).await;
        assert!(next.contains("HTTP/1.1 200") && next.contains("\nReused, "), "{session}: {next}");
    }
    let other = shop.openssl(&["-sess_in", "session-tls1_3", "-servername", "other.example"]).await;
    assert!(other.contains("\nNew, "), "a session is for its own host: {other}");
}

#[tokio::test]
async fn a_client_gets_aes_128_unless_it_would_rather_have_chacha20() {
    let shop = Shop::open("").await;
    let (aes128, aes256) = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384");
    let chacha = "TLS_CHACHA20_POLY1305_SHA256";
    let ecdsa = |suite: &str| format!("ECDHE-ECDSA-{suite}");
    let (older128, older256) = (ecdsa("AES128-GCM-SHA256"), ecdsa("AES256-GCM-SHA384"));
    let older_chacha = ecdsa("CHACHA20-POLY1305");
    for (suites, chosen) in [
        (&[aes256, chacha, aes128][..], aes128),
        (&[aes256, chacha], aes256),
        (&[aes256], aes256),
        (&[chacha, aes128, aes256], chacha),
        (&[&older256, &older_chacha, &older128], &older128),
        (&[&older256, &older_chacha], &older256),
        (&[&older_chacha, &older128, &older256], &older_chacha),
    ] {
        let (version, option) = match suites[0].starts_with("TLS") {
            true => ("-tls1_3", "-ciphersuites"),
            false => ("-tls1_2", "-cipher"),
        };
        let offer = [version, option, &suites.join(":")];
        let first = shop.openssl(&[&offer[..], &["-sess_out", "suites"]].concat()).await;
        assert!(first.contains(&format!("Cipher is {chosen}\n")), "{suites:?}: {first}");
        let next = shop.openssl(&[&offer[..], &["-sess_in", "suites"]].concat()).await;
        let resumed =
            next.contains("\nReused, ") && next.contains(&format!("Cipher is {chosen}\n"));
        assert!(resumed && next.contains("HTTP/1.1 200"), "{suites:?}: {next}");
    }
}

#[tokio::test]
async fn protocols_are_agreed_on_as_the_listener_has_them() {
    let shop = Shop::open("").await;
    let agreed = async |offered: &str| shop.openssl(&["-alpn", offered]).await;
    let both = agreed("http/1.1,h2").await;
    assert!(both.contains("ALPN protocol: h2"), "ours comes first: {both}");
    assert!(agreed("http/1.1").await.contains("ALPN protocol: http/1.1"));
    let none = shop.openssl(&[]).await;
    assert!(none.contains("No ALPN negotiated") && none.contains("HTTP/1.1 200"), "{none}");
    let refused = agreed("imap,smtp").await;
    assert!(refused.contains("alert no application protocol"), "{refused}");
    assert_eq!(shop.failed("protocol").await, 1.0);
    let answer = shop.curl(&["--http2"]).await.expect("an answer");
    assert!(answer.starts_with("HTTP/2 200"), "{answer}");

    shop.reload("} }", "}, http2: false }").await;
    let answer = shop.curl(&["--http2"]).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let refused = agreed("h2").await;
    assert!(refused.contains("alert no application protocol"), "{refused}");
}

#[tokio::test]
async fn the_oldest_version_is_the_configured_one() {
    let shop = Shop::open("").await;
    for (version, is_spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        let said = shop.openssl(&[version]).await;
        assert_eq!(said.contains("HTTP/1.1 200"), is_spoken, "{version}: {said}");
    }
    shop.reload("} ] }", "} ], min_version: '1.3' }").await;
    for (version, is_spoken) in [("-tls1_2", false), ("-tls1_3", true)] {
        let said = shop.openssl(&[version]).await;
        assert_eq!(said.contains("HTTP/1.1 200"), is_spoken, "{version}: {said}");
    }
}

const ASKS: &str = ", client_certificates: { ca: clients.pem, required: true }";

#[tokio::test]
async fn a_client_proves_who_it_is_and_the_endpoint_is_told() {
    let clients = Authority::new("the clients'");
    let jane = clients.sign("jane.example", |_| {});
    let expired = clients.sign("old.example", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let stranger = Authority::new("the clients'").sign("jane.example", |_| {});
    let shop = Shop::with(ASKS, |builder| {
        builder
            .file("clients.pem", clients.issuer.pem())
            .file("jane.pem", jane.pem.as_str())
            .file("expired.pem", expired.pem.as_str())
            .file("stranger.pem", stranger.pem.as_str())
    })
    .await;
    let spoofed = ["-H", "Client-Cert: :MIIB:", "-H", "Client-Cert-Chain: :MIIB:"];
    for version in ["--http1.1", "--http2"] {
        for tls in [["--tls-max", "1.2"], ["--tlsv1.3", "--tcp-nodelay"]] {
            let options = [
                &["--cert", "jane.pem", version][..],
                &tls,
                &spoofed,
                &["-H", "Connection: client-cert"],
            ];
            let said = shop.curl(&options.concat()).await.expect("an answer");
            assert_eq!(field(&said, "client-cert"), [in_field(&jane.der)], "{version}: {said}");
            assert!(field(&said, "client-cert-chain").is_empty(), "{said}");
        }
    }
    // A session that is resumed is the same client's.
    for version in ["-tls1_2", "-tls1_3"] {
        let session = format!("session{version}");
        let proof = ["-cert", "jane.pem", "-key", "jane.pem", version];
        shop.openssl(&[&proof[..], &["-sess_out", &session]].concat()).await;
        let said = shop.openssl(&[version, "-sess_in", &session]).await;
        assert!(said.contains("\nReused, "), "{said}");
        assert_eq!(field(&said, "client-cert"), [in_field(&jane.der)], "{said}");
    }
    assert_eq!(shop.failed("no_certificate").await, 0.0);
    for tls in ["--tls-max 1.2", "--tlsv1.3"] {
        let tls: Vec<_> = tls.split(' ').collect();
        let nobody = shop.curl(&tls).await;
        assert!(nobody.is_err(), "{nobody:?}");
        for file in ["stranger.pem", "expired.pem"] {
            let refused = shop.curl(&[&["--cert", file][..], &tls].concat()).await;
            assert!(refused.is_err(), "{file}: {refused:?}");
        }
    }
    assert_eq!(shop.failed("no_certificate").await, 2.0);
    assert_eq!(shop.failed("bad_certificate").await, 4.0);
    // The plain listener asks nobody, and believes nobody.
    let mut client = shop.gateway.client().await;
    let answer = client.request("GET", "/x", &[("Client-Cert", ":MIIB:")], b"").await;
    assert!(field(&answer.expect("an answer").text(), "client-cert").is_empty());
}

#[tokio::test]
async fn where_no_proof_is_required_a_wrong_one_is_refused_all_the_same() {
    let clients = Authority::new("the clients'");
    let stranger = Authority::new("another").sign("jane.example", |_| {});
    let asks = ASKS.replace("true", "false");
    let shop = Shop::with(&asks, |builder| {
        builder
            .file("clients.pem", clients.issuer.pem())
            .file("jane.pem", clients.sign("jane.example", |_| {}).pem)
            .file("stranger.pem", stranger.pem)
    })
    .await;
    let said = shop.curl(&["-H", "Client-Cert: :MIIB:"]).await.expect("an answer");
    assert!(field(&said, "client-cert").is_empty(), "{said}");
    let said = shop.curl(&["--cert", "jane.pem"]).await.expect("an answer");
    assert_eq!(field(&said, "client-cert").len(), 1, "{said}");
    assert!(shop.curl(&["--cert", "stranger.pem"]).await.is_err());
    assert_eq!(shop.failed("bad_certificate").await, 1.0);
}

#[tokio::test]
async fn a_session_ends_with_the_rule_by_which_its_client_was_verified() {
    let clients = Authority::new("the clients'");
    let shop = Shop::with("", |builder| {
        builder
            .file("clients.pem", clients.issuer.pem())
            .file("jane.pem", clients.sign("jane.example", |_| {}).pem)
            .file("others.pem", Authority::new("others'").issuer.pem())
    })
    .await;
    let versions = ["-tls1_2", "-tls1_3"];
    let proof = ["-cert", "jane.pem", "-key", "jane.pem"];
    for version in versions {
        shop.openssl(&[version, "-sess_out", &format!("anonymous{version}")]).await;
    }
    shop.reload("pem } ]", &format!("pem }} ]{ASKS}")).await;
    for version in versions {
        let session = format!("anonymous{version}");
        let said = shop.openssl(&[version, "-sess_in", &session]).await;
        assert!(!said.contains("HTTP/1.1 200"), "who was nobody, is nobody: {said}");
        let session = format!("jane{version}");
        let said = shop.openssl(&[&proof[..], &[version, "-sess_out", &session]].concat()).await;
        assert!(said.contains("HTTP/1.1 200"), "{said}");
        let said = shop.openssl(&[version, "-sess_in", &session]).await;
        assert!(said.contains("\nReused, ") && said.contains("HTTP/1.1 200"), "{said}");
    }
    shop.reload("clients.pem", "others.pem").await;
    for version in versions {
        let session = format!("jane{version}");
        let said = shop.openssl(&[&proof[..], &[version, "-sess_in", &session]].concat()).await;
        assert!(!said.contains("HTTP/1.1 200"), "her CA has gone: {said}");
    }
    shop.reload("ca: others.pem, required: true", "ca: others.pem, required: false").await;
    let said = shop.openssl(&["-tls1_3"]).await;
    assert!(said.contains("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn a_reload_ends_no_connection() {
    let clients = Authority::new("the clients'");
    let shop = Shop::with("", |builder| builder.file("clients.pem", clients.issuer.pem())).await;
    let mut child = Command::new("openssl");
    child.arg("s_client").arg("-connect").arg(shop.address().to_string());
    child.args(["-quiet", "-servername", "shop.example.com"]).current_dir(shop.gateway.dir());
    child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = child.spawn().expect("openssl");
    let mut to = child.stdin.take().expect("a pipe");
    to.write_all(b"GET /1 HTTP/1.1\r\nHost: shop.example.com\r\n\r\n").expect("sent");
    shop.gateway.log_line_for("\"/1\"").await;
    shop.reload("pem } ]", &format!("pem }} ], min_version: '1.3'{ASKS}")).await;
    assert!(shop.curl(&[]).await.is_err(), "new ones prove who they are");
    to.write_all(GET.as_bytes()).expect("sent");
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = ended.await.expect("a thread").expect("an end");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said.matches("HTTP/1.1 200").count(), 2, "{said}");
}
