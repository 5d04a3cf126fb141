//! Why a client's handshake failed. Pingora keeps that as text alone.

use std::fmt;

use pingora_core::Error;
use switchback_telemetry::metrics::TlsFailure;

/// A handshake that failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(super) failure: TlsFailure,
    said: String,
}

impl Failed {
    pub(super) fn new(failure: TlsFailure, said: impl fmt::Display) -> Self {
        Self { failure, said: said.to_string() }
    }

    pub(super) fn of(error: &Error) -> Self {
        let said = error.context.as_ref().map_or("", |context| context.as_str());
        // Behind what Pingora was doing stands what rustls, or the system, said.
        let said = said.rsplit_once("error: ").map_or(said, |(_, said)| said).to_owned();
        Self { failure: failure(&said), said }
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.failure.as_str(), self.said)
    }
}

fn failure(said: &str) -> TlsFailure {
    let is = |part: &str| said.contains(part);
    if is("peer sent no certificates") {
        TlsFailure::NoCertificate
    } else if is("invalid peer certificate") {
        TlsFailure::BadCertificate
    } else if is("received fatal alert") {
        TlsFailure::Alert
    } else if is("handshake eof") || is("(os error ") {
        TlsFailure::Closed
    } else {
        TlsFailure::Protocol
    }
}
