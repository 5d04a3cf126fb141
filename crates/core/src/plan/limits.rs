//! What a client may cost: how much it may send, how slowly, and over how many connections.
//!
//! Each limit is there because without it one client can take what all the others need: memory, sockets
//! or the time of a task. What a limit refuses is answered where there is somebody to answer, logged and
//! counted.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsPlan {
    /// The most connections of clients at once; `None`: what the memory and the descriptors of the
    /// process allow.
    pub connections: Option<NonZeroU32>,
    /// The most of them from one address; `None`: no limit. Trusted proxies have none.
    pub connections_per_client: Option<NonZeroU32>,
    /// After so many requests a connection closes; `None`: never for that.
    pub requests_per_connection: Option<NonZeroU32>,
    /// The most bytes of a request's head: request line and header, with their line ends. Of HTTP/2
    /// the sum of names, values and 32 a field (RFC 9113, section 6.5.2).
    pub header_size: u32,
    /// The most fields of a request's header.
    pub header_fields: u32,
    /// The most bytes of a request's target.
    pub target_size: u32,
    /// How long a request's head may take, from its first byte to its last; of the first request of a
    /// connection, from the connection's beginning.
    pub header_timeout: Duration,
    /// How long a PROXY header, and after it a TLS handshake, may take, each.
    pub handshake_timeout: Duration,
    /// How long nothing may come of a request's body that is awaited.
    pub body_timeout: Duration,
    /// What must come of a request's body on average, in bytes a second, for as long as it is awaited;
    /// the first [`Self::BODY_GRACE`] are free. Zero: any pace.
    pub body_rate: u32,
    /// How long a client may take nothing of what is sent to it.
    pub send_timeout: Duration,
    /// The most requests at once on a connection of HTTP/2.
    pub http2_streams: u32,
    /// The most requests of a connection of HTTP/2 that its client has reset and that are not yet
    /// cleared away.
    pub http2_resets: u32,
}

impl LimitsPlan {
    /// How long a body may be slower than [`Self::body_rate`].
    pub const BODY_GRACE: Duration = Duration::from_secs(20);
}

impl Default for LimitsPlan {
    /// 32 KiB and 100 fields are four times what browsers send with many cookies, and Apache's
    /// count. 8 KiB of target are nginx's and Apache's. 10 s for a head are HAProxy's usual
    /// `timeout http-request`. 500 bytes a second after 20 s are those of Apache's mod_reqtimeout;
    /// 60 s to send nginx's `send_timeout`. 100 streams are the least that RFC 9113, section 6.5.2,
    /// recommends. 20 resets are h2's, against rapid reset (CVE-2023-44487).
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_client: None,
            requests_per_connection: None,
            header_size: 32 * 1024,
            header_fields: 100,
            target_size: 8 * 1024,
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_rate: 500,
            send_timeout: Duration::from_secs(60),
            http2_streams: 100,
            http2_resets: 20,
        }
    }
}
