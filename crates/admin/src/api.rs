//! `/api/v1`: what runs, and how to change it while it runs.
//!
//! What is asked for is done by an [`Operator`]; here it only gets its form, which `openapi.json` describes.
//! A test calls every operation of that document, and holds the answers and the routes against it. Every
//! answer is JSON but the configuration, which is YAML as its files are. What goes wrong is told as RFC 9457
//! has it.

mod endpoints;
mod gateway;
mod requests;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use switchback_telemetry::Filter;
use tokio::task::spawn_blocking;

use crate::guard::operators_only;
use crate::problem::{Problem, problem};
use crate::view;

/// The largest body of a request, in bytes: each is some words.
const BODY_LIMIT: usize = 16 * 1024;

/// What the API is, for programs.
const DOCUMENT: &str = include_str!("openapi.json");

/// Who does what the API is asked for.
#[async_trait]
pub trait Operator: Send + Sync + 'static {
    /// What whoever comes over TCP must show; `None`: the API is for this machine alone. Asked at each
    /// request, so it may change.
    fn token(&self) -> Option<Arc<str>>;

    /// The configuration in force, with every default filled in and secrets blanked: YAML, a document for
    /// each file. `None`: it does not come from files.
    async fn configuration(&self) -> Option<String>;

    /// What is in force: its number, the last reload, and what is overridden.
    async fn status(&self) -> Status;

    /// Reads the configuration anew and puts it in force; `force`: though a pool would have nobody left.
    async fn reload(&self, force: bool) -> Result<Reloaded, Refused>;

    /// Tells of each pool, with its endpoints if these are wanted, until `each` says that nobody listens.
    /// Blocks for as long as `each` does.
    fn pools(&self, endpoints: bool, each: &mut dyn FnMut(view::Pool) -> bool);

    /// A pool, with its endpoints. Blocks.
    fn pool(&self, name: &str) -> Option<view::Pool>;

    /// The requests that failed or were rescued lately, the newest first: an array of JSON objects as the
    /// access log has them.
    async fn failures(&self, filter: &Filter) -> Vec<u8>;

    /// The one of them with this id: a JSON object.
    async fn request(&self, id: &str) -> Option<Vec<u8>>;

    /// What happened lately.
    async fn history(&self) -> view::History;

    /// Overrides what is configured of an endpoint, or clears what was overridden; `force`: though its pool
    /// would have nobody left who is enabled.
    ///
    /// # Errors
    ///
    /// Why nothing has changed.
    async fn override_endpoint(
        &self,
        pool: &str,
        endpoint: SocketAddr,
        change: Change,
        force: bool,
    ) -> Result<(), NotOverridden>;
}

/// Why an endpoint is as it was; each with what is wrong, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotOverridden {
    /// There is no such pool or endpoint.
    Unknown(String),
    /// Its pool would have nobody left who is enabled. `force` would do it all the same.
    Empty(String),
    /// Something else, which is a bug.
    Failed(String),
}

/// A configuration that has been put in force.
#[derive(Clone, Debug, Serialize)]
pub struct Reloaded {
    /// Its number.
    pub generation: u64,
    /// What differs from the one before, a sentence each.
    pub changes: Value,
}

/// A configuration that has not.
#[derive(Clone, Debug, Serialize)]
pub struct Refused {
    /// Why, in a sentence.
    pub why: String,
    /// Whether `force` would do it all the same.
    pub may_be_forced: bool,
    /// What is wrong with the files.
    pub diagnostics: Option<Value>,
    /// What would differ.
    pub changes: Option<Value>,
}

/// What runs, and what is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The version of the program.
    pub version: &'static str,
    /// When it was started, as RFC 3339 has it.
    pub started: String,
    /// Whether it is fit to be sent traffic.
    pub ready: bool,
    /// Why not, a sentence each.
    pub reasons: Vec<String>,
    /// Where clients connect.
    pub listeners: Vec<SocketAddr>,
    /// Connections of clients.
    pub connections: usize,
    /// Requests in flight.
    pub requests_in_flight: usize,
    /// The number of the configuration, from 1.
    pub generation: u64,
    /// The last reload; `null`: none yet.
    pub last_reload: Option<LastReload>,
    /// What is overridden.
    pub overrides: Vec<Overridden>,
}

/// How the last reload went.
#[derive(Clone, Debug, Serialize)]
pub struct LastReload {
    /// When, as RFC 3339 has it.
    pub time: String,
    /// Who asked for it.
    pub asked_by: &'static str,
    /// Whether it was put in force.
    pub applied: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// An endpoint that is not as it is configured.
#[derive(Clone, Debug, Serialize)]
pub struct Overridden {
    /// Its pool.
    pub pool: Arc<str>,
    /// Its address.
    pub endpoint: SocketAddr,
    /// What is overridden.
    #[serde(flatten)]
    pub change: Change,
}

/// What is overridden of an endpoint; without any, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whether it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Admission>,
    /// Its share, from 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
}

/// Whether an endpoint serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// It does.
    Enabled,
    /// It keeps its sessions, and gets nothing new while another can serve.
    Drain,
    /// It gets nothing.
    Disabled,
}

type Whom = State<Arc<dyn Operator>>;

/// Every path of the API with what it answers.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<dyn Operator>>)> {
    let change = put(endpoints::set_override).delete(endpoints::clear_override);
    vec![
        ("/openapi.json", get(document)),
        ("/status", get(gateway::status)),
        ("/config", get(gateway::configuration)),
        ("/reload", post(gateway::reload)),
        ("/pools", get(endpoints::pools)),
        ("/pools/{pool}", get(endpoints::pool)),
        ("/pools/{pool}/endpoints/{endpoint}/override", change),
        ("/failures", get(requests::failures)),
        ("/requests/{id}", get(requests::request)),
        ("/history", get(requests::history)),
    ]
}

pub(crate) fn api(operator: Arc<dyn Operator>) -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(operator.clone(), operators_only))
        .with_state(operator)
}

async fn document() -> Response {
    json_text(DOCUMENT)
}

async fn nothing_here() -> Problem {
    problem(StatusCode::NOT_FOUND, "there is no such path; /api/v1/openapi.json has all of them")
}

async fn not_so() -> Problem {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "Allow has the methods of this path; /api/v1/openapi.json says what they do",
    )
}

/// What is JSON already.
fn json_text(text: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.into()).into_response()
}

/// Looks something up and writes it, on a thread that may be blocked.
async fn looked_up<T: Serialize>(
    look: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Response {
    let answer = spawn_blocking(|| look().map(Json).into_response()).await;
    answer.unwrap_or_else(|_| bug().into_response())
}

fn bug() -> Problem {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "a bug: the answer was not finished")
}

fn wrong(why: impl Into<String>) -> Problem {
    problem(StatusCode::BAD_REQUEST, why)
}
