//! Tests only: an endpoint that speaks HTTP/2 on a real socket and answers as it is told, and one that
//! sends any bytes; and what a probe makes of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use pingora_load_balancing::Backend;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use switchback_core::plan::{
    EndpointPlan, HealthPlan, PoolPlan, ProbePlan, Protocol, UpstreamTlsPlan,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::reason::Failure;
use crate::schedule::check;

const TIMEOUT: Duration = Duration::from_secs(1);

type Fields = &'static [(&'static str, &'static str)];

/// What is answered to every request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) header: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) then: Then,
}

/// What comes after the header and the body.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// A clean end, and where there is no body, already with the header.
    End,
    /// These trailers.
    Trailers(Fields),
    /// Nothing, for ever.
    Nothing,
    /// The same body again and again.
    More,
    /// A reset stream.
    Reset(h2::Reason),
}

/// What has been asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: Request<()>,
    pub(crate) body: Vec<u8>,
    /// The ALPN protocol, where there is TLS.
    pub(crate) alpn: Option<Vec<u8>>,
}

/// An endpoint, for as long as the runtime of its test.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    /// Connections that are open.
    pub(crate) open: Arc<AtomicUsize>,
}

/// How TLS is spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tls {
    None,
    /// With this protocol for ALPN.
    Alpn(&'static [u8]),
    /// Without ALPN.
    Silent,
}

impl Endpoint {
    /// Speaks HTTP/2.
    pub(crate) async fn h2(answer: Answer, tls: Tls) -> Self {
        Self::behind(b"", answer, tls).await
    }

    /// Speaks HTTP/2 to whoever begins with these bytes.
    pub(crate) async fn behind(header: &'static [u8], answer: Answer, tls: Tls) -> Self {
        let (endpoint, listener) = Self::bound().await;
        let this = endpoint.clone();
        let acceptor = acceptor(tls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (this, acceptor, answer) = (this.clone(), acceptor.clone(), answer.clone());
                this.open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let open = this.open.clone();
                    match acceptor {
                        _ if !begins(&mut stream, header).await => {}
                        None => this.serve(stream, answer, None).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                                this.serve(stream, answer, alpn).await;
                            }
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        endpoint
    }

    /// Answers whatever it reads first with these bytes; then closes, or goes on listening.
    pub(crate) async fn raw(answer: &'static [u8], close: bool, tls: Tls) -> Self {
        let (endpoint, listener) = Self::bound().await;
        let acceptor = acceptor(tls);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    match acceptor {
                        None => say(&mut stream, answer, close).await,
                        Some(acceptor) => {
                            let mut stream = acceptor.accept(stream).await?;
                            say(&mut stream, answer, close).await
                        }
                    }
                });
            }
        });
        endpoint
    }

    /// The same, over HTTP/1 without TLS, to whoever begins with these bytes.
    pub(crate) async fn raw_behind(header: &'static [u8], answer: &'static [u8]) -> Self {
        let (endpoint, listener) = Self::bound().await;
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    if begins(&mut stream, header).await {
                        say(&mut stream, answer, true).await?;
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        endpoint
    }

    /// Nobody listens there any more.
    pub(crate) async fn gone() -> Self {
        Self::bound().await.0
    }

    async fn bound() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        (Self { address, asked: Arc::default(), open: Arc::default() }, listener)
    }

    async fn serve<S>(self, stream: S, answer: Answer, alpn: Option<Vec<u8>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Ok(mut connection) = h2::server::handshake(stream).await else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            let (asked, alpn, answer) = (self.asked.clone(), alpn.clone(), answer.clone());
            tokio::spawn(async move {
                let (parts, mut received) = request.into_parts();
                let mut body = Vec::new();
                while let Some(Ok(data)) = received.data().await {
                    body.extend_from_slice(&data);
                }
                let head = Request::from_parts(parts, ());
                asked.lock().expect("no panic").push(Asked { head, body, alpn });
                give(answer, respond).await
            });
        }
    }

    /// What a probe says of it, in a pool of `protocol`.
    pub(crate) async fn probed(
        &self,
        probe: ProbePlan,
        change: impl FnOnce(&mut PoolPlan),
    ) -> Result<(), String> {
        let mut pool = PoolPlan::of("web", vec![EndpointPlan::at(self.address)]);
        pool.protocol = Protocol::H2;
        change(&mut pool);
        let plan = HealthPlan { probe, timeout: TIMEOUT, ..HealthPlan::default() };
        let probe = crate::probe(&pool, &plan, &crate::Connectors::new());
        let target = Backend::new(&self.address.to_string()).expect("an address");
        check(probe, target, plan.timeout).await.0.map_err(Failure::into_why)
    }

    /// What the only request was.
    pub(crate) fn only_request(&self) -> Asked {
        let asked = self.asked.lock().expect("no panic");
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }
}

/// TLS of a pool that verifies nothing.
pub(crate) fn tls(pool: &mut PoolPlan) {
    pool.tls = Some(UpstreamTlsPlan {
        sni: "shop.internal".into(),
        verify: false,
        ca: None,
        certificate: None,
    });
}

/// Whether the connection begins so.
async fn begins(stream: &mut TcpStream, header: &[u8]) -> bool {
    let mut said = vec![0; header.len()];
    stream.read_exact(&mut said).await.is_ok() && said == header
}

async fn say<S>(stream: &mut S, answer: &[u8], close: bool) -> std::io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let _ = stream.read(&mut [0; 4096]).await?;
    stream.write_all(answer).await?;
    if !close {
        while stream.read(&mut [0; 4096]).await? > 0 {}
    }
    stream.shutdown().await
}

async fn give(
    answer: Answer,
    mut respond: h2::server::SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    // Whatever is answered comes after an interim answer, which says nothing.
    let mut head = Response::new(());
    *head.status_mut() = http::StatusCode::EARLY_HINTS;
    respond.send_informational(head)?;
    let mut head = Response::new(());
    *head.status_mut() = http::StatusCode::from_u16(answer.status).expect("a status");
    *head.headers_mut() = fields(answer.header);
    let ends = answer.body.is_empty() && matches!(answer.then, Then::End);
    let mut stream = respond.send_response(head, ends)?;
    if ends {
        return Ok(());
    }
    let body = Bytes::from(answer.body);
    stream.send_data(body.clone(), matches!(answer.then, Then::End))?;
    match answer.then {
        Then::End => {}
        Then::Trailers(of) => stream.send_trailers(fields(of))?,
        Then::Nothing => std::future::pending().await,
        Then::More => loop {
            stream.send_data(body.clone(), false)?;
            sleep(Duration::from_millis(1)).await;
        },
        Then::Reset(reason) => stream.send_reset(reason),
    }
    Ok(())
}

fn fields(of: Fields) -> HeaderMap {
    of.iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

/// With a certificate that nobody has signed but itself.
fn acceptor(tls: Tls) -> Option<TlsAcceptor> {
    let alpn = match tls {
        Tls::None => return None,
        Tls::Alpn(protocol) => vec![protocol.to_vec()],
        Tls::Silent => Vec::new(),
    };
    let made = rcgen::generate_simple_self_signed(["shop.internal".to_owned()]).expect("made");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate");
    config.alpn_protocols = alpn;
    Some(TlsAcceptor::from(Arc::new(config)))
}
