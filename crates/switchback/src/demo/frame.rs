//! The live picture: from one moment to lines of text. It draws nothing, so it can be looked at in a
//! test.
//!
//! It fits 80 columns and 24 lines. What is left below goes to the events, and what is missing is
//! missing there.

use switchback_core::Status;

use super::backend::Behavior;
use super::events::{Event, Source};
use super::text::{
    BAD, BOLD, DIM, GOOD, Line, NAME, PLAIN, WARN, clock, latency, number, sparkline,
};
use super::view::{Row, View};
use anstyle::Style;

/// Wider lines are hard to read across.
const WIDEST: usize = 100;

/// Columns of the table of backends: where each ends.
const NAMED: usize = 9;
const ADDRESSED: usize = 27;
const DOING: usize = 44;
const SEEN: usize = 57;

/// Where the clients' numbers end.
const NUMBERS: usize = 10;

/// The picture in this many columns and lines.
pub(super) fn frame(view: &View<'_>, columns: usize, rows: usize) -> Vec<Line> {
    let width = columns.min(WIDEST).saturating_sub(1);
    let mut lines = vec![title(view, width), progress(view, width), dashboard(view)];
    lines.push(phase(view, width));
    lines.push(Line::new());
    lines.extend(backends(view, width));
    lines.push(Line::new());
    lines.extend(clients(view));
    lines.push(Line::new());
    lines.push(Line::new().add(DIM, " what happened"));
    let room = rows.saturating_sub(lines.len());
    let skip = view.events.len().saturating_sub(room);
    lines.extend(view.events.iter().skip(skip).map(event));
    lines.truncate(rows);
    lines
}

fn title(view: &View<'_>, width: usize) -> Line {
    let time = format!("{} / {}", clock(view.elapsed, false), clock(view.length, false));
    let line = Line::new().add(BOLD, " switchback demo   ");
    let line = match view.without {
        Some(without) => line.add(WARN, without),
        None => line.add(DIM, format!("http://{}", view.gateway)),
    };
    line.right(PLAIN, time, width)
}

fn dashboard(view: &View<'_>) -> Line {
    Line::new().add(DIM, format!(" dashboard         http://{}/", view.dashboard))
}

/// The time line: what has passed is bright, faults are red.
fn progress(view: &View<'_>, width: usize) -> Line {
    let cells = width.saturating_sub(1);
    let at = |cell: usize| view.length * u32::try_from(cell).unwrap_or(0) / cells.max(1) as u32;
    (0..cells).fold(Line::new().add(PLAIN, " "), |line, cell| {
        let phase = &view.phases[super::script::at(view.phases, at(cell))];
        let passed = at(cell) < view.elapsed;
        match (passed, phase.fault.is_some()) {
            (true, true) => line.add(BAD, "━"),
            (true, false) => line.add(GOOD, "━"),
            (false, true) => line.add(DIM, "╌"),
            (false, false) => line.add(DIM, "─"),
        }
    })
}

fn phase(view: &View<'_>, width: usize) -> Line {
    let phase = &view.phases[view.phase];
    let left = phase.ends.saturating_sub(view.elapsed).as_secs_f64().ceil();
    let (style, mark) = match phase.fault {
        Some(_) => (BAD, " ✖ "),
        None => (GOOD, " ✔ "),
    };
    Line::new().add(style, mark).add(BOLD, phase.title).right(
        DIM,
        format!("{left:.0} s left"),
        width,
    )
}

fn backends(view: &View<'_>, width: usize) -> Vec<Line> {
    let bars = width.saturating_sub(SEEN + 6);
    let all = view.backends.iter().flat_map(|row| row.rate.last(bars));
    let full = all.max().unwrap_or(0);
    let head = Line::new()
        .column(DIM, " backend", NAMED)
        .column(DIM, "address", ADDRESSED)
        .column(DIM, "does", DOING)
        .column(DIM, "gateway says", SEEN)
        .right(DIM, "requests/s", width);
    let row = |row: &Row| {
        let (does, mark) = match row.behavior {
            Behavior::Serving => (GOOD, "● "),
            _ => (BAD, "✖ "),
        };
        Line::new()
            .add(PLAIN, " ")
            .column(NAME, row.name, NAMED)
            .column(DIM, row.address.to_string(), ADDRESSED)
            .column(does, format!("{mark}{}", row.behavior.as_str()), DOING)
            .column(status(row.status), row.status(), SEEN)
            .add(NAME, sparkline(row.rate.last(bars), full))
            .right(PLAIN, number(row.rate.per_second()), width)
    };
    std::iter::once(head).chain(view.backends.iter().map(row)).collect()
}

fn status(status: Option<Status>) -> Style {
    match status {
        Some(Status::Healthy) => GOOD,
        Some(Status::Failing) => BAD,
        Some(_) => WARN,
        None => DIM,
    }
}

fn clients(view: &View<'_>) -> Vec<Line> {
    let counts = &view.counts;
    let line = |count: u64, style: Style, words: &str| {
        Line::new().right(style, number(count), NUMBERS).add(PLAIN, format!("  {words}"))
    };
    let unless_zero = |count: u64, style: Style| if count == 0 { PLAIN } else { style };
    let zero_is_good = |count: u64| if count == 0 { GOOD } else { BAD };
    let speed = format!(
        "{}/s   p50 {}   p99 {}",
        number(view.rate),
        latency(counts.recent_quantile(50)),
        latency(counts.recent_quantile(99)),
    );
    vec![
        Line::new()
            .add(DIM, " what clients saw")
            .add(DIM, format!("   ({} of them, on keep-alive connections)", view.clients)),
        line(counts.requests, BOLD, "requests").add(DIM, format!("   {speed}")),
        line(counts.answered, GOOD, "answered"),
        line(view.rescued, unless_zero(view.rescued, WARN), "of these after a retry")
            .add(DIM, "   failures that no client saw"),
        line(counts.broken(), zero_is_good(counts.broken()), "failed that should not have"),
        line(counts.necessary, unless_zero(counts.necessary, WARN), "POSTs failed of necessity")
            .add(DIM, "   they may have been executed"),
        line(view.executed_twice, zero_is_good(view.executed_twice), "executed twice"),
    ]
}

/// A line of what happened.
pub(super) fn event(event: &Event) -> Line {
    let (style, who) = who(event.source);
    Line::new()
        .column(DIM, format!(" {}", clock(event.at, true)), 10)
        .column(style, who, 19)
        .add(PLAIN, event.text.as_str())
}

/// Who says it, and in what color.
pub(super) fn who(source: Source) -> (Style, &'static str) {
    match source {
        Source::Fault => (BAD, "fault"),
        Source::Repair => (GOOD, "repair"),
        Source::Gateway => (NAME, "gateway"),
        Source::Client => (BAD, "client"),
    }
}

#[cfg(test)]
mod tests;
