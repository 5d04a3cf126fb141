//! What went wrong, as RFC 9457 has it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// An answer of the type `application/problem+json`.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: Map<String, Value>,
}

/// A problem, in a sentence.
pub(crate) fn problem(status: StatusCode, detail: impl Into<String>) -> Problem {
    let mut body = Map::new();
    body.insert("title".into(), status.canonical_reason().unwrap_or("error").into());
    body.insert("status".into(), status.as_u16().into());
    body.insert("detail".into(), detail.into().into());
    Problem { status, body }
}

impl Problem {
    /// Adds a member of our own.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.body.insert(name.into(), json!(value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Value::Object(self.body))).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
