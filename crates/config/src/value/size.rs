//! Sizes: `500B`, `32KiB`, `10MiB`.
//!
//! The unit is always written, and it is one of the powers of 1024 (IEC 80000-13): `10m` is a million bytes
//! in one gateway, 2²⁰ in the next, and ten minutes in a third. Whole numbers only, because every
//! fraction has a smaller unit.

use std::ops::RangeInclusive;

use crate::diagnostic::{Problem, quote};

/// From the largest to the smallest, in bytes.
const UNITS: &[(&str, u64)] =
    &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// How others write them, in lower case: also those that are powers of 1000, which nobody means.
const ELSEWHERE: &[(&str, &str)] = &[
    ("b", "B"),
    ("byte", "B"),
    ("bytes", "B"),
    ("k", "KiB"),
    ("kb", "KiB"),
    ("ki", "KiB"),
    ("kib", "KiB"),
    ("m", "MiB"),
    ("mb", "MiB"),
    ("mi", "MiB"),
    ("mib", "MiB"),
    ("g", "GiB"),
    ("gb", "GiB"),
    ("gi", "GiB"),
    ("gib", "GiB"),
    ("t", "TiB"),
    ("tb", "TiB"),
    ("ti", "TiB"),
    ("tib", "TiB"),
];

/// A size of this range, in bytes.
pub(crate) fn parse<T: TryFrom<u64>>(
    what: &str,
    text: &str,
    range: RangeInclusive<u64>,
) -> Result<T, Problem> {
    let refused = |label: &str| {
        let (low, high) = (display(*range.start()), display(*range.end()));
        Problem::new(format!("`{what}` must be between {low} and {high}"), label)
    };
    let bytes = bytes(what, text)?;
    if bytes < *range.start() {
        let label = if bytes == 0 { "zero is outside of this range" } else { "this is too small" };
        return Err(refused(label));
    }
    if bytes > *range.end() {
        return Err(refused("this is too large"));
    }
    T::try_from(bytes).map_err(|_| refused("this is too large"))
}

/// In the largest unit that leaves no fraction: what [`parse`] reads back.
pub(crate) fn display(bytes: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| bytes >= *unit && bytes.is_multiple_of(*unit);
    match UNITS.iter().find(fits) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// More than fits is the largest number: above every range.
fn bytes(what: &str, text: &str) -> Result<u64, Problem> {
    let trimmed = text.trim();
    let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(end);
    let known = UNITS.iter().find(|(name, _)| *name == unit);
    match known {
        Some((_, unit)) if !number.is_empty() => {
            Ok(number.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(*unit))
        }
        _ => Err(refused(what, trimmed, number, unit)),
    }
}

/// What is wrong with a text, and what was probably meant.
fn refused(what: &str, text: &str, number: &str, unit: &str) -> Problem {
    const FORM: &str =
        "a size is a whole number with a unit (B, KiB, MiB, GiB, TiB): `500B`, `32KiB`";
    if text.starts_with('-') {
        return Problem::new(format!("`{what}` cannot be negative"), "this is below zero");
    }
    let malformed =
        |label: &str| Problem::new(format!("`{what}` is {}, which is no size", quote(text)), label);
    if number.is_empty() {
        return malformed("no number").help(FORM);
    }
    if unit.is_empty() {
        let help = match number.bytes().all(|byte| byte == b'0') {
            true => "write `0B`".to_owned(),
            false => format!("write `{number}B` for bytes, or `{number}KiB`"),
        };
        let message = format!("`{what}` has no unit");
        return Problem::new(message, format!("{} of what?", quote(text))).help(help);
    }
    if let Some(rest) = unit.strip_prefix('.') {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let smaller = smaller(number, &rest[..digits], rest[digits..].trim());
        let help = smaller.map_or(FORM.to_owned(), |smaller| format!("write {}", quote(&smaller)));
        return malformed("only whole numbers are sizes").help(help);
    }
    let plain = unit.trim().to_lowercase();
    let plain = plain.strip_suffix("/s").unwrap_or(&plain);
    match ELSEWHERE.iter().find(|(word, _)| *word == plain) {
        Some((_, ours)) => {
            let label = match plain.len() {
                2 if plain.ends_with('b') => "its unit may mean 1000 or 1024",
                _ => "this is how others write it",
            };
            malformed(label).help(format!("write `{number}{ours}`"))
        }
        None => malformed(&format!("{} is no unit", quote(unit.trim()))).help(FORM),
    }
}

/// `1.5MiB` in a smaller unit, if it is a whole number there.
fn smaller(whole: &str, fraction: &str, unit: &str) -> Option<String> {
    let unit = unit.to_lowercase();
    let (_, name) = ELSEWHERE.iter().find(|(word, _)| *word == unit)?;
    let (_, bytes) = UNITS.iter().find(|(known, _)| known == name)?;
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = bytes.checked_mul(fraction.parse().ok()?)?;
    let whole = whole.parse::<u64>().ok()?.checked_mul(*bytes)?;
    parts.is_multiple_of(scale).then(|| display(whole.saturating_add(parts / scale)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: RangeInclusive<u64> = 0..=1 << 50;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("0B", 0),
            ("500B", 500),
            (" 32KiB\n", 32_768),
            ("010MiB", 10_485_760),
            ("2GiB", 2_147_483_648),
            ("1TiB", 1_099_511_627_776),
        ] {
            assert_eq!(parse::<u64>("x", text, ALL), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_what_would_be_right() {
        for (text, wanted) in [
            ("32k", "write `32KiB`"),
            ("32K", "write `32KiB`"),
            ("32KB", "write `32KiB`"),
            ("32 KiB", "write `32KiB`"),
            ("32kib", "write `32KiB`"),
            ("10M", "write `10MiB`"),
            ("10Mi", "write `10MiB`"),
            ("1g", "write `1GiB`"),
            ("500b", "write `500B`"),
            ("500B/s", "write `500B`"),
            ("500", "write `500B` for bytes, or `500KiB`"),
            ("0", "write `0B`"),
            ("1.5MiB", "write `1536KiB`"),
            ("0.5kb", "write `512B`"),
            ("0.1MiB", "a size is a whole number"),
            ("1.5", "a size is a whole number"),
            ("1.MiB", "a size is a whole number"),
            ("", "a size is a whole number"),
            ("KiB", "a size is a whole number"),
            ("1 apple", "a size is a whole number"),
            ("1KiB1B", "a size is a whole number"),
            ("1٢B", "a size is a whole number"),
        ] {
            let said = format!("{:?}", parse::<u64>("x", text, ALL).unwrap_err());
            assert!(said.contains(wanted), "{text}: {said}");
        }
    }

    #[test]
    fn the_ends_of_a_range_are_in_it_and_no_number_is_too_long() {
        for (text, is_inside) in [
            ("1023B", false),
            ("1KiB", true),
            ("1MiB", true),
            ("1048577B", false),
            ("99999999999999999999999TiB", false),
            ("-1B", false),
        ] {
            assert_eq!(parse::<u32>("x", text, 1024..=1 << 20).is_ok(), is_inside, "{text}");
        }
        assert!(parse::<u32>("x", "4GiB", ALL).is_err());
    }

    proptest! {
        #[test]
        fn a_size_reads_back_as_it_was_written(bytes in ALL, shift in 0u32..50) {
            let bytes = bytes >> shift << shift;
            prop_assert_eq!(parse::<u64>("x", &display(bytes), ALL), Ok(bytes));
        }

        #[test]
        fn no_text_panics(text in "[0-9.KMGTibB/ s٢-]{0,30}") {
            let _ = parse::<u32>("x", &text, ALL);
        }
    }
}
