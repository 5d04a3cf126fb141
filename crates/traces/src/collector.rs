//! The collector: one connection to it, and what it answers.
//!
//! OTLP over HTTP as its specification has it (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). The connection is
//! kept from one export to the next. One that was kept may have been closed meanwhile, so what fails on it is
//! sent again at once on a new one: spans may come twice, which the protocol allows, and its ids tell.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HOST, RETRY_AFTER, USER_AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use prost::Message;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use switchback_core::plan::TracingPlan;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::message::{ExportResponse, PartialSuccess};
use crate::start::StartError;

/// How long an export may take, from connecting to the end of the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// Where spans go.
pub(crate) struct Collector {
    host: String,
    port: u16,
    path: PathAndQuery,
    /// With `Host`, and what the operator has set.
    headers: HeaderMap,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    timeout: Duration,
    kept: Option<SendRequest<Full<Bytes>>>,
}

/// An answer whose body is still to come, and its connection.
type Answer = (Response<Incoming>, SendRequest<Full<Bytes>>);

/// Why an export was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It may be taken another time; where the collector said so, after so long.
    Later(Option<Duration>, String),
    /// It never will be.
    Never(String),
}

impl Collector {
    /// The collector of a plan. `roots` are those by whom it must prove itself, if it is reached over TLS.
    ///
    /// # Errors
    ///
    /// If the plan's URL is none, or a header field. Whoever made the plan has looked.
    pub(crate) fn new(
        plan: &TracingPlan,
        roots: impl FnOnce() -> Result<RootCertStore, StartError>,
    ) -> Result<Self, StartError> {
        let bad = || StartError::Url(plan.otlp.clone());
        let uri: Uri = plan.otlp.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let over_tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(bad()),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let path = format!("{}/v1/traces", uri.path().trim_end_matches('/'));
        let tls = if over_tls {
            let name = ServerName::try_from(host.clone()).map_err(|_| bad())?;
            Some((connector(roots()?)?, name))
        } else {
            None
        };
        Ok(Self {
            port: authority.port_u16().unwrap_or(if over_tls { 443 } else { 80 }),
            path: path.parse().map_err(|_| bad())?,
            headers: headers(plan, authority)?,
            host,
            tls,
            timeout: TIMEOUT,
            kept: None,
        })
    }

    /// Gives up after so long.
    #[cfg(test)]
    pub(crate) fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Exports once; what of it was not taken.
    ///
    /// # Errors
    ///
    /// If nothing of it was.
    pub(crate) async fn export(&mut self, body: Bytes) -> Result<PartialSuccess, Refusal> {
        let patience = self.timeout;
        let end = Instant::now() + patience;
        let answer = timeout_at(end, self.answer(body)).await;
        let late = |_| Refusal::Later(None, format!("no answer within {patience:?}"));
        self.read(answer.map_err(late)??, end).await
    }

    async fn answer(&mut self, body: Bytes) -> Result<Answer, Refusal> {
        if let Some(kept) = self.kept.take().filter(|kept| !kept.is_closed())
            && let Ok(answer) = self.post(kept, body.clone()).await
        {
            return Ok(answer);
        }
        let fresh = self.connect().await.map_err(later)?;
        self.post(fresh, body).await.map_err(later)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect((&*self.host, self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some((connector, name)) => {
                open(TokioIo::new(connector.connect(name.clone(), stream).await?)).await
            }
            None => open(TokioIo::new(stream)).await,
        }
    }

    async fn post(
        &self,
        mut connection: SendRequest<Full<Bytes>>,
        body: Bytes,
    ) -> Result<Answer, hyper::Error> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone().into();
        *request.headers_mut() = self.headers.clone();
        connection.ready().await?;
        let answer = connection.send_request(request).await?;
        Ok((answer, connection))
    }

    /// Reads an answer to its end, and keeps its connection if that comes in time.
    async fn read(
        &mut self,
        (answer, connection): Answer,
        end: Instant,
    ) -> Result<PartialSuccess, Refusal> {
        let (head, body) = answer.into_parts();
        let body = timeout_at(end, Limited::new(body, ANSWER).collect()).await;
        let body = body.ok().and_then(Result::ok);
        let status = head.status;
        if !status.is_success() {
            self.kept = body.is_some().then_some(connection);
            let why = format!("it answers {status}");
            return Err(match status {
                StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => Refusal::Later(retry_after(&head.headers), why),
                _ => Refusal::Never(why),
            });
        }
        // It has said that it took them; whatever the rest is, to send them again would be wrong.
        let Some(body) = body else { return Ok(PartialSuccess::default()) };
        self.kept = Some(connection);
        let response = ExportResponse::decode(body.to_bytes()).unwrap_or_default();
        Ok(response.partial_success.unwrap_or_default())
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = self.headers.get(HOST).and_then(|host| host.to_str().ok());
        write!(f, "{scheme}://{}{}", host.unwrap_or(&self.host), self.path)
    }
}

/// The roots that this system trusts, or those of `SSL_CERT_FILE`.
///
/// # Errors
///
/// If they cannot be read, or there are none.
pub(crate) fn system_roots() -> Result<RootCertStore, StartError> {
    let found = rustls_native_certs::load_native_certs().map_err(StartError::Roots)?;
    let mut roots = RootCertStore::empty();
    // A store of hundreds may have some that rustls cannot read.
    let (added, _) = roots.add_parsable_certificates(found);
    if added == 0 {
        return Err(StartError::NoRoots);
    }
    Ok(roots)
}

fn connector(roots: RootCertStore) -> Result<TlsConnector, StartError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(StartError::Tls)?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn headers(plan: &TracingPlan, authority: &Authority) -> Result<HeaderMap, StartError> {
    let mut headers = HeaderMap::new();
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let host = HeaderValue::from_str(host).map_err(|_| StartError::Url(plan.otlp.clone()))?;
    headers.insert(HOST, host);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    let agent = concat!("switchback/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    for (name, value) in &plan.headers {
        let bad = || StartError::Header(name.clone());
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.insert(field, value);
    }
    Ok(headers)
}

/// Begins HTTP on a connection. Its task ends with it.
async fn open<T>(io: T) -> Result<SendRequest<Full<Bytes>>, Box<dyn std::error::Error>>
where
    T: Read + Write + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(io).await?;
    // Whoever sends is told of errors.
    tokio::spawn(async move { _ = connection.await });
    Ok(sender)
}

/// After how long the collector wants to be asked again: seconds, or a date by its own clock.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    httpdate::parse_http_date(value).ok()?.duration_since(now).ok()
}

fn later(error: impl Into<Box<dyn std::error::Error>>) -> Refusal {
    let error = error.into();
    let mut why = error.to_string();
    let mut source = error.source();
    while let Some(deeper) = source {
        why = format!("{why}: {deeper}");
        source = deeper.source();
    }
    Refusal::Later(None, why)
}

#[cfg(test)]
mod tests;
