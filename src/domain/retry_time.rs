//! When a request to a provider may be retried, from all the forms in which providers state it.
//!
//! The statements of one response may contradict each other, e.g. because a clock is wrong. A retry that is too late
//! costs time, and one that is too early is refused again, so the latest plausible statement counts. Without a
//! statement there is no retry time.

use std::time::Duration;

use jiff::{civil, fmt::rfc2822, tz::Offset};
use serde_json::{Map, Value};

use super::time::Timestamp;

/// The longest plausible wait. The windows of all plans are shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(31 * 24 * 3600);
/// Greater numbers are milliseconds since the Unix epoch, not seconds.
const MAX_SECONDS: f64 = 1e11;
/// A time and a wait that differ by more than this do not come from the same clock.
const TOLERANCE: Duration = Duration::from_secs(60);
/// The members of an error that state a time, and those that state a wait in seconds.
const TIMES: [&str; 2] = ["resets_at", "reset_at"];
const WAITS: [&str; 4] = ["resets_in_seconds", "reset_after_seconds", "retry_after", "retry_after_seconds"];
/// The words before a delay in a message.
const BEFORE_DELAY: [&str; 5] = ["again in ", "again after ", "retry after ", "retry in ", "wait "];
const APPROXIMATIONS: [&str; 3] = ["about ", "approximately ", "~"];

/// Collects the statements of one response.
#[derive(Debug, Clone, Copy)]
pub struct RetryTime {
    now: Timestamp,
    latest: Option<Timestamp>,
}

impl RetryTime {
    pub fn since(now: Timestamp) -> Self {
        Self { now, latest: None }
    }

    /// Adds `Retry-After` (RFC 9110 section 10.2.3: seconds or a date; some servers add a unit or send the time as a
    /// number) and `retry-after-ms` (milliseconds, as OpenAI and Azure send it).
    #[must_use]
    pub fn with_headers(self, retry_after: Option<&str>, retry_after_ms: Option<&str>) -> Self {
        let millis = retry_after_ms.and_then(number).map(|millis| millis / 1_000.0);
        let seconds = retry_after.and_then(seconds);
        let time = retry_after.and_then(time);
        self.with_wait(seconds).with_wait(millis).with_time(time)
    }

    /// Adds what the error in a JSON body states, in the members [`TIMES`] and [`WAITS`] of the error or of the body, and
    /// in the error's message ("try again in").
    #[must_use]
    pub fn with_body(self, body: &Value) -> Self {
        let (error, outer) = (error_object(body), body.as_object());
        let message = error.and_then(|error| error.get("message")).and_then(Value::as_str);
        let in_words = message.and_then(stated_wait).map(|wait| wait.as_secs_f64());
        error.into_iter().chain(outer).fold(self, Self::with_members).with_wait(in_words)
    }

    fn with_members(self, members: &Map<String, Value>) -> Self {
        let at = TIMES.into_iter().find_map(|name| match members.get(name) {
            Some(Value::String(text)) => time(text),
            other => other.and_then(Value::as_f64).and_then(from_epoch),
        });
        let wait = WAITS.into_iter().find_map(|name| match members.get(name) {
            Some(Value::String(text)) => seconds(text),
            other => other.and_then(Value::as_f64),
        });
        self.with_time(agreed_time(at, Self::since(self.now).with_wait(wait).latest))
    }

    /// Adds a time unless it has passed or is too far ahead.
    #[must_use]
    pub fn with_time(self, time: Option<Timestamp>) -> Self {
        let plausible = time.filter(|time| *time > self.now && *time <= self.now.plus(LONGEST_WAIT));
        Self { latest: self.latest.max(plausible), ..self }
    }

    fn with_wait(self, seconds: Option<f64>) -> Self {
        let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.with_time(wait.map(|wait| self.now.plus(wait)))
    }

    /// Returns the latest plausible time.
    pub fn latest(self) -> Option<Timestamp> {
        self.latest
    }

    /// Returns the wait until the latest plausible time.
    pub fn wait_from_now(self) -> Option<Duration> {
        self.latest.map(|latest| self.now.until(latest))
    }
}

/// Returns the time that a response states as a time and as a wait, whose end is `after`. If the two disagree, one of
/// the clocks is wrong, and only the wait does not depend on them.
pub(super) fn agreed_time(at: Option<Timestamp>, after: Option<Timestamp>) -> Option<Timestamp> {
    match (at, after) {
        (Some(at), Some(after)) if at.until(after).max(after.until(at)) > TOLERANCE => Some(after),
        (at, after) => at.or(after),
    }
}

/// Parses seconds, with or without a unit.
fn seconds(text: &str) -> Option<f64> {
    number(text).or_else(|| delay(text).map(|delay| delay.as_secs_f64()))
}

/// Parses a date, or a number of seconds or milliseconds since the epoch.
fn time(text: &str) -> Option<Timestamp> {
    number(text).map_or_else(|| date(text), from_epoch)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn from_epoch(number: f64) -> Option<Timestamp> {
    let millis = if number.abs() < MAX_SECONDS { number * 1_000.0 } else { number };
    // 1e15 milliseconds are more than 30,000 years.
    (millis.abs() < 1e15).then_some(Timestamp::from_unix_millis(millis as i64))
}

/// Parses a date of RFC 3339, of RFC 9110 section 5.6.7 in any of its three forms, or of RFC 2822. A date without a zone
/// is in UTC.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim().trim_end_matches(" UTC");
    let http_date = || httpdate::parse_http_date(text).ok()?.try_into().ok();
    let mail_date = || Some(rfc2822::parse(text).ok()?.timestamp());
    let without_zone = || Offset::UTC.to_timestamp(text.parse::<civil::DateTime>().ok()?).ok();
    let time: Option<jiff::Timestamp> = text.parse().ok().or_else(http_date).or_else(mail_date).or_else(without_zone);
    time.map(|time| Timestamp::from_unix_millis(time.as_millisecond()))
}

/// Parses the delay in a text like "Please try again in 11.054s.".
pub fn stated_wait(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    BEFORE_DELAY.into_iter().find_map(|before| delay(lower.split_once(before)?.1))
}

/// Parses a delay at the start of a text. It may have several units ("1m2s", "2 days and 3 hours").
fn delay(text: &str) -> Option<Duration> {
    let mut rest = APPROXIMATIONS.into_iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
    let mut total: Option<Duration> = None;
    while let Some((part, after)) = leading_duration(rest) {
        total = total.unwrap_or_default().checked_add(part);
        let after = after.trim_start_matches([' ', ',']);
        rest = after.strip_prefix("and ").unwrap_or(after);
    }
    total
}

/// Parses a number and its unit at the start of a text. Returns the duration and the rest of the text.
fn leading_duration(text: &str) -> Option<(Duration, &str)> {
    let text = text.trim_start();
    let (number, rest) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit() && c != '.')?)?;
    let rest = rest.trim_start();
    let (unit, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len()));
    let scale = match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    };
    let seconds: f64 = number.parse().ok()?;
    Some((Duration::try_from_secs_f64(seconds * scale).ok()?, after))
}

/// Returns the error object of a body: `error`, `detail`, the first item of a list of errors, or the body itself.
pub(super) fn error_object(body: &Value) -> Option<&Map<String, Value>> {
    let parts = [body.get("error"), body.get("detail"), body.get("errors"), Some(body)];
    parts.into_iter().flatten().map(|part| part.get(0).unwrap_or(part)).find_map(Value::as_object)
}
