//! A request that is refused before Pingora sees it: its answer, its line in the access log.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use httpdate::HttpDate;
use switchback_core::outcome::refusal;
use switchback_runtime::Gateway;
use switchback_telemetry::access::Attempts;
use switchback_telemetry::{AccessRecord, Failure, Origin, Text};
use switchback_wire::Refusal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::current::Connection;
use super::stream::ClientStream;
use crate::{answer, id};

/// How long, and for how many bytes, what a client still sends is read after its answer, which the
/// reset that unread bytes cause might overtake (RFC 9112, section 9.6).
const LINGER: (Duration, usize) = (Duration::from_secs(2), 1024 * 1024);

/// How long a client that is turned away has to take its answer.
const TURNED_AWAY: Duration = Duration::from_millis(500);

/// How much of what cannot be read is shown in the log.
const SHOWN: usize = 256;

/// Answers, and closes the connection.
pub(super) async fn refuse(
    mut stream: Box<ClientStream>,
    gateway: &Gateway,
    connection: &Connection,
    refusal: Refusal,
) {
    let time = gateway.clock.wall();
    let id = id::new(time);
    let body = answer::text(refusal.status, Some(refusal.details), Some(&id));
    let told = String::from_utf8_lossy(id.as_bytes());
    let head = head(refusal, refusal::BAD_REQUEST, time, body.len());
    let head = format!("{head}x-request-id: {told}\r\n\r\n");
    log(&stream, gateway, connection, refusal, id, body.len());
    stream.watch().off();
    let answer = [head.as_bytes(), body.as_bytes()].concat();
    let sent = timeout(LINGER.0, async {
        stream.write_all(&answer).await?;
        stream.flush().await?;
        stream.shutdown().await
    });
    if matches!(sent.await, Ok(Ok(()))) {
        linger(&mut stream).await;
    }
}

/// Tells a client that it cannot have a connection, and closes it.
pub(super) async fn turn_away(mut stream: Box<ClientStream>, refusal: Refusal) {
    let body = answer::text(refusal.status, Some(refusal.details), None);
    let head = format!(
        "{}retry-after: 1\r\n\r\n",
        head(refusal, refusal::OVERLOADED, SystemTime::now(), body.len())
    );
    let answer = [head.as_bytes(), body.as_bytes()].concat();
    // A client over the limit has no claim to more than what fits into the socket's buffer.
    let _ = timeout(TURNED_AWAY, async {
        stream.write_all(&answer).await?;
        stream.flush().await?;
        stream.shutdown().await?;
        stream.read(&mut [0; 1024]).await
    })
    .await;
}

/// The header of the answer, but for its end.
fn head(refusal: Refusal, reason: &'static str, time: SystemTime, length: usize) -> String {
    let phrase = StatusCode::from_u16(refusal.status).ok().and_then(|it| it.canonical_reason());
    let allow = if refusal.status == 405 {
        format!("allow: {}\r\n", answer::METHODS)
    } else {
        String::new()
    };
    format!(
        "HTTP/1.1 {} {}\r\ndate: {}\r\ncontent-type: text/plain; charset=utf-8\r\n\
         cache-control: no-store\r\nproxy-status: {}\r\ncontent-length: {length}\r\n\
         connection: close\r\n{allow}",
        refusal.status,
        phrase.unwrap_or("Error"),
        HttpDate::from(time),
        answer::proxy_status(reason, Some(refusal.details)),
    )
}

/// Reads, for a moment, what a client still sends.
async fn linger(stream: &mut ClientStream) {
    let mut buffer = vec![0; 4096];
    let read = async {
        let mut left = LINGER.1;
        while left > 0 {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(length) => left = left.saturating_sub(length),
            }
        }
    };
    // Whatever it brings, the connection closes.
    let _ = timeout(LINGER.0, read).await;
}

/// One line of the access log, with what could be read of the request, and the metrics.
fn log(
    stream: &ClientStream,
    gateway: &Gateway,
    connection: &Connection,
    refusal: Refusal,
    id: Text,
    length: usize,
) {
    let generation = gateway.current();
    generation.route_metrics(None).request_finished(Some(refusal.status), Duration::ZERO);
    gateway.metrics.client_error(Origin::Client, false, refusal::BAD_REQUEST);
    gateway.metrics.request_refused(refusal.code);
    let line = stream.ahead().split(|byte| matches!(byte, b'\r' | b'\n')).find(|it| !it.is_empty());
    let mut words = line.unwrap_or_default().splitn(3, |&byte| byte == b' ');
    let mut word = || words.next().map(|word| &word[..word.len().min(SHOWN)]).unwrap_or_default();
    let (method, target) = (word(), word());
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    let record = Box::new(AccessRecord {
        time: gateway.clock.wall(),
        id,
        client: connection.client.ip(),
        method: Text::from(method),
        host: None,
        path: Text::from(path),
        referer: None,
        user_agent: None,
        trace_id: None,
        status: Some(refusal.status),
        bytes_in: 0,
        bytes_out: length as u64,
        duration: Duration::ZERO,
        queued: Duration::ZERO,
        route: None,
        pool: None,
        protocol: "HTTP/1.1",
        attempts: Attempts::new(),
        attempts_omitted: 0,
        failure: Some(Failure {
            reason: refusal::BAD_REQUEST,
            detail: Some(refusal.code),
            origin: Origin::Client,
            decision: None,
            pool: None,
        }),
    });
    gateway.failures.keep(&record);
    gateway.access_log.log(record);
}
