//! What a backend does with a connection or a request.
//!
//! One enum with plain data in it, so that a test reads like the sentence it proves. Whatever is not
//! in the list can be composed: [`Behavior::script`] decides for each request, [`Behavior::sometimes`]
//! with a probability and a seed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::Semaphore;

use super::answer::{Answer, Framing};
use crate::wire::{self, Headers};

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// An orderly close, seen as end of stream.
    Fin,
    /// A reset (`SO_LINGER` zero), seen as `ECONNRESET`.
    Rst,
}

/// What follows an answer that was given before the request's body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Early {
    /// The body is read then, and the connection stays.
    Keep,
    /// The connection ends. With `Fin` as RFC 9112 section 9.6 wants it: half-closed, what still
    /// arrives is thrown away for up to a second. With `Rst` at once.
    Close(Ending),
}

/// A request, as a script sees it: the head has arrived, the body has not been read.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// The method as sent.
    pub method: String,
    /// The request target as sent.
    pub target: String,
    /// The headers in order.
    pub headers: Headers,
    /// Position among all requests of this backend, from zero; health requests are not counted.
    pub index: u64,
    /// Which connection, from zero.
    pub connection: u64,
    /// Which request on this connection, from zero, health requests included.
    pub nth: u32,
}

impl RequestInfo {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::header(&self.headers, name)
    }
}

/// What the health path answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// 200, whatever the traffic gets: a health endpoint that may lie.
    Healthy,
    /// This status.
    Status(u16),
    /// The request is read and never answered.
    Hang,
    /// Whatever the traffic gets.
    SameAsTraffic,
}

/// What a backend does. Where nothing else is said, a request is read in full first (and with that
/// counts as executed), `Expect: 100-continue` is honoured, and the connection is kept.
#[derive(Clone)]
pub enum Behavior {
    /// Answers.
    Answer(Answer),
    /// 200 with a JSON object: `method`, `target`, `headers` (pairs), `body_len`, `body_hash`
    /// ([`hash`](crate::hash), 16 hex digits), `backend`; with `body: true` also the body as text.
    Echo {
        /// Whether the body is repeated.
        body: bool,
    },
    /// The listener is closed, its port stays reserved. Idle connections are closed with FIN, requests
    /// under way end as they began, one that still comes over a kept connection is answered. Chosen
    /// for a single request it resets the connection.
    RefuseConnections,
    /// Nobody answers a SYN: the listener's queue is full. Everything else as with
    /// [`Behavior::RefuseConnections`].
    DropSyns,
    /// Reset as soon as accepted; chosen for a request, as soon as its head is read.
    ResetOnAccept,
    /// Accepts and says nothing, ever.
    AcceptAndSilent {
        /// True: requests are read, recorded and executed, only never answered. False: nothing is
        /// read; a connection that was accepted under this behaviour stays so until it is killed.
        reads: bool,
    },
    /// Reads the request in full, then closes.
    CloseBeforeAnswer(Ending),
    /// Answers the first request on each connection and offers to keep it; closes when the next one
    /// arrives.
    CloseOnReuse {
        /// True: that next request is read in full and executed before. False: the connection closes
        /// at its first byte, and nothing is recorded but [`Backend::refused_on_reuse`](crate::Backend::refused_on_reuse).
        executed: bool,
        /// How it closes.
        ending: Ending,
    },
    /// Answers 200, offers to keep the connection, and closes it after this much idle time.
    CloseAfterAnswerSilently {
        /// Zero closes at once.
        idle: Duration,
        /// How it closes.
        ending: Ending,
    },
    /// Answers 200, offers to keep the connection, and closes it at once after every such answer
    /// on it: like a server with a limit of requests for a connection that does not announce the last.
    CloseAfterEvery {
        /// Answers on a connection, health requests included; zero is as one.
        answers: u32,
        /// How it closes.
        ending: Ending,
    },
    /// Answers as long as one of its slots is free, else 503 at once; see [`Behavior::slots`].
    Slots {
        /// The slots.
        free: Arc<Semaphore>,
        /// What is answered; its delay occupies the slot.
        answer: Answer,
    },
    /// Sends these bytes for an answer, then closes with FIN.
    Garbage(Bytes),
    /// Half a header, then the end.
    TruncatedHeader(Ending),
    /// Announces `declared` bytes, sends `sent` of them, ends. For [`Framing::Chunked`] the chunk that
    /// is cut is announced with `declared`, too.
    TruncatedBody {
        /// How the length is told.
        framing: Framing,
        /// Announced bytes.
        declared: usize,
        /// Bytes sent.
        sent: usize,
        /// How it ends.
        ending: Ending,
    },
    /// Like [`Behavior::TruncatedBody`], but instead of ending nothing more happens.
    StalledBody {
        /// How the length is told.
        framing: Framing,
        /// Announced bytes.
        declared: usize,
        /// Bytes sent.
        sent: usize,
    },
    /// A complete body in `count` pieces of `piece` bytes with a gap before each.
    SlowBody {
        /// How the length is told.
        framing: Framing,
        /// Bytes of a piece.
        piece: usize,
        /// Number of pieces.
        count: usize,
        /// Time before each piece.
        gap: Duration,
    },
    /// The head of the answer byte by byte, with a gap before each.
    SlowHeader {
        /// What is answered.
        answer: Answer,
        /// Time before each byte.
        gap: Duration,
    },
    /// A 200 whose head has one header of this many bytes.
    HugeHeader(usize),
    /// Answers before the request's body is read.
    EarlyAnswer {
        /// What is answered.
        answer: Answer,
        /// What becomes of the connection.
        then: Early,
    },
    /// Reads half of the announced body (of a chunked one the first piece that arrives), then resets.
    ReadHalfOfBodyThenReset,
    /// Interim answers (100, 103, …) before the answer; a 103 carries a `Link`.
    Informational {
        /// The interim statuses in order.
        statuses: Vec<u16>,
        /// What is answered then.
        answer: Answer,
    },
    /// 101 to a request with `Upgrade`, then every byte is sent back until the peer's FIN; 426 to others.
    Upgrade,
    /// Rolls for each request (for each connection, if `then` acts on accept).
    Sometimes(Arc<Sometimes>),
    /// Decides for each request.
    Script(Script),
}

/// A [`Behavior::Script`]'s function.
pub type Script = Arc<dyn Fn(&RequestInfo) -> Behavior + Send + Sync>;

/// A [`Behavior::Sometimes`]'s dice.
pub struct Sometimes {
    p: f64,
    rng: Mutex<SmallRng>,
    then: Behavior,
    otherwise: Behavior,
}

impl Behavior {
    /// A 200 with a short body.
    #[must_use]
    pub fn ok() -> Self {
        Self::Answer(Answer::ok("ok\n"))
    }

    /// An answer with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer::status(status))
    }

    /// A 200 that takes this long.
    #[must_use]
    pub fn ok_after(delay: Duration) -> Self {
        Self::Answer(Answer::ok("ok\n").delay(delay))
    }

    /// A server with so many workers and no queue: each answer takes `latency` of one, and whoever
    /// finds all of them busy gets a 503 at once. Its capacity is `slots / latency`.
    #[must_use]
    pub fn slots(slots: usize, latency: Duration) -> Self {
        let answer = Answer::ok("ok\n").delay(latency);
        Self::Slots { free: Arc::new(Semaphore::new(slots)), answer }
    }

    /// Decides for each request, before its body is read.
    pub fn script(f: impl Fn(&RequestInfo) -> Self + Send + Sync + 'static) -> Self {
        Self::Script(Arc::new(f))
    }

    /// `self` with probability `p`, otherwise [`Behavior::ok`]; the same seed gives the same rolls.
    #[must_use]
    pub fn sometimes(self, p: f64, seed: u64) -> Self {
        let rng = Mutex::new(SmallRng::seed_from_u64(seed));
        Self::Sometimes(Arc::new(Sometimes { p, rng, then: self, otherwise: Self::ok() }))
    }

    /// What a new connection meets: `Some` only for what acts before a request.
    pub(crate) fn on_accept(&self) -> Option<&Self> {
        match self {
            Self::ResetOnAccept | Self::AcceptAndSilent { reads: false } => Some(self),
            Self::Sometimes(s) if s.then.on_accept().is_some() && s.roll() => s.then.on_accept(),
            _ => None,
        }
    }

    /// What this request gets; never `Sometimes` or `Script`.
    pub(crate) fn resolve(&self, request: &RequestInfo) -> Self {
        match self {
            Self::Script(f) => f(request).resolve(request),
            // Those dice have been rolled when the connection was accepted.
            Self::Sometimes(s) if s.then.on_accept().is_some() => s.otherwise.resolve(request),
            Self::Sometimes(s) if s.roll() => s.then.resolve(request),
            Self::Sometimes(s) => s.otherwise.resolve(request),
            plain => plain.clone(),
        }
    }

    /// No connection is to be had.
    pub(crate) fn is_closed_door(&self) -> bool {
        matches!(self, Self::RefuseConnections | Self::DropSyns)
    }

    /// The body of the request is not to be read before the answer.
    pub(crate) fn is_early(&self) -> bool {
        matches!(
            self,
            Self::EarlyAnswer { .. }
                | Self::ReadHalfOfBodyThenReset
                | Self::ResetOnAccept
                | Self::RefuseConnections
                | Self::DropSyns
                | Self::AcceptAndSilent { reads: false }
        )
    }
}

impl Sometimes {
    fn roll(&self) -> bool {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_bool(self.p)
    }
}

impl fmt::Debug for Behavior {
    /// The variant's name; scripts have nothing else to show.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer(answer) => return write!(f, "Answer({})", answer.status),
            Self::Echo { .. } => "Echo",
            Self::RefuseConnections => "RefuseConnections",
            Self::DropSyns => "DropSyns",
            Self::ResetOnAccept => "ResetOnAccept",
            Self::AcceptAndSilent { .. } => "AcceptAndSilent",
            Self::CloseBeforeAnswer(_) => "CloseBeforeAnswer",
            Self::CloseOnReuse { .. } => "CloseOnReuse",
            Self::CloseAfterAnswerSilently { .. } => "CloseAfterAnswerSilently",
            Self::CloseAfterEvery { .. } => "CloseAfterEvery",
            Self::Slots { .. } => "Slots",
            Self::Garbage(_) => "Garbage",
            Self::TruncatedHeader(_) => "TruncatedHeader",
            Self::TruncatedBody { .. } => "TruncatedBody",
            Self::StalledBody { .. } => "StalledBody",
            Self::SlowBody { .. } => "SlowBody",
            Self::SlowHeader { .. } => "SlowHeader",
            Self::HugeHeader(_) => "HugeHeader",
            Self::EarlyAnswer { .. } => "EarlyAnswer",
            Self::ReadHalfOfBodyThenReset => "ReadHalfOfBodyThenReset",
            Self::Informational { .. } => "Informational",
            Self::Upgrade => "Upgrade",
            Self::Sometimes(s) => return write!(f, "Sometimes({}, {:?})", s.p, s.then),
            Self::Script(_) => "Script",
        })
    }
}
