//! Why a probe failed, in the words of an operator, and whose fault it is.

use std::io;

use pingora_core::{Error, ErrorType};
use rustix::io::Errno;
use switchback_runtime::tls_words;

/// Why there is no pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The endpoint has failed the probe.
    Endpoint(String),
    /// The gateway had not what a connection takes.
    Own(String),
}

impl Failure {
    /// Why, whoever is at fault.
    pub(crate) fn into_why(self) -> String {
        match self {
            Self::Endpoint(why) | Self::Own(why) => why,
        }
    }
}

/// What a probe's error means.
pub(crate) fn failure(error: &Error) -> Failure {
    match is_own(error) {
        true => Failure::Own(error.root_cause().to_string()),
        false => Failure::Endpoint(reason(error)),
    }
}

/// Whether descriptors or memory were wanting here. A port may be as well, but so is a family of addresses
/// that this machine has not, and that does not pass: it counts as the endpoint's.
fn is_own(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error.root_cause());
    while let Some(it) = cause {
        if let Some(error) = it.downcast_ref::<io::Error>() {
            let own = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
            return Errno::from_io_error(error).is_some_and(|errno| own.contains(&errno));
        }
        cause = it.source();
    }
    false
}

/// One line without Pingora's framing.
pub(crate) fn reason(error: &Error) -> String {
    let root = error.root_cause().to_string();
    match error.etype() {
        ErrorType::ConnectRefused => "connection refused".to_owned(),
        ErrorType::ConnectTimedout => "connecting timed out".to_owned(),
        ErrorType::ConnectNoRoute => "no route to host".to_owned(),
        ErrorType::TLSHandshakeFailure => {
            let context = error.context.as_ref().map_or("", |context| context.as_str());
            let cause = tls_words::in_context(context);
            let words = tls_words::explain(cause).unwrap_or_else(|| cause.to_owned());
            format!("TLS handshake failed: {words}")
        }
        ErrorType::ReadTimedout => "no answer in time".to_owned(),
        ErrorType::ConnectionClosed => "closed without an answer".to_owned(),
        // Over TLS 1.3 an endpoint refuses our certificate only after the handshake.
        _ if tls_words::is_alert(&root) => tls_words::explain(&root).unwrap_or(root),
        ErrorType::InvalidH2 | ErrorType::H2Error => h2(&root),
        // What the h2 crate makes of the end of a connection.
        ErrorType::ReadError if root.ends_with("broken pipe") => {
            "closed without a complete answer".to_owned()
        }
        ErrorType::Custom(what) => match &error.context {
            Some(context) => context.as_str().to_owned(),
            None => (*what).to_owned(),
        },
        _ => root,
    }
}

fn h2(root: &str) -> String {
    match root.strip_prefix("connection error detected: ") {
        // HTTP/1.1, for one, begins with the length of an impossible frame.
        Some(what) => format!("answered with what is not HTTP/2 ({what})"),
        None => format!("HTTP/2: {root}"),
    }
}
