//! Where the demo is shown: live on a terminal, or as lines with a time for a pipe, a file, a CI.

use std::io::{self, Write};
use std::time::Duration;

use super::events::{Event, Events};
use super::frame::{self, frame};
use super::screen::Screen;
use super::text::{Line, clock, has_colors, is_terminal, latency, number};
use super::view::View;

/// Where the demo is shown.
pub(super) enum Show {
    /// A picture, drawn anew with each moment.
    Live(Screen),
    /// What happened as it happens, and now and then how it stands.
    Lines(Lines),
}

/// The state of a show in lines.
pub(super) struct Lines {
    /// Events that were told.
    told: usize,
    /// When the standing is told next.
    next: Duration,
}

/// Between two lines of how it stands.
const STANDING: Duration = Duration::from_secs(1);

/// Events above the summary, once the live picture is gone: all of a run as short as the default.
const STORY: usize = 30;

impl Show {
    /// Takes standard output as it is.
    pub(super) fn start() -> io::Result<Self> {
        Ok(match is_terminal() {
            true => Self::Live(Screen::enter()?),
            false => Self::Lines(Lines { told: 0, next: STANDING }),
        })
    }

    /// Shows a moment.
    pub(super) fn show(&mut self, view: &View<'_>, events: &Events) -> io::Result<()> {
        match self {
            Self::Live(screen) => {
                let (columns, rows) = screen.size();
                screen.draw(&frame(view, columns, rows))
            }
            Self::Lines(lines) => lines.show(view, events),
        }
    }

    /// Gives the terminal back, with what happened and the summary on it.
    pub(super) fn end(self, events: &Events, summary: &[Line]) -> io::Result<()> {
        let colors = has_colors();
        let mut out = io::stdout().lock();
        match self {
            Self::Live(screen) => {
                let (width, _) = screen.size();
                drop(screen);
                writeln!(out)?;
                for event in events.last(STORY) {
                    writeln!(out, "{}", frame::event(&event).render(width, colors))?;
                }
            }
            Self::Lines(mut lines) => lines.tell(events)?,
        }
        for line in summary {
            writeln!(out, "{}", line.render(usize::MAX, colors))?;
        }
        out.flush()
    }
}

impl Lines {
    fn show(&mut self, view: &View<'_>, events: &Events) -> io::Result<()> {
        self.tell(events)?;
        if view.elapsed < self.next {
            return Ok(());
        }
        // Never more than a person would scroll through.
        self.next = view.elapsed + (view.length / 60).max(STANDING);
        let counts = &view.counts;
        let mut line = format!(
            "{}  load      {}/s, p99 {}: {} answered, {} of these after a retry, {} failed |",
            clock(view.elapsed, true),
            number(view.rate),
            latency(counts.recent_quantile(99)),
            number(counts.answered),
            number(view.rescued),
            number(counts.broken() + counts.necessary),
        );
        for row in &view.backends {
            let (does, status) = (row.behavior.as_str(), row.status());
            line.push_str(&format!(" {} {does}/{status}", row.name));
        }
        writeln!(io::stdout(), "{line}")
    }

    fn tell(&mut self, events: &Events) -> io::Result<()> {
        let (new, told) = events.since(self.told);
        self.told = told;
        let mut out = io::stdout().lock();
        for Event { at, source, text } in new {
            let (_, who) = frame::who(source);
            writeln!(out, "{}  {who:<8}  {text}", clock(at, true))?;
        }
        Ok(())
    }
}
