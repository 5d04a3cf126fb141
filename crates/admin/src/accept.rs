//! Which of the two formats of `/metrics` a client wants (RFC 9110, section 12.5.1).
//!
//! Prometheus names OpenMetrics first and the older format with less weight; a person with `curl` names
//! nothing. Parameters other than the version and the weight, as `escaping`, are of no account: what we
//! write needs no escaping.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use switchback_telemetry::metrics::Format;
use switchback_wire::accept::ranges;

/// OpenMetrics for who prefers it by name, or puts both alike; else the older format, which everybody reads.
pub(crate) fn format(headers: &HeaderMap) -> Format {
    let (mut open, mut text) = (0, 0);
    // The more exactly a range names the older format, the more it counts.
    let mut exactness = 0;
    let fields = headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok());
    for range in ranges(fields) {
        let (version, weight) = (range.parameter("version"), range.weight());
        if range.names("application/openmetrics-text") == Some(3) {
            if matches!(version, None | Some("0.0.1" | "1.0.0")) {
                open = weight.max(open);
            }
            continue;
        }
        let Some(exact) = range.names("text/plain") else { continue };
        if exact == 3 && !matches!(version, None | Some("0.0.4")) {
            continue;
        }
        if exact >= exactness {
            text = if exact > exactness { weight } else { weight.max(text) };
            exactness = exact;
        }
    }
    if open > 0 && open >= text { Format::OpenMetrics } else { Format::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &[&'static str]) -> Format {
        let mut headers = HeaderMap::new();
        for field in accept {
            headers.append(ACCEPT, axum::http::HeaderValue::from_static(field));
        }
        format(&headers)
    }

    #[test]
    fn who_prefers_open_metrics_gets_it_and_everybody_else_the_older_format() {
        use Format::{OpenMetrics, Text};
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,\
            application/openmetrics-text;version=0.0.1;q=0.75,\
            text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,\
            text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
            text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let text_only = "text/plain;version=0.0.4;q=1,*/*;q=0.1";
        let text_first = "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;q=0.8";
        for (accept, expected) in [
            (&[][..], Text),
            (&["*/*"], Text),
            (&["text/html,application/xhtml+xml,*/*;q=0.8"], Text),
            (&[prometheus_2_42], OpenMetrics),
            (&[prometheus_3], OpenMetrics),
            (&[text_only], Text),
            (&[text_first], Text),
            (&["text/plain;q=0.3", "application/openmetrics-text; q=0.5"], OpenMetrics),
            (&["application/openmetrics-text, text/plain"], OpenMetrics),
            (&["application/openmetrics-text;q=0.5, text/plain;q=0.2, */*"], OpenMetrics),
            (&["Application/OpenMetrics-Text; version=\"1.0.0\""], OpenMetrics),
            (&["application/openmetrics-text;version=2.0.0"], Text),
            (&["application/openmetrics-text;q=0"], Text),
            (&["application/openmetrics-text;q=high"], Text),
            (&["application/openmetrics-text;q=0.5, text/*"], Text),
        ] {
            assert_eq!(of(accept), expected, "{accept:?}");
        }
    }
}
