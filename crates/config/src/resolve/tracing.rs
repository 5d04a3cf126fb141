//! `tracing` to a [`TracingPlan`].

use std::collections::HashMap;
use std::sync::Arc;

use switchback_core::plan::{Secret, TracingPlan};

use crate::decode::{Field, Given, Pairs};
use crate::diagnostic::{Problem, Reporter, quote};
use crate::schema;
use crate::value::{field, percent, token, url};

/// Where traces go; `None`: nowhere, or what is wrong has been reported.
pub(super) fn tracing(
    field: &Field<schema::Tracing>,
    reporter: &Reporter<'_>,
) -> Option<TracingPlan> {
    let Given { value: tracing, span } = field.given()?;
    if tracing.otlp.is_missing() {
        let problem = Problem::new("`tracing` has no `otlp`", "the key is missing here");
        reporter.error(*span, problem.help("write `tracing: { otlp: http://collector:4318 }`"));
    }
    let otlp = tracing.otlp.parse(reporter, |text| url::collector(text));
    let sample = tracing.sample.parse(reporter, |text| percent::parse("sample", text, 0..=1000));
    let service = tracing.service.parse(reporter, |text| token::trace_service(text));
    let headers = headers(&tracing.headers, reporter);
    Some(TracingPlan {
        otlp: otlp.given()?.value.clone(),
        sample: sample.or(TracingPlan::SAMPLE),
        service: service.or(TracingPlan::SERVICE.into()),
        headers,
    })
}

fn headers(field: &Field<Pairs<String>>, reporter: &Reporter<'_>) -> Vec<(Arc<str>, Secret)> {
    let pairs = field.value().map(|pairs| pairs.0.as_slice()).unwrap_or_default();
    let mut first = HashMap::new();
    let mut headers = Vec::new();
    for (name, value) in pairs {
        let name = name.parse(reporter, |text| field::name(text));
        let called = name.value().map_or("", |name| name);
        let value = value.parse(reporter, |text| field::value(called, text));
        let Some(Given { value: name, span }) = name.given() else { continue };
        if let Some(first) = first.get(name) {
            let problem = Problem::new(format!("{} is set twice", quote(name)), "again here")
                .related(*first, "first here")
                .help("keep one of the two; case does not matter");
            reporter.error(*span, problem);
            continue;
        }
        first.insert(name.clone(), *span);
        if let Some(value) = value.value() {
            headers.push((name.clone(), value.clone()));
        }
    }
    headers
}
