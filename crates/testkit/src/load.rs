//! Many clients at once, each request with an id by which it can be found at the backends.
//!
//! Closed loop: each client sends its next request when the last one is answered, so a slow gateway
//! is asked less. [`Load::pace`] makes it an approximately constant rate. With [`Load::rate`] the loop
//! is open: requests come when their time has come, whoever still waits, as those of a crowd do. Under
//! overload, only that is honest. A failure is what a careful client would call one; what HTTP forces
//! on every client is not: a kept connection that is found closed before a request is written is
//! replaced and only counted.

mod leave;
pub(crate) mod report;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    rate: Option<u32>,
    leave_every: Option<u64>,
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
    /// Connections between two requests of an open loop.
    idle: Mutex<Vec<Client>>,
}

/// What came of one request.
#[derive(Default)]
struct Turn {
    /// Nothing of a client that left.
    sample: Option<Sample>,
    kept: Option<Client>,
    reconnected: bool,
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
            rate: None,
            leave_every: None,
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

    /// So many requests a second, however long their answers take; [`Load::clients`] and
    /// [`Load::pace`] mean nothing then. Latencies count from the time a request was due.
    ///
    /// # Panics
    /// If it is zero.
    #[must_use]
    pub fn rate(self, per_second: u32) -> Self {
        assert!(per_second > 0, "a rate is more than zero");
        Self { rate: Some(per_second), ..self }
    }

    /// Every such request is one whose client leaves: in its middle, while it waits, or in the middle of
    /// the answer, with FIN and RST in turn. These are counted, and are no samples.
    #[must_use]
    pub fn leave_every(self, requests: u64) -> Self {
        Self { leave_every: Some(requests.max(1)), ..self }
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
            idle: Mutex::default(),
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

    /// The time since its start, as in [`Sample::at`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.begin.elapsed()
    }
}

async fn run(shared: Arc<Shared>) -> Report {
    let mut samples = match shared.load.rate {
        Some(rate) => open(&shared, rate).await,
        None => closed(&shared).await,
    };
    let elapsed = shared.begin.elapsed();
    let reconnects = samples.iter().filter(|turn| turn.reconnected).count() as u64;
    let left = samples.iter().filter(|turn| turn.sample.is_none()).count() as u64;
    let mut samples: Vec<_> = samples.drain(..).filter_map(|turn| turn.sample).collect();
    samples.sort_by_key(|sample| sample.at);
    Report::of(samples, elapsed).with(reconnects, left)
}

async fn closed(shared: &Arc<Shared>) -> Vec<Turn> {
    let mut clients = JoinSet::new();
    for _ in 0..shared.load.clients {
        clients.spawn(client(Arc::clone(shared)));
    }
    clients.join_all().await.into_iter().flatten().collect()
}

/// One client of a closed loop.
async fn client(shared: Arc<Shared>) -> Vec<Turn> {
    let (mut kept, mut turns) = (None::<Client>, Vec::new());
    let mut due = Instant::now();
    while !shared.is_over() {
        let n = shared.next.fetch_add(1, Ordering::SeqCst);
        if n >= shared.load.count {
            break;
        }
        tokio::time::sleep_until(due).await;
        let start = Instant::now();
        due = start + shared.load.pace;
        let mut turn = shared.turn(n, kept.take(), start).await;
        kept = turn.kept.take();
        turns.push(turn);
    }
    turns
}

async fn open(shared: &Arc<Shared>, rate: u32) -> Vec<Turn> {
    let mut turns = JoinSet::new();
    for n in 0..shared.load.count {
        let due = shared.begin + Duration::from_secs(n) / rate;
        tokio::time::sleep_until(due).await;
        if shared.is_over() {
            break;
        }
        shared.next.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        turns.spawn(async move {
            let kept = shared.idle().pop();
            let mut turn = shared.turn(n, kept, due).await;
            shared.idle().extend(turn.kept.take());
            turn
        });
    }
    turns.join_all().await
}

impl Shared {
    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::SeqCst) || self.begin.elapsed() >= self.load.duration
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request of this number, over the kept connection if that still stands.
    async fn turn(&self, n: u64, kept: Option<Client>, start: Instant) -> Turn {
        let load = &self.load;
        let (method, size) = &load.mix[(n % load.mix.len() as u64) as usize];
        let id = format!("load-{}-{n}", self.name);
        if let Some(every) = load.leave_every
            && n % every == every - 1
        {
            leave::leave(load, (method, *size), &id, n / every).await;
            return Turn { kept, ..Turn::default() };
        }
        let found = kept.is_some();
        let mut client = kept.and_then(|mut client| client.is_reusable().then_some(client));
        let reconnected = found && client.is_none();
        let result = exchange(load, &mut client, (method, *size), &id).await;
        let (latency, at) = (start.elapsed(), start - self.begin);
        let kept = client.filter(|_| !load.fresh && result.is_ok());
        let sample = Some(Sample::of(id, method, result, latency, at));
        Turn { sample, kept, reconnected }
    }
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
    let (target, headers) = load.head(id);
    client.request(method, &target, &headers, &vec![b'b'; size]).await
}

impl Load {
    /// Target and headers of the request with this id.
    fn head<'a>(&'a self, id: &'a str) -> (String, Vec<(&'a str, &'a str)>) {
        let mut headers = vec![(TEST_ID, id)];
        headers.extend(self.headers.iter().map(|(n, v)| (&**n, &**v)));
        if self.fresh {
            headers.push(("connection", "close"));
        }
        (self.target.replace("$ID", id), headers)
    }
}
