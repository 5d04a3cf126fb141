//! The HTTP probe: a GET, and a look at the status.
//!
//! It speaks the version that the pool's traffic speaks, and where TLS is there to agree on one, it
//! settles for HTTP/1.1 as traffic does: what the probe sees is what a request would see. Each has a
//! connection of its own, because whether one can be made is half of what is asked: a process that has closed
//! its door answers on the connections that it has. (HAProxy and nginx do so too; Envoy keeps them.)

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::http::RequestHeader;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::protocols::http::v1::client::HttpSession as Http1Session;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, OrErr, Result};
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::plan::{HealthPlan, PoolPlan, Protocol, StatusSet};
use switchback_runtime::{EndpointTls, verify_by_address};

use crate::{plain, proxy_header};

pub(crate) const USER_AGENT: &str = concat!("switchback-health/", env!("CARGO_PKG_VERSION"));
/// What an endpoint may send on a stream of HTTP/2 before it is read: as little as can be had, for an
/// answer of some bytes.
const WINDOW: u32 = 65_535;
/// How much of a `Location` is told, in characters.
const LOCATION: usize = 100;

/// What is asked, and what passes.
pub(crate) struct Request {
    pub(crate) path: Arc<str>,
    pub(crate) expect: StatusSet,
    pub(crate) port: Option<u16>,
}

pub(crate) struct Http {
    peer: HttpPeer,
    /// Whether it goes over HTTP/1.1 on a plain connection.
    plain: bool,
    host: Option<Arc<str>>,
    request: Request,
    rise: usize,
    fall: usize,
    connector: Arc<Connector<()>>,
}

impl Http {
    pub(crate) fn new(
        pool: &PoolPlan,
        plan: &HealthPlan,
        request: Request,
        connector: Arc<Connector<()>>,
    ) -> Self {
        let host = pool.host.clone();
        let (rise, fall) = (plan.rise.get() as usize, plan.fall.get() as usize);
        let plain = plain::is_enough(pool) && pool.protocol == Protocol::Http1;
        let peer = peer(pool, plan, pool.protocol);
        Self { peer, plain, host, request, rise, fall, connector }
    }

    async fn connect(&self, target: &Backend) -> Result<HttpSession> {
        if self.plain {
            let stream = plain::connect(target, self.request.port).await?;
            return Ok(HttpSession::H1(Http1Session::new(Box::new(Stream::from(stream)))));
        }
        let peer = to(&self.peer, target, self.request.port);
        let (mut session, _reused) = self.connector.get_http_session(&peer).await?;
        session.set_read_timeout(peer.options.read_timeout);
        Ok(session)
    }

    fn header(&self, authority: &str, session: &HttpSession) -> Result<RequestHeader> {
        let path = self.request.path.as_bytes();
        let mut header = RequestHeader::build("GET", path, Some(4))?;
        match session {
            HttpSession::H2(_) => set_authority(&mut header, authority, &self.peer)?,
            _ => {
                header.insert_header("Host", authority)?;
                header.insert_header("Connection", "close")?;
            }
        }
        header.insert_header("User-Agent", USER_AGENT)?;
        header.insert_header("Accept", "*/*")?;
        Ok(header)
    }
}

#[async_trait]
impl HealthCheck for Http {
    async fn check(&self, target: &Backend) -> Result<()> {
        // Boxed: of TLS and HTTP/2 it is large, and would be copied for those without.
        let mut session = Box::pin(self.connect(target)).await?;
        let header = Box::new(self.header(&authority(self.host.as_deref(), target), &session)?);
        match &mut session {
            HttpSession::H2(stream) => stream.write_request_header(header, true)?,
            session => {
                session.write_request_header(header).await?;
                session.finish_request_body().await?;
            }
        }
        let status = loop {
            session.read_response_header().await?;
            // Interim answers are none: the final one follows. HTTP/2 has left them out.
            match session.response_header().map(|answer| answer.status.as_u16()) {
                Some(100..=199) if session.as_http1().is_some() => {}
                Some(status) => break status,
                None => return Error::e_explain(ErrorType::ConnectionClosed, "without an answer"),
            }
        };
        if self.request.expect.contains(status) {
            return Ok(());
        }
        let expect = &self.request.expect;
        let location = session.response_header().and_then(|answer| answer.headers.get("location"));
        let to = match location.and_then(|location| location.to_str().ok()) {
            Some(location) if (300..400).contains(&status) => redirected(location),
            _ => String::new(),
        };
        let why = format!("answered {status}, expected {expect}{to}");
        Error::e_explain(ErrorType::Custom("unexpected status"), why)
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.rise } else { self.fall }
    }
}

/// Most of an application's redirects are to a login page, and where to says so.
fn redirected(location: &str) -> String {
    match location.char_indices().nth(LOCATION) {
        Some((end, _)) => format!(" (redirects to {}…)", &location[..end]),
        None => format!(" (redirects to {location})"),
    }
}

/// How a probe of the pool connects: as its traffic does, but on a connection of its own.
pub(crate) fn peer(pool: &PoolPlan, plan: &HealthPlan, protocol: Protocol) -> HttpPeer {
    // The address is put in for each probe.
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut peer = HttpPeer::new(nowhere, pool.tls.is_some(), String::new());
    peer.options.connection_timeout = Some(plan.timeout);
    peer.options.total_connection_timeout = Some(plan.timeout);
    peer.options.read_timeout = Some(plan.timeout);
    peer.options.alpn = match protocol {
        Protocol::Http1 => ALPN::H1,
        // Without TLS: with prior knowledge.
        Protocol::H2 => ALPN::H2,
    };
    peer.options.h2_stream_window_size = Some(WINDOW);
    peer.options.h2_connection_window_size = Some(WINDOW);
    peer.options.custom_l4 = pool.proxy_protocol.map(proxy_header::connector);
    if let Some(tls) = &pool.tls {
        EndpointTls::new(tls).apply(&mut peer);
    }
    peer
}

/// The peer at the address of an endpoint, or at another port of it, where no PROXY header is said.
pub(crate) fn to(peer: &HttpPeer, target: &Backend, port: Option<u16>) -> HttpPeer {
    let mut peer = peer.clone();
    peer._address = target.addr.clone();
    if let Some(port) = port.filter(|port| !at_port(target, *port)) {
        peer._address.set_port(port);
        peer.options.custom_l4 = None;
    }
    verify_by_address(&mut peer);
    peer
}

fn at_port(target: &Backend, port: u16) -> bool {
    target.addr.as_inet().is_some_and(|address| address.port() == port)
}

/// Whom a probe asks for: the pool's host, else the endpoint by its address.
pub(crate) fn authority(host: Option<&str>, target: &Backend) -> String {
    host.map_or_else(|| target.addr.to_string(), str::to_owned)
}

/// Makes a request header one of HTTP/2. Pingora would make `:authority` of a Host field, but leave
/// that field beside it, and say `https` of plain connections too.
pub(crate) fn set_authority(
    header: &mut RequestHeader,
    authority: &str,
    peer: &HttpPeer,
) -> Result<()> {
    let path = header.uri.path_and_query().map_or("/", |path| path.as_str());
    let scheme = if peer.is_tls() { "https" } else { "http" };
    let uri = http::Uri::builder().scheme(scheme).authority(authority).path_and_query(path);
    header.set_uri(uri.build().or_err(ErrorType::InvalidHTTPHeader, "in the target of a probe")?);
    Ok(())
}

#[cfg(test)]
mod tests;
