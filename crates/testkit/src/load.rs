//! Many clients at once, each request with an id by which it can be found at the backends.
//!
//! Closed loop: each client sends its next request when the last one is answered, so a slow gateway
//! is asked less. [`Load::pace`] makes it an approximately constant rate. A failure is what a careful
//! client would call one; what HTTP forces on every client is not: a kept connection that is found
//! closed before a request is written is replaced and only counted.

pub(crate) mod report;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use crate::{Client, ClientError, Response, TEST_ID};
use report::{Report, Sample};

/// Keeps ids apart when several loads run in one process.
static LOADS: AtomicU64 = AtomicU64::new(0);

/// A load to be run; by default four clients over kept connections, GET `/`, 100 requests in all.
#[derive(Debug, Clone)]
pub struct Load {
    addr: SocketAddr,
    clients: usize,
    count: u64,
    duration: Duration,
    mix: Vec<(String, usize)>,
    target: String,
    headers: Vec<(String, String)>,
    fresh: bool,
    pace: Duration,
    patience: Duration,
}

/// A load that runs in the background.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    task: JoinHandle<Report>,
}

#[derive(Debug)]
struct Shared {
    load: Load,
    name: u64,
    next: AtomicU64,
    stopped: AtomicBool,
    begin: Instant,
}

impl Load {
    /// A load on this address.
    #[must_use]
    pub fn new(addr: SocketAddr) -> Self {
        Self {
            addr,
            clients: 4,
            count: 100,
            duration: Duration::from_secs(60),
            mix: vec![("GET".to_owned(), 0)],
            target: "/".to_owned(),
            headers: Vec::new(),
            fresh: false,
            pace: Duration::ZERO,
            patience: Duration::from_secs(10),
        }
    }

    /// How many clients.
    #[must_use]
    pub fn clients(self, clients: usize) -> Self {
        Self { clients, ..self }
    }

    /// How many requests by all clients together.
    #[must_use]
    pub fn count(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// For how long, however many requests that makes.
    #[must_use]
    pub fn duration(self, duration: Duration) -> Self {
        Self { duration, count: u64::MAX, ..self }
    }

    /// Methods with the size of their bodies in bytes, taken in turn: `[("GET", 0), ("POST", 512)]`.
    #[must_use]
    pub fn mix(self, mix: &[(&str, usize)]) -> Self {
        assert!(!mix.is_empty(), "a load needs a method");
        Self { mix: mix.iter().map(|(m, size)| ((*m).to_owned(), *size)).collect(), ..self }
    }

    /// The request target; `$ID` in it stands for the request's id, to be found in the access log.
    #[must_use]
    pub fn target(self, target: &str) -> Self {
        Self { target: target.to_owned(), ..self }
    }

    /// Adds a header to every request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A new connection for each request.
    #[must_use]
    pub fn new_connections(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// The least time between the starts of two requests of one client.
    #[must_use]
    pub fn pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// How long a client waits for an answer before it calls that a failure.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Runs to the end.
    pub async fn run(self) -> Report {
        self.start().report().await
    }

    /// Runs in the background, so that a test can break things meanwhile.
    #[must_use]
    pub fn start(self) -> Running {
        let shared = Arc::new(Shared {
            name: LOADS.fetch_add(1, Ordering::SeqCst),
            next: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            begin: Instant::now(),
            load: self,
        });
        Running { task: tokio::spawn(run(Arc::clone(&shared))), shared }
    }
}

impl Running {
    /// Waits for the end.
    pub async fn report(self) -> Report {
        self.task.await.expect("the load does not panic")
    }

    /// Ends after the requests under way.
    pub async fn stop(self) -> Report {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.report().await
    }

    /// Requests begun so far.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.shared.next.load(Ordering::SeqCst).min(self.shared.load.count)
    }
}

async fn run(shared: Arc<Shared>) -> Report {
    let mut clients = JoinSet::new();
    for _ in 0..shared.load.clients {
        clients.spawn(client(Arc::clone(&shared)));
    }
    let (mut samples, mut reconnects) = (Vec::new(), 0);
    for (some, reconnected) in clients.join_all().await {
        samples.extend(some);
        reconnects += reconnected;
    }
    samples.sort_by_key(|sample: &Sample| sample.at);
    Report::of(samples, reconnects, shared.begin.elapsed())
}

/// One client: its samples, and how often it replaced a closed connection.
async fn client(shared: Arc<Shared>) -> (Vec<Sample>, u64) {
    let load = &shared.load;
    let (mut kept, mut samples, mut reconnects) = (None::<Client>, Vec::new(), 0);
    let mut due = Instant::now();
    while !shared.stopped.load(Ordering::SeqCst) && shared.begin.elapsed() < load.duration {
        let n = shared.next.fetch_add(1, Ordering::SeqCst);
        if n >= load.count {
            break;
        }
        tokio::time::sleep_until(due).await;
        let start = Instant::now();
        due = start + load.pace;
        let mut reusable = kept.take();
        if let Some(client) = &mut reusable
            && !client.is_reusable()
        {
            reconnects += 1;
            reusable = None;
        }
        let (method, size) = &load.mix[(n % load.mix.len() as u64) as usize];
        let id = format!("load-{}-{n}", shared.name);
        let result = exchange(load, &mut reusable, (method, *size), &id).await;
        let (latency, at) = (start.elapsed(), start - shared.begin);
        kept = reusable.filter(|_| !load.fresh && result.is_ok());
        samples.push(Sample::of(id, method, result, latency, at));
    }
    (samples, reconnects)
}

async fn exchange(
    load: &Load,
    kept: &mut Option<Client>,
    (method, size): (&str, usize),
    id: &str,
) -> Result<Response, ClientError> {
    let client = match kept {
        Some(client) => client,
        None => kept.insert(Client::connect_within(load.addr, load.patience).await?),
    };
    let mut headers = vec![(TEST_ID, id)];
    headers.extend(load.headers.iter().map(|(n, v)| (&**n, &**v)));
    if load.fresh {
        headers.push(("connection", "close"));
    }
    let target = load.target.replace("$ID", id);
    client.request(method, &target, &headers, &vec![b'b'; size]).await
}
