//! Pools and their endpoints: how they stand, and overriding what is configured of them.

use std::io::{Error, Write};

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Deserializer};

use super::gateway::{Forced, forced};
use super::{Admission, Change, NotOverridden, Operator, Whom, json_text, looked_up, wrong};
use crate::pieces::{Writer, written};
use crate::problem::{Problem, problem};
use crate::view;

#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Wanted {
    endpoints: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { endpoints: true }
    }
}

pub(super) async fn pools(
    State(operator): Whom,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) =
        wanted.map_err(|_| wrong("there is one option: `endpoints`, `true` or `false`"))?;
    Ok(json_text(written(move |to| write_pools(&*operator, wanted.endpoints, to))))
}

fn write_pools(operator: &dyn Operator, endpoints: bool, to: &mut Writer) -> Result<(), Error> {
    to.write_all(b"{\"pools\":[")?;
    let (mut first, mut result) = (true, Ok(()));
    let mut write = |pool: &view::Pool| {
        if !std::mem::replace(&mut first, false) {
            to.write_all(b",")?;
        }
        serde_json::to_writer(&mut *to, pool).map_err(Error::from)
    };
    operator.pools(endpoints, &mut |pool| {
        result = write(&pool);
        result.is_ok()
    });
    result?;
    to.write_all(b"]}")
}

pub(super) async fn pool(
    State(operator): Whom,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(name) = name.map_err(no_text)?;
    let look = move || {
        let why = || problem(StatusCode::NOT_FOUND, format!("there is no pool {name}"));
        operator.pool(&name).ok_or_else(why)
    };
    Ok(looked_up(look).await)
}

/// A change as it is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    #[serde(deserialize_with = "present")]
    state: Option<Admission>,
    #[serde(deserialize_with = "present")]
    weight: Option<f64>,
}

/// What is there must be a value: a `null` would be taken for "leave it", which an override does not know.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

impl Asked {
    fn change(&self) -> Result<Change, Problem> {
        let weight = self.weight.map(|asked| {
            // To JSON 5.0 is a whole number, too.
            let mut weights = 1..=1000_u16;
            let weight = weights.find(|weight| f64::from(*weight) == asked);
            weight.ok_or_else(|| wrong("a weight is a whole number from 1 to 1000"))
        });
        Ok(Change { state: self.state, weight: weight.transpose()? })
    }
}

type Names = Result<Path<(String, String)>, PathRejection>;

pub(super) async fn set_override(
    State(operator): Whom,
    names: Names,
    options: Result<Query<Forced>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let right = r#"send for example {"state": "drain"} or {"weight": 5}"#;
    let body = body.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is too large; {right}"))
        }
        _ => wrong(format!("the body has not come whole; {right}")),
    })?;
    // A list of the two would be taken as well.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(wrong(format!("the body is no JSON object; {right}")));
    }
    let asked: Asked =
        serde_json::from_slice(&body).map_err(|error| wrong(format!("{error}; {right}")))?;
    let change = asked.change()?;
    if change == Change::default() {
        return Err(wrong("nothing to override; DELETE clears what was overridden"));
    }
    change_endpoint(&*operator, names, change, forced(options)?).await
}

pub(super) async fn clear_override(
    State(operator): Whom,
    names: Names,
    options: Result<Query<Forced>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    change_endpoint(&*operator, names, Change::default(), forced(options)?).await
}

async fn change_endpoint(
    operator: &dyn Operator,
    names: Names,
    change: Change,
    force: bool,
) -> Result<StatusCode, Problem> {
    let Path((pool, endpoint)) = names.map_err(no_text)?;
    let address = endpoint.parse().map_err(|_| {
        let why = format!("`{endpoint}` is no address; an endpoint is named like 10.0.1.11:8080");
        problem(StatusCode::NOT_FOUND, why)
    })?;
    match operator.override_endpoint(&pool, address, change, force).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(NotOverridden::Unknown(why)) => Err(problem(StatusCode::NOT_FOUND, why)),
        Err(NotOverridden::Empty(why)) => {
            Err(problem(StatusCode::CONFLICT, why).with("may_be_forced", true))
        }
        Err(NotOverridden::Failed(why)) => Err(problem(StatusCode::INTERNAL_SERVER_ERROR, why)),
    }
}

pub(super) fn no_text(_: PathRejection) -> Problem {
    wrong("the path is no UTF-8")
}
