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
use crate::client::Target;
use crate::scenario::{Scenario, Wire};

mod h2;
pub(crate) mod open;

/// A closed load that runs.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<io::Result<()>>,
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
                        if scenario.kept {
                            keep(&target, &requests, first, &shared).await
                        } else {
                            reconnect(&target, &requests, first, &shared).await
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

/// One connection for all requests.
async fn keep(
    target: &Target,
    requests: &[Bytes],
    first: usize,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let mut client = target.client().await?;
    for request in requests.iter().cycle().skip(first % requests.len()) {
        client.exchange(request, &mut buffer).await?;
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
    requests: &[Bytes],
    first: usize,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    for request in requests.iter().cycle().skip(first % requests.len()) {
        let mut client = target.client().await?;
        client.exchange(request, &mut buffer).await?;
        client.closed(&mut buffer).await?;
        if !shared.count() {
            break;
        }
    }
    Ok(())
}
