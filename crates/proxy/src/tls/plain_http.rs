//! A client that speaks plain HTTP to a listener with TLS: mostly a person with `http://` before a port, who
//! is told so. Nothing else of a request is looked at.

use std::io;
use std::time::Duration;

use pingora_core::protocols::IO;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 48\r\n\
    Cache-Control: no-store\r\n\
    Connection: close\r\n\
    \r\n\
    400 Bad Request\nthis port speaks TLS: use https\n";

/// How long what the client still sends is read, so that the answer is not lost in the reset that
/// unread bytes cause (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
/// And how much of it.
const MOST: u64 = 64 * 1024;

/// Whether the client begins with a method. TLS begins with a record's type, which is no letter (RFC 8446,
/// section 5.1). A client that says nothing is waited for.
pub(super) async fn is_spoken<S: IO>(stream: &mut S) -> io::Result<bool> {
    let mut first = [0];
    let seen = stream.try_peek(&mut first).await?;
    Ok(seen && first[0].is_ascii_uppercase())
}

/// Tells the client to speak TLS.
pub(super) async fn answer<S: IO>(stream: &mut S) -> io::Result<()> {
    stream.write_all(ANSWER).await?;
    stream.flush().await?;
    AsyncWriteExt::shutdown(stream).await?;
    let mut nowhere = tokio::io::sink();
    let mut rest = stream.take(MOST);
    match timeout(LINGER, tokio::io::copy(&mut rest, &mut nowhere)).await {
        Ok(result) => result.map(drop),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_length_that_it_says() {
        let answer = std::str::from_utf8(ANSWER).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
