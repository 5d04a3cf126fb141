//! What went wrong between us and an endpoint over TLS, in the words of whoever has to mend it.
//!
//! Pingora keeps a failed handshake as text alone, so this is read from what rustls says; tests with real
//! handshakes notice when it says it otherwise.

/// What rustls says before the name of an alert.
const ALERT: &str = "received fatal alert: ";
/// What rustls says before what is wrong with a certificate.
const CERTIFICATE: &str = "invalid peer certificate: ";

/// What rustls said, of the context that Pingora has put it in the midst of.
pub fn in_context(context: &str) -> &str {
    let cause = context.rsplit_once(" cause: ").map_or(context, |(_, cause)| cause);
    cause.rsplit_once(", SNI: ").map_or(cause, |(cause, _)| cause)
}

/// Whether the endpoint said by an alert that it refuses us.
pub fn is_alert(said: &str) -> bool {
    said.contains(ALERT)
}

/// Whether the endpoint said by an alert that it refuses our certificate, or that we have none. That is said
/// in the handshake only, before anything that we send counts; with TLS 1.3 we may have sent it by then.
pub fn refuses_certificate(said: &str) -> bool {
    alert(said).is_some_and(|alert| alert == "CertificateRequired" || REFUSED.contains(&alert))
}

/// Whether we have refused the endpoint's certificate.
pub fn is_about_certificate(said: &str) -> bool {
    said.contains(CERTIFICATE) || said.contains("peer sent no certificates")
}

/// What rustls has said, for an operator; `None`: there are no better words.
pub fn explain(said: &str) -> Option<String> {
    if said.contains("InvalidContentType") {
        return Some("the endpoint does not speak TLS".to_owned());
    }
    if let Some(alert) = alert(said) {
        return explain_alert(alert);
    }
    let (_, cause) = said.split_once(CERTIFICATE)?;
    let is = |part: &str| cause.to_ascii_lowercase().contains(part);
    Some(if is("not valid for name") {
        // Names both: the one that was asked for, and those that it is for.
        let cause = cause.replace("DnsName(", "").replace("IpAddress(", "").replace(')', "");
        let cause = cause.strip_prefix("certificate ").unwrap_or(&cause).to_owned();
        format!("the certificate is {cause}")
    } else if is("expired") && !is("revocation") {
        "the certificate has expired".to_owned()
    } else if is("not valid yet") || is("notvalidyet") {
        "the certificate is not valid yet; are the clocks right?".to_owned()
    } else if is("unknownissuer") {
        "the certificate is signed by nobody who is trusted here (self-signed, or by another CA)"
            .to_owned()
    } else if is("badsignature") {
        "the certificate is not signed by the CA of that name that is trusted here; was the CA made anew?"
            .to_owned()
    } else {
        format!("the certificate is refused: {cause}")
    })
}

/// Alerts about our certificate (RFC 8446, section 6.2).
const REFUSED: &[&str] = &[
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
];

/// The name of the alert that was received.
fn alert(said: &str) -> Option<&str> {
    let (_, name) = said.split_once(ALERT)?;
    name.split(|c: char| !c.is_ascii_alphanumeric()).next()
}

fn explain_alert(alert: &str) -> Option<String> {
    let words = match alert {
        "CertificateRequired" => "the endpoint wants a certificate, and the pool has none",
        "UnrecognizedName" => "the endpoint has nothing under the name that it was asked for",
        "ProtocolVersion" => "the endpoint speaks neither TLS 1.2 nor 1.3",
        "NoApplicationProtocol" => {
            "the endpoint does not speak the version of HTTP that was asked for"
        }
        "HandshakeFailure" => {
            "the endpoint agrees to nothing that was offered, or wants a certificate of the pool"
        }
        _ if REFUSED.contains(&alert) => "the endpoint refuses the pool's certificate",
        _ => return None,
    };
    Some(format!("{words} (alert {alert})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_reads_what_to_mend() {
        for (said, words) in [
            (
                "tls connect error cause: invalid peer certificate: UnknownIssuer",
                "nobody who is trusted",
            ),
            (
                "invalid peer certificate: certificate expired: verification time 2 (UNIX)",
                "has expired",
            ),
            ("invalid peer certificate: certificate not valid yet: verification time 1", "clocks"),
            ("invalid peer certificate: BadSignature", "made anew"),
            ("invalid peer certificate: InvalidPurpose", "is refused: InvalidPurpose"),
            (
                "invalid peer certificate: certificate not valid for name \"a.b\"; certificate is only valid for DnsName(\"c.d\")",
                "the certificate is not valid for name \"a.b\"; certificate is only valid for \"c.d\"",
            ),
            ("received corrupt message of type InvalidContentType", "does not speak TLS"),
            ("received fatal alert: CertificateRequired", "wants a certificate"),
            ("received fatal alert: UnknownCA", "refuses the pool's certificate (alert UnknownCA)"),
        ] {
            let explained = explain(said).unwrap_or_default();
            assert!(explained.contains(words), "{said}: {explained}");
        }
        assert_eq!(explain("received fatal alert: InternalError"), None);
        assert_eq!(explain("connection reset by peer"), None);
    }

    #[test]
    fn only_alerts_about_certificates_are_about_certificates() {
        for (said, refuses) in [
            ("received fatal alert: CertificateRequired", true),
            ("received fatal alert: UnknownCA", true),
            ("received fatal alert: InternalError", false),
            ("received fatal alert: HandshakeFailure", false),
            ("invalid peer certificate: UnknownIssuer", false),
        ] {
            assert_eq!(refuses_certificate(said), refuses, "{said}");
        }
    }
}
