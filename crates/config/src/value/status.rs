//! Status codes and ranges of them: `200`, `200-299`.

use crate::diagnostic::{Problem, quote};

/// One code or one range, both ends included.
pub(crate) fn range(what: &str, text: &str) -> Result<(u16, u16), Problem> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (Some(low), Some(high)) = (code(low), code(high)) else {
        let message = format!("{} in `{what}` is no status", quote(text));
        let label = if text.contains(',') {
            "one text holds one status or one range"
        } else {
            "a status is a number from 100 to 599"
        };
        return Err(Problem::new(message, label)
            .help("write `200`, `200-299`, or a list: `[200, 300-399]`"));
    };
    if low > high {
        let message = format!("the range {} in `{what}` is reversed", quote(text));
        return Err(Problem::new(message, format!("write `{high}-{low}`")));
    }
    Ok((low, high))
}

fn code(text: &str) -> Option<u16> {
    let text = text.trim();
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|code| is_code && (100..=599).contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_ranges_are_read_and_nothing_else() {
        assert_eq!(range("x", "200"), Ok((200, 200)));
        assert_eq!(range("x", "200-299"), Ok((200, 299)));
        for text in
            ["", "2xx", "99", "600", "299-200", "200-", "-200", "200,201", "+200", "200-299-300"]
        {
            assert!(range("x", text).is_err(), "{text}");
        }
    }
}
