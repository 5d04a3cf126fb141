//! The end of the demo: the numbers, whether the promise was kept, and what to try next.

use std::cmp::Reverse;
use std::time::Duration;

use super::Options;
use super::script::FAULTS;
use super::tally::Counts;
use super::text::{BAD, BOLD, DIM, GOOD, Line, PLAIN, WARN, counted, latency, number};

/// What came of the demo.
pub(super) struct Summary<'a> {
    pub(super) options: &'a Options,
    /// How long it ran, which is less than asked for if it was ended early.
    pub(super) ran: Duration,
    /// The longest that the machine left the demo without a processor.
    pub(super) stalled: Duration,
    pub(super) counts: Counts,
    pub(super) rescued: u64,
    pub(super) executed_twice: u64,
}

/// A stall that can make a backend that serves look like one that hangs.
const STALL: Duration = Duration::from_millis(300);

/// Where the numbers end.
const NUMBERS: usize = 12;

impl Summary<'_> {
    /// Whether no client saw a failure that it should not have seen, and nothing was executed twice.
    pub(super) fn promise_kept(&self) -> bool {
        self.counts.broken() == 0 && self.executed_twice == 0
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        let counts = &self.counts;
        let line = |count: u64, words: &str| {
            Line::new().right(BOLD, number(count), NUMBERS).add(PLAIN, format!("  {words}"))
        };
        let mut lines = vec![Line::new(), self.title(), Line::new()];
        lines.push(line(counts.requests, "requests"));
        lines.push(line(counts.answered, "answered"));
        lines.push(
            line(self.rescued, "answered after a retry").add(DIM, ": failures that no client saw"),
        );
        lines.push(line(counts.broken(), "failed that should not have"));
        let mut broken: Vec<_> = counts.broken.iter().collect();
        broken.sort_by_key(|(_, count)| Reverse(**count));
        lines.extend(broken.into_iter().map(|(how, count)| {
            Line::new().right(BAD, number(*count), NUMBERS + 8).add(BAD, format!("  {how}"))
        }));
        lines.push(
            line(counts.necessary, "POSTs failed of necessity")
                .add(DIM, ": they may have been executed"),
        );
        lines.push(line(self.executed_twice, "executed twice"));
        lines.push(Line::new());
        lines.push(Line::new().add(PLAIN, "  latency  ").add(
            PLAIN,
            format!(
                "p50 {} · p99 {} · slowest {}",
                latency(counts.latency.quantile(50)),
                latency(counts.latency.quantile(99)),
                latency(counts.latency.max),
            ),
        ));
        lines.push(Line::new());
        lines.extend(self.verdict());
        lines
    }

    fn title(&self) -> Line {
        let ran = self.ran.as_secs_f64();
        let faults = match self.ran < self.options.length() {
            true => "ended early".to_owned(),
            false => format!("{FAULTS} faults in turn"),
        };
        let without = self.options.without();
        Line::new()
            .add(BOLD, "switchback demo")
            .add(PLAIN, format!(" — {ran:.0} s, 3 backends, {faults}"))
            .add(BOLD, without.map_or(String::new(), |it| format!(", {it}")))
    }

    fn verdict(&self) -> Vec<Line> {
        let (style, words) = if self.promise_kept() {
            (
                GOOD,
                "✔ No client saw a failure that another backend could have prevented.".to_owned(),
            )
        } else if self.counts.broken() > 0 {
            let failures = counted(self.counts.broken(), "failure", "failures");
            (BAD, format!("✖ Clients saw {failures} that another backend could have prevented."))
        } else {
            (BAD, "✖ A POST was executed twice.".to_owned())
        };
        let next = match self.options.without() {
            None => ["Try it without:   ", "switchback demo --no-retry --no-health"],
            Some(_) => ["With all of it:   ", "switchback demo"],
        };
        let mut lines = vec![Line::new().add(style, words)];
        if !self.promise_kept() && self.options.retry && self.stalled >= STALL {
            let stalled = latency(self.stalled);
            let words =
                format!("  This machine stalled for {stalled}: that may be why. Try again.");
            lines.push(Line::new().add(WARN, words));
        }
        lines.push(Line::new().add(DIM, format!("  {}", next[0])).add(PLAIN, next[1]));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(retry: bool, broken: &[(&str, u64)]) -> (String, bool) {
        let options = Options { retry, ..Options::sample() };
        let broken = broken.iter().map(|(how, count)| ((*how).to_owned(), *count));
        let summary = Summary {
            options: &options,
            ran: Duration::from_secs(30),
            stalled: Duration::from_millis(1_600),
            counts: Counts {
                requests: 11_982,
                answered: 11_974,
                broken: broken.collect(),
                ..Counts::default()
            },
            rescued: 312,
            executed_twice: 0,
        };
        let lines = summary.lines();
        let rendered = lines.iter().map(|line| line.render(200, false) + "\n");
        (rendered.collect(), summary.promise_kept())
    }

    #[test]
    fn a_promise_that_was_kept_points_to_the_demo_without() {
        let (text, kept) = text(true, &[]);
        assert!(kept);
        assert!(!text.contains("stalled"), "{text}");
        assert!(text.contains("      11,982  requests\n"), "{text}");
        assert!(text.contains("           0  failed that should not have\n"), "{text}");
        assert!(text.contains("✔ No client"), "{text}");
        assert!(text.contains("switchback demo --no-retry --no-health\n"), "{text}");
    }

    #[test]
    fn a_stall_is_told_where_it_may_be_the_reason() {
        let (text, kept) = text(true, &[("504 http_response_timeout", 1)]);
        assert!(!kept);
        assert!(text.contains("stalled for 1.6 s"), "{text}");
    }

    #[test]
    fn a_broken_one_says_how_and_points_back() {
        let (text, kept) = text(false, &[("502 connection_refused", 1_203)]);
        assert!(!kept);
        assert!(text.contains("without retries"), "{text}");
        assert!(text.contains("1,203  502 connection_refused\n"), "{text}");
        assert!(text.contains("✖ Clients saw 1,203 failures"), "{text}");
        assert!(text.ends_with("switchback demo\n"), "{text}");
    }
}
