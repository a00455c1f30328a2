//! The usage of a plan. Clients differ in where they read it, so headers, `GET /wham/usage`, the refusal of an
//! exhausted plan and, if configured, the stream report the same values.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    http::Reply,
    refusals,
    settings::{Account, Settings, UsedPercent},
};

/// The two windows of a paid plan, in seconds: five hours and a week.
const PRIMARY: u64 = 18_000;
const SECONDARY: u64 = 604_800;

/// The percentages that responses have added, by account, window name and window number.
#[derive(Debug, Default)]
pub(super) struct AddedUsage(HashMap<(String, &'static str, u64), u32>);

impl AddedUsage {
    /// Adds the usage of one response.
    pub(super) fn add(&mut self, account: &Account, percent: UsedPercent, now: Duration) {
        for (name, seconds, percent) in
            [("primary", PRIMARY, percent.primary), ("secondary", SECONDARY, percent.secondary)]
        {
            *self.0.entry(Self::key(account, name, seconds, now)).or_default() += percent;
        }
    }

    fn of(&self, account: &Account, name: &'static str, seconds: u64, now: Duration) -> u32 {
        self.0.get(&Self::key(account, name, seconds, now)).copied().unwrap_or_default()
    }

    fn key(account: &Account, name: &'static str, seconds: u64, now: Duration) -> (String, &'static str, u64) {
        (account.account_id.clone(), name, now.as_secs() / seconds)
    }
}

/// The usage of an account's plan at one moment.
pub(super) struct Quota<'a> {
    account: &'a Account,
    windows: [Window; 2],
    now: Duration,
}

struct Window {
    name: &'static str,
    seconds: u64,
    used_percent: u32,
}

impl<'a> Quota<'a> {
    pub(super) fn of(account: &'a Account, settings: &Settings, added_usage: &AddedUsage, now: Duration) -> Self {
        let UsedPercent { primary, secondary } = settings.used_percent_of(account);
        let windows =
            [("primary", PRIMARY, primary), ("secondary", SECONDARY, secondary)].map(|(name, seconds, percent)| {
                let used_percent = percent + added_usage.of(account, name, seconds, now);
                Window { name, seconds, used_percent }
            });
        Self { account, windows, now }
    }

    /// Returns the exhausted window; the longer one if both are exhausted.
    fn exhausted_window(&self) -> Option<&Window> {
        self.windows.iter().rfind(|window| window.used_percent >= 100)
    }

    /// Returns the body of `GET /wham/usage`.
    pub(super) fn usage(&self) -> Value {
        let [primary, secondary] = &self.windows;
        let exhausted = self.exhausted_window();
        json!({
            "plan_type": self.account.plan,
            "email": self.account.email,
            "rate_limit": {
                "allowed": exhausted.is_none(),
                "limit_reached": exhausted.is_some(),
                "primary_window": self.window(primary),
                "secondary_window": self.window(secondary),
            },
            "rate_limit_reached_type": exhausted.map(|window| json!({"type": window.name})),
            "credits": {"has_credits": false, "unlimited": false, "balance": "0"},
            "additional_rate_limits": [],
        })
    }

    fn window(&self, window: &Window) -> Value {
        let after = self.reset_after(window);
        json!({
            "used_percent": window.used_percent,
            "limit_window_seconds": window.seconds,
            "reset_after_seconds": after,
            "reset_at": self.now.as_secs() + after,
        })
    }

    /// Returns the data of the `codex.rate_limits` event.
    pub(super) fn event(&self) -> Value {
        let window = |window: &Window| {
            json!({
                "used_percent": window.used_percent,
                "window_minutes": window.seconds / 60,
                "reset_at": self.now.as_secs() + self.reset_after(window),
            })
        };
        let [primary, secondary] = &self.windows;
        let is_exhausted = self.exhausted_window().is_some();
        json!({
            "plan_type": self.account.plan,
            "rate_limits": {
                "allowed": !is_exhausted,
                "limit_reached": is_exhausted,
                "primary": window(primary),
                "secondary": window(secondary),
            },
            "credits": null,
        })
    }

    /// Returns the seconds until the reset. Windows begin at multiples of their length.
    fn reset_after(&self, window: &Window) -> u64 {
        window.seconds - self.now.as_secs() % window.seconds
    }

    /// Returns the error response for an exhausted plan.
    pub(super) fn refusal(&self) -> Option<Reply> {
        let exhausted = self.exhausted_window()?;
        let after = self.reset_after(exhausted);
        let body = refusals::usage_limit_reached(&self.account.plan, self.now.as_secs() + after, after);
        Some(self.with_usage_headers(Reply::json(429, &body).header("x-codex-rate-limit-reached-type", exhausted.name)))
    }

    /// Adds the usage headers of every model response.
    pub(super) fn with_usage_headers(&self, reply: Reply) -> Reply {
        let reply = reply.headers([
            ("x-codex-plan-type", self.account.plan.as_str()),
            ("x-codex-active-limit", "codex"),
            ("x-codex-credits-has-credits", "False"),
            ("x-codex-credits-unlimited", "False"),
            ("x-codex-credits-balance", "0"),
        ]);
        self.windows.iter().fold(reply, |reply, window| {
            let (name, after) = (window.name, self.reset_after(window));
            reply
                .header(&format!("x-codex-{name}-used-percent"), &format!("{}.0", window.used_percent))
                .header(&format!("x-codex-{name}-window-minutes"), &(window.seconds / 60).to_string())
                .header(&format!("x-codex-{name}-reset-at"), &(self.now.as_secs() + after).to_string())
                .header(&format!("x-codex-{name}-reset-after-seconds"), &after.to_string())
        })
    }
}
