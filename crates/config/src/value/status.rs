//! Status codes and ranges of them: `200`, `200-299`; of failures classes, too: `5xx`.

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

/// Statuses of failures: one, a range or a class, from 400 to 599.
pub(crate) fn failures(text: &str) -> Result<(u16, u16), Problem> {
    let help = "write `503`, `500-509` or `5xx`";
    let range = match text {
        "4xx" => return Ok((400, 499)),
        "5xx" => return Ok((500, 599)),
        text => text.split_once('-').unwrap_or((text, text)),
    };
    let refused = |label: &str| {
        let message = format!("{} in `error_pages` is no status of a failure", quote(text));
        Err(Problem::new(message, label).help(help))
    };
    match (code(range.0), code(range.1)) {
        (Some(low), Some(high)) if low > high => {
            let message = format!("the range {} in `error_pages` is reversed", quote(text));
            Err(Problem::new(message, format!("write `{high}-{low}`")))
        }
        (Some(low @ 400..), Some(high)) => Ok((low, high)),
        (Some(_), Some(_)) => refused("pages are for failures alone, 400 to 599"),
        _ if ["4XX", "5XX"].contains(&text) => refused("a class is written in lower case"),
        _ => refused("a failure is a number from 400 to 599"),
    }
}

/// As [`failures`] reads it back.
pub(crate) fn display(range: (u16, u16)) -> String {
    match range {
        (400, 499) => "4xx".to_owned(),
        (500, 599) => "5xx".to_owned(),
        (low, high) if low == high => low.to_string(),
        (low, high) => format!("{low}-{high}"),
    }
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

    #[test]
    fn failures_are_read_back_as_they_are_written() {
        for (text, range) in [
            ("503", (503, 503)),
            ("5xx", (500, 599)),
            ("4xx", (400, 499)),
            ("400-599", (400, 599)),
            ("500-509", (500, 509)),
        ] {
            assert_eq!(failures(text), Ok(range), "{text}");
            assert_eq!(display(range), text);
        }
        assert_eq!(failures("500-599"), Ok((500, 599)));
        for text in
            ["", "200", "399", "600", "3xx", "5XX", "509-500", "399-500", "5xx-5xx", "500-", "x"]
        {
            assert!(failures(text).is_err(), "{text}");
        }
    }
}
