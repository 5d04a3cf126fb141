//! The gRPC probe: asks the health service that gRPC servers have (`grpc.health.v1.Health/Check`, see
//! `doc/health-checking.md` of the gRPC project), over HTTP/2 whatever the pool speaks.
//!
//! One call of one message each way, both of which fit on a line, so neither a gRPC nor a Protocol
//! Buffers library stands behind it: the [`wire`] format is that of `doc/PROTOCOL-HTTP2.md`. What
//! passes is the status `SERVING` in an answer that ended well, with `grpc-status: 0`; an answer that
//! was cut off after `SERVING` does not. Of a message a kilobyte is read, many times what it takes.
//!
//! An unknown service is a failure like any other: the standard has the server say `NOT_FOUND`, and
//! the operator named a service that is not there.

mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::RequestHeader;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::protocols::http::v2::client::Http2Session;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, ErrorType, Result};
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;
use switchback_core::plan::{HealthPlan, PoolPlan, Protocol};

use crate::http::{USER_AGENT, authority, peer, set_authority, to};

const PATH: &str = "/grpc.health.v1.Health/Check";
/// How much of an answer's body is read, at most.
const MOST: usize = 1024;

pub(crate) struct Grpc {
    peer: HttpPeer,
    host: Option<Arc<str>>,
    request: Bytes,
    port: Option<u16>,
    rise: usize,
    fall: usize,
    connector: Arc<Connector<()>>,
}

impl Grpc {
    pub(crate) fn new(
        pool: &PoolPlan,
        plan: &HealthPlan,
        service: &str,
        port: Option<u16>,
        connector: Arc<Connector<()>>,
    ) -> Self {
        let (rise, fall) = (plan.rise.get() as usize, plan.fall.get() as usize);
        let peer = peer(pool, plan, Protocol::H2);
        let request = wire::request(service).into();
        Self { peer, host: pool.host.clone(), request, port, rise, fall, connector }
    }

    fn header(&self, authority: &str) -> Result<RequestHeader> {
        let mut header = RequestHeader::build("POST", PATH.as_bytes(), Some(3))?;
        set_authority(&mut header, authority, &self.peer)?;
        header.insert_header("te", "trailers")?;
        header.insert_header("content-type", "application/grpc")?;
        header.insert_header("user-agent", USER_AGENT)?;
        Ok(header)
    }
}

#[async_trait]
impl HealthCheck for Grpc {
    async fn check(&self, target: &Backend) -> Result<()> {
        let peer = to(&self.peer, target, self.port);
        let (session, _reused) = self.connector.get_http_session(&peer).await?;
        let HttpSession::H2(mut stream) = session else {
            return fail("did not agree on HTTP/2, which gRPC needs".to_owned());
        };
        stream.read_timeout = peer.options.read_timeout;
        let header = self.header(&authority(self.host.as_deref(), target))?;
        stream.write_request_header(Box::new(header), false)?;
        stream.write_request_body(self.request.clone(), true).await?;
        stream.read_response_header().await?;
        let Some(answer) = stream.response_header() else {
            return Error::e_explain(ErrorType::ConnectionClosed, "without an answer");
        };
        // An answer without a message may have its status here: "Trailers-Only".
        let early = match wire::is_grpc(answer.status, &answer.headers) {
            Ok(()) => wire::grpc_status(&answer.headers),
            Err(why) => return fail(why),
        };
        if let Some(Err(why)) = early {
            return fail(why);
        }
        let message = body(&mut stream).await?;
        let trailers = stream.read_trailers().await?;
        let late = trailers.as_ref().and_then(wire::grpc_status);
        let verdict = match late.or(early) {
            Some(status) => status.and_then(|()| wire::verdict(&message)),
            None => Err("the answer ended without a grpc-status".to_owned()),
        };
        verdict.or_else(fail)
    }

    fn health_threshold(&self, success: bool) -> usize {
        if success { self.rise } else { self.fall }
    }
}

async fn body(stream: &mut Http2Session) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(data) = stream.read_response_body().await? {
        if body.len() + data.len() > MOST {
            return fail(format!("answered more than {MOST} bytes"));
        }
        body.extend_from_slice(&data);
    }
    Ok(body)
}

fn fail<T>(why: String) -> Result<T> {
    Error::e_explain(ErrorType::Custom("gRPC health"), why)
}

#[cfg(test)]
mod tests;
