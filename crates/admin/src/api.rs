//! `/api/v1`: what runs, and how to change it while it runs.
//!
//! What is asked for is done by an [`Operator`]; here it only gets its form. Every answer is JSON but the
//! configuration, which is YAML as its files are. What goes wrong is told as RFC 9457 has it.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use switchback_telemetry::Filter;

use crate::guard::operators_only;
use crate::problem::{Problem, problem};
use crate::view;

/// The largest body of a request, in bytes: each is some words.
const BODY_LIMIT: usize = 16 * 1024;

/// Who does what the API is asked for.
#[async_trait]
pub trait Operator: Send + Sync + 'static {
    /// The configuration in force, with every default filled in and secrets blanked: YAML, a document for
    /// each file.
    async fn configuration(&self) -> String;

    /// What is in force: its number, the last reload, and what is overridden.
    async fn status(&self) -> Status;

    /// Reads the configuration anew and puts it in force; `force`: though a pool would have nobody left.
    async fn reload(&self, force: bool) -> Result<Reloaded, Refused>;

    /// The pools, with their endpoints if these are wanted.
    async fn pools(&self, endpoints: bool) -> Vec<view::Pool>;

    /// A pool, with its endpoints.
    async fn pool(&self, name: &str) -> Option<view::Pool>;

    /// The requests that failed or were rescued lately, the newest first: an array of JSON objects as the
    /// access log has them.
    async fn failures(&self, filter: &Filter) -> Vec<u8>;

    /// The one of them with this id: a JSON object.
    async fn request(&self, id: &str) -> Option<Vec<u8>>;

    /// What happened lately.
    async fn history(&self) -> view::History;

    /// Overrides what is configured of an endpoint, or clears what was overridden.
    ///
    /// # Errors
    ///
    /// What is wrong, in a sentence: there is no such pool or endpoint.
    async fn override_endpoint(
        &self,
        pool: &str,
        endpoint: SocketAddr,
        change: Change,
    ) -> Result<(), String>;
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

/// What is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
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
    /// Seconds since 1970.
    pub time: u64,
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

/// A change as it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    state: Option<Admission>,
    weight: Option<i64>,
}

impl Asked {
    fn change(&self) -> Result<Change, Problem> {
        let weight = self.weight.map(|weight| {
            let weight = u16::try_from(weight).ok().filter(|it| (1..=1000).contains(it));
            weight.ok_or_else(|| {
                problem(StatusCode::BAD_REQUEST, "a weight is a number from 1 to 1000")
            })
        });
        Ok(Change { state: self.state, weight: weight.transpose()? })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReloadOptions {
    force: bool,
}

type Whom = State<Arc<dyn Operator>>;

pub(crate) fn api(operator: Arc<dyn Operator>) -> Router {
    let endpoint = put(set_override).delete(clear_override);
    Router::new()
        .route("/config", get(configuration))
        .route("/status", get(status))
        .route("/reload", post(reload))
        .route("/pools/{pool}/endpoints/{endpoint}/override", endpoint)
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn(operators_only))
        .with_state(operator)
}

async fn configuration(State(operator): Whom) -> Response {
    let text = operator.configuration().await;
    ([(header::CONTENT_TYPE, "application/yaml")], text).into_response()
}

async fn status(State(operator): Whom) -> Json<Status> {
    Json(operator.status().await)
}

async fn reload(
    State(operator): Whom,
    options: Result<Query<ReloadOptions>, QueryRejection>,
) -> Result<Json<Reloaded>, Problem> {
    let Query(options) = options
        .map_err(|_| problem(StatusCode::BAD_REQUEST, "there is one option: `force=true`"))?;
    match operator.reload(options.force).await {
        Ok(reloaded) => Ok(Json(reloaded)),
        Err(refused) => {
            let mut problem = problem(StatusCode::UNPROCESSABLE_ENTITY, refused.why)
                .with("may_be_forced", refused.may_be_forced);
            if let Some(diagnostics) = refused.diagnostics {
                problem = problem.with("diagnostics", diagnostics);
            }
            if let Some(changes) = refused.changes {
                problem = problem.with("changes", changes);
            }
            Err(problem)
        }
    }
}

async fn set_override(
    State(operator): Whom,
    Path(names): Path<(String, String)>,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let right = r#"send for example {"state": "drain"} or {"weight": 5}"#;
    if body.is_empty() {
        return Err(problem(StatusCode::BAD_REQUEST, format!("there is no body; {right}")));
    }
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| problem(StatusCode::BAD_REQUEST, format!("{error}; {right}")))?;
    let change = asked.change()?;
    if change == Change::default() {
        let why = "nothing to override; DELETE clears what was overridden";
        return Err(problem(StatusCode::BAD_REQUEST, why));
    }
    change_endpoint(&*operator, &names, change).await
}

async fn clear_override(
    State(operator): Whom,
    Path(names): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    change_endpoint(&*operator, &names, Change::default()).await
}

async fn change_endpoint(
    operator: &dyn Operator,
    (pool, endpoint): &(String, String),
    change: Change,
) -> Result<StatusCode, Problem> {
    let address = endpoint.parse().map_err(|_| {
        let why = format!("`{endpoint}` is no address; an endpoint is named like 10.0.1.11:8080");
        problem(StatusCode::NOT_FOUND, why)
    })?;
    match operator.override_endpoint(pool, address, change).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(why) => Err(problem(StatusCode::NOT_FOUND, why)),
    }
}

async fn nothing_here() -> Problem {
    problem(
        StatusCode::NOT_FOUND,
        "there are /status, /config, /reload and /pools/POOL/endpoints/ADDRESS/override",
    )
}

async fn not_so() -> Problem {
    problem(
        StatusCode::METHOD_NOT_ALLOWED,
        "GET reads /status and /config, POST is for /reload, PUT and DELETE for an override",
    )
}
