//! The answer of a backend that behaves.

use std::time::Duration;

use bytes::Bytes;

use crate::wire::Headers;

/// One ordinary answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) delay: Duration,
    pub(crate) framing: Framing,
}

impl Answer {
    /// An answer with this status and a short body that names it (none for 1xx, 204 and 304).
    #[must_use]
    pub fn status(status: u16) -> Self {
        let body = match status {
            100..=199 | 204 | 304 => Bytes::new(),
            _ => Bytes::from(format!("status {status}\n")),
        };
        let (headers, delay) = (Vec::new(), Duration::ZERO);
        Self { status, headers, body, delay, framing: Framing::ContentLength }
    }

    /// A 200 with this body.
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::status(200) }
    }

    /// Adds a header; `Connection: close` is obeyed.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Waits this long after the request has been read in full.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// Sets how the body's length is told; the default is [`Framing::ContentLength`].
    #[must_use]
    pub fn framing(self, framing: Framing) -> Self {
        Self { framing, ..self }
    }
}

/// How the length of an answer's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By `Content-Length`.
    ContentLength,
    /// By `Transfer-Encoding: chunked`.
    Chunked,
    /// By the end of the connection: a cut can be told from the end only if it is a reset.
    UntilClose,
}
