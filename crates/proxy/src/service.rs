//! The phases of a request, as Pingora calls them.
//!
//! ```text
//! early_request_filter     phase::request    id, client address, what is refused
//! request_filter           phase::request    route; redirects and 404 are answered here
//!   upstream_peer          phase::select     backoff; the pool picks, now or when somebody is
//!                                            free → Attempt guard → HttpPeer                 ◄──┐
//!   fail_to_connect        phase::failure    Outcome (nothing sent) → retry::decide ── yes ─────┤
//!   connected_to_upstream  phase::connect    reused? how long? idle for too long? ── yes ───────┤
//!   upstream_request_filter phase::forward   the request's header                               │
//!   request_body_filter    phase::forward    proof that the header went out                     │
//!   upstream_response_filter phase::response Outcome (status) → retry::decide ── yes ───────────┤
//!   upstream_response_body_filter phase::response  its end                                      │
//!   error_while_proxy      phase::failure    Outcome (sent: no/maybe) → retry::decide ── yes ───┘
//!   fail_to_proxy          phase::failure    the gateway's own answer
//! logging                  phase::finish     ends the last attempt; access log; metrics
//! ```
//!
//! Pingora loops over the indented part while the error it is given says "retry". Its own count of
//! tries is set out of reach: the policy decides alone.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::modules::http::HttpModules;
use pingora_core::protocols::Digest;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::{Error, Result};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use switchback_runtime::Gateway;

use crate::ctx::Ctx;
use crate::phase::{connect, failure, finish, forward, request, response, select};

/// The proxy as Pingora runs it.
#[derive(Debug)]
pub struct Proxy {
    gateway: Arc<Gateway>,
}

impl Proxy {
    /// A proxy of this gateway.
    pub fn new(gateway: Arc<Gateway>) -> Self {
        Self { gateway }
    }
}

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Box<Ctx>;

    fn new_ctx(&self) -> Box<Ctx> {
        Ctx::new(&self.gateway)
    }

    /// None: compression belongs to the applications, and a module costs at every request.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn early_request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<()> {
        request::admit(&self.gateway, session, ctx)
    }

    async fn request_filter(&self, session: &mut Session, ctx: &mut Self::CTX) -> Result<bool> {
        request::route(&self.gateway, session, ctx).await
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        ctx: &mut Self::CTX,
    ) -> Result<Box<HttpPeer>> {
        select::endpoint(&self.gateway, session, ctx).await
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _peer: &HttpPeer,
        ctx: &mut Self::CTX,
        error: Box<Error>,
    ) -> Box<Error> {
        failure::connecting(&self.gateway, session, ctx, error)
    }

    async fn connected_to_upstream(
        &self,
        _session: &mut Session,
        reused: bool,
        _peer: &HttpPeer,
        descriptor: std::os::unix::io::RawFd,
        digest: Option<&Digest>,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        connect::established(&self.gateway, ctx, reused, descriptor, digest)
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        forward::request_header(&self.gateway, session, request, ctx)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        // Not before an upgrade: what ends with its header fills nothing, and a 101 that overtakes this end in
        // Pingora's queue would end the tunnel.
        if end_of_stream && ctx.receiving() && !ctx.upgrade {
            // Pingora reads the client, and with that keeps our time limits, only while its queue to
            // the endpoint has room; nobody looks again once the last part has filled it. So the other
            // half of the request's task is let empty it first, which it can if the endpoint takes
            // something: by the second time, whichever half `try_join!` polls first.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
        }
        forward::request_body(&self.gateway, end_of_stream, ctx);
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        answer: &mut ResponseHeader,
        ctx: &mut Self::CTX,
    ) -> Result<()> {
        response::header(&self.gateway, session, answer, ctx)
    }

    fn upstream_response_body_filter(
        &self,
        _session: &mut Session,
        _body: &mut Option<Bytes>,
        end_of_stream: bool,
        ctx: &mut Self::CTX,
    ) -> Result<Option<Duration>> {
        if end_of_stream {
            response::received(ctx);
        }
        Ok(None)
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        answer: &mut ResponseHeader,
        _ctx: &mut Self::CTX,
    ) -> Result<()> {
        response::for_client(session, answer);
        Ok(())
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Self::CTX,
        _client_reused: bool,
    ) -> Box<Error> {
        failure::proxying(&self.gateway, session, ctx, error)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Self::CTX,
    ) -> FailToProxy {
        failure::answer(session, error, ctx).await
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, ctx: &mut Self::CTX) {
        finish::request(&self.gateway, session, error, ctx);
        finish::linger(session, error, ctx).await;
    }

    /// All of it is in the access log, once.
    fn suppress_error_log(&self, _session: &Session, _ctx: &Self::CTX, _error: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _session: &Session,
        _ctx: &Self::CTX,
        _error: &Error,
        _context: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}
