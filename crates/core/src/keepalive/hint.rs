//! What an answer says of its connection: `Keep-Alive: timeout=5, max=100`.
//!
//! The header is older than HTTP/1.1 (RFC 2068, section 19.7.1.1) and has never had a grammar that all
//! servers keep to; so whatever can be understood is, and the rest counts as no hint. Apache httpd
//! sends it only in answer to `Connection: keep-alive`, and rounds it down: a timeout of 500 ms is
//! `timeout=0`.
//!
//! `max`, the requests that remain on the connection, is left alone: the answer that uses up the last
//! one carries `Connection: close`, in Apache httpd as in nginx, so it takes nobody by surprise; and it
//! is a matter of one connection, not of the endpoint.

use std::time::Duration;

/// The `timeout` in a value of `Keep-Alive`; `None`: it has none that makes sense. Of several the
/// shortest. Zero: the endpoint closes the connection.
pub fn hint_in(value: &str) -> Option<Duration> {
    let mut quoted = false;
    let parameters = value.split(|c: char| {
        quoted ^= c == '"';
        !quoted && (c == ',' || c == ';')
    });
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"))
        .filter_map(|(_, seconds)| seconds_in(seconds.trim()))
        .min()
}

/// A whole number of seconds, in quotes or not.
fn seconds_in(text: &str) -> Option<Duration> {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = inner.map_or(text, str::trim);
    // `parse` alone would take a sign.
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
    number.flatten().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_servers_send_is_understood() {
        for (value, seconds) in [
            ("timeout=5", 5),
            ("timeout=5, max=100", 5),
            ("max=100, timeout=5", 5),
            ("timeout=5,max=1", 5),
            ("  timeout = 5 ,, max=100", 5),
            ("Timeout=15; max=100", 15),
            ("timeout=\"20\"", 20),
            ("timeout=\" 20 \", max=\"7\"", 20),
            ("closing, timeout=5, x=y", 5),
            ("note=\"a, timeout=1, b\", timeout=5", 5),
            ("timeout=60, timeout=5", 5),
            ("timeout=soon, timeout=5", 5),
            ("timeout=0", 0),
            ("timeout=007", 7),
        ] {
            assert_eq!(hint_in(value), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_hint() {
        for value in [
            "",
            "5",
            "max=100",
            "timeout",
            "timeout=",
            "timeout=\"\"",
            "timeout=+5",
            "timeout=-5",
            "timeout=5s",
            "timeout=5.5",
            "timeout=\"5",
            "timeout=5\"",
            "timeout==5",
            "timeout:5",
            "xtimeout=5",
            "timeout=99999999999999999999",
            "note=\"timeout=5",
            "timeout=٥",
        ] {
            assert_eq!(hint_in(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn anything_may_stand_there(value in any::<String>(), seconds in any::<u64>()) {
            hint_in(&value);
            let known = format!("{}, timeout={seconds}", value.replace('"', ""));
            prop_assert!(hint_in(&known).is_some_and(|hint| hint <= Duration::from_secs(seconds)));
        }
    }
}
