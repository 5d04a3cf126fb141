//! The load, in two forms.
//!
//! *Closed*: so many clients, each with its next request as soon as it has the last answer. It keeps the proxy busy, which is
//! what CPU time a request is to be taken of: a proxy that sleeps between requests pays for every waking. *Open*
//! ([`open`]): requests at fixed times, whether or not the last has been answered, which is what latency is to be taken of.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::Failure;
use crate::client::{Client, Target};
use crate::scenario::{Scenario, Wire};

mod h2;
pub(crate) mod open;

/// Idle clients that connect at once.
const AT_ONCE: usize = 32;

/// A closed load that runs.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<io::Result<()>>,
}

/// So many clients that are connected, have each had one answer, and ask for nothing more.
pub(crate) async fn idle(
    target: &Target,
    scenario: Scenario,
    clients: usize,
) -> io::Result<Vec<Client>> {
    let mut tasks: JoinSet<io::Result<Vec<Client>>> = JoinSet::new();
    for first in 0..AT_ONCE {
        let (target, request) = (target.clone(), scenario.requests().pop().unwrap_or_default());
        tasks.spawn(async move {
            let (mut idle, mut buffer) = (Vec::new(), Vec::new());
            for _ in (first..clients).step_by(AT_ONCE) {
                let mut client = target.client().await?;
                client.exchange(&request, scenario.answered(), &mut buffer).await?;
                idle.push(client);
            }
            Ok(idle)
        });
    }
    let mut all = Vec::new();
    while let Some(idle) = tasks.join_next().await {
        all.extend(idle??);
    }
    Ok(all)
}

/// Asks some of the idle ones again: whoever was closed in the meantime was no load.
pub(crate) async fn still_there(idle: Vec<Client>, scenario: Scenario) -> io::Result<()> {
    let (request, mut buffer) = (scenario.requests().pop().unwrap_or_default(), Vec::new());
    for mut client in idle.into_iter().step_by(100) {
        client.exchange(&request, scenario.answered(), &mut buffer).await?;
    }
    Ok(())
}

/// What the clients of a load have in common.
#[derive(Default)]
struct Shared {
    done: AtomicU64,
    stopped: AtomicBool,
}

impl Shared {
    /// One more is done; whether to go on.
    fn count(&self) -> bool {
        self.done.fetch_add(1, Ordering::Relaxed);
        !self.stopped.load(Ordering::Relaxed)
    }
}

impl Load {
    /// Starts so many clients. Over HTTP/2 eight of them share a connection.
    pub(crate) fn start(target: &Target, scenario: Scenario, clients: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let mut tasks = JoinSet::new();
        let requests: Arc<[Bytes]> = scenario.requests().into();
        match scenario.wire {
            Wire::H2 => h2::start(&mut tasks, target, scenario, clients, &shared),
            Wire::Plain | Wire::Tls => {
                for first in 0..clients {
                    let (target, shared) = (target.clone(), Arc::clone(&shared));
                    let requests = Arc::clone(&requests);
                    tasks.spawn(async move {
                        let asked = Asked { requests: &requests, length: scenario.answered() };
                        if scenario.kept {
                            keep(&target, asked, first, &shared).await
                        } else {
                            reconnect(&target, asked, first, &shared).await
                        }
                    });
                }
            }
        }
        Self { shared, clients: tasks }
    }

    /// How many requests have been answered so far.
    pub(crate) fn done(&self) -> u64 {
        self.shared.done.load(Ordering::Relaxed)
    }

    /// Lets each client finish its request.
    ///
    /// # Errors
    /// The first thing that went wrong for a client: a measurement with failures is none.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.shared.stopped.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client??;
        }
        Ok(())
    }
}

/// What a client asks for in turn, and how long each answer is.
#[derive(Clone, Copy)]
struct Asked<'a> {
    requests: &'a [Bytes],
    length: usize,
}

impl<'a> Asked<'a> {
    /// Clients begin with different requests.
    fn from(self, first: usize) -> impl Iterator<Item = &'a Bytes> {
        self.requests.iter().cycle().skip(first % self.requests.len())
    }
}

/// One connection for all requests.
async fn keep(target: &Target, asked: Asked<'_>, first: usize, shared: &Shared) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut client = target.client().await?;
    for request in asked.from(first) {
        client.exchange(request, asked.length, &mut buffer).await?;
        if !shared.count() {
            break;
        }
    }
    Ok(())
}

/// A connection for each request. The proxy closes, so that what waits (TIME_WAIT) waits on its side and costs the
/// client no port.
async fn reconnect(
    target: &Target,
    asked: Asked<'_>,
    first: usize,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    for request in asked.from(first) {
        let mut client = target.client().await?;
        client.exchange(request, asked.length, &mut buffer).await?;
        client.closed(&mut buffer).await?;
        if !shared.count() {
            break;
        }
    }
    Ok(())
}
