//! Why a probe failed, in the words of an operator.

use pingora_core::{Error, ErrorType};

/// One line without Pingora's framing.
pub(crate) fn reason(error: &Error) -> String {
    let root = error.root_cause().to_string();
    match error.etype() {
        ErrorType::ConnectRefused => "connection refused".to_owned(),
        ErrorType::ConnectTimedout => "connecting timed out".to_owned(),
        ErrorType::ConnectNoRoute => "no route to host".to_owned(),
        ErrorType::ReadTimedout => "no answer in time".to_owned(),
        ErrorType::ConnectionClosed => "closed without an answer".to_owned(),
        ErrorType::Custom(what) => match &error.context {
            Some(context) => context.as_str().to_owned(),
            None => (*what).to_owned(),
        },
        _ => root,
    }
}
