//! The load: clients in closed loops, each on a keep-alive connection of its own.
//!
//! A client that waits for an answer asks nothing else; so a hanging backend is felt as fewer
//! requests, as with real users, and the rate is a wish rather than a promise.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Options;
use super::ledger::Ledger;
use super::request::{Request, Seen};
use super::tally::Tally;
use super::wire::Connection;

/// How long a client waits. The gateway ends every request long before.
const PATIENCE: Duration = Duration::from_secs(15);

/// The clients on their way.
pub(super) struct Load {
    clients: JoinSet<()>,
    stop: watch::Sender<bool>,
}

struct Client {
    number: u32,
    gateway: SocketAddr,
    connection: Option<Connection>,
}

impl Load {
    /// Lets the clients begin, spread over the time between two requests of one.
    pub(super) fn start(
        options: &Options,
        gateway: SocketAddr,
        ledger: &Arc<Ledger>,
        tally: &Arc<Tally>,
    ) -> Self {
        let (count, rate) = (options.clients.get(), options.rate.get());
        let pause = Duration::from_secs(1) * count / rate;
        let stop = watch::Sender::new(false);
        let mut clients = JoinSet::new();
        for number in 0..count {
            let client = Client { number, gateway, connection: None };
            let begin = Instant::now() + pause * number / count;
            let (ledger, tally) = (ledger.clone(), tally.clone());
            clients.spawn(client.run(begin, pause, ledger, tally, stop.subscribe()));
        }
        Self { clients, stop }
    }

    /// Lets each client finish what it asked for, at most this long.
    pub(super) async fn stop(mut self, limit: Duration) {
        self.stop.send_replace(true);
        let finished = async { while self.clients.join_next().await.is_some() {} };
        // Who is not done by then is dropped uncounted: nobody knows what it would have seen.
        let _ = tokio::time::timeout(limit, finished).await;
    }
}

impl Client {
    async fn run(
        mut self,
        begin: Instant,
        pause: Duration,
        ledger: Arc<Ledger>,
        tally: Arc<Tally>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval_at(begin.into(), pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        for number in 0.. {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
            }
            let request = Request::of(self.number, number);
            let began = Instant::now();
            let seen = self.ask(&request).await;
            let took = began.elapsed();
            tally.note(request.judge(seen, |id| ledger.has(id), || ledger.was_on_the_wire()), took);
        }
    }

    /// What comes of a request. The connection is kept if the answer allows it.
    async fn ask(&mut self, request: &Request) -> Seen {
        let kept = self.connection.take();
        let exchange = async {
            let mut connection = match kept {
                Some(connection) => connection,
                None => Connection::new(TcpStream::connect(self.gateway).await?),
            };
            connection.send(&request.encode()).await?;
            let answer = connection.answer().await?;
            let answer = answer.ok_or(io::ErrorKind::UnexpectedEof)?;
            io::Result::Ok((connection, answer))
        };
        let (connection, answer) = match tokio::time::timeout(PATIENCE, exchange).await {
            Err(_) => return Seen::Nothing("no answer in 15 s".to_owned()),
            Ok(Err(error)) => return Seen::Nothing(error.kind().to_string()),
            Ok(Ok(exchanged)) => exchanged,
        };
        if !answer.fields.close {
            self.connection = Some(connection);
        }
        let own = answer.body == request.id.to_string().as_bytes();
        match answer.start {
            200..=299 if !own => Seen::Mixed,
            status => Seen::Answer { status, reason: answer.fields.reason },
        }
    }
}
