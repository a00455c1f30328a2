//! Formats times, durations and tables for users. Only [`TimeFormatter::local`] depends on this machine.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::domain::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Formats the two largest units of a duration, rounded down: `6 d 23 h`, `2 h`, `9 min 58 s`.
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

/// Formats Unix times in a time zone, and their distance from the current time.
#[derive(Debug, Clone)]
pub struct TimeFormatter {
    pub now: Timestamp,
    pub zone: TimeZone,
}

impl TimeFormatter {
    /// Returns the formatter for the time zone of this machine.
    pub fn local(now: Timestamp) -> Self {
        Self { now, zone: TimeZone::system() }
    }

    /// Formats a time like `2026-11-30 14:02`.
    pub fn time(&self, unix_seconds: i64) -> String {
        self.format(unix_seconds, "%Y-%m-%d %H:%M")
    }

    /// Formats a time like `2026-11-30 14:02:09`, for records that a user compares with a log.
    pub fn second(&self, unix_seconds: i64) -> String {
        self.format(unix_seconds, "%Y-%m-%d %H:%M:%S")
    }

    fn format(&self, unix_seconds: i64, format: &str) -> String {
        match jiff::Timestamp::from_second(unix_seconds) {
            Ok(at) => at.to_zoned(self.zone.clone()).strftime(format).to_string(),
            Err(_beyond_the_calendar) => format!("at Unix time {unix_seconds}"),
        }
    }

    /// Formats the UTC date of a time, like `2026-11-30`.
    pub fn day(&self, unix_seconds: i64) -> String {
        let begin = jiff::Timestamp::from_second(unix_seconds).unwrap_or_default();
        begin.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
    }

    /// Returns the time that is left, such as `9 min 58 s`; `0 s` if the time is in the past.
    pub fn left(&self, unix_seconds: i64) -> String {
        duration(self.now.until(Timestamp::from_unix_seconds(unix_seconds)))
    }

    /// Returns `expires 2026-11-30 14:02 (in 6 d 23 h)` or `expired 2026-11-30 14:02 (2 h ago)`.
    pub fn expiry(&self, unix_seconds: i64) -> String {
        let (at, time) = (Timestamp::from_unix_seconds(unix_seconds), self.time(unix_seconds));
        if self.now < at {
            format!("expires {time} (in {})", self.left(unix_seconds))
        } else {
            format!("expired {time} ({} ago)", duration(at.until(self.now)))
        }
    }
}

/// Aligns rows under headings. Each column is as wide as its widest cell.
pub fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
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
