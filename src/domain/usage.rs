//! The usage of an account's plan, as the provider reports it in response headers and at its usage endpoint. Both
//! report the same windows.

use std::time::Duration;

use serde_json::Value;

use super::{retry_time::agreed_time, time::Timestamp};

/// A time window with a usage limit.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageWindow {
    /// `primary` (usually five hours) or `secondary` (usually a week).
    pub name: &'static str,
    /// From 0 to 100, or more if the provider allows it.
    pub used_percent: f64,
    pub length: Option<Duration>,
    /// When the usage is reset to zero.
    pub resets_at: Option<Timestamp>,
}

impl UsageWindow {
    /// Returns the used part at a time after the report; 1.0 is all of it. It is zero after the reset.
    pub fn used_ratio(&self, now: Timestamp) -> f64 {
        if self.resets_at.is_some_and(|at| at <= now) { 0.0 } else { self.used_percent / 100.0 }
    }
}

/// The usage of an account's plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// The plan, e.g. `plus`. An open set: do not match on it.
    pub plan_type: Option<String>,
    pub windows: Vec<UsageWindow>,
    /// When the provider reported the usage.
    pub as_of: Timestamp,
}

const WINDOWS: [&str; 2] = ["primary", "secondary"];

impl Usage {
    /// Whether a window is used up.
    pub fn limit_reached(&self) -> bool {
        self.windows.iter().any(|window| window.used_percent >= 100.0)
    }

    /// Returns the used-up window with the latest known reset.
    pub fn used_up_window(&self) -> Option<&UsageWindow> {
        self.windows.iter().filter(|window| window.used_percent >= 100.0).max_by_key(|window| window.resets_at)
    }

    /// Returns the latest known reset of the used-up windows.
    pub fn limit_resets_at(&self) -> Option<Timestamp> {
        self.used_up_window()?.resets_at
    }

    /// Reads the headers `x-codex-{primary,secondary}-*`; None if they report no window. `header` returns a header by
    /// its name in lower case.
    pub fn of_headers<'a>(header: impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Option<Self> {
        let windows: Vec<UsageWindow> = WINDOWS
            .into_iter()
            .filter_map(|name| {
                let number = |field: &str| header(&format!("x-codex-{name}-{field}"))?.trim().parse::<f64>().ok();
                let used_percent = number("used-percent").filter(|percent| percent.is_finite())?;
                let minutes = number("window-minutes");
                Some(UsageWindow {
                    name,
                    used_percent,
                    length: minutes.and_then(|minutes| seconds(truncate(minutes * 60.0))),
                    resets_at: reset_time(number("reset-at"), number("reset-after-seconds"), now),
                })
            })
            .collect();
        let plan_type = header("x-codex-plan-type").map(str::to_owned);
        (!windows.is_empty()).then_some(Self { plan_type, windows, as_of: now })
    }

    /// Reads the response of ChatGPT's `GET /wham/usage`; None for any other JSON.
    pub fn of_json(response: &Value, now: Timestamp) -> Option<Self> {
        let limit = response.get("rate_limit")?.as_object()?;
        let windows = WINDOWS.into_iter().filter_map(|name| {
            let window = limit.get(&format!("{name}_window"))?;
            let number = |field: &str| window.get(field).and_then(Value::as_f64);
            Some(UsageWindow {
                name,
                used_percent: number("used_percent")?,
                length: number("limit_window_seconds").and_then(|length| seconds(truncate(length))),
                resets_at: reset_time(number("reset_at"), number("reset_after_seconds"), now),
            })
        });
        let plan_type = response.get("plan_type").and_then(Value::as_str).map(str::to_owned);
        Some(Self { plan_type, windows: windows.collect(), as_of: now })
    }
}

/// Returns when a window resets, from the provider's time in Unix seconds and the seconds until then.
fn reset_time(at: Option<f64>, after: Option<f64>, now: Timestamp) -> Option<Timestamp> {
    let at = at.map(|at| Timestamp::from_unix_seconds(truncate(at)));
    let after = after.map(|after| Timestamp::from_unix_seconds(now.unix_seconds().saturating_add(truncate(after))));
    agreed_time(at, after)
}

/// Truncates a number. Values out of range saturate.
#[expect(clippy::cast_possible_truncation, reason = "such casts saturate")]
fn truncate(number: f64) -> i64 {
    number as i64
}

fn seconds(count: i64) -> Option<Duration> {
    u64::try_from(count).ok().filter(|count| *count > 0).map(Duration::from_secs)
}
