//! What each path answers.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use switchback_telemetry::Metrics;

use crate::api::{Operator, api};

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
    let api = state.operator.clone().map_or_else(Router::new, api);
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state)
        .nest("/api/v1", api)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(map_response(never_cached))
}

async fn live() -> &'static str {
    "ok"
}

async fn ready(State(state): State<AdminState>) -> Response {
    let reasons = state.readiness.reasons_not_ready();
    if reasons.is_empty() {
        return "ready".into_response();
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
async fn metrics(State(state): State<AdminState>) -> Response {
    match tokio::task::spawn_blocking(move || state.metrics.render()).await {
        Ok(text) => ([(header::CONTENT_TYPE, Metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found; there are /livez, /readyz, /metrics and /api/v1\n")
        .into_response()
}

async fn method_not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, "method not allowed; use GET or HEAD\n").into_response()
}

/// An answer about this moment is wrong in the next.
async fn never_cached(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
