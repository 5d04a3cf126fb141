//! Markdown tables, and what is told on the way.

use std::io::{self, Write};

/// A table: a header, and rows of as many cells.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// As Markdown; the first column is text, the others numbers.
    pub(crate) fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = format!("| --- |{}\n", " ---: |".repeat(self.header.len().saturating_sub(1)));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.header) + &rule + &rows
    }
}

/// A number with so many decimals, or a dash for none.
pub(crate) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

/// A whole number with its thousands apart.
pub(crate) fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut text = sign.to_owned();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What was asked for, on standard output.
pub(crate) fn print(text: &str) {
    // Who reads it may have left.
    let _ = writeln!(io::stdout(), "{text}");
}

/// How far it is, on standard error.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new(["scenario", "nginx", "HAProxy"]);
        table.row(["post", "1.0", "2.0"]);
        let wanted =
            "| scenario | nginx | HAProxy |\n| --- | ---: | ---: |\n| post | 1.0 | 2.0 |\n";
        assert_eq!(table.markdown(), wanted);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(thousands(60_213.4), "60,213");
        assert_eq!(thousands(999.0), "999");
        assert_eq!(thousands(-1_000_000.0), "-1,000,000");
    }

    #[test]
    fn what_is_missing_is_a_dash() {
        assert_eq!(number(None, 2), "–");
        assert_eq!(number(Some(1.256), 2), "1.26");
    }
}
