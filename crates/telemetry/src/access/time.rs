//! Timestamps in UTC, without a date crate: RFC 3339 with milliseconds, and those of the combined format.
//!
//! The civil date comes from the day number by Howard Hinnant's `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>). The text up to the second is
//! kept, since thousands of lines share it. Leap seconds do not exist in Unix time and so not here.

use std::time::{SystemTime, UNIX_EPOCH};

use super::json::push_padded;

/// 9999-12-31T23:59:59Z, the last second that RFC 3339 can write.
const LAST_SECOND: u64 = 253_402_300_799;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Formats timestamps; remembers the last second.
#[derive(Debug)]
pub(super) struct Clockface {
    write: fn(&mut Vec<u8>, u64),
    second: u64,
    /// `second` as it is written; empty before the first use.
    text: Vec<u8>,
}

impl Clockface {
    /// One that shows RFC 3339.
    pub(super) fn new() -> Self {
        Self { write: push_second, second: 0, text: Vec::with_capacity(19) }
    }

    /// One that shows what the combined format has: `23/Nov/2026:10:11:12 +0000`.
    pub(super) fn combined() -> Self {
        Self { write: push_combined, second: 0, text: Vec::with_capacity(26) }
    }

    /// Appends `time` to the millisecond, as RFC 3339 has it, without quotes.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        self.push_whole(out, time);
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        out.push(b'.');
        push_padded(out, u64::from(since.subsec_millis()), 3);
        out.push(b'Z');
    }

    /// Appends `time` to the second. Before 1970 is written as 1970, after 9999 as the end of 9999.
    pub(super) fn push_whole(&mut self, out: &mut Vec<u8>, time: SystemTime) {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs().min(LAST_SECOND);
        if self.text.is_empty() || second != self.second {
            self.second = second;
            self.text.clear();
            (self.write)(&mut self.text, second);
        }
        out.extend_from_slice(&self.text);
    }
}

/// A timestamp as the access log has it: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let mut text = Vec::with_capacity(24);
    Clockface::new().push(&mut text, time);
    String::from_utf8_lossy(&text).into_owned()
}

/// `YYYY-MM-DDTHH:MM:SS`
fn push_second(out: &mut Vec<u8>, second: u64) {
    let (year, month, day) = civil_from_days(second / 86_400);
    push_padded(out, year, 4);
    out.push(b'-');
    push_padded(out, month, 2);
    out.push(b'-');
    push_padded(out, day, 2);
    out.push(b'T');
    push_time(out, second);
}

/// `DD/Mon/YYYY:HH:MM:SS +0000`
fn push_combined(out: &mut Vec<u8>, second: u64) {
    let (year, month, day) = civil_from_days(second / 86_400);
    let month = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
    push_padded(out, day, 2);
    out.push(b'/');
    out.extend_from_slice(month.as_bytes());
    out.push(b'/');
    push_padded(out, year, 4);
    out.push(b':');
    push_time(out, second);
    out.extend_from_slice(b" +0000");
}

/// `HH:MM:SS`
fn push_time(out: &mut Vec<u8>, second: u64) {
    let of_day = second % 86_400;
    push_padded(out, of_day / 3600, 2);
    out.push(b':');
    push_padded(out, of_day / 60 % 60, 2);
    out.push(b':');
    push_padded(out, of_day % 60, 2);
}

/// Year, month and day of a day counted from 1970-01-01; Hinnant's algorithm for days after the epoch.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let day_of_era = z % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn formatted(millis: u64) -> String {
        let mut out = Vec::new();
        Clockface::new().push(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_moments_are_written_as_known() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
            (1_795_342_272_123, "2026-11-22T10:11:12.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (LAST_SECOND * 1000, "9999-12-31T23:59:59.000Z"),
            (LAST_SECOND * 1000 + 1000, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(formatted(millis), expected);
        }
    }

    #[test]
    fn the_combined_format_names_its_months() {
        for (seconds, expected) in [
            (0, "01/Jan/1970:00:00:00 +0000"),
            (951_782_400, "29/Feb/2000:00:00:00 +0000"),
            (1_795_342_272, "22/Nov/2026:10:11:12 +0000"),
            (LAST_SECOND + 1, "31/Dec/9999:23:59:59 +0000"),
        ] {
            let mut out = Vec::new();
            Clockface::combined().push_whole(&mut out, UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_day_before() {
        let leap =
            |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..800 * 365 {
            assert_eq!(civil_from_days(days), (year, month, day));
            let length = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn the_remembered_second_is_not_used_for_another() {
        let mut face = Clockface::new();
        let mut out = Vec::new();
        for millis in [59_999, 60_000, 59_999] {
            face.push(&mut out, UNIX_EPOCH + Duration::from_millis(millis));
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "1970-01-01T00:00:59.999Z1970-01-01T00:01:00.000Z1970-01-01T00:00:59.999Z"
        );
    }
}
