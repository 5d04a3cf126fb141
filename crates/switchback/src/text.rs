//! Text for the terminal: styled spans, cut to a width, and numbers as people read them.

use std::env;
use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::time::Duration;

use anstyle::{AnsiColor, Style};

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const NAME: Style = AnsiColor::Cyan.on_default();

/// Whether standard output shows what escapes ask for.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal() && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether standard output is to have colors (<https://no-color.org>).
pub(super) fn has_colors() -> bool {
    is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A line of styled text. Every character of ours is one column wide.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    spans: Vec<(Style, String)>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Appends text.
    pub(super) fn add(mut self, style: Style, text: impl Into<String>) -> Self {
        self.spans.push((style, text.into()));
        self
    }

    /// Appends text and spaces up to a column.
    pub(super) fn column(self, style: Style, text: impl Into<String>, end: usize) -> Self {
        let line = self.add(style, text);
        let missing = end.saturating_sub(line.width());
        line.add(PLAIN, " ".repeat(missing))
    }

    /// Appends text so that it ends at a column.
    pub(super) fn right(self, style: Style, text: impl Into<String>, end: usize) -> Self {
        let text = text.into();
        let missing = end.saturating_sub(self.width() + text.chars().count());
        self.add(PLAIN, " ".repeat(missing)).add(style, text)
    }

    pub(super) fn width(&self) -> usize {
        self.spans.iter().map(|(_, text)| text.chars().count()).sum()
    }

    /// The line in at most `width` columns, with escapes if it is to have colors.
    pub(super) fn render(&self, width: usize, colors: bool) -> String {
        let mut out = String::new();
        let cut = self.width() > width;
        let mut left = if cut { width.saturating_sub(1) } else { width };
        for (style, text) in &self.spans {
            let text: String = text.chars().take(left).collect();
            left -= text.chars().count();
            // Writing to a string cannot fail.
            let _ = match colors && !text.trim().is_empty() {
                true => write!(out, "{style}{text}{style:#}"),
                false => write!(out, "{text}"),
            };
        }
        if cut && width > 0 {
            out.push('…');
        }
        out.truncate(out.trim_end_matches(' ').len());
        out
    }
}

/// `12,345`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `12,345 POSTs`, `1 POST`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// `00:07`, or with tenths `00:07.3`.
pub(super) fn clock(time: Duration, tenths: bool) -> String {
    let seconds = time.as_secs();
    let whole = format!("{:02}:{:02}", seconds / 60, seconds % 60);
    match tenths {
        true => format!("{whole}.{}", time.subsec_millis() / 100),
        false => whole,
    }
}

/// `0.8 ms`, `42 ms`, `1.3 s`.
pub(super) fn latency(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    if millis >= 999.5 {
        format!("{:.1} s", millis / 1e3)
    } else if millis >= 9.95 {
        format!("{millis:.0} ms")
    } else {
        format!("{millis:.1} ms")
    }
}

/// A bar for each value, against the largest that there is room for.
pub(super) fn sparkline(values: impl IntoIterator<Item = u64>, full: u64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let bar = |value: u64| match value {
        0 => '·',
        _ => BARS[((value * 8 / full.max(1)) as usize).min(BARS.len() - 1)],
    };
    values.into_iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_times_have_their_unit() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(counted(1, "POST", "POSTs"), "1 POST");
        assert_eq!(clock(Duration::from_millis(67_390), true), "01:07.3");
        assert_eq!(latency(Duration::from_micros(830)), "0.8 ms");
        assert_eq!(latency(Duration::from_micros(41_600)), "42 ms");
        assert_eq!(latency(Duration::from_millis(1_020)), "1.0 s");
    }

    #[test]
    fn a_line_keeps_to_its_width_and_has_escapes_only_if_wanted() {
        let line = Line::new().column(BAD, "b", 4).add(PLAIN, "killed");
        assert_eq!(line.render(80, false), "b   killed");
        assert_eq!(line.render(6, false), "b   k…");
        assert!(line.render(80, true).contains('\x1b'));
        assert_eq!(Line::new().right(PLAIN, "7", 3).render(80, false), "  7");
    }

    #[test]
    fn a_bar_is_as_high_as_its_share() {
        assert_eq!(sparkline([0, 1, 50, 100, 200], 100), "·▁▅██");
        assert_eq!(sparkline([0, 1], 0), "·█");
    }
}
