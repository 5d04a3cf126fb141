//! Who may use the API, and what a browser may do.
//!
//! Whoever reaches the API can take endpoints out. Whoever may open the Unix socket is trusted: its file is
//! the gateway's own user's. Over TCP everybody shows the token, if one is configured, whether from
//! here or from elsewhere; without one, nobody is answered but this machine.
//!
//! That would not do: a page in an operator's browser can send requests to loopback, too, and to whatever the
//! operator reaches. A browser says so itself, in headers that scripts cannot set (`Origin`,
//! `Sec-Fetch-Site`), and a name that was made to resolve to loopback (DNS rebinding) stands in `Host`.
//! Each of them is refused. No answer has a CORS header, so no page of another origin reads one either.
//!
//! Beside the API, `/metrics` and the like are for whoever reaches the listener. Only pages of other
//! origins are refused there, and rebinding to loopback; Prometheus may come by any name from elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::api::Operator;
use crate::problem::problem;

/// Who has connected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Peer {
    /// Somebody over TCP.
    Tcp {
        /// From where.
        from: SocketAddr,
        /// To which address of ours.
        to: Option<SocketAddr>,
    },
    /// Somebody who may open our Unix socket.
    Unix,
}

impl Peer {
    /// Whether it is on this machine: it came from loopback, or from the address that it came to.
    fn is_here(&self) -> bool {
        let Self::Tcp { from, to } = self else { return true };
        let from = from.ip().to_canonical();
        from.is_loopback() || to.is_some_and(|to| to.ip().to_canonical() == from)
    }

    /// Whether it may be a page that was brought here by a name which its owner made resolve to loopback. A
    /// name without a dot is nobody's, so it is this network's.
    pub(crate) fn may_be_rebound(&self, headers: &HeaderMap) -> bool {
        let rebound = |host: &str| {
            let name = without_port(host);
            !is_this_machine(host)
                && name.contains(['.', '\u{fffd}'])
                && !name.ends_with(".localhost")
        };
        matches!(self, Self::Tcp { .. })
            && self.is_here()
            && text(headers, header::HOST).is_some_and(rebound)
    }
}

/// Why a request to the API is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Forbidden(&'static str),
    /// There is no token, or another one.
    Token {
        shown: bool,
    },
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (why, challenge) = match self {
            Self::Forbidden(why) => return problem(StatusCode::FORBIDDEN, why).into_response(),
            Self::Token { shown: false } => {
                ("the API wants its token: `Authorization: Bearer TOKEN`", "Bearer")
            }
            Self::Token { shown: true } => {
                ("this is not the token of the API", "Bearer error=\"invalid_token\"")
            }
        };
        let mut response = problem(StatusCode::UNAUTHORIZED, why).into_response();
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        response
    }
}

/// Lets a request to the API pass that the operators themselves have sent.
pub(crate) async fn operators_only(
    State(operator): State<Arc<dyn Operator>>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let token = operator.token();
    match refusal(peer, token.as_deref(), request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// Lets every request pass but those that a page of another origin has sent. A link there that somebody
/// follows is none: what it leads to is for whoever followed it.
pub(crate) async fn no_foreign_pages(request: Request, next: Next) -> Response {
    match is_of_foreign_page(request.headers()) && !is_followed(&request) {
        true => Refusal::Forbidden(FOREIGN).into_response(),
        false => next.run(request).await,
    }
}

fn is_followed(request: &Request) -> bool {
    let said = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    *request.method() == Method::GET
        && said("sec-fetch-mode") == Some(b"navigate")
        && said("sec-fetch-dest") == Some(b"document")
}

const FOREIGN: &str = "a page of another origin may neither read nor change anything here";

fn refusal(peer: Peer, token: Option<&str>, headers: &HeaderMap) -> Option<Refusal> {
    if is_of_foreign_page(headers) {
        return Some(Refusal::Forbidden(FOREIGN));
    }
    match (peer, token) {
        (Peer::Unix, _) => None,
        (Peer::Tcp { .. }, Some(token)) => match shown(headers) {
            Some(shown) if is_same(shown, token.as_bytes()) => None,
            shown => Some(Refusal::Token { shown: shown.is_some() }),
        },
        (Peer::Tcp { .. }, None) if !peer.is_here() => Some(Refusal::Forbidden(
            "the API answers only on the gateway's own machine, unless it has a token: ask there, or \
             configure one",
        )),
        (Peer::Tcp { .. }, None) => {
            let ours = text(headers, header::HOST).is_none_or(is_this_machine);
            (!ours).then_some(Refusal::Forbidden("Host must be localhost or an IP address"))
        }
    }
}

/// Whether a browser says that a page of another origin has sent this.
fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    let site = text(headers, header::HeaderName::from_static("sec-fetch-site"));
    let own = |origin: &str| {
        // Over TLS where something in front of us ends it.
        let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        host.is_some() && host == text(headers, header::HOST)
    };
    site.is_some_and(|site| site != "same-origin" && site != "none")
        || text(headers, header::ORIGIN).is_some_and(|origin| !own(origin))
}

/// The token that a request shows. Of several, none.
fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (field, None) = (fields.next()?.as_bytes(), fields.next()) else { return None };
    let (scheme, token) = field.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Takes as long whatever the two have in common: what is compared are hashes, which nobody can choose, and
/// all of them.
fn is_same(shown: &[u8], token: &[u8]) -> bool {
    let (shown, token) = (digest(&SHA256, shown), digest(&SHA256, token));
    let pairs = shown.as_ref().iter().zip(token.as_ref());
    pairs.fold(0, |differing, (one, other)| differing | (one ^ other)) == 0
}

/// A field as text, [`UNREADABLE`] for several: which of them counts would be for whoever reads it.
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut fields = headers.get_all(name).iter();
    let (field, other) = (fields.next()?, fields.next());
    Some(field.to_str().ok().filter(|_| other.is_none()).unwrap_or(UNREADABLE))
}

/// What stands for a field that is no text, or for several.
const UNREADABLE: &str = "\u{fffd}";

/// Whether a Host is an address, or the one name that no DNS server is asked for.
fn is_this_machine(host: &str) -> bool {
    let name = without_port(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
