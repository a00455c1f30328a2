//! When a request to a provider may be retried, from all the forms in which providers state it.
//!
//! The statements of one response may contradict each other, e.g. because a clock is wrong. A retry that is too late
//! costs time, and one that is too early is refused again, so the latest plausible statement counts. Without a
//! statement there is no retry time.

use std::time::Duration;

use serde_json::{Map, Value};

use super::time::Timestamp;

/// The longest plausible wait. The windows of all plans are shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(31 * 24 * 3600);
/// Greater numbers are milliseconds since the Unix epoch, not seconds.
const MAX_SECONDS: f64 = 1e11;

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

    /// Adds `Retry-After` (RFC 9110 section 10.2.3: seconds or a date) and `retry-after-ms` (milliseconds, as OpenAI
    /// and Azure send it).
    #[must_use]
    pub fn with_headers(self, retry_after: Option<&str>, retry_after_ms: Option<&str>) -> Self {
        let millis = retry_after_ms.and_then(number).map(|millis| millis / 1_000.0);
        let seconds = retry_after.and_then(number);
        self.with_wait(seconds).with_wait(millis).with_time(retry_after.and_then(date))
    }

    /// Adds what the error in a JSON body states: `resets_at` (a time), `resets_in_seconds` (a wait), and "try again
    /// in" in its message.
    #[must_use]
    pub fn with_body(self, body: &Value) -> Self {
        let Some(error) = error_object(body) else { return self };
        let stated = |name: &str| error.get(name);
        let resets_at = match stated("resets_at") {
            Some(Value::String(text)) => number(text).map_or_else(|| date(text), from_epoch),
            other => other.and_then(Value::as_f64).and_then(from_epoch),
        };
        let resets_in = match stated("resets_in_seconds") {
            Some(Value::String(text)) => number(text),
            other => other.and_then(Value::as_f64),
        };
        let in_words = stated("message").and_then(Value::as_str).and_then(stated_wait);
        self.with_time(resets_at).with_wait(resets_in).with_wait(in_words.map(|wait| wait.as_secs_f64()))
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

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

fn from_epoch(number: f64) -> Option<Timestamp> {
    let millis = if number.abs() < MAX_SECONDS { number * 1_000.0 } else { number };
    // 1e15 milliseconds are more than 30,000 years.
    (millis.abs() < 1e15).then_some(Timestamp::from_unix_millis(millis as i64))
}

/// Parses a date of RFC 3339, or of RFC 9110 section 5.6.7 in any of its three forms.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let http_date = || httpdate::parse_http_date(text).ok()?.try_into().ok();
    let time: Option<jiff::Timestamp> = text.parse().ok().or_else(http_date);
    time.map(|time| Timestamp::from_unix_millis(time.as_millisecond()))
}

/// Parses the delay in a text like "Please try again in 11.054s.". A delay may have several units ("1m2s").
pub fn stated_wait(message: &str) -> Option<Duration> {
    const BEFORE: &str = "try again in ";
    let lower = message.to_ascii_lowercase();
    let (_, mut rest) = lower.split_once(BEFORE)?;
    let mut total: Option<Duration> = None;
    while let Some((part, after)) = leading_duration(rest) {
        total = total.unwrap_or_default().checked_add(part);
        rest = after;
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
        "s" | "second" | "seconds" => 1.0,
        "m" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        _ => return None,
    };
    let seconds: f64 = number.parse().ok()?;
    Some((Duration::try_from_secs_f64(seconds * scale).ok()?, after))
}

/// Returns the error object of a body: `error`, `detail`, or the body itself.
pub(super) fn error_object(body: &Value) -> Option<&Map<String, Value>> {
    [body.get("error"), body.get("detail"), Some(body)].into_iter().flatten().find_map(Value::as_object)
}
