//! How much of the plan is used up. Headers and `GET /wham/usage` tell the same, because clients read either.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{http::Reply, settings::Account};

/// The two windows of a paid plan, in seconds: five hours and a week.
const PRIMARY: u64 = 18_000;
const SECONDARY: u64 = 604_800;

/// The body of `GET /wham/usage`.
pub(super) fn usage(account: &Account, used_percent: u32, now: Duration) -> Value {
    let reached = used_percent >= 100;
    json!({
        "plan_type": account.plan,
        "email": account.email,
        "rate_limit": {
            "allowed": !reached,
            "limit_reached": reached,
            "primary_window": window(PRIMARY, used_percent, now),
            "secondary_window": window(SECONDARY, used_percent / 2, now),
        },
        "credits": {"has_credits": false, "unlimited": false, "balance": "0"},
        "additional_rate_limits": [],
    })
}

fn window(seconds: u64, used_percent: u32, now: Duration) -> Value {
    json!({
        "used_percent": used_percent,
        "limit_window_seconds": seconds,
        "reset_after_seconds": reset_after(seconds, now),
        "reset_at": now.as_secs() + reset_after(seconds, now),
    })
}

/// Windows begin at multiples of their length.
fn reset_after(seconds: u64, now: Duration) -> u64 {
    seconds - now.as_secs() % seconds
}

/// The headers with which every model's answer tells the same.
pub(super) fn told(reply: Reply, account: &Account, used_percent: u32, now: Duration) -> Reply {
    let windows = [("primary", PRIMARY, used_percent), ("secondary", SECONDARY, used_percent / 2)];
    let reply = reply.header("x-codex-plan-type", &account.plan).header("x-codex-active-limit", "codex");
    windows.into_iter().fold(reply, |reply, (name, seconds, used)| {
        let after = reset_after(seconds, now);
        reply
            .header(&format!("x-codex-{name}-used-percent"), &format!("{used}.0"))
            .header(&format!("x-codex-{name}-window-minutes"), &(seconds / 60).to_string())
            .header(&format!("x-codex-{name}-reset-at"), &(now.as_secs() + after).to_string())
            .header(&format!("x-codex-{name}-reset-after-seconds"), &after.to_string())
    })
}
