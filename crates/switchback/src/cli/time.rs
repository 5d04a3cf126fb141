//! Times as the gateway writes them, and as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long something may take: `500ms`, `60s`, `5m`, `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(at);
    let unit = units.iter().find(|(name, _)| *name == unit);
    let millis = count.parse::<u64>().ok().zip(unit).and_then(|(count, (_, millis))| {
        count.checked_mul(*millis).filter(|millis| *millis <= 7 * 24 * 3_600_000)
    });
    millis.map(Duration::from_millis).ok_or("write it with its unit: 500ms, 60s, 5m, 1h")
}

/// A time of RFC 3339, in UTC.
pub(super) fn parse(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let fraction = text.get(19..)?.strip_suffix('Z')?;
    let fraction = match fraction {
        "" => 0.0,
        digits => format!("0{digits}").parse::<f64>().ok()?,
    };
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let fraction = Duration::try_from_secs_f64(fraction).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds) + fraction)
}

/// Days since 1970 (Howard Hinnant's `days_from_civil`,
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>), for years from 1970.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// How long, in its two largest units: `12 s`, `4 min`, `2 h 5 min`, `3 d 4 h`.
pub(super) fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) if minutes % 60 == 0 => format!("{hours} h"),
        (0, hours, _) => format!("{hours} h {} min", minutes % 60),
        (days, _, _) if hours % 24 == 0 => format!("{days} d"),
        (days, _, _) => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_gateway_writes_is_read() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2026-11-22T10:11:12.123Z",
            "2100-03-01T00:00:00.500Z",
        ] {
            let time = parse(text).unwrap();
            assert_eq!(switchback_telemetry::access::rfc3339(time), text);
        }
        for wrong in ["", "now", "2026-11-22T10:11:12+01:00", "2026-13-22T10:11:12Z", "é026-11-22"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn how_long_is_told_in_two_units() {
        for (seconds, wanted) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (7_500, "2 h 5 min"),
            (86_400, "1 d"),
            (273_600, "3 d 4 h"),
        ] {
            assert_eq!(rounded(Duration::from_secs(seconds)), wanted);
        }
    }

    #[test]
    fn a_time_limit_has_its_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "5", "s", "-1s", "1.5s", "1d", "99999999999999999999s", "9999999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
