//! The accept loop.
//!
//! Not `axum::serve`: it gives hyper no timer, without which no timeout works, and so a client that sends
//! half a header stays for ever. Here a connection carries one request and lives for 30 s at most,
//! header and body, reading and writing. A scrape each 15 s does not miss keep-alive, and nobody can
//! hold a place by doing nothing.
//!
//! TCP and Unix sockets are served alike; what differs is who comes, and that is for the guard.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::guard::Peer;
use crate::places::Places;
use crate::routes::{AdminState, router};

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS: usize = 1024;
/// Of these, how many are dealt with; the others wait.
const PLACES: usize = 128;
/// Of these, how many from one address.
const OF_ONE: usize = PLACES / 2;
/// From accepting a connection to the end of its request's header.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From accepting a connection to the end of its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// What open connections are given after the shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The largest request header, in bytes.
const HEADER_LIMIT: usize = 16 * 1024;
/// The pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Between two times that such a failure is logged.
const SILENCE: Duration = Duration::from_secs(60);

/// Where operators connect.
#[derive(Debug)]
pub enum Listener {
    /// Over TCP.
    Tcp(TcpListener),
    /// Over a Unix socket: whoever may open it may use the API, so its mode is for whoever makes it.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

/// Somebody who has connected.
enum Came {
    Tcp(TcpStream, Peer),
    Unix(UnixStream),
}

/// Answers on `listener` until `shutdown` completes, then gives open connections one second.
///
/// # Errors
/// None yet: an accept that fails is logged and tried again, since the asker matters most when things
/// are scarce.
pub async fn serve(
    listener: impl Into<Listener>,
    state: AdminState,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (listener, router) = (listener.into(), router(state));
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let (places, by_address) = (Arc::new(Semaphore::new(PLACES)), Places::new(OF_ONE));
    let mut connections = JoinSet::new();
    let mut complaint = None;
    let mut shutdown = pin!(shutdown);
    loop {
        let entered = tokio::select! {
            () = &mut shutdown => break,
            // The semaphore is never closed.
            Ok(entered) = Arc::clone(&room).acquire_owned() => entered,
        };
        let came = tokio::select! {
            () = &mut shutdown => break,
            came = accept(&listener, &mut complaint) => came,
        };
        let (router, places, by_address) = (router.clone(), places.clone(), by_address.clone());
        connections.spawn(async move {
            let own = match &came {
                Came::Tcp(_, Peer::Tcp { from, .. }) => Some(by_address.take(from.ip()).await),
                _ => None,
            };
            let place = places.acquire_owned().await;
            match came {
                Came::Tcp(stream, peer) => converse(stream, router.layer(Extension(peer))).await,
                Came::Unix(stream) => converse(stream, router.layer(Extension(Peer::Unix))).await,
            }
            drop((place, own, entered));
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // What is left after that is aborted with the set.
    let _ =
        timeout(DRAIN_TIMEOUT, async { while connections.join_next().await.is_some() {} }).await;
    Ok(())
}

/// The next connection. That there is none to be had is said once, and after [`SILENCE`] again.
async fn accept(listener: &Listener, complaint: &mut Option<Instant>) -> Came {
    loop {
        let came = match listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, from)| {
                let to = stream.local_addr().ok();
                Came::Tcp(stream, Peer::Tcp { from, to })
            }),
            Listener::Unix(listener) => listener.accept().await.map(|(it, _)| Came::Unix(it)),
        };
        match came {
            Ok(came) => return came,
            Err(error) => {
                if complaint.is_none_or(|last| last.elapsed() >= SILENCE) {
                    *complaint = Some(Instant::now());
                    log::warn!("admin listener: no connection can be accepted: {error}");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, router: Router) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_LIMIT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("admin connection: {error}"),
        Err(_) => log::debug!("admin connection: no end within {CONNECTION_TIMEOUT:?}"),
    }
}
