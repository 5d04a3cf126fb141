//! `health` of a pool.

use serde::Serialize;
use switchback_core::plan::{HealthPlan, ProbePlan};

use super::{statuses, value};
use crate::value::duration;

/// Under the keys of [`crate::schema::Health`].
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Health {
    Off { enabled: bool },
    On(Checks),
}

#[derive(Debug, Serialize)]
pub(super) struct Checks {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<HttpProbe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<TcpProbe>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc: Option<GrpcProbe>,
    interval: String,
    fast_interval: String,
    timeout: String,
    rise: u32,
    fall: u32,
    concurrency: u32,
}

#[derive(Debug, Serialize)]
struct HttpProbe {
    path: String,
    expect: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

#[derive(Debug, Serialize)]
struct TcpProbe {}

#[derive(Debug, Serialize)]
struct GrpcProbe {
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
}

/// The health checks; `None`: they are switched off.
pub(super) fn health(plan: Option<&HealthPlan>) -> Health {
    let Some(plan) = plan else {
        return Health::Off { enabled: false };
    };
    let (mut http, mut tcp, mut grpc) = (None, None, None);
    match &plan.probe {
        ProbePlan::Tcp => tcp = Some(TcpProbe {}),
        ProbePlan::Http { path, expect, port } => {
            http = Some(HttpProbe { path: value(path), expect: statuses(expect), port: *port });
        }
        ProbePlan::Grpc { service, port } => {
            grpc = Some(GrpcProbe { service: value(service), port: *port });
        }
    }
    Health::On(Checks {
        enabled: true,
        http,
        tcp,
        grpc,
        interval: duration::display(plan.interval),
        fast_interval: duration::display(plan.fast_interval),
        timeout: duration::display(plan.timeout),
        rise: plan.rise.get(),
        fall: plan.fall.get(),
        concurrency: plan.concurrency.get(),
    })
}
