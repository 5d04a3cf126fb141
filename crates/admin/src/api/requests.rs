//! Requests: those that failed or were rescued, and how many there were.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use switchback_telemetry::{Failures, Filter};

use super::endpoints::no_text;
use super::{Whom, json_text, wrong};
use crate::problem::{Problem, problem};
use crate::view;

/// How many failures are told where nobody says.
const LIMIT: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    limit: usize,
    pool: Option<String>,
    by_clients: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { limit: LIMIT, pool: None, by_clients: false }
    }
}

pub(super) async fn failures(
    State(operator): Whom,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let most = Failures::CAPACITY;
    let wanted = wanted.ok().filter(|Query(it)| (1..=most).contains(&it.limit));
    let why = "there are the options `limit`, from 1 to 1000, `pool`, a name, and `by_clients`, \
               `true` or `false`";
    let Query(Wanted { limit, pool, by_clients }) = wanted.ok_or_else(|| wrong(why))?;
    let found = operator.failures(&Filter { pool, by_clients, limit: Some(limit) }).await;
    Ok(json_text([&b"{\"failures\":"[..], &found, b"}"].concat()))
}

pub(super) async fn request(
    State(operator): Whom,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(id) = id.map_err(no_text)?;
    let why = "no such request is kept: only the last 1,000 are that failed or were rescued by a retry, \
               and as many that their clients broke or that no route is for; the access log has all the others";
    let found = operator.request(&id).await;
    found.map(json_text).ok_or_else(|| problem(StatusCode::NOT_FOUND, why))
}

pub(super) async fn history(State(operator): Whom) -> Json<view::History> {
    Json(operator.history().await)
}
