//! Bytes in and out of one TCP connection, without the comforts that hide faults.
//!
//! Both sides of the kit stand on this: the backend and the client. Reading and writing take
//! `&TcpStream`, so that a client can do both at once (an answer may come before the request's body
//! is out) without the split halves, whose drop sends a FIN that nobody asked for.

pub(crate) mod body;

use std::io;

use bytes::BytesMut;
use tokio::net::TcpStream;

/// Upper bound of a head; beyond it a peer is taken for broken.
pub(crate) const MAX_HEAD: usize = 8 * 1024 * 1024;

/// Reads what is there into `buf`; zero means FIN. Cancel-safe.
pub(crate) async fn fill(stream: &TcpStream, buf: &mut BytesMut) -> io::Result<usize> {
    loop {
        tokio::task::consume_budget().await;
        stream.readable().await?;
        buf.reserve(16 * 1024);
        match stream.try_read_buf(buf) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Writes all of `bytes`. When cancelled, some prefix is out.
pub(crate) async fn send(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        tokio::task::consume_budget().await;
        stream.writable().await?;
        match stream.try_write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            written => bytes = &bytes[written?..],
        }
    }
    Ok(())
}

/// Throws away what has arrived, without waiting; true when the peer has closed or reset.
pub(crate) fn discard(stream: &TcpStream) -> bool {
    let mut scrap = [0; 16 * 1024];
    loop {
        match stream.try_read(&mut scrap) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(e) => return e.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// Closes with RST, whatever is in the buffers.
pub(crate) fn reset(stream: TcpStream) {
    // Fails only on a socket that the peer has reset already.
    let _ = stream.set_zero_linger();
}

/// Closes with FIN. Unread bytes would turn it into an RST, so they are read first; bytes that arrive
/// in between still do, as they would with any server.
pub(crate) fn close(stream: TcpStream) {
    discard(&stream);
}

/// A list of headers as the kit carries them: in order, with duplicates, values as text.
pub(crate) type Headers = Vec<(String, String)>;

/// The first value of a header, by case-insensitive name.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

/// Whether a comma-separated header contains `token`.
pub(crate) fn has_token(headers: &[(String, String)], name: &str, token: &str) -> bool {
    headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .flat_map(|(_, v)| v.split(','))
        .any(|t| t.trim().eq_ignore_ascii_case(token))
}

/// Parsed headers as text; bytes that are no UTF-8 are replaced.
pub(crate) fn owned(headers: &[httparse::Header<'_>]) -> Headers {
    headers
        .iter()
        .map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned()))
        .collect()
}
