//! What each path answers.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use switchback_telemetry::Metrics;

use crate::accept;
use crate::api::{Operator, api};
use crate::dashboard::dashboard;
use crate::guard::{Peer, no_foreign_pages};

/// Whether the gateway is fit to be sent traffic.
pub trait Readiness: Send + Sync + 'static {
    /// Why not, one sentence each; empty if it is ready. Asked on each request, so it must not block.
    fn reasons_not_ready(&self) -> Vec<String>;
}

/// What the admin listener tells about.
#[derive(Clone)]
pub struct AdminState {
    /// What `/metrics` renders.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` asks.
    pub readiness: Arc<dyn Readiness>,
    /// Who does what `/api/v1` is asked for; without one there is no API.
    pub operator: Option<Arc<dyn Operator>>,
}

impl fmt::Debug for AdminState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminState").finish_non_exhaustive()
    }
}

pub(crate) fn router(state: AdminState) -> Router {
    // Without an operator there is nothing that a page could show.
    let page = if state.operator.is_some() { dashboard() } else { Router::new() };
    let api = state.operator.clone().map_or_else(Router::new, api);
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
        .merge(page)
        .nest("/api/v1", api)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(no_foreign_pages))
        .layer(map_response(for_nobody_else))
}

async fn live() -> &'static str {
    "ok"
}

/// Whether it is ready is told by whatever name it is asked: a health check that has a name of its own must
/// not take the gateway out. Why it is not is for operators.
async fn ready(
    State(state): State<AdminState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let mut reasons = state.readiness.reasons_not_ready();
    if reasons.is_empty() {
        return "ready".into_response();
    }
    if peer.may_be_rebound(&headers) {
        reasons = vec!["ask by localhost or an IP address to be told why".to_owned()];
    }
    let mut text = String::from("not ready\n");
    for reason in reasons {
        // One line each, whatever the reason quotes.
        text.extend(reason.chars().map(|c| if c.is_control() { ' ' } else { c }));
        text.push('\n');
    }
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// On a thread of its own: of a hundred thousand endpoints it takes a second, and whoever asks `/livez`
/// meanwhile would take the process for dead.
async fn metrics(
    State(state): State<AdminState>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if peer.may_be_rebound(&headers) {
        let why = "from this machine, ask by localhost, an IP address or a name without a dot\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let format = accept::format(&headers);
    match tokio::task::spawn_blocking(move || state.metrics.render(format)).await {
        Ok(text) => {
            let fields = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")];
            (fields, text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found; there are /, /livez, /readyz, /metrics and /api/v1\n")
        .into_response()
}

async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "method not allowed; use GET or HEAD\n").into_response()
}

/// What a page of another origin could try besides asking: an answer is not kept, not framed, not taken for
/// a script or a picture, and has nothing to load. The page that has is told so by its own policy.
const ALONE: [(HeaderName, &str); 5] = [
    // An answer about this moment is wrong in the next.
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

async fn for_nobody_else(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALONE {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ));
    response
}
