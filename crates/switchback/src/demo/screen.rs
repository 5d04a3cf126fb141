//! The terminal: the live picture is drawn on its alternate screen, and what was there before comes
//! back, however the demo ends.
//!
//! Plain escapes, as every terminal of the last thirty years takes them; a library would be larger
//! than the demo.

use std::io::{self, Write};

use super::text::{Line, has_colors};

/// A terminal with the live picture on it.
pub(super) struct Screen {
    colors: bool,
}

/// Alternate screen, no cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// What is between these appears at once, on terminals that know them; the others ignore them.
const BEGIN_FRAME: &str = "\x1b[?2026h";
const END_FRAME: &str = "\x1b[?2026l";

/// Where a terminal does not tell its size.
const SIZE: (usize, usize) = (80, 24);

impl Screen {
    /// Takes the terminal.
    pub(super) fn enter() -> io::Result<Self> {
        let mut out = io::stdout().lock();
        out.write_all(ENTER.as_bytes())?;
        out.flush()?;
        Ok(Self { colors: has_colors() })
    }

    /// Columns and rows, as they are now.
    pub(super) fn size(&self) -> (usize, usize) {
        match rustix::termios::tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.into(), size.ws_row.into())
            }
            _ => SIZE,
        }
    }

    /// Draws over what is there.
    pub(super) fn draw(&self, lines: &[Line]) -> io::Result<()> {
        let (columns, rows) = self.size();
        let mut text = String::from(BEGIN_FRAME);
        for (row, line) in lines.iter().take(rows).enumerate() {
            let line = line.render(columns, self.colors);
            text.push_str(&format!("\x1b[{};1H{line}\x1b[K", row + 1));
        }
        // What a longer picture, or a key, has left below.
        text.push_str(if lines.len() < rows { "\n\r\x1b[J" } else { "" });
        text.push_str(END_FRAME);
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout().lock();
        // A terminal that is gone needs no care.
        let _ = out.write_all(LEAVE.as_bytes());
        let _ = out.flush();
    }
}
