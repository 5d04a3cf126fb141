//! The closed load over HTTP/2: connections that several clients share, a stream for each request.

use std::io;
use std::sync::Arc;

use ::h2::client::{SendRequest, handshake};
use bytes::Bytes;
use http::{Request, Version};
use tokio::task::JoinSet;

use super::Shared;
use crate::client::Target;
use crate::scenario::{FIELDS, Scenario, host};

/// Clients of a connection.
const STREAMS: usize = 8;

pub(super) fn start(
    tasks: &mut JoinSet<io::Result<()>>,
    target: &Target,
    scenario: Scenario,
    clients: usize,
    shared: &Arc<Shared>,
) {
    for first in (0..clients).step_by(STREAMS) {
        let (target, shared) = (target.clone(), Arc::clone(shared));
        let streams = STREAMS.min(clients - first);
        tasks.spawn(async move {
            let (sender, connection) =
                handshake(target.stream().await?).await.map_err(io::Error::other)?;
            // Its end is seen by the streams.
            let connection = tokio::spawn(async move { connection.await.ok() });
            let mut sharers = JoinSet::new();
            for n in 0..streams {
                let (sender, shared) = (sender.clone(), Arc::clone(&shared));
                sharers.spawn(async move { keep(sender, scenario, first + n, &shared).await });
            }
            let mut result = Ok(());
            while let Some(ended) = sharers.join_next().await {
                result = result.and(ended?.map_err(io::Error::other));
            }
            connection.abort();
            result
        });
    }
}

async fn keep(
    mut sender: SendRequest<Bytes>,
    scenario: Scenario,
    mut route: usize,
    shared: &Shared,
) -> Result<(), ::h2::Error> {
    loop {
        sender = sender.ready().await?;
        let (answer, _) = sender.send_request(request(scenario, route % scenario.routes), true)?;
        let answer = answer.await?;
        if answer.status() != 200 {
            return Err(::h2::Reason::INTERNAL_ERROR.into());
        }
        let (mut body, mut left) = (answer.into_body(), scenario.answered());
        while let Some(data) = body.data().await {
            let length = data?.len();
            body.flow_control().release_capacity(length)?;
            left = left.checked_sub(length).ok_or(::h2::Reason::PROTOCOL_ERROR)?;
        }
        if left > 0 {
            return Err(::h2::Reason::PROTOCOL_ERROR.into());
        }
        if !shared.count() {
            return Ok(());
        }
        route += 1;
    }
}

/// The same as over HTTP/1.1. It must be a GET: bodies are not sent here.
fn request(scenario: Scenario, route: usize) -> Request<()> {
    let (method, path) = scenario.target();
    let mut request = Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = method.parse().unwrap_or_default();
    *request.uri_mut() = format!("https://{}{path}", host(route)).parse().unwrap_or_default();
    for (name, value) in FIELDS {
        request.headers_mut().insert(name, http::HeaderValue::from_static(value));
    }
    request
}
