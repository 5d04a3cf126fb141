//! The floor: a proxy of nothing but Pingora, for Switchback to be measured against.
//!
//! Round robin over the endpoints, kept connections, TLS by rustls with HTTP/2, the allocator of Switchback; no
//! routes, no health, no retries of its own, no metrics, no logs. What Switchback costs above it is its own;
//! what it costs itself is Pingora's. It takes its arguments as they come, for nobody but the harness starts it:
//! `bare-pingora LISTEN [--tls CERT KEY] ENDPOINT...`

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::lb::LoadBalancer;
use pingora::lb::selection::RoundRobin;
use pingora::listeners::tls::TlsSettings;
use pingora::proxy::{ProxyHttp, Session, http_proxy_service};
use pingora::server::Server;
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as Switchback keeps: enough for each of ten thousand endpoints.
const UPSTREAM_CONNECTIONS: usize = 16_384;

struct Bare {
    endpoints: LoadBalancer<RoundRobin>,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn upstream_peer(
        &self,
        _session: &mut Session,
        _ctx: &mut Self::CTX,
    ) -> pingora::Result<Box<HttpPeer>> {
        let chosen = self.endpoints.select(b"", 256);
        let chosen = chosen.ok_or_else(|| pingora::Error::new_str("no endpoint"))?;
        let mut peer = HttpPeer::new(chosen, false, String::new());
        peer.options.idle_timeout = Some(Duration::from_secs(60));
        Ok(Box::new(peer))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1).peekable();
    let listen = arguments.next().ok_or("an address to bind is missing")?;
    let tls = match arguments.next_if(|argument| argument == "--tls") {
        Some(_) => Some(arguments.next().zip(arguments.next()).ok_or("--tls CERT KEY")?),
        None => None,
    };
    let endpoints = LoadBalancer::try_from_iter(arguments)?;
    let conf = ServerConf {
        threads: 1,
        upstream_keepalive_pool_size: UPSTREAM_CONNECTIONS,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&Arc::clone(&server.configuration), Bare { endpoints });
    match tls {
        Some((certificate, key)) => {
            let mut settings = TlsSettings::intermediate(&certificate, &key)?;
            settings.enable_h2();
            service.add_tls_with_settings(&listen, None, settings);
        }
        None => service.add_tcp(&listen),
    }
    server.add_service(service);
    server.run_forever()
}
