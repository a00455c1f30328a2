//! How much of an account's plan is used up: as the provider's headers say beside every answer, and as its usage endpoint
//! says when it is asked. Both tell of the same windows.

use std::time::Duration;

use serde_json::Value;

use super::time::Timestamp;

/// A window of time in which only so much may be used.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageWindow {
    /// `primary` (usually five hours) or `secondary` (usually a week).
    pub name: &'static str,
    /// From 0 to 100, and above where the provider lets more happen.
    pub used_percent: f64,
    /// How long the window is.
    pub length: Option<Duration>,
    /// When it is empty again.
    pub resets_at: Option<Timestamp>,
}

/// What is known of an account's plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// The plan, e.g. `plus`; an open set.
    pub plan_type: Option<String>,
    pub windows: Vec<UsageWindow>,
    /// When the provider said so.
    pub as_of: Timestamp,
}

const WINDOWS: [&str; 2] = ["primary", "secondary"];

impl Usage {
    /// Whether a window is used up.
    pub fn limit_reached(&self) -> bool {
        self.windows.iter().any(|window| window.used_percent >= 100.0)
    }

    /// When everything that is used up is empty again; None if nothing is, or nobody said when.
    pub fn full_until(&self) -> Option<Timestamp> {
        self.windows.iter().filter(|window| window.used_percent >= 100.0).filter_map(|window| window.resets_at).max()
    }

    /// Reads the headers `x-codex-{primary,secondary}-*`; None if there are none. `header` looks one up by its name in lower
    /// case.
    pub fn of_headers<'a>(header: impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Option<Self> {
        let windows: Vec<UsageWindow> = WINDOWS
            .into_iter()
            .filter_map(|name| {
                let number = |what: &str| header(&format!("x-codex-{name}-{what}"))?.trim().parse::<f64>().ok();
                let used_percent = number("used-percent").filter(|percent| percent.is_finite())?;
                let minutes = number("window-minutes");
                let resets_at = number("reset-at").map(whole);
                let resets_at = resets_at
                    .or_else(|| Some(now.unix_seconds().saturating_add(whole(number("reset-after-seconds")?))));
                Some(UsageWindow {
                    name,
                    used_percent,
                    length: minutes.and_then(|minutes| seconds(whole(minutes * 60.0))),
                    resets_at: resets_at.map(Timestamp::from_unix_seconds),
                })
            })
            .collect();
        let plan_type = header("x-codex-plan-type").map(str::to_owned);
        (!windows.is_empty()).then_some(Self { plan_type, windows, as_of: now })
    }

    /// Reads the answer of ChatGPT's `GET /wham/usage`; None if it is another thing.
    pub fn of_json(answer: &Value, now: Timestamp) -> Option<Self> {
        let limit = answer.get("rate_limit")?.as_object()?;
        let windows = WINDOWS.into_iter().filter_map(|name| {
            let window = limit.get(&format!("{name}_window"))?;
            let number = |what: &str| window.get(what).and_then(Value::as_f64);
            Some(UsageWindow {
                name,
                used_percent: number("used_percent")?,
                length: number("limit_window_seconds").and_then(|length| seconds(whole(length))),
                resets_at: number("reset_at").map(|at| Timestamp::from_unix_seconds(whole(at))),
            })
        });
        let plan_type = answer.get("plan_type").and_then(Value::as_str).map(str::to_owned);
        Some(Self { plan_type, windows: windows.collect(), as_of: now })
    }
}

/// The number without its fraction; what does not fit becomes the nearest that does.
#[expect(clippy::cast_possible_truncation, reason = "such casts saturate")]
fn whole(number: f64) -> i64 {
    number as i64
}

fn seconds(count: i64) -> Option<Duration> {
    u64::try_from(count).ok().filter(|count| *count > 0).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

    #[test]
    fn headers_and_answer_tell_the_same() {
        let headers = [
            ("x-codex-plan-type", "plus"),
            ("x-codex-primary-used-percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-at", "2000"),
            ("x-codex-secondary-used-percent", "100"),
            ("x-codex-secondary-window-minutes", "10080"),
            ("x-codex-secondary-reset-after-seconds", "9000"),
        ];
        let of_headers = Usage::of_headers(|name| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v), NOW);
        let answer = json!({"plan_type": "plus", "rate_limit": {
            "primary_window": {"used_percent": 12.5, "limit_window_seconds": 18_000, "reset_at": 2_000},
            "secondary_window": {"used_percent": 100, "limit_window_seconds": 604_800, "reset_at": 10_000},
        }});
        let of_json = Usage::of_json(&answer, NOW);
        assert_eq!(of_headers, of_json);
        let usage = of_json.unwrap();
        assert!(usage.limit_reached());
        assert_eq!(usage.full_until(), Some(Timestamp::from_unix_seconds(10_000)));
    }

    #[test]
    fn what_is_missing_or_nonsense_is_left_out() {
        assert_eq!(Usage::of_headers(|_| None, NOW), None);
        assert_eq!(Usage::of_headers(|_| Some("NaN"), NOW), None);
        assert_eq!(Usage::of_json(&json!({"detail": "Not Found"}), NOW), None);
        let free = json!({"rate_limit": {"primary_window": {"used_percent": 1}, "secondary_window": null}});
        let free = Usage::of_json(&free, NOW).unwrap();
        assert_eq!((free.windows.len(), free.windows[0].length, free.limit_reached()), (1, None, false));
    }
}
