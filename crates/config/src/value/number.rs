//! Whole numbers and words with a range.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::diagnostic::{Problem, quote};
use crate::suggest;

/// A number of this range.
pub(crate) fn within<T: TryFrom<i64>>(
    what: &str,
    number: i64,
    range: RangeInclusive<i64>,
) -> Result<T, Problem> {
    let (low, high) = (range.start(), range.end());
    let refused = || {
        let label = match number {
            0 => "zero is outside of this range".to_owned(),
            _ if number < *low => "this is too small".to_owned(),
            _ => "this is too large".to_owned(),
        };
        Problem::new(format!("`{what}` must be between {low} and {high}"), label)
    };
    if !range.contains(&number) {
        return Err(refused());
    }
    T::try_from(number).map_err(|_| refused())
}

/// A number from 1 to `high`.
pub(crate) fn count(what: &str, number: i64, high: u32) -> Result<NonZeroU32, Problem> {
    let number: u32 = within(what, number, 1..=i64::from(high))?;
    Ok(NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN))
}

/// One of some words.
pub(crate) fn choice<T: Copy>(what: &str, text: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
    if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    let label = match suggest::nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not one of the choices".to_owned(),
    };
    let message = format!("unknown `{what}` {}", quote(text));
    Err(Problem::new(message, label).help(format!("write {}", suggest::listed(&words, "or"))))
}
