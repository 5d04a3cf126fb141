//! Why a probe failed, in the words of an operator.

use pingora_core::{Error, ErrorType};
use switchback_runtime::tls_words;

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
