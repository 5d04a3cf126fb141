//! The two text formats, written by hand: OpenMetrics 1.0, and Prometheus' own (0.0.4), which every tool reads.
//!
//! Their samples are the same, byte for byte. Before these the older one names a counter as it is queried,
//! has no units, calls what is only labels a gauge, and does not say where it ends.
//!
//! Rejected: `prometheus-client`, which writes only OpenMetrics, and whose families keep a series for ever.

use std::fmt::{Display, Write};

use super::catalogue::{MetricInfo, MetricKind};
use super::histogram::Histogram;

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Text,
}

impl Format {
    /// Its media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// An exposition as it grows.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    format: Format,
}

impl Page {
    pub(super) fn new(format: Format, capacity: usize) -> Self {
        Self { text: String::with_capacity(capacity), format }
    }

    /// Declares a metric, whose series follow.
    pub(super) fn family(&mut self, metric: &'static MetricInfo) -> Series<'_> {
        let text = &mut self.text;
        let (name, kind) = match (self.format, metric.kind) {
            (Format::OpenMetrics, kind) => (metric.family_name(), kind),
            (Format::Text, MetricKind::Info) => (metric.name, MetricKind::Gauge),
            (Format::Text, kind) => (metric.name, kind),
        };
        put(text, format_args!("# HELP {name} {}\n# TYPE {name} {}\n", metric.help, kind.as_str()));
        let units = ["seconds", "bytes"].into_iter();
        let mut units = units.filter(|unit| name.strip_suffix(unit).is_some_and(ends_a_word));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, units.next()) {
            put(text, format_args!("# UNIT {name} {unit}\n"));
        }
        Series { text, metric }
    }

    pub(super) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

fn ends_a_word(name: &str) -> bool {
    name.ends_with('_')
}

/// The series of one metric: each gives the values of its labels, in the order of the catalogue.
pub(super) struct Series<'a> {
    text: &'a mut String,
    metric: &'static MetricInfo,
}

impl Series<'_> {
    /// A counter, or a gauge.
    pub(super) fn value<const N: usize>(&mut self, labels: [&str; N], value: impl Display) {
        self.sample("", labels, None, value);
    }

    /// The same; the last label is `name`.
    pub(super) fn named<const N: usize>(
        &mut self,
        labels: [&str; N],
        name: &str,
        value: impl Display,
    ) {
        self.sample("", labels.into_iter().chain([name]), None, value);
    }

    pub(super) fn histogram<const N: usize>(&mut self, labels: [&str; N], histogram: &Histogram) {
        let mut count = 0;
        for (bound, of_this) in histogram.buckets() {
            count += of_this;
            self.sample("_bucket", labels, Some(bound), count);
        }
        self.sample("_sum", labels, None, histogram.sum());
        self.sample("_count", labels, None, count);
    }

    fn sample<'v>(
        &mut self,
        suffix: &str,
        labels: impl IntoIterator<Item = &'v str>,
        bound: Option<f64>,
        value: impl Display,
    ) {
        let text = &mut *self.text;
        text.push_str(self.metric.name);
        text.push_str(suffix);
        let mut before = '{';
        let mut names = self.metric.labels.iter();
        for value in labels {
            let name = names.next().copied().unwrap_or_default();
            text.push(before);
            text.push_str(name);
            text.push_str("=\"");
            escape(text, value);
            text.push('"');
            before = ',';
        }
        debug_assert_eq!(names.len(), 0, "the catalogue and the exposition disagree");
        match bound {
            Some(f64::INFINITY) => put(text, format_args!("{before}le=\"+Inf\"}}")),
            // With a point, whole as it may be.
            Some(bound) => put(text, format_args!("{before}le=\"{bound:?}\"}}")),
            None if before == ',' => text.push('}'),
            None => {}
        }
        put(text, format_args!(" {value}\n"));
    }
}

fn escape(text: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        return text.push_str(value);
    }
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = text.write_fmt(arguments);
}
