//! The endpoint behind every proxy: fixed answers, each in one write.
//!
//! It runs on the runtime of the load, so that a request changes from one to the other without a switch of threads. nginx
//! would do as well, but then there would be no measurement where it is missing, and CI would need it. It listens on
//! every address of the loopback network at one port: that makes a thousand endpoints out of one socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{content_length, head_end};

/// Of a large answer.
pub(crate) const LARGE: usize = 64 * 1024;

/// More than a POST is long.
const BUFFER: usize = 32 * 1024;

static SMALL_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| answer(b"hello world\n".to_vec()));
static LARGE_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| answer(vec![b'x'; LARGE]));

/// Where it listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backend {
    port: u16,
}

impl Backend {
    /// Serves until the runtime ends.
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // Whoever leaves in the middle is a proxy that was stopped.
                tokio::spawn(async move { serve(stream).await.ok() });
            }
        });
        Ok(Self { port })
    }

    /// So many endpoints, each with an address of its own.
    pub(crate) fn endpoints(self, count: usize) -> Vec<SocketAddr> {
        let first = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        (first..).take(count).map(|ip| (Ipv4Addr::from(ip), self.port).into()).collect()
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER];
    let mut held = 0;
    loop {
        let end = loop {
            if let Some(end) = head_end(&buffer[..held]) {
                break end;
            }
            let read = stream.read(&mut buffer[held..]).await?;
            if read == 0 {
                return Ok(());
            }
            held += read;
        };
        let head = &buffer[..end];
        let answer = if head.starts_with(b"GET /large ") { &LARGE_ANSWER } else { &SMALL_ANSWER };
        // The body is read to its end first, or the next head would begin within it.
        let mut left = (end + content_length(head).unwrap_or(0)).saturating_sub(held);
        while left > 0 {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(read);
        }
        stream.write_all(answer).await?;
        held = 0;
    }
}

fn answer(body: Vec<u8>) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: backend\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.into_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_endpoints_are_a_thousand_addresses() {
        let endpoints = Backend { port: 8080 }.endpoints(1_000);
        assert_eq!(endpoints[0], "127.1.0.1:8080".parse().expect("an address"));
        assert_eq!(endpoints[999], "127.1.3.232:8080".parse().expect("an address"));
    }
}
