//! What the soak runs on: a gateway, and the backends behind it.
//!
//! Time limits are short, so that what waits for one does so many times an hour. Of the pool `web`, whose endpoints
//! fall ill, never more than two are ill or drained at once: whoever fails there could have been served.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use switchback_testkit::{Answer, Backend, Behavior, Gateway};

use super::tally::Tally;

pub(crate) const NAME: &str = "shop.example.com";
/// A large answer.
pub(crate) const BIG: usize = 2 * 1024 * 1024;

const MAIN: &str = "
access_log: { file: logs/access.log }
client_keepalive: 10s
limits: { header_timeout: 3s, body_timeout: 5s, send_timeout: 10s, handshake_timeout: 3s }
";

const WEB: &str = "
balance: peak_ewma
health: { http: { path: /healthz }, interval: 1s, timeout: 500ms }
timeouts: { connect: 500ms, first_byte: 1s, idle: 1s, write: 2s, keepalive: 4s, request: 8s }
ejection: { time: 2s, max_time: 10s }
retry: { statuses: [ 500, 502-504 ] }
";

/// Few places and slow answers: requests wait for one.
const FEW: &str = "
max_requests: 3
queue: 64
queue_timeout: 4s
";

pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    /// Those that fall ill.
    pub(crate) web: Vec<Backend>,
    /// One that comes and goes by configuration.
    pub(crate) spare: Backend,
    others: Vec<Backend>,
    pub(crate) tally: Tally,
    binary: PathBuf,
    over: AtomicBool,
    next: AtomicU64,
}

/// What a backend of `web` does when it is well: it says what it was sent.
pub(crate) fn well() -> Behavior {
    Behavior::Echo { body: false }
}

/// A certificate that signs itself, and its key.
pub(crate) fn certificate() -> String {
    let key = KeyPair::generate().expect("a key");
    let made = CertificateParams::new([NAME.to_owned()]).expect("a name").self_signed(&key);
    made.expect("a certificate").pem() + &key.serialize_pem()
}

fn binary() -> PathBuf {
    let given = std::env::var_os("SWITCHBACK").filter(|it| !it.is_empty());
    given.unwrap_or_else(|| env!("CARGO_BIN_EXE_switchback").into()).into()
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let web = Backend::start_many(5).await;
        let spare = Backend::with(well()).await;
        web.iter().for_each(|backend| backend.set(well()));
        let big = Backend::with(Behavior::Answer(Answer::ok(vec![b'x'; BIG]))).await;
        let chats = Backend::with(Behavior::Upgrade).await;
        let few = Backend::with(Behavior::ok_after(Duration::from_millis(25))).await;
        let addresses: Vec<_> = web.iter().map(Backend::addr).collect();
        let binary = binary();
        let tls = "{ certificates: [ { cert: certs/0.pem, key: certs/0.pem } ] }";
        let gateway = Gateway::builder()
            .main_yaml(&format!("listeners: [ $LISTEN, {{ address: $SPARE, tls: {tls} }} ]{MAIN}"))
            .pool("web", &addresses)
            .pool_yaml(WEB)
            .pool("big", &[big.addr()])
            .pool_yaml("timeouts: { idle: 15s, request: 60s }")
            .pool("ws", &[chats.addr()])
            .pool("few", &[few.addr()])
            .pool_yaml(FEW)
            .route_yaml("{ path: /big, pool: big }")
            .route_yaml("{ path: /chat, pool: ws }")
            .route_yaml("{ path: /few, pool: few }")
            .route_yaml("{ path: /, pool: web }")
            .file("certs/0.pem", certificate())
            .file("logs/keep", "")
            // What an operator hears of it, and not what libraries say of each request.
            .env("RUST_LOG", "")
            .start(&binary)
            .await;
        Self {
            gateway,
            web,
            spare,
            others: vec![big, chats, few],
            tally: Tally::default(),
            binary,
            over: AtomicBool::new(false),
            next: AtomicU64::new(0),
        }
    }

    pub(crate) fn version(&self) -> String {
        let said = Command::new(&self.binary).arg("--version").output().expect("the binary");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// A number that no other request has.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Waits, in steps that see the end.
    pub(crate) async fn rest(&self, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while !self.is_over() && tokio::time::Instant::now() < until {
            let step = tokio::time::Instant::now() + Duration::from_millis(250);
            tokio::time::sleep_until(until.min(step)).await;
        }
    }

    /// Writes down which POSTs the backends have executed longer than `age` ago, and lets them forget all else.
    pub(crate) fn collect(&self, age: Duration) {
        for backend in self.web.iter().chain([&self.spare]).chain(&self.others) {
            let taken = backend.take_older_than(age).into_iter();
            let posts =
                taken.filter(|it| it.method == "POST" && it.complete).filter_map(|it| it.id);
            posts.for_each(|id| self.tally.executed(&id));
        }
    }
}
