//! The limits for clients, as metrics name them: by their keys in the configuration.

/// What a client can be stopped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `limits.connections`, or what there is room for.
    Connections,
    /// `limits.connections_per_client`.
    ConnectionsPerClient,
    /// `limits.requests_per_connection`: no harm, the client connects again.
    RequestsPerConnection,
    /// `limits.header_size`; over HTTP/1 alone, over HTTP/2 nobody tells.
    HeaderSize,
    /// `limits.header_fields`.
    HeaderFields,
    /// `limits.target_size`.
    TargetSize,
    /// `limits.header_timeout`, also of who connects and says nothing.
    HeaderTimeout,
    /// `limits.handshake_timeout`.
    HandshakeTimeout,
    /// `limits.body_timeout`.
    BodyTimeout,
    /// `limits.body_rate`.
    BodyRate,
    /// `limits.send_timeout`.
    SendTimeout,
    /// A client of HTTP/2 was told to calm down: more resets than `limits.http2_resets`, or another flood, which
    /// h2 does not tell apart.
    Http2Flood,
    /// `max_body` of a route.
    MaxBody,
}

impl Limit {
    /// Their names, by position.
    pub(super) const NAMES: &[&str] = &[
        "connections",
        "connections_per_client",
        "requests_per_connection",
        "header_size",
        "header_fields",
        "target_size",
        "header_timeout",
        "handshake_timeout",
        "body_timeout",
        "body_rate",
        "send_timeout",
        "http2_flood",
        "max_body",
    ];

    /// The limit for which a request or a connection is refused with this code; `None`: for none.
    #[must_use]
    pub fn behind(code: &str) -> Option<Self> {
        Some(match code {
            "connections" => Self::Connections,
            "connections_per_client" => Self::ConnectionsPerClient,
            "header_too_large" => Self::HeaderSize,
            "too_many_fields" => Self::HeaderFields,
            "target_too_long" => Self::TargetSize,
            "header_timeout" => Self::HeaderTimeout,
            "body_timeout" => Self::BodyTimeout,
            "body_rate" => Self::BodyRate,
            "body_too_large" => Self::MaxBody,
            _ => return None,
        })
    }

    /// Its key.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}
