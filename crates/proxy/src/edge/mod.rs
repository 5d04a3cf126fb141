//! Where clients come in: from an accepted connection to one sound request after the other.
//!
//! ```text
//! places          is there room for one more connection?
//! opening         the PROXY header of a trusted proxy, the TLS handshake
//!   http1         a head in time, of bounded size, that can be read in one way only  ◄──┐
//!   │ http1_session  … as Pingora may see it; its body followed to its end;
//!   │ answer_writer  its answer ─────────────────────────────────────────────────────────┘
//!   http2         requests beside each other, each under its own watch
//! refuse          what is none of that gets an answer, and its line in the log
//! ```
//!
//! To Pingora this is the application of its listeners. What it calls HTTP, its proxy, is run from
//! here, one session at a time ([`HttpServerApp::process_new_http`]): its own loop bounds a read but no
//! head, repairs what is ambiguous, and knows of no connection before its first request
//! (docs/decisions/0013-edge.md).

mod answer_writer;
mod current;
mod data;
mod http1;
mod http1_session;
mod http2;
mod http2_session;
mod opening;
mod places;
mod refuse;
mod replay;
mod request_header;
mod stream;
mod watch;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use pingora_core::apps::{HttpServerApp, ServerApp};
use pingora_core::protocols::Stream;
use pingora_core::server::ShutdownWatch;
use switchback_core::plan::{LimitsPlan, ListenerPlan, Plan};
use switchback_runtime::{ConnectionGuard, Gateway, Phase};
use switchback_telemetry::metrics::InFlight;
use switchback_wire::Refusal;

pub(crate) use current::{Connection, Incoming};
pub(crate) use stream::ClientStream;
pub(crate) use watch::{BODY_TOO_LARGE, Watch};

use self::http1::Then;
use self::places::{Place, Places};
use crate::client;
use crate::tls::TlsListeners;

/// The application of the listeners, around the one that answers requests.
#[derive(Debug)]
pub(crate) struct Edge<A> {
    app: Arc<A>,
    gateway: Arc<Gateway>,
    tls: TlsListeners,
    places: Arc<Places>,
}

impl<A> Edge<A> {
    pub(crate) fn new(app: A, gateway: Arc<Gateway>, tls: TlsListeners) -> Self {
        Self { app: Arc::new(app), gateway, tls, places: Arc::default() }
    }
}

/// What is to know of the listener that a connection came to.
#[derive(Clone, Debug)]
struct Listener {
    address: SocketAddr,
    tls: bool,
    http2: bool,
    proxy_protocol: bool,
    readiness: Option<Arc<str>>,
}

/// A connection as it was accepted.
struct Accepted {
    stream: Box<ClientStream>,
    client: SocketAddr,
    local: SocketAddr,
    listener: Listener,
    limits: LimitsPlan,
    counted: (ConnectionGuard, InFlight),
}

/// A connection before its first request.
struct Opened {
    stream: Box<ClientStream>,
    connection: Arc<Connection>,
    /// Whether HTTP/2 was agreed on, or may be spoken all the same.
    http2: (bool, bool),
    counted: (ConnectionGuard, InFlight),
    place: Place,
}

impl<A: HttpServerApp + Send + Sync + 'static> Edge<A> {
    /// Counts a connection; `None`: it is gone already, for then it has no address.
    fn accepted(&self, stream: Stream) -> Option<Accepted> {
        let (client, local, listener, limits) = {
            let plan = &self.gateway.current().plan;
            let (client, local) = addresses(&stream, plan)?;
            (client, local, listener(plan, local)?, plan.limits)
        };
        let counted = (self.gateway.drain.connection(), self.gateway.metrics.connection_opened());
        let stream = Box::new(ClientStream::new(stream, &self.gateway, &limits));
        Some(Accepted { stream, client, local, listener, limits, counted })
    }

    /// Serves a connection to its end.
    ///
    /// What this holds is held for as long as the client is there, and that is mostly between two requests.
    /// So what is large and soon over has a box of its own (`an_idle_connection_is_small`).
    async fn serve(self: Arc<Self>, accepted: Accepted, shutdown: ShutdownWatch) {
        let Some(opened) = self.opened(accepted).await else { return };
        let Opened { mut stream, connection, http2, counted: _counted, place: _place } = opened;
        let (app, gateway) = (&self.app, &self.gateway);
        let (agreed, preface) = http2;
        if !agreed {
            match http1::serve(app, gateway, &connection, stream, &shutdown, preface).await {
                Then::Http2(it) => stream = it,
                Then::Nothing => return,
            }
        }
        Box::pin(http2::serve(app, gateway, &connection, stream, &shutdown)).await;
    }

    /// All that comes before the first request; `None`: the connection is refused, or has ended.
    async fn opened(&self, accepted: Accepted) -> Option<Opened> {
        let Accepted { stream, client, local, listener, limits, counted } = accepted;
        let mut place = match self.places.take(self.gateway.room()) {
            Ok(place) => place,
            Err(refusal) => return self.turned_away(stream, &listener, refusal).await,
        };
        let (mut stream, addresses) = self.introduced(stream, &listener, client, local).await?;
        if let Err(refusal) = self.count(&mut place, addresses.client) {
            return self.turned_away(stream, &listener, refusal).await;
        }
        let mut agreed = false;
        if listener.tls {
            let tls = self.tls.find(listener.address)?;
            let handshake = opening::encrypted(*stream, tls, &self.gateway, &limits);
            (stream, agreed) = Box::pin(handshake).await?;
        }
        let connection = Arc::new(Connection {
            client: addresses.client,
            local: addresses.local,
            tls: listener.tls || addresses.tls,
            readiness: listener.readiness,
            address: OnceLock::new(),
        });
        let http2 = (agreed, listener.http2 && !listener.tls);
        Some(Opened { stream, connection, http2, counted, place })
    }

    /// Who the connection is from, after the PROXY header where one is due; `None`: it is refused.
    async fn introduced(
        &self,
        mut stream: Box<ClientStream>,
        listener: &Listener,
        client: SocketAddr,
        local: SocketAddr,
    ) -> Option<(Box<ClientStream>, opening::Introduced)> {
        let plain = opening::Introduced { client, local, tls: false };
        if !listener.proxy_protocol {
            return Some((stream, plain));
        }
        let trusted = {
            let plan = &self.gateway.current().plan;
            client::is_trusted(client.ip(), &plan.trusted_proxies)
        };
        let result = match trusted {
            true => opening::introduction(&mut stream, &self.gateway, plain).await,
            false => Err("not from a trusted proxy"),
        };
        match result {
            Ok(introduced) => Some((stream, introduced)),
            Err(why) => {
                // It may be a scanner, or a listener that expects what nobody sends.
                self.gateway.metrics.connection_refused("proxy_header");
                log::debug!("PROXY header of {client} on {local}: {why}");
                None
            }
        }
    }

    /// Counts the connection as its client's, unless that is a proxy of ours.
    fn count(&self, place: &mut Place, client: SocketAddr) -> Result<(), Refusal> {
        let plan = &self.gateway.current().plan;
        let Some(most) = plan.limits.connections_per_client else { return Ok(()) };
        if client::is_trusted(client.ip(), &plan.trusted_proxies) {
            return Ok(());
        }
        place.of(places::counted_as(client.ip()), most.get())
    }

    /// Refuses a connection, with an answer where one can be read without a handshake.
    async fn turned_away(
        &self,
        stream: Box<ClientStream>,
        listener: &Listener,
        refusal: Refusal,
    ) -> Option<Opened> {
        self.gateway.metrics.connection_refused(refusal.code);
        if !listener.tls {
            Box::pin(refuse::turn_away(stream, refusal)).await;
        }
        None
    }
}

#[async_trait]
impl<A: HttpServerApp + Send + Sync + 'static> ServerApp for Edge<A> {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        let accepted = self.accepted(stream)?;
        // In a task of its own: Pingora's has room for what its listeners could do besides (9 KiB), for as long
        // as it runs, and ends here.
        tokio::spawn(self.clone().serve(accepted, shutdown.clone()));
        None
    }

    async fn cleanup(&self) {
        // After a hand-over the listeners close sooner than idle connections may.
        self.gateway.drain.reached(Phase::Closing).await;
        self.app.http_cleanup().await;
    }
}

/// Both ends of a connection, the client's first.
fn addresses(stream: &Stream, plan: &Plan) -> Option<(SocketAddr, SocketAddr)> {
    let digest = stream.get_socket_digest()?;
    let client = digest.peer_addr()?.as_inet().copied()?;
    let local = match only_address(plan) {
        Some(local) => local,
        None => digest.local_addr()?.as_inet().copied()?,
    };
    Some((client, local))
}

/// The only address at which clients can have connected, where there is but one: then the system need
/// not be asked.
fn only_address(plan: &Plan) -> Option<SocketAddr> {
    match plan.listeners.as_slice() {
        [only] if !only.address.ip().is_unspecified() => Some(only.address),
        _ => None,
    }
}

/// The listener of a connection whose own end is `local`: the one of just this address, or of every
/// address of its family. The plan has only one of them.
fn listener(plan: &Plan, local: SocketAddr) -> Option<Listener> {
    let any = match local {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], local.port())),
        SocketAddr::V6(_) => SocketAddr::from(([0_u16; 8], local.port())),
    };
    // A link-local address comes with its scope.
    let plain = SocketAddr::new(local.ip(), local.port());
    let at = |address| plan.listeners.iter().find(|it: &&ListenerPlan| it.address == address);
    let found = at(plain).or_else(|| at(any))?;
    Some(Listener {
        address: found.address,
        tls: found.tls.is_some(),
        http2: found.http2,
        proxy_protocol: found.proxy_protocol,
        readiness: found.readiness.clone(),
    })
}

#[cfg(test)]
mod tests {
    use pingora_core::apps::ReusedHttpStream;
    use pingora_core::protocols::http::ServerSession;

    use super::*;

    struct NoApp;

    #[async_trait]
    impl HttpServerApp for NoApp {
        async fn process_new_http(
            self: &Arc<Self>,
            _: ServerSession,
            _: &ShutdownWatch,
        ) -> Option<ReusedHttpStream> {
            None
        }
    }

    fn size_of_output<A, B, C, T>(_: impl Fn(A, B, C) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn an_idle_connection_is_small() {
        let task = size_of_output(Edge::<NoApp>::serve);
        let stream = size_of::<ClientStream>();
        assert!(task <= 2048, "{task} bytes of a task for each client");
        assert!(stream <= 384, "{stream} bytes of a stream, two over TLS");
    }

    #[test]
    fn a_connection_belongs_to_the_listener_of_its_own_address_or_of_all() {
        let addresses = ["127.0.0.1:1", "0.0.0.0:2", "[::]:3", "[fe80::1]:4", "[::]:5"];
        let parse = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mut plan = Plan::of(Vec::new());
        plan.listeners = addresses.map(|it| ListenerPlan::plain(parse(it))).into();
        for (local, found) in [
            ("127.0.0.1:1", true),
            ("127.0.0.2:1", false),
            ("127.0.0.2:2", true),
            ("[::1]:2", false),
            ("[::1]:3", true),
            ("[::ffff:127.0.0.1]:3", true),
            ("127.0.0.1:5", false),
            ("[fe80::1%7]:4", true),
        ] {
            assert_eq!(listener(&plan, parse(local)).is_some(), found, "{local}");
        }
    }

    #[test]
    fn the_system_is_asked_for_the_own_end_unless_there_can_be_only_one() {
        let plan = |addresses: &[&str]| {
            let mut plan = Plan::of(Vec::new());
            let listener = |it: &&str| ListenerPlan::plain(it.parse().unwrap());
            plan.listeners = addresses.iter().map(listener).collect();
            only_address(&plan).map(|it| it.to_string())
        };
        assert_eq!(plan(&["127.0.0.1:1"]).as_deref(), Some("127.0.0.1:1"));
        assert_eq!(plan(&["[::1]:1"]).as_deref(), Some("[::1]:1"));
        assert_eq!(plan(&["0.0.0.0:1"]), None);
        assert_eq!(plan(&["[::]:1"]), None);
        assert_eq!(plan(&["127.0.0.1:1", "127.0.0.1:2"]), None);
    }
}
