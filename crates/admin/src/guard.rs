//! Who may use the API.
//!
//! Whoever reaches it can take endpoints out, so for now it answers the machine that it runs on and nobody
//! else. That alone would not do: a page in an operator's browser can send requests to loopback, too. A
//! browser says so itself, in headers that scripts cannot set (`Origin`, `Sec-Fetch-Site`), and a name that
//! was made to resolve to loopback (DNS rebinding) stands in `Host`. Each of them is refused.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{Extension, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::problem::problem;

/// Who has connected, and to which address of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) from: SocketAddr,
    pub(crate) to: Option<SocketAddr>,
}

impl Peer {
    /// Whether it is on this machine: it came from loopback, or from the address that it came to.
    fn is_here(&self) -> bool {
        let from = self.from.ip().to_canonical();
        from.is_loopback() || self.to.is_some_and(|to| to.ip().to_canonical() == from)
    }
}

/// Lets a request pass that the operators themselves have sent.
pub(crate) async fn operators_only(
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    match refusal(peer.is_here(), request.method(), request.headers()) {
        Some(why) => problem(StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(is_here: bool, method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    if !is_here {
        return Some("the API answers only on the gateway's own machine: ask there");
    }
    if !text(header::HOST).is_none_or(is_this_machine) {
        return Some("Host must be localhost or an IP address");
    }
    let foreign = matches!(text(header::HeaderName::from_static("sec-fetch-site")),
        Some(site) if site != "same-origin" && site != "none");
    let own = |origin: &str| {
        let host = origin.strip_prefix("http://");
        host.is_some() && host == text(header::HOST)
    };
    if foreign || *method != Method::GET && text(header::ORIGIN).is_some_and(|it| !own(it)) {
        return Some("a page of another origin may not use the API");
    }
    None
}

/// Whether a Host is an address, or the one name that no DNS server is asked for.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether who comes from this address to 10.0.0.5 passes.
    fn passes(from: &str, method: Method, fields: &[(&'static str, &'static str)]) -> bool {
        let from = SocketAddr::new(from.parse().unwrap(), 1);
        let peer = Peer { from, to: Some(([10, 0, 0, 5], 9900).into()) };
        let fields = fields.iter().map(|(name, value)| {
            (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
        });
        refusal(peer.is_here(), &method, &fields.collect()).is_none()
    }

    #[test]
    fn operators_pass_and_others_do_not() {
        let local = "127.0.0.1";
        for host in ["localhost:9900", "127.0.0.1:9900", "[::1]:9900", "LOCALHOST", "[::1]"] {
            assert!(passes(local, Method::POST, &[("host", host)]), "{host}");
        }
        assert!(passes("::1", Method::GET, &[]));
        assert!(passes("::ffff:127.0.0.1", Method::GET, &[]));
        assert!(passes("10.0.0.5", Method::GET, &[]), "the machine's own address");
        let own = [("host", "127.0.0.1:9900"), ("origin", "http://127.0.0.1:9900")];
        assert!(passes(local, Method::POST, &own));
        assert!(!passes("10.0.0.1", Method::GET, &[("host", "localhost")]));
    }

    #[test]
    fn no_page_of_another_origin_gets_through() {
        let local = "127.0.0.1";
        for rebound in ["evil.example.com", "localhost.evil.example.com:9900", ""] {
            assert!(!passes(local, Method::GET, &[("host", rebound)]), "{rebound}");
        }
        for field in [
            ("origin", "https://evil.example.com"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(!passes(local, Method::POST, &[("host", "localhost:9900"), field]));
        }
    }
}
