//! The HTTP probe: a GET, and a look at the status.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::http::RequestHeader;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::ALPN;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::plan::{HealthPlan, PoolPlan, StatusSet};

const USER_AGENT: &str = concat!("switchback-health/", env!("CARGO_PKG_VERSION"));

/// What is asked, and what passes.
pub(crate) struct Request {
    pub(crate) path: Arc<str>,
    pub(crate) expect: StatusSet,
    pub(crate) port: Option<u16>,
}

pub(crate) struct Http {
    peer: HttpPeer,
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
        Self { peer: peer(pool, plan), host, request, rise, fall, connector }
    }

    fn header(&self, target: &Backend) -> Result<RequestHeader> {
        let mut header = RequestHeader::build("GET", self.request.path.as_bytes(), Some(4))?;
        match &self.host {
            Some(host) => header.insert_header("Host", &**host)?,
            None => header.insert_header("Host", target.addr.to_string())?,
        }
        header.insert_header("User-Agent", USER_AGENT)?;
        header.insert_header("Accept", "*/*")?;
        header.insert_header("Connection", "close")?;
        Ok(header)
    }
}

#[async_trait]
impl HealthCheck for Http {
    async fn check(&self, target: &Backend) -> Result<()> {
        let mut peer = self.peer.clone();
        peer._address = target.addr.clone();
        if let Some(port) = self.request.port {
            peer._address.set_port(port);
        }
        let (mut session, _reused) = self.connector.get_http_session(&peer).await?;
        session.set_read_timeout(peer.options.read_timeout);
        session.write_request_header(Box::new(self.header(target)?)).await?;
        session.finish_request_body().await?;
        let status = loop {
            session.read_response_header().await?;
            // Interim answers are none: the final one follows.
            match session.response_header().map(|answer| answer.status.as_u16()) {
                Some(100..=199) => {}
                Some(status) => break status,
                None => return Error::e_explain(ErrorType::ConnectionClosed, "without an answer"),
            }
        };
        if self.request.expect.contains(status) {
            return Ok(());
        }
        let expect = &self.request.expect;
        let why = format!("answered {status}, expected {expect}");
        Error::e_explain(ErrorType::Custom("unexpected status"), why)
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.rise } else { self.fall }
    }
}

/// How a probe of the pool connects: as its traffic does, but on a connection of its own.
pub(crate) fn peer(pool: &PoolPlan, plan: &HealthPlan) -> HttpPeer {
    let sni = pool.tls.as_ref().map_or_else(String::new, |tls| tls.sni.to_string());
    // The address is put in for each probe.
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let mut peer = HttpPeer::new(nowhere, pool.tls.is_some(), sni);
    peer.options.connection_timeout = Some(plan.timeout);
    peer.options.total_connection_timeout = Some(plan.timeout);
    peer.options.read_timeout = Some(plan.timeout);
    peer.options.alpn = ALPN::H1;
    if let Some(tls) = &pool.tls {
        peer.options.verify_cert = tls.verify;
        peer.options.verify_hostname = tls.verify;
    }
    peer
}
