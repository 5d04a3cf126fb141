//! Why a probe failed, in the words of an operator.

use pingora_core::{Error, ErrorType};

/// One line without Pingora's framing.
pub(crate) fn reason(error: &Error) -> String {
    let root = error.root_cause().to_string();
    match error.etype() {
        ErrorType::ConnectRefused => "connection refused".to_owned(),
        ErrorType::ConnectTimedout => "connecting timed out".to_owned(),
        ErrorType::ConnectNoRoute => "no route to host".to_owned(),
        ErrorType::TLSHandshakeFailure => {
            let cause = tls(error);
            let words = certificate(cause).unwrap_or_else(|| cause.to_owned());
            format!("TLS handshake failed: {words}")
        }
        ErrorType::ReadTimedout => "no answer in time".to_owned(),
        ErrorType::ConnectionClosed => "closed without an answer".to_owned(),
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

/// Pingora puts what went wrong in the midst of a context, and a local address where the cause should be.
fn tls(error: &Error) -> &str {
    let context = error.context.as_ref().map_or("", |context| context.as_str());
    let cause = context.rsplit_once(" cause: ").map_or(context, |(_, cause)| cause);
    cause.rsplit_once(", SNI: ").map_or(cause, |(cause, _)| cause)
}

/// What rustls says of an endpoint, in words for whoever has to renew a certificate or correct a port.
fn certificate(cause: &str) -> Option<String> {
    if cause.contains("InvalidContentType") {
        return Some("the endpoint does not speak TLS".to_owned());
    }
    let cause = cause.split_once("invalid peer certificate: ")?.1;
    let is = |part: &str| cause.to_ascii_lowercase().contains(part);
    Some(if is("not valid for name") {
        // Names both: the one that was asked for, and those that it is for.
        let cause = cause.replace("DnsName(", "").replace("IpAddress(", "").replace(')', "");
        format!("the {cause}")
    } else if is("expired") && !is("revocation") {
        "the certificate has expired".to_owned()
    } else if is("not valid yet") || is("notvalidyet") {
        "the certificate is not valid yet; are the clocks right?".to_owned()
    } else if is("unknownissuer") {
        "the certificate is signed by nobody whom this machine trusts (self-signed, or by a private CA)"
            .to_owned()
    } else if is("badsignature") {
        "the certificate is not signed by the CA of that name that this machine trusts; was the CA made anew?"
            .to_owned()
    } else {
        format!("the certificate is refused: {cause}")
    })
}

fn h2(root: &str) -> String {
    match root.strip_prefix("connection error detected: ") {
        // HTTP/1.1, for one, begins with the length of an impossible frame.
        Some(what) => format!("answered with what is not HTTP/2 ({what})"),
        None => format!("HTTP/2: {root}"),
    }
}
