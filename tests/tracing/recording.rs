//! A server in a collector's place: it takes everything and remembers it.

use std::net::{SocketAddr, TcpListener as Reserved};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server on loopback.
pub(crate) struct Recording {
    address: SocketAddr,
    exports: Arc<Mutex<Vec<(String, ExportTraceServiceRequest)>>>,
}

impl Recording {
    /// Its address, where nobody listens yet.
    pub(crate) fn reserve() -> Self {
        let listener = Reserved::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        Self { address, exports: Arc::default() }
    }

    pub(crate) async fn start() -> Self {
        Self::reserve().open().await
    }

    /// Begins to listen.
    pub(crate) async fn open(self) -> Self {
        let listener = TcpListener::bind(self.address).await.expect("its port");
        let exports = self.exports.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let exports = exports.clone();
                tokio::spawn(async move {
                    let mut stream = stream;
                    while let Some((head, body)) = read(&mut stream).await {
                        let export = ExportTraceServiceRequest::decode(&*body).expect("spans");
                        exports.lock().expect("no panic").push((head, export));
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                        stream.write_all(answer).await.expect("written");
                    }
                });
            }
        });
        self
    }

    pub(crate) fn otlp(&self) -> String {
        format!("http://{}", self.address)
    }

    fn exports(&self) -> Vec<(String, ExportTraceServiceRequest)> {
        self.exports.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The heads of the requests, in lower case.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.exports().into_iter().map(|(head, _)| head).collect()
    }

    /// All spans.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let resources = self.exports().into_iter().flat_map(|(_, export)| export.resource_spans);
        resources.flat_map(|it| it.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    /// An attribute of who exported.
    pub(crate) fn resource(&self, key: &str) -> Option<String> {
        let exports = self.exports();
        let resource = exports.first()?.1.resource_spans.first()?.resource.clone()?;
        value(&resource.attributes, key)
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("a head").to_ascii_lowercase();
    assert!(head.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    let mut body = vec![0; length.parse().expect("a length")];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}

/// An attribute of a span, as text.
pub(crate) fn attribute(span: &Span, key: &str) -> Option<String> {
    value(&span.attributes, key)
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
