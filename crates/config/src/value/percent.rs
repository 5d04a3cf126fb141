//! Percentages: `20%`, `12.5%`.
//!
//! The sign is always written: `0.2` is a fifth in one gateway and a five-hundredth in the next. A
//! tenth of a percent is the finest, because [`Ratio`] counts in per mille.

use std::ops::RangeInclusive;

use switchback_core::plan::Ratio;

use crate::diagnostic::{Problem, quote};

/// A percentage of this range, which is in per mille.
pub(crate) fn parse(what: &str, text: &str, range: RangeInclusive<u16>) -> Result<Ratio, Problem> {
    let (low, high) = (*range.start(), *range.end());
    let trimmed = text.trim();
    let Some(number) = trimmed.strip_suffix('%') else {
        return Err(unsigned(what, trimmed));
    };
    let outside = |label: &str| {
        let (low, high) = (written(low), written(high));
        Err(Problem::new(format!("`{what}` must be between {low} and {high}"), label))
    };
    if number.strip_prefix('-').is_some_and(|number| split(number).is_some()) {
        return outside("this is too small");
    }
    let Some((whole, fraction)) = split(number) else {
        return Err(malformed(what, text, "no number in front of the sign"));
    };
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 1 {
        let message = format!("`{what}` is finer than a tenth of a percent");
        let help = format!("write {}", quote(&format!("{whole}.{}%", &fraction[..1])));
        return Err(Problem::new(message, "one decimal place is the most").help(help));
    }
    // More digits than fit are above every range.
    let whole = whole.parse::<u32>().unwrap_or(u32::MAX);
    let tenths = fraction.parse::<u32>().unwrap_or(0);
    let per_mille = whole.saturating_mul(10).saturating_add(tenths);
    let ratio = u16::try_from(per_mille).ok().and_then(Ratio::per_mille);
    match ratio {
        Some(ratio) if range.contains(&ratio.value()) => Ok(ratio),
        _ if per_mille < u32::from(low) => outside("this is too small"),
        _ => outside("this is too large"),
    }
}

/// As [`parse`] reads it back.
pub(crate) fn display(ratio: Ratio) -> String {
    written(ratio.value())
}

fn written(per_mille: u16) -> String {
    match (per_mille / 10, per_mille % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenths) => format!("{whole}.{tenths}%"),
    }
}

/// The digits before and after the point.
fn split(number: &str) -> Option<(&str, &str)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(whole) && digits(fraction)).then_some((whole, fraction))
}

/// Without the sign. A number below one may be meant as a fraction.
fn unsigned(what: &str, text: &str) -> Problem {
    let Some((whole, fraction)) = split(text) else {
        return malformed(what, text, "no percent sign at its end");
    };
    let is_fraction = whole == "0" && fraction.len() <= 3 && fraction.bytes().any(|b| b != b'0');
    let per_mille = format!("{fraction:0<3}").parse().unwrap_or(0);
    let help = match is_fraction {
        true => format!("write {} if it is a fraction of one", quote(&written(per_mille))),
        false => format!("write {}", quote(&format!("{text}%"))),
    };
    Problem::new(format!("`{what}` has no percent sign"), format!("{} of what?", quote(text)))
        .help(help)
}

fn malformed(what: &str, text: &str, label: &str) -> Problem {
    Problem::new(format!("`{what}` is {}, which is no percentage", quote(text)), label)
        .help("a percentage is a number with a percent sign: `20%`, `12.5%`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: RangeInclusive<u16> = 0..=Ratio::MAX_PER_MILLE;

    #[test]
    fn percentages_are_kept_in_per_mille() {
        for (text, per_mille) in [
            ("0%", 0),
            ("0.1%", 1),
            ("12.5%", 125),
            ("12.50%", 125),
            ("100%", 1000),
            ("1000%", 10_000),
        ] {
            assert_eq!(parse("x", text, ALL).unwrap().value(), per_mille, "{text}");
        }
    }

    #[test]
    fn what_is_no_percentage_is_refused() {
        for text in [
            "",
            "%",
            "20",
            "0.2",
            "-20%",
            "20 %",
            ".5%",
            "5.%",
            "1.2.3%",
            "12.55%",
            "20%%",
            "1000.1%",
            "99999999999999999999%",
            "6554.6%",
            "a%",
            "1e1%",
            "+1%",
            "٢%",
        ] {
            assert!(parse("x", text, ALL).is_err(), "{text}");
        }
    }

    #[test]
    fn the_ends_of_a_range_are_in_it() {
        for (text, is_inside) in
            [("101%", true), ("100.9%", false), ("125%", true), ("125.1%", false)]
        {
            assert_eq!(parse("x", text, 1010..=1250).is_ok(), is_inside, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_ratio_reads_back_as_it_was_written(per_mille in ALL) {
            let ratio = Ratio::per_mille(per_mille).unwrap();
            prop_assert_eq!(parse("x", &display(ratio), ALL).unwrap(), ratio);
        }

        #[test]
        fn no_text_panics(text in "[0-9.% -]{0,20}") {
            let _ = parse("x", &text, ALL);
        }
    }
}
