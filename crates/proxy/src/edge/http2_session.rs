//! A request of HTTP/2, as Pingora may see it.
//!
//! Pingora's own session waits for its client for as long as that pleases, and for an endpoint for as
//! long as a read may take: nobody can interrupt it. This one hands everything on to it but the waiting,
//! which ends as that of [`super::stream`] does: at the deadline of the [`Watch`], or when the client is
//! too slow with its body. To Pingora it is a "custom" session; what that means there is that the
//! authority is taken as it came, which is checked when the request is admitted.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_core::protocols::Digest;
use pingora_core::protocols::http::HttpTask;
use pingora_core::protocols::http::custom::CustomMessageWrite;
use pingora_core::protocols::http::custom::server::Session;
use pingora_core::protocols::http::v2::server::HttpSession;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::{Error, ErrorType, Result};
use switchback_core::plan::LimitsPlan;
use switchback_runtime::{Clock, Gateway};
use switchback_telemetry::Metrics;
use switchback_telemetry::metrics::Limit;
use switchback_wire::Refusal;

use super::replay::Replay;
use super::watch::{Pace, Timer, Timers, Watch};

type Messages = Box<dyn futures_core::Stream<Item = Result<Bytes>> + Unpin + Send + Sync>;

/// A request of HTTP/2 under a [`Watch`].
pub(super) struct Http2Session {
    inner: HttpSession,
    /// Whether the answer ends with its header, whatever follows; over HTTP/1 Pingora sees to that
    /// itself.
    to_head: bool,
    watch: Arc<Watch>,
    clock: Clock,
    metrics: Arc<Metrics>,
    timer: Timer,
    /// Where the timer comes from.
    timers: Arc<Timers>,
    pace: Pace,
    /// What has come of the body, if somebody may want it again.
    replay: Option<Replay>,
}

impl Http2Session {
    pub(super) fn new(
        mut inner: HttpSession,
        watch: Arc<Watch>,
        timers: Arc<Timers>,
        gateway: &Gateway,
        limits: &LimitsPlan,
    ) -> Self {
        inner.set_write_timeout(Some(limits.send_timeout));
        let (timer, pace) = (timers.take(), Pace::new(limits));
        let to_head = inner.req_header().method == Method::HEAD;
        let (clock, metrics) = (gateway.clock, gateway.metrics.clone());
        Self { inner, to_head, watch, clock, metrics, timer, timers, pace, replay: None }
    }

    /// What came of sending: something was taken, or nothing for too long.
    fn sent<T>(&self, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) => self.watch.moved(),
            Err(error) if error.etype == ErrorType::WriteTimedout => {
                self.metrics.limit_hit(Limit::SendTimeout);
            }
            Err(_) => {}
        }
        result
    }

    /// The next of the request's body.
    async fn body(&mut self) -> Result<Option<Bytes>> {
        let received = self.inner.body_bytes_read() as u64;
        let Self { inner, watch, clock, timer, pace, .. } = self;
        let read = {
            let mut read = pin!(inner.read_body_bytes());
            let read = poll_fn(|cx| {
                if let Poll::Ready(read) = read.as_mut().poll(cx) {
                    return Poll::Ready(read);
                }
                if let Poll::Ready(refusal) = pace.poll_too_slow(received, *clock, timer, cx) {
                    return Poll::Ready(Err(broken(watch, refusal)));
                }
                watch.poll_expired(timer, cx).map(|()| Err(timed_out()))
            });
            read.await?
        };
        self.watch.moved();
        self.pace.moved(self.clock);
        if let (Some(replay), Some(data)) = (&mut self.replay, &read) {
            replay.keep(data);
        }
        match self.watch.too_long(self.inner.body_bytes_read() as u64) {
            Some(refusal) => Err(broken(&self.watch, refusal)),
            None => Ok(read),
        }
    }

    /// Waits until the client gives the request up, or the wait is over.
    async fn idle(&mut self) -> Error {
        let Self { inner, watch, timer, .. } = self;
        let mut idle = pin!(inner.idle());
        poll_fn(|cx| {
            if let Poll::Ready(result) = idle.as_mut().poll(cx) {
                return Poll::Ready(match result {
                    Ok(reason) => gone(format!("the client has reset the request: {reason}")),
                    Err(error) => *error,
                });
            }
            watch.poll_expired(timer, cx).map(|()| *timed_out())
        })
        .await
    }
}

impl Drop for Http2Session {
    fn drop(&mut self) {
        self.timers.give_back(std::mem::take(&mut self.timer));
    }
}

/// The most that a client must take within `limits.send_timeout`: a frame that with its head of nine bytes
/// (RFC 9113, sections 4.1 and 6.5.2) fills a record of TLS (RFC 8446, section 5.1), and does not make another
/// one of nine bytes. Pingora's time limit is for all of what it is given at once.
const PIECE: usize = 16 * 1024 - 9;

/// Parts of an answer, with bodies in pieces.
fn in_pieces(tasks: Vec<HttpTask>) -> Vec<HttpTask> {
    let is_long =
        |task: &HttpTask| matches!(task, HttpTask::Body(Some(data), _) if data.len() > PIECE);
    if !tasks.iter().any(is_long) {
        return tasks;
    }
    let mut pieces = Vec::with_capacity(tasks.len() + 4);
    for task in tasks {
        match task {
            HttpTask::Body(Some(mut data), end) => {
                while data.len() > PIECE {
                    pieces.push(HttpTask::Body(Some(data.split_to(PIECE)), false));
                }
                pieces.push(HttpTask::Body(Some(data), end));
            }
            task => pieces.push(task),
        }
    }
    pieces
}

/// A wait that is over; [`Watch::expired`] says that it was not the client's.
fn timed_out() -> Box<Error> {
    Error::explain(ErrorType::ReadTimedout, "time limit").into_down()
}

fn gone(why: String) -> Error {
    *Error::explain(ErrorType::ConnectionClosed, why).into_down()
}

fn broken(watch: &Watch, refusal: Refusal) -> Box<Error> {
    watch.refuse(refusal);
    Error::explain(ErrorType::ReadError, refusal.details).into_down()
}

#[async_trait]
impl Session for Http2Session {
    fn req_header(&self) -> &RequestHeader {
        self.inner.req_header()
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        self.inner.req_header_mut()
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        self.body().await
    }

    async fn drain_request_body(&mut self) -> Result<()> {
        self.inner.drain_request_body().await
    }

    async fn write_response_header(
        &mut self,
        answer: Box<ResponseHeader>,
        end: bool,
    ) -> Result<()> {
        self.watch.moved();
        self.inner.write_response_header(answer, end)
    }

    async fn write_response_header_ref(
        &mut self,
        answer: &ResponseHeader,
        end: bool,
    ) -> Result<()> {
        self.watch.moved();
        self.inner.write_response_header_ref(answer, end)
    }

    async fn write_body(&mut self, data: Bytes, end: bool) -> Result<()> {
        let data = match (self.to_head, end) {
            (false, _) => data,
            (true, true) => Bytes::new(),
            (true, false) => return Ok(()),
        };
        let result = self.inner.write_body(data, end).await;
        self.sent(result)
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.inner.write_trailers(trailers)
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let result = self.inner.response_duplex_vec(in_pieces(tasks)).await;
        self.sent(result)
    }

    /// The time limits are the watch's.
    fn set_read_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_read_timeout(&self) -> Option<Duration> {
        None
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_write_timeout(timeout);
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        self.inner.get_write_timeout()
    }

    fn set_total_drain_timeout(&mut self, timeout: Option<Duration>) {
        self.inner.set_total_drain_timeout(timeout);
    }

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        self.inner.get_total_drain_timeout()
    }

    fn request_summary(&self) -> String {
        self.inner.request_summary()
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.inner.response_written()
    }

    async fn shutdown(&mut self, code: u32, _context: &str) {
        self.inner.shutdown_with_reason(code.into());
    }

    async fn abandon(&mut self, _context: &str) {
        self.inner.shutdown();
    }

    fn is_body_done(&mut self) -> bool {
        self.inner.is_body_done()
    }

    async fn finish(&mut self) -> Result<()> {
        self.inner.finish()
    }

    fn is_body_empty(&mut self) -> bool {
        self.inner.is_body_empty()
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if no_body_expected || self.inner.is_body_done() {
            Err(Box::new(self.idle().await))
        } else {
            self.body().await
        }
    }

    fn body_bytes_sent(&self) -> usize {
        self.inner.body_bytes_sent()
    }

    fn body_bytes_read(&self) -> usize {
        self.inner.body_bytes_read()
    }

    fn digest(&self) -> Option<&Digest> {
        self.inner.digest()
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        self.inner.digest_mut()
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.inner.client_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.inner.server_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        self.inner.pseudo_raw_h1_request_header()
    }

    fn enable_retry_buffering(&mut self) {
        self.replay.get_or_insert_default();
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.replay.as_ref().is_some_and(Replay::is_truncated)
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.replay.as_ref().and_then(Replay::all)
    }

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _reader: Messages) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(
        &mut self,
        _writer: Box<dyn CustomMessageWrite>,
    ) -> Result<()> {
        Ok(())
    }
}
