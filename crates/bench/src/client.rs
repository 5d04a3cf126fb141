//! A client's connection of HTTP/1.1, as cheap as it can be: bytes made beforehand out, a head and a count of bytes in.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::tls::NAME;
use crate::wire::{content_length, head_end, is_ok};

/// Longer than any answer may take; whoever needs longer has failed.
const TOO_LONG: Duration = Duration::from_secs(20);

/// As much as is read at once.
const BUFFER: usize = 64 * 1024;

/// Plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Where a client connects to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<TlsConnector>,
}

impl Target {
    /// Connects, over TLS with a handshake.
    pub(crate) async fn stream(&self) -> io::Result<Box<dyn Stream>> {
        let connect = async {
            let stream = TcpStream::connect(self.address).await?;
            stream.set_nodelay(true)?;
            let Some(tls) = &self.tls else { return Ok(Box::new(stream) as Box<dyn Stream>) };
            let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
            Ok(Box::new(tls.connect(name, stream).await?) as Box<dyn Stream>)
        };
        timeout(TOO_LONG, connect).await?
    }

    /// Connects for HTTP/1.1.
    pub(crate) async fn client(&self) -> io::Result<Client> {
        Ok(Client { stream: self.stream().await? })
    }
}

/// One connection.
pub(crate) struct Client {
    stream: Box<dyn Stream>,
}

impl Client {
    /// Sends a request and reads its answer to the end, which has a body of `length`. `buffer` is the caller's, so that ten thousand clients that are
    /// idle have none.
    ///
    /// # Errors
    /// Whatever is not a complete 200 of this length.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        length: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        timeout(TOO_LONG, self.exchange_unbounded(request, length, buffer)).await?
    }

    async fn exchange_unbounded(
        &mut self,
        request: &[u8],
        length: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        buffer.resize(BUFFER, 0);
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut held = 0;
        let end = loop {
            held += self.read(&mut buffer[held..]).await?;
            if let Some(end) = head_end(&buffer[..held]) {
                break end;
            }
        };
        let head = &buffer[..end];
        if !is_ok(head) || content_length(head) != Some(length) {
            let head = String::from_utf8_lossy(head).into_owned();
            return Err(io::Error::other(format!("not a 200 of {length} bytes: {head}")));
        }
        let mut left =
            (end + length).checked_sub(held).ok_or_else(|| io::Error::other("too much"))?;
        while left > 0 {
            let most = left.min(BUFFER);
            left -= self.read(&mut buffer[..most]).await?;
        }
        Ok(())
    }

    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }

    /// Waits until the other side has closed, and closes.
    pub(crate) async fn closed(mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(BUFFER, 0);
        match timeout(TOO_LONG, self.stream.read(buffer)).await? {
            Ok(0) => Ok(()),
            Ok(_) => Err(io::Error::other("more than the answer")),
            // OpenSSL's peers may leave without a close_notify.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error),
        }
    }
}
