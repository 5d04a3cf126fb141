//! `limits`.

use serde::Serialize;
use switchback_core::plan::LimitsPlan;

use crate::value::{duration, size};

/// `limits`, without those that have no figure.
#[derive(Debug, Serialize)]
pub(super) struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections_per_client: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_connection: Option<u32>,
    header_size: String,
    header_fields: u32,
    target_size: String,
    header_timeout: String,
    handshake_timeout: String,
    body_timeout: String,
    body_rate: String,
    send_timeout: String,
    http2_streams: u32,
    http2_resets: u32,
}

pub(super) fn limits(plan: &LimitsPlan) -> Limits {
    Limits {
        connections: plan.connections.map(Into::into),
        connections_per_client: plan.connections_per_client.map(Into::into),
        requests_per_connection: plan.requests_per_connection.map(Into::into),
        header_size: size::display(plan.header_size.into()),
        header_fields: plan.header_fields,
        target_size: size::display(plan.target_size.into()),
        header_timeout: duration::display(plan.header_timeout),
        handshake_timeout: duration::display(plan.handshake_timeout),
        body_timeout: duration::display(plan.body_timeout),
        body_rate: size::display(plan.body_rate.into()),
        send_timeout: duration::display(plan.send_timeout),
        http2_streams: plan.http2_streams,
        http2_resets: plan.http2_resets,
    }
}
