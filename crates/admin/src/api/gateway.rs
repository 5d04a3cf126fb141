//! The gateway as a whole: its status, its configuration, and reading that anew.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Reloaded, Status, Whom, wrong};
use crate::problem::{Problem, problem};

/// Whether something is done though it would leave a pool without anybody.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Forced {
    force: bool,
}

pub(super) fn forced(options: Result<Query<Forced>, QueryRejection>) -> Result<bool, Problem> {
    let Query(options) =
        options.map_err(|_| wrong("there is one option: `force`, `true` or `false`"))?;
    Ok(options.force)
}

pub(super) async fn status(State(operator): Whom) -> Json<Status> {
    Json(operator.status().await)
}

pub(super) async fn configuration(State(operator): Whom) -> Response {
    match operator.configuration().await {
        Some(text) => ([(header::CONTENT_TYPE, "application/yaml")], text).into_response(),
        None => {
            let why = "this gateway was not configured by files, so there is nothing to show";
            problem(StatusCode::NOT_FOUND, why).into_response()
        }
    }
}

pub(super) async fn reload(
    State(operator): Whom,
    options: Result<Query<Forced>, QueryRejection>,
) -> Result<Json<Reloaded>, Problem> {
    match operator.reload(forced(options)?).await {
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
