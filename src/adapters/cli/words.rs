//! Formats times, durations and tables for users. Pure: the current time and the time zone are arguments.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Returns the two largest units of a duration, rounded down: `6 d 23 h`, `2 h`, `9 min 58 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (large, name, small, small_name) = match seconds {
        DAY.. => (seconds / DAY, "d", seconds % DAY / HOUR, "h"),
        HOUR.. => (seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        MINUTE.. => (seconds / MINUTE, "min", seconds % MINUTE, "s"),
        _ => (seconds, "s", 0, ""),
    };
    if small == 0 { format!("{large} {name}") } else { format!("{large} {name} {small} {small_name}") }
}

/// The current time and the time zone.
#[derive(Debug, Clone)]
pub struct HereAndNow {
    pub(super) now: Timestamp,
    pub(super) zone: TimeZone,
}

impl HereAndNow {
    /// Returns `now` in the time zone of this machine.
    pub fn local(now: Timestamp) -> Self {
        Self { now, zone: TimeZone::system() }
    }

    /// Formats a time like `2026-11-30 14:02`.
    pub(super) fn time(&self, unix_seconds: i64) -> String {
        match jiff::Timestamp::from_second(unix_seconds) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
            Err(_beyond_the_calendar) => format!("at Unix time {unix_seconds}"),
        }
    }

    /// Returns the time until then; zero if it is in the past.
    pub(super) fn until(&self, unix_seconds: i64) -> Duration {
        self.now.until(Timestamp::from_unix_seconds(unix_seconds))
    }

    /// Returns `expires 2026-11-30 14:02 (in 6 d 23 h)` or `expired 2026-11-30 14:02 (2 h ago)`.
    pub fn expiry(&self, unix_seconds: i64) -> String {
        let (at, time) = (Timestamp::from_unix_seconds(unix_seconds), self.time(unix_seconds));
        if self.now < at {
            format!("expires {time} (in {})", duration(self.now.until(at)))
        } else {
            format!("expired {time} ({} ago)", duration(at.until(self.now)))
        }
    }
}

/// Aligns the rows under their headings; each column is as wide as its widest cell.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_owned)).chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        for (seconds, expected) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (598, "9 min 58 s"),
            (7_200, "2 h"),
            (7_259, "2 h"),
            (8_100, "2 h 15 min"),
            (6 * DAY + 23 * HOUR + 3_599, "6 d 23 h"),
            (10 * DAY, "10 d"),
        ] {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn expiry_shows_local_time_and_distance() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let here = HereAndNow { now: Timestamp::from_unix_seconds(1_796_043_720 - 601_200), zone };
        assert_eq!(here.expiry(1_796_043_720), "expires 2026-11-30 14:02 (in 6 d 23 h)");
        let later = HereAndNow { now: Timestamp::from_unix_seconds(1_796_043_720 + 7_200), ..here };
        assert_eq!(later.expiry(1_796_043_720), "expired 2026-11-30 14:02 (2 h ago)");
        assert_eq!(later.until(0), Duration::ZERO);
        assert_eq!(later.time(i64::MAX), "at Unix time 9223372036854775807");
    }
}
