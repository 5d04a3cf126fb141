//! The picture of a gateway for people: a head, and a table for each pool.

use std::time::{Duration, SystemTime};

use anstyle::Style;

use super::super::admin::plain;
use super::super::shapes::{Endpoint, LastReload, Pool, Status};
use super::super::time;
use crate::text::{BAD, BOLD, DIM, GOOD, Line, PLAIN, WARN, counted, latency, number};

/// So many endpoints are all shown.
const FEW: usize = 20;

/// What there is to be seen.
pub(super) struct View {
    /// Whom was asked.
    pub(super) at: String,
    pub(super) status: Status,
    /// Why the gateway is not ready; empty if it is.
    pub(super) reasons: Vec<String>,
    pub(super) pools: Vec<Pool>,
    /// Healthy endpoints are shown, however many they are.
    pub(super) all: bool,
    pub(super) now: SystemTime,
}

/// A cell of a table.
type Cell = (Style, String);

/// Whether a column's cells end where it ends.
const RIGHT: [bool; 8] = [false, false, false, true, true, true, true, false];
const HEAD: [&str; 8] =
    ["endpoint", "status", "since", "weight", "in flight", "latency", "failed", "why"];

impl View {
    /// In lines, without the last break.
    pub(super) fn text(&self, colors: bool) -> String {
        let mut lines = self.head();
        let endpoints: usize = self.pools.iter().map(|pool| pool.endpoints.len()).sum();
        let all = self.all || endpoints <= FEW;
        for pool in &self.pools {
            lines.push(Line::new());
            lines.extend(self.pool(pool, all));
        }
        let lines: Vec<_> = lines.iter().map(|line| line.render(usize::MAX, colors)).collect();
        lines.join("\n")
    }

    fn head(&self) -> Vec<Line> {
        let version = self.status.version.as_deref();
        let version = version.map(|version| format!(" {}", plain(version))).unwrap_or_default();
        let line = Line::new()
            .add(BOLD, format!("gateway{version}"))
            .add(PLAIN, format!(" at {}: ", self.at));
        let line = match self.reasons.is_empty() {
            true => line.add(GOOD, "ready"),
            false => line.add(BAD, "not ready"),
        };
        let generation = number(self.status.generation);
        let mut lines = vec![line.add(PLAIN, format!(", configuration {generation} in force"))];
        lines.extend(
            self.reasons.iter().map(|why| Line::new().add(BAD, format!("  {}", plain(why)))),
        );
        lines.extend(self.status.last_reload.as_ref().map(|reload| self.reload(reload)));
        lines
    }

    fn reload(&self, reload: &LastReload) -> Line {
        let when = reload.time.value().map(|then| format!(" {} ago", self.ago(then)));
        let (when, by) = (when.unwrap_or_default(), plain(&reload.asked_by));
        let line = Line::new().add(PLAIN, format!("  last reload{when}, asked for by {by}: "));
        if reload.applied {
            return line.add(PLAIN, "put in force");
        }
        let why = reload.refused.as_ref().map(|refused| format!(": {}", plain(&refused.why)));
        line.add(BAD, format!("refused{}", why.unwrap_or_default()))
    }

    fn pool(&self, pool: &Pool, all: bool) -> Vec<Line> {
        let style = match (pool.healthy, pool.total) {
            (0, _) => BAD,
            (healthy, total) if healthy < total => WARN,
            _ => GOOD,
        };
        let healthy =
            format!("{} of {} healthy", number(pool.healthy.into()), number(pool.total.into()));
        let mut head = Line::new()
            .add(BOLD, format!("pool {}", plain(&pool.name)))
            .add(PLAIN, ": ")
            .add(style, healthy);
        if pool.waiting > 0 {
            let waiting = counted(pool.waiting, "request waits", "requests wait");
            head = head.add(WARN, format!(", {waiting} for an endpoint"));
        }
        let shown: Vec<_> = pool.endpoints.iter().filter(|it| all || !is_well(it)).collect();
        let left = pool.endpoints.len() - shown.len();
        let mut lines = vec![head];
        if !shown.is_empty() {
            lines.extend(table(shown.into_iter().map(|endpoint| self.row(endpoint))));
        }
        if left > 0 {
            let left = number(left as u64);
            let more = if lines.len() > 1 { " more" } else { "" };
            lines
                .push(Line::new().add(DIM, format!("  {left}{more} are well; `--all` shows them")));
        }
        lines
    }

    fn row(&self, endpoint: &Endpoint) -> [Cell; 8] {
        let cell = |text: String| (PLAIN, text);
        let since = time::parse(&endpoint.since).map(|since| self.ago(since));
        let took = endpoint.latency_ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
        let failed = match endpoint.failed {
            0 => PLAIN,
            _ => WARN,
        };
        [
            cell(endpoint.address.to_string()),
            (style(&endpoint.status), plain(&endpoint.status)),
            cell(since.unwrap_or_default()),
            cell(number(endpoint.weight.into())),
            cell(number(endpoint.in_flight.into())),
            cell(took.map_or_else(|| "–".to_owned(), latency)),
            (failed, format!("{} of {}", number(endpoint.failed), number(endpoint.attempts))),
            cell(self.why(endpoint)),
        ]
    }

    fn why(&self, endpoint: &Endpoint) -> String {
        let mut why = plain(&endpoint.why);
        let until = endpoint.ejected_until.as_deref().and_then(time::parse);
        if let Some(left) = until.and_then(|until| until.duration_since(self.now).ok()) {
            why.push_str(&format!("; out for {} more", time::rounded(left)));
        }
        if !endpoint.reachable {
            why.push_str("; no connection can be made");
        }
        if let Some(overridden) = endpoint.overridden.words() {
            why.push_str(&format!("; overridden: {overridden}"));
        }
        why
    }

    /// How long ago; another machine's clock may be ahead.
    fn ago(&self, then: SystemTime) -> String {
        time::rounded(self.now.duration_since(then).unwrap_or_default())
    }
}

/// Nothing is to be said of it.
fn is_well(endpoint: &Endpoint) -> bool {
    endpoint.status == "healthy" && endpoint.reachable && endpoint.overridden.words().is_none()
}

fn style(status: &str) -> Style {
    match status {
        "healthy" => GOOD,
        "ejected" | "failing" => BAD,
        "disabled" => DIM,
        _ => WARN,
    }
}

/// Rows under the head, each column as wide as what is in it.
fn table(rows: impl Iterator<Item = [Cell; 8]>) -> Vec<Line> {
    let head = HEAD.map(|name| (DIM, name.to_owned()));
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].1.chars().count());
        widths.max().unwrap_or_default()
    };
    let widths: [usize; 8] = std::array::from_fn(width);
    let line = |row: [Cell; 8]| {
        let (mut line, mut end) = (Line::new(), 0);
        for (column, (style, text)) in row.into_iter().enumerate() {
            end += 2 + widths[column];
            let at = line.column(PLAIN, "", end - widths[column]);
            line = match RIGHT[column] {
                true => at.right(style, text, end),
                false => at.column(style, text, end),
            };
        }
        line
    };
    rows.into_iter().map(line).collect()
}
