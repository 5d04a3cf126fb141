//! A connection that speaks HTTP/1: one request after the other.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use pingora_core::apps::HttpServerApp;
use pingora_core::protocols::http::ServerSession;
use pingora_core::server::ShutdownWatch;
use switchback_core::plan::LimitsPlan;
use switchback_runtime::{Gateway, Phase};
use switchback_telemetry::metrics::Limit;
use switchback_wire::{Framing, Head, HeadLimits, HeadReader, Refusal};

use super::current::{Connection, Incoming};
use super::http1_session::{Back, Ended, Http1Session};
use super::refuse::refuse;
use super::stream::ClientStream;

/// A client began a request and did not finish it.
const HEADER_TOO_SLOW: Refusal =
    Refusal { status: 408, code: "header_timeout", details: "the header did not come in time" };

/// How a connection of HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What becomes of a connection.
pub(super) enum Then {
    /// It speaks HTTP/2, and nothing of that has been dealt with.
    Http2(Box<ClientStream>),
    /// It has ended.
    Nothing,
}

/// What a client said next.
enum Next {
    Request(Head),
    Preface,
    /// Nothing, and it has gone, or has been silent for too long.
    Nothing,
    Refused(Refusal),
}

/// Serves a connection to its end. With `preface` it may turn out to speak HTTP/2.
pub(super) async fn serve<A>(
    app: &Arc<A>,
    gateway: &Gateway,
    connection: &Arc<Connection>,
    mut stream: Box<ClientStream>,
    shutdown: &ShutdownWatch,
    preface: bool,
) -> Then
where
    A: HttpServerApp + Send + Sync + 'static,
{
    let mut served = 0_u32;
    let back = Arc::new(Back::default());
    // One for all its requests: to wait anew for each would cost each of them a lock.
    let mut closing = pin!(gateway.drain.reached(Phase::Closing));
    loop {
        let (limits, keepalive) = {
            let plan = &gateway.current().plan;
            (plan.limits, plan.client_keepalive)
        };
        let first = served == 0;
        let idle = if first { None } else { Some(keepalive) };
        let head = next(&mut stream, gateway, &limits, idle, preface && first, closing.as_mut());
        let head = match head.await {
            Next::Request(head) => head,
            Next::Preface => {
                stream.watch().off();
                return Then::Http2(stream);
            }
            Next::Nothing => {
                stream.close().await;
                return Then::Nothing;
            }
            Next::Refused(refusal) => {
                Box::pin(refuse(stream, gateway, connection, refusal)).await;
                return Then::Nothing;
            }
        };
        served = served.saturating_add(1);
        let last = limits.requests_per_connection.is_some_and(|most| served >= most.get());
        if last {
            gateway.metrics.limit_hit(Limit::RequestsPerConnection);
        }
        stream.watch().client_waits(head.expects_continue);
        let incoming = Incoming {
            connection: connection.clone(),
            watch: stream.watch().clone(),
            last,
            expects_continue: head.expects_continue,
            upgrade: head.upgrade && matches!(head.framing, Framing::None | Framing::Length(0)),
        };
        let session = match Http1Session::new(stream, &head, &limits, back.clone()) {
            Ok(session) => ServerSession::new_custom(Box::new(session)),
            Err((stream, refusal)) => {
                Box::pin(refuse(stream, gateway, connection, refusal)).await;
                return Then::Nothing;
            }
        };
        incoming.run(app.process_new_http(session, shutdown)).await;
        match back.take() {
            Some(Ended::Again(next)) => stream = next,
            Some(Ended::Close(stream)) => {
                stream.close().await;
                return Then::Nothing;
            }
            None => return Then::Nothing,
        }
    }
}

/// The next request's head, within its time and size. It may begin `idle` later; the first one of a
/// connection has begun with that. Nobody is waited for any more when `closing` is over.
async fn next(
    stream: &mut ClientStream,
    gateway: &Gateway,
    limits: &LimitsPlan,
    idle: Option<Duration>,
    preface: bool,
    mut closing: Pin<&mut impl Future<Output = ()>>,
) -> Next {
    let mut reader = HeadReader::new(HeadLimits {
        size: limits.header_size as usize,
        fields: limits.header_fields as usize,
        target: limits.target_size as usize,
    });
    let mut begun = false;
    stream.watch().reset();
    stream.watch().until(gateway.clock.now() + idle.unwrap_or(limits.header_timeout));
    loop {
        if !stream.ahead().is_empty() {
            let ahead = stream.ahead();
            if preface && ahead.starts_with(PREFACE) {
                return Next::Preface;
            }
            if !(preface && PREFACE.starts_with(ahead)) {
                match reader.read(ahead) {
                    Ok(Some(head)) => {
                        stream.watch().off();
                        return Next::Request(head);
                    }
                    Ok(None) => {}
                    Err(refusal) => return Next::Refused(refusal),
                }
            }
            if !std::mem::replace(&mut begun, true) && idle.is_some() {
                stream.watch().until(gateway.clock.now() + limits.header_timeout);
            }
        }
        let read = tokio::select! {
            biased;
            read = stream.read_ahead() => read,
            () = closing.as_mut(), if !begun => return Next::Nothing,
        };
        match read {
            Ok(0) => return Next::Nothing,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut && begun => {
                return Next::Refused(HEADER_TOO_SLOW);
            }
            Err(error) => {
                // Between requests a client may be silent for as long as it is kept.
                if error.kind() == io::ErrorKind::TimedOut && idle.is_none() {
                    gateway.metrics.limit_hit(Limit::HeaderTimeout);
                }
                return Next::Nothing;
            }
        }
    }
}
