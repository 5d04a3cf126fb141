//! The Prometheus text format, as far as a test needs it: names, labels, values.

use std::collections::BTreeMap;

/// One line of `/metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name, suffixes (`_total`, `_bucket`, …) included.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// Everything that `/metrics` said at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// The samples in order.
    pub samples: Vec<Sample>,
}

impl Metrics {
    /// Reads the text format; comments are left out.
    ///
    /// # Panics
    /// On a line that is neither, naming it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let samples =
            lines.map(|line| parse(line).unwrap_or_else(|| panic!("no metric: {line:?}")));
        Self { samples: samples.collect() }
    }

    /// The samples of this name that carry these labels, and maybe others.
    pub fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            let carries = |(k, v): &(&str, &str)| sample.labels.get(*k).is_some_and(|l| l == v);
            sample.name == name && labels.iter().all(carries)
        })
    }

    /// The sum of [`Metrics::matching`]; zero if there are none.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        // The sum of no floats is -0.
        self.matching(name, labels).map(|sample| sample.value).sum::<f64>() + 0.0
    }
}

fn parse(line: &str) -> Option<Sample> {
    let name_end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(name_end);
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        while !rest.starts_with('}') {
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.insert(key.trim().to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// The text up to the closing quote with escapes undone, and what follows the quote.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_labels_and_values_are_read() {
        let text = "# TYPE a counter\na_total{x=\"1\",y=\"q\\\"},\"} 2\na_total{x=\"1\",y=\"z\"} 3 17\n\
                    b 1e3\nc_bucket{le=\"+Inf\"} +Inf\n# EOF\n";
        let metrics = Metrics::parse(text);
        assert_eq!(metrics.sum("a_total", &[("x", "1")]), 5.0);
        assert_eq!(metrics.sum("a_total", &[("y", "q\"},")]), 2.0);
        assert_eq!(metrics.sum("b", &[]), 1000.0);
        assert_eq!(metrics.sum("c_bucket", &[]), f64::INFINITY);
        assert_eq!(metrics.sum("a_total", &[("x", "2")]), 0.0);
    }
}
