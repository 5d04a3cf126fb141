//! An answer as it came, and how it ended.
//!
//! A body that was cut off is no error here but a fact about the answer: the promise under test is
//! that a client can *see* it, so the end is data that a test compares.

use crate::wire::body::BodyDecoder;
use crate::wire::{self, Headers};

/// How an answer's body ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// There was none to come: HEAD, 1xx, 204, 304.
    NoBody,
    /// With the announced number of bytes.
    ContentLength,
    /// With the last chunk.
    Chunked,
    /// With the connection, as there was no other framing. Clean for all that a client can know.
    Close,
    /// End of stream before the framing said so.
    CutOff,
    /// A reset before the framing said so.
    Reset,
    /// Nothing more came before the client's deadline.
    Stalled,
    /// The framing was broken.
    Malformed,
}

impl End {
    pub(crate) fn of(framing: BodyDecoder) -> Self {
        match framing {
            BodyDecoder::Empty => Self::NoBody,
            BodyDecoder::Length(_) => Self::ContentLength,
            BodyDecoder::Chunked(_) => Self::Chunked,
            BodyDecoder::UntilClose => Self::Close,
        }
    }

    pub(crate) fn is_clean(self) -> bool {
        matches!(self, Self::NoBody | Self::ContentLength | Self::Chunked | Self::Close)
    }
}

/// An interim answer (1xx).
#[derive(Debug, Clone)]
pub struct Interim {
    /// The status.
    pub status: u16,
    /// Its headers in order.
    pub headers: Headers,
}

/// An answer, complete or not.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers in order, with duplicates.
    pub headers: Headers,
    /// The content as far as it came, without framing.
    pub body: Vec<u8>,
    /// What came before, in order; a 101 is no interim answer but the final one.
    pub interim: Vec<Interim>,
    /// The body ended as its framing announced.
    pub complete: bool,
    /// How it ended.
    pub end: End,
}

impl Response {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::header(&self.headers, name)
    }

    /// The body as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }
}
