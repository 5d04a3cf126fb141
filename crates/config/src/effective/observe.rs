//! What operators see: `admin`, `access_log`, `tracing`.

use std::path::Path;

use serde::Serialize;
use serde_yaml::Mapping;
use switchback_core::plan::{
    AccessLogPlan, AdminAddress, AdminPlan, LogFormat, LogSink, TracingPlan,
};

use super::{relative, value};
use crate::value::percent;

#[derive(Debug, Serialize)]
pub(super) struct Admin {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum AccessLog {
    Word(&'static str),
    Table {
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        format: Format,
    },
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Format {
    Word(&'static str),
    Template { template: String },
}

#[derive(Debug, Serialize)]
pub(super) struct Tracing {
    otlp: String,
    sample: String,
    service: String,
    #[serde(skip_serializing_if = "Mapping::is_empty")]
    headers: Mapping,
}

pub(super) fn admin(plan: &AdminPlan, base: &Path) -> Admin {
    let (address, socket) = match &plan.at {
        AdminAddress::Tcp(address) => (Some(address.to_string()), None),
        AdminAddress::Unix(path) => (None, Some(relative(path, base))),
    };
    Admin { address, socket, token: plan.token.as_ref().map(|token| value(token.reveal())) }
}

pub(super) fn access_log(plan: &AccessLogPlan, base: &Path) -> AccessLog {
    let format = match &plan.format {
        LogFormat::Json => Format::Word("json"),
        LogFormat::Combined => Format::Word("combined"),
        LogFormat::Template(template) => Format::Template { template: value(template.as_str()) },
    };
    match (&plan.to, &plan.format) {
        (LogSink::Off, _) => AccessLog::Word("off"),
        (LogSink::Stdout, LogFormat::Json) => AccessLog::Word("stdout"),
        (LogSink::Stdout, _) => AccessLog::Table { file: None, format },
        (LogSink::File(path), _) => AccessLog::Table { file: Some(relative(path, base)), format },
    }
}

pub(super) fn tracing(plan: &TracingPlan) -> Tracing {
    let headers = plan.headers.iter();
    Tracing {
        otlp: value(&plan.otlp),
        sample: percent::display(plan.sample),
        service: value(&plan.service),
        headers: headers
            .map(|(name, text)| ((&**name).into(), value(text.reveal()).into()))
            .collect(),
    }
}
