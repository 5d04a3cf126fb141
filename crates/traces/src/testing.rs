//! What the tests share: finished requests, and a server that stands for a collector. It answers as it is told, and
//! remembers what it got; spans are read with OpenTelemetry's own messages.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use smallvec::smallvec;
use switchback_core::plan::{Ratio, Secret, TracingPlan};
use switchback_telemetry::access::Text;
use switchback_telemetry::{AccessRecord, AttemptRecord, TraceContext, Traced};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// What the server does with a connection or a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with these bytes.
    Says(&'static [u8]),
    /// Says nothing.
    Waits,
    /// Closes the connection, after it has read the request.
    Closes,
}

pub(crate) const TAKEN: Does = Does::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
pub(crate) const BUSY: Does =
    Does::Says(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy");

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Which connection, from 0.
    pub(crate) connection: usize,
}

/// A server on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    got: Mutex<Vec<Got>>,
    /// What it does next; when there is nothing left, it takes all.
    script: Mutex<VecDeque<Does>>,
}

impl Server {
    pub(crate) async fn start(script: impl IntoIterator<Item = Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        shared.script.lock().unwrap().extend(script);
        let serving = shared.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let Ok((stream, _)) = listener.accept().await else { return };
                tokio::spawn(serve(stream, connection, serving.clone()));
            }
        });
        Self { address, shared }
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        self.got().iter().flat_map(|got| spans(&got.body)).collect()
    }

    pub(crate) fn plan(&self) -> TracingPlan {
        plan(&format!("http://{}", self.address))
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    shared: Arc<Shared>,
) {
    while let Some((head, body)) = read(&mut stream).await {
        shared.got.lock().unwrap().push(Got { head, body, connection });
        let does = shared.script.lock().unwrap().pop_front().unwrap_or(TAKEN);
        match does {
            Does::Says(bytes) => stream.write_all(bytes).await.unwrap(),
            Does::Waits => std::future::pending().await,
            Does::Closes => return,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// The spans of an export, as OpenTelemetry reads it.
pub(crate) fn spans(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// Attributes, as text.
pub(crate) fn told(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        Value::DoubleValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let value = |it: &KeyValue| text(it.value.as_ref().unwrap().value.as_ref().unwrap());
    attributes.iter().map(|it| (it.key.clone(), value(it))).collect()
}

pub(crate) fn plan(otlp: &str) -> TracingPlan {
    TracingPlan {
        otlp: otlp.into(),
        sample: Ratio::per_mille(1000).unwrap(),
        service: "shop-edge".into(),
        headers: vec![("X-Key".into(), Secret::new("key"))],
    }
}

/// An attempt at an endpoint that answered.
pub(crate) fn attempt() -> AttemptRecord {
    AttemptRecord {
        endpoint: SocketAddr::from(([10, 0, 1, 12], 8080)),
        reused: true,
        start: Duration::from_millis(2),
        duration: Duration::from_millis(5),
        connect: Some(Duration::ZERO),
        first_byte: Some(Duration::from_millis(4)),
        outcome: "completed",
        sent: "yes",
        status: Some(200),
        decision: None,
        detail: None,
    }
}

/// A request that went through at once.
pub(crate) fn traced() -> Traced {
    let client = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    Traced {
        context: TraceContext {
            trace: [1; 16],
            parent: Some([2; 8]),
            span: [3; 8],
            flags: TraceContext::SAMPLED,
            state: Some(Text::from("a=1")),
        },
        record: AccessRecord {
            time: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
            id: Text::from_static("01JD"),
            client,
            method: Text::from_static("GET"),
            host: Some(Text::from_static("shop.example.com:8443")),
            path: Text::from_static("/api/cart"),
            referer: None,
            user_agent: None,
            trace_id: Some([1; 16]),
            status: Some(200),
            bytes_in: 0,
            bytes_out: 512,
            duration: Duration::from_millis(8),
            queued: Duration::ZERO,
            route: Some("shop.example.com/api/".into()),
            pool: Some("api".into()),
            protocol: "h2",
            attempts: smallvec![attempt()],
            attempts_omitted: 0,
            failure: None,
        },
        peer: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
        over_tls: true,
        endpoint_over_tls: false,
        endpoint_over_h2: false,
    }
}
