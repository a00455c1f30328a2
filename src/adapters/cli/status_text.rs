//! The state of an account as text. The functions are pure, so that tests can compare the documented lines exactly.

use std::time::Duration;

use super::words::{self, HereAndNow};
use crate::{
    adapters::contract::{
        Account, AccountState, AuthMethod, AuthStatus, Category, LoginOutcome, ProviderSummary, ProviderType, Usage,
        UsageWindow,
    },
    domain::{ids::AccountName, provider::openai_codex},
};

/// The account that the text describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    name: String,
    /// The account's name in the first line.
    label: String,
    /// How to use it.
    usage: Option<String>,
    /// The command that connects it.
    connect_command: String,
}

impl Subject {
    /// Returns the built-in `openai-codex` account; `None` for other names.
    pub(super) fn openai(name: &AccountName) -> Option<Self> {
        matches!(name.as_str(), openai_codex::ALIAS | openai_codex::NAME).then(|| Self {
            name: openai_codex::NAME.to_owned(),
            label: "OpenAI OAuth".to_owned(),
            usage: Some(model_prefix(openai_codex::NAME)),
            connect_command: "goclaw auth login".to_owned(),
        })
    }

    /// Returns an account from the list of providers.
    pub(super) fn listed(provider: &ProviderSummary) -> Self {
        let name = provider.name.clone();
        let usage = if provider.provider_type == ProviderType::OpenaiCodex {
            Some(model_prefix(&name))
        } else if provider.category == Category::Llm {
            Some(format!("Use model prefix '{name}/' in agent config."))
        } else {
            None
        };
        let signs_in = provider.auth_methods.contains(&AuthMethod::OAuth);
        let command = if signs_in { "auth login" } else { "providers set-secret" };
        let connect_command = format!("goclaw {command} {name}");
        Self { name, label: provider.display_name.clone(), usage, connect_command }
    }

    /// Returns an account that is not in the list.
    pub(super) fn unlisted(name: &AccountName) -> Self {
        let name = name.as_str().to_owned();
        Self { label: name.clone(), usage: None, connect_command: format!("goclaw auth login {name}"), name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn is_openai(&self) -> bool {
        self.name == openai_codex::NAME
    }
}

fn model_prefix(name: &str) -> String {
    format!("Use model prefix '{name}/' in agent config (e.g. {name}/gpt-4o).")
}

/// Returns the output of `auth status`. The first two lines are fixed by the requirements; the others may change.
pub(super) fn status_text(status: &AuthStatus, subject: &Subject, here: &HereAndNow) -> String {
    let mut lines = if status.authenticated {
        connected(status, subject, here)
    } else if let Some(error) = &status.error {
        expired(error, status, subject)
    } else if status.state == AccountState::Absent {
        absent(status, subject)
    } else {
        unusable(status, subject, here)
    };
    if let Some(pending) = &status.pending {
        let left = words::duration(here.until(pending.expires_at));
        lines.push(format!("A sign-in is waiting for the browser ({left} left)."));
    }
    lines.join("\n")
}

/// Returns the plan usage on one line: `Plan used: 12% of 5 h (until 14:02), 3% of 7 d (until ..)`.
pub(super) fn usage_text(usage: &Usage, here: &HereAndNow) -> Option<String> {
    let window = |window: &UsageWindow| {
        let length = window.window_seconds.map(|seconds| words::duration(Duration::from_secs(seconds)));
        let of = length.map(|length| format!(" of {length}")).unwrap_or_default();
        let until = window.resets_at.map(|at| format!(" (until {})", here.time(at))).unwrap_or_default();
        format!("{:.0}%{of}{until}", window.used_percent)
    };
    let windows: Vec<String> = usage.windows.iter().map(window).collect();
    (!windows.is_empty()).then(|| format!("Plan used: {}.", windows.join(", ")))
}

fn connected(status: &AuthStatus, subject: &Subject, here: &HereAndNow) -> Vec<String> {
    let mut lines = vec![format!("{}: active (provider: {})", subject.label, subject.name)];
    lines.extend(subject.usage.clone());
    lines.extend(account(status));
    lines.extend(status.expires_at.map(|at| format!("Access token {}.", here.expiry(at))));
    lines.extend(status.reason.clone());
    lines
}

fn expired(error: &str, status: &AuthStatus, subject: &Subject) -> Vec<String> {
    let name = if subject.is_openai() { String::new() } else { format!(" {}", subject.name) };
    let mut lines = vec![error.to_owned()];
    lines.extend(account(status));
    lines.extend(status.reason.clone());
    lines.push(format!("Run goclaw auth logout{name}, then sign in again; or at once: {}", subject.connect_command));
    lines
}

fn absent(status: &AuthStatus, subject: &Subject) -> Vec<String> {
    let mut lines = if subject.is_openai() {
        vec![
            "No OAuth tokens found.".to_owned(),
            "Use the web UI to authenticate with ChatGPT OAuth.".to_owned(),
            format!("Or sign in from here: {}", subject.connect_command),
        ]
    } else {
        vec![
            format!("No tokens found for {}.", subject.name),
            format!("Use the web UI to connect {}.", subject.label),
            format!("Or connect it from here: {}", subject.connect_command),
        ]
    };
    let last = status.last_login.as_ref().filter(|_| status.pending.is_none());
    let failed = last.filter(|login| login.outcome != LoginOutcome::Completed);
    lines.extend(failed.map(|login| format!("Last sign-in: {}", login.reason)));
    lines
}

/// Tokens are stored but cannot be used now: the account is switched off, being refreshed or in doubt.
fn unusable(status: &AuthStatus, subject: &Subject, here: &HereAndNow) -> Vec<String> {
    let state = status.state.in_words();
    let mut lines = vec![format!("{}: {state} (provider: {})", subject.label, subject.name)];
    lines.extend(status.reason.clone());
    lines.extend(account(status));
    lines.extend(status.expires_at.map(|at| format!("Access token {}.", here.expiry(at))));
    match status.state {
        AccountState::Disabled => lines.push(format!("Switch it on with: goclaw providers enable {}", subject.name)),
        AccountState::NeedsReauth => lines.push(format!("Sign in again with: {}", subject.connect_command)),
        AccountState::Absent | AccountState::Active | AccountState::Refreshing | AccountState::InDoubt => {}
    }
    lines
}

fn account(status: &AuthStatus) -> Option<String> {
    let account = status.account.as_ref()?;
    let plan = account.plan_type.as_ref().map(|plan| format!("plan {plan}"));
    match (label(account), plan) {
        (Some(label), Some(plan)) => Some(format!("Account: {label} ({plan})")),
        (Some(label), None) => Some(format!("Account: {label}")),
        (None, Some(plan)) => Some(format!("Account: {plan}")),
        (None, None) => None,
    }
}

/// Returns the most readable identifier of an account.
pub(super) fn label(account: &Account) -> Option<&str> {
    let names = [&account.email, &account.user_id, &account.account_id];
    names.into_iter().flatten().map(String::as_str).find(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::time::Timestamp;

    const NOW: i64 = 1_000_000;

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    fn text(status: &str, subject: &Subject) -> String {
        let here = HereAndNow { now: Timestamp::from_unix_seconds(NOW), zone: TimeZone::UTC };
        status_text(&serde_json::from_str(status).unwrap(), subject, &here)
    }

    fn openai(status: &str) -> String {
        text(status, &Subject::openai(&name("openai")).unwrap())
    }

    fn suno() -> Subject {
        let suno = r#"{"name":"suno","display_name":"Suno","provider_type":"suno","category":"media",
                       "auth_methods":["session_token"],"api_base":"","enabled":true,"state":"absent","authenticated":false}"#;
        Subject::listed(&serde_json::from_str(suno).unwrap())
    }

    #[test]
    fn an_active_account_has_the_documented_lines() {
        assert_eq!(
            openai(r#"{"authenticated":true,"provider_name":"openai-codex","state":"active"}"#),
            "OpenAI OAuth: active (provider: openai-codex)\n\
             Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o)."
        );
        assert_eq!(
            openai(
                r#"{"authenticated":true,"state":"active","expires_at":1601200,
                    "account":{"email":"jane@example.com","plan_type":"plus"}}"#
            ),
            "OpenAI OAuth: active (provider: openai-codex)\n\
             Use model prefix 'openai-codex/' in agent config (e.g. openai-codex/gpt-4o).\n\
             Account: jane@example.com (plan plus)\n\
             Access token expires 1970-01-19 12:46 (in 6 d 23 h)."
        );
    }

    #[test]
    fn an_absent_account_has_the_documented_lines() {
        assert_eq!(
            openai(r#"{"authenticated":false,"state":"absent"}"#),
            "No OAuth tokens found.\n\
             Use the web UI to authenticate with ChatGPT OAuth.\n\
             Or sign in from here: goclaw auth login"
        );
        assert_eq!(
            text(r#"{"authenticated":false,"state":"absent"}"#, &suno()),
            "No tokens found for suno.\nUse the web UI to connect Suno.\n\
             Or connect it from here: goclaw providers set-secret suno"
        );
    }

    #[test]
    fn an_expired_token_is_reported_with_the_next_step() {
        let dead = r#"{"authenticated":false,"error":"token invalid or expired","state":"needs_reauth",
                       "reason":"The access token has expired."}"#;
        assert_eq!(
            openai(dead),
            "token invalid or expired\nThe access token has expired.\n\
             Run goclaw auth logout, then sign in again; or at once: goclaw auth login"
        );
        assert!(text(dead, &suno()).ends_with(
            "Run goclaw auth logout suno, then sign in again; or at once: goclaw providers set-secret suno"
        ));
    }

    #[test]
    fn a_pending_or_failed_login_is_mentioned() {
        let last = r#""last_login":{"login_id":"1","outcome":"denied","reason":"You declined.","at":1}"#;
        let failed = openai(&format!(r#"{{"authenticated":false,"state":"absent",{last}}}"#));
        assert!(failed.ends_with("\nLast sign-in: You declined."), "{failed}");
        let pending = r#""pending":{"login_id":"2","expires_at":1000500}"#;
        let waiting = openai(&format!(r#"{{"authenticated":false,"state":"absent",{pending},{last}}}"#));
        assert!(waiting.ends_with("\nA sign-in is waiting for the browser (8 min 20 s left)."), "{waiting}");
    }

    #[test]
    fn a_disabled_account_shows_how_to_enable_it() {
        assert_eq!(
            text(r#"{"authenticated":false,"state":"disabled","reason":"This provider is switched off."}"#, &suno()),
            "Suno: disabled (provider: suno)\nThis provider is switched off.\n\
             Switch it on with: goclaw providers enable suno"
        );
    }
}
