//! Clients that keep the rules, and demand what they were promised: the right status and the whole answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use switchback_testkit::{Client, H2Client, H2End, Response, hash};
use tokio::task::{JoinHandle, JoinSet};

use super::stage::{NAME, Stage};
use super::tls;

/// Seven: every kind of request comes to every endpoint.
const MIX: [(&str, usize); 7] = [
    ("GET", 0),
    ("PUT", 2_000),
    ("POST", 500),
    ("GET", 0),
    ("POST", 0),
    ("PUT", 30_000),
    ("POST", 2_000),
];

/// Requests on a connection over TLS or HTTP/2, before another one takes its place.
const A_CONNECTION: u64 = 25;

pub(crate) fn join(tasks: &mut JoinSet<()>, stage: &Arc<Stage>) {
    for _ in 0..6 {
        tasks.spawn(http1(Arc::clone(stage), "keep-alive", "/", false, ms(40)));
    }
    for _ in 0..2 {
        tasks.spawn(http1(Arc::clone(stage), "connection per request", "/", true, ms(100)));
        tasks.spawn(http2(Arc::clone(stage), ms(50)));
        tasks.spawn(over_tls(Arc::clone(stage), ms(100)));
    }
    for _ in 0..8 {
        tasks.spawn(http1(Arc::clone(stage), "queued", "/few", false, ms(100)));
    }
    tasks.spawn(http2_over_tls(Arc::clone(stage), ms(60)));
    tasks.spawn(uploads(Arc::clone(stage), ms(500)));
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// One request to be made.
struct Ask {
    method: &'static str,
    id: String,
    body: Vec<u8>,
}

impl Ask {
    fn next(stage: &Stage) -> Self {
        let number = stage.number();
        let (method, size) = MIX[(number % MIX.len() as u64) as usize];
        Self { method, id: format!("soak-{number}"), body: vec![b'b'; size] }
    }

    fn note(&self, stage: &Stage, kind: &'static str, began: Instant, outcome: Result<(), String>) {
        stage.tally.note((kind, self.method, &self.id), began, outcome);
    }

    /// Whether an answer is the right one.
    fn judge(&self, status: u16, body: &[u8]) -> Result<(), String> {
        if status != 200 {
            return Err(format!("status {status}"));
        }
        // Endpoints that fall ill answer without repeating what they were told.
        if body == b"ok\n" {
            return Ok(());
        }
        let said: serde_json::Value =
            serde_json::from_slice(body).map_err(|e| format!("another body: {e}"))?;
        let right = said["method"] == self.method
            && said["body_hash"] == format!("{:016x}", hash(&self.body));
        if right { Ok(()) } else { Err(format!("the endpoint got something else: {said}")) }
    }

    fn judge_http1(&self, answer: &Response) -> Result<(), String> {
        if !answer.complete {
            return Err(format!("cut: {:?} after {}", answer.end, answer.status));
        }
        self.judge(answer.status, &answer.body)
    }
}

/// Over HTTP/1.1.
async fn http1(
    stage: Arc<Stage>,
    kind: &'static str,
    path: &'static str,
    fresh: bool,
    pace: Duration,
) {
    let mut kept = None::<Client>;
    while !stage.is_over() {
        let (ask, began) = (Ask::next(&stage), Instant::now());
        let target = format!("{path}?{}", ask.id);
        // What HTTP forces on every client: one that was closed meanwhile is replaced.
        kept = kept.and_then(|mut client| client.is_reusable().then_some(client));
        let outcome = async {
            let client = match &mut kept {
                Some(client) => client,
                none => none.insert(Client::connect(stage.gateway.addr()).await?),
            };
            let close = ("connection", if fresh { "close" } else { "keep-alive" });
            client.request(ask.method, &target, &[("x-test-id", &*ask.id), close], &ask.body).await
        };
        let outcome = outcome.await.map_err(|e| e.to_string());
        let outcome = outcome.and_then(|answer| ask.judge_http1(&answer));
        if fresh || outcome.is_err() {
            kept = None;
        }
        ask.note(&stage, kind, began, outcome);
        tokio::time::sleep_until((began + pace).into()).await;
    }
}

/// Large bodies in chunks, that are too large to be repeated.
async fn uploads(stage: Arc<Stage>, pace: Duration) {
    while !stage.is_over() {
        let (mut ask, began) = (Ask::next(&stage), Instant::now());
        (ask.method, ask.body) = ("POST", vec![b'u'; 200_000]);
        let fields = [("x-test-id", &*ask.id), ("transfer-encoding", "chunked")];
        let outcome = async {
            let mut client = Client::connect(stage.gateway.addr()).await?;
            client.request("POST", &format!("/upload?{}", ask.id), &fields, &ask.body).await
        };
        let outcome = outcome.await.map_err(|e| e.to_string());
        ask.note(&stage, "upload", began, outcome.and_then(|answer| ask.judge_http1(&answer)));
        tokio::time::sleep_until((began + pace).into()).await;
    }
}

/// Over HTTP/2 in the clear: of every 25 requests two are given up by their client.
async fn http2(stage: Arc<Stage>, pace: Duration) {
    while !stage.is_over() {
        let Ok(client) = H2Client::connect(stage.gateway.addr()).await else {
            stage.tally.note(("h2c", "GET", "-"), Instant::now(), Err("no connection".into()));
            continue;
        };
        for turn in 0..A_CONNECTION {
            let (ask, began) = (Ask::next(&stage), Instant::now());
            let fields = [("x-test-id", &*ask.id)];
            let target = format!("/?{}", ask.id);
            if turn % 12 == 7 {
                if let Ok(mut stream) = client.open("GET", &target, &fields).await {
                    stream.reset(8);
                    stage.tally.count("h2c, given up");
                }
                continue;
            }
            let answer = client.request(ask.method, &target, &fields, &ask.body).await;
            let outcome = match answer.end {
                H2End::Complete => ask.judge(answer.status, &answer.body),
                end if answer.status == 0 => Err(format!("no answer: {end:?}")),
                end => Err(format!("cut: {end:?} after {}", answer.status)),
            };
            ask.note(&stage, "h2c", began, outcome);
            tokio::time::sleep_until((began + pace).into()).await;
            if stage.is_over() || client.is_closed() {
                break;
            }
        }
    }
}

async fn over_tls(stage: Arc<Stage>, pace: Duration) {
    let connector = tls::connector(b"http/1.1");
    while !stage.is_over() {
        let mut stream = None;
        for _ in 0..A_CONNECTION {
            let (ask, began) = (Ask::next(&stage), Instant::now());
            let outcome = async {
                let stream = match &mut stream {
                    Some(stream) => stream,
                    none => {
                        let made = tls::connect(&connector, stage.gateway.spare_addr()).await;
                        none.insert(made.map_err(|e| format!("handshake: {e}"))?)
                    }
                };
                let Ask { method, id, body } = &ask;
                let length = body.len();
                let head = format!(
                    "{method} /?{id} HTTP/1.1\r\nhost: {NAME}\r\nx-test-id: {id}\r\ncontent-length: {length}\r\n\r\n"
                );
                let request = [head.as_bytes(), body].concat();
                let answer =
                    tokio::time::timeout(ms(10_000), tls::exchange(stream, &request)).await;
                let (status, body) = answer.map_err(|_| "no answer in time")??;
                ask.judge(status, &body)
            };
            let outcome = outcome.await;
            let failed = outcome.is_err();
            ask.note(&stage, "TLS", began, outcome);
            tokio::time::sleep_until((began + pace).into()).await;
            if failed || stage.is_over() {
                break;
            }
        }
    }
}

/// What drives a connection, for as long as somebody holds this.
struct Drive(JoinHandle<()>);

impl Drop for Drive {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn http2_over_tls(stage: Arc<Stage>, pace: Duration) {
    let connector = tls::connector(b"h2");
    while !stage.is_over() {
        let begun = async {
            let stream = tls::connect(&connector, stage.gateway.spare_addr()).await;
            let stream = stream.map_err(|e| e.to_string())?;
            h2::client::handshake(stream).await.map_err(|e| e.to_string())
        };
        let (mut send, connection) = match begun.await {
            Ok(begun) => begun,
            Err(what) => {
                stage.tally.note(("h2 over TLS", "GET", "-"), Instant::now(), Err(what));
                continue;
            }
        };
        let _drive = Drive(tokio::spawn(async move { drop(connection.await) }));
        for _ in 0..A_CONNECTION {
            let (ask, began) = (Ask::next(&stage), Instant::now());
            let answer = tokio::time::timeout(ms(10_000), over_http2(&mut send, &ask)).await;
            let outcome = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            let outcome = outcome.and_then(|(status, body)| ask.judge(status, &body));
            let failed = outcome.is_err();
            ask.note(&stage, "h2 over TLS", began, outcome);
            tokio::time::sleep_until((began + pace).into()).await;
            if failed || stage.is_over() {
                break;
            }
        }
    }
}

async fn over_http2(
    send: &mut h2::client::SendRequest<Bytes>,
    ask: &Ask,
) -> Result<(u16, Vec<u8>), String> {
    let uri = format!("https://{NAME}/?{}", ask.id);
    let request = http::Request::builder().method(ask.method).uri(uri).header("x-test-id", &ask.id);
    let request = request.body(()).expect("a request");
    let none = |e: h2::Error| format!("no answer: {e}");
    *send = send.clone().ready().await.map_err(none)?;
    let (answer, mut stream) = send.send_request(request, ask.body.is_empty()).map_err(none)?;
    if !ask.body.is_empty() {
        // Within the window that the protocol begins with.
        stream.send_data(Bytes::copy_from_slice(&ask.body), true).map_err(none)?;
    }
    let answer = answer.await.map_err(none)?;
    let (status, mut receive) = (answer.status().as_u16(), answer.into_body());
    let mut body = Vec::new();
    while let Some(piece) = receive.data().await {
        let piece = piece.map_err(|e| format!("cut: {e}"))?;
        // Fails only on a stream that has ended.
        let _ = receive.flow_control().release_capacity(piece.len());
        body.extend_from_slice(&piece);
    }
    Ok((status, body))
}
