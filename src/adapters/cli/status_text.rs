//! Renders the status of an account as text. The functions are pure, so that tests can compare the lines exactly.

use std::time::Duration;

use super::words::{self, TimeFormatter};
use crate::{
    adapters::contract::{
        Account, AccountState, AuthMethod, AuthStatus, Category, LoginOutcome, PlanLimit, ProviderSummary,
        ProviderType, Usage, UsageWindow,
    },
    domain::{ids::AccountName, provider::openai_codex},
};

/// The account that the text describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub name: String,
    /// The text for the account in the first line.
    label: String,
    /// How to name the account's models in an agent's configuration.
    model_hint: Option<String>,
    /// The command that connects the account.
    connect_command: String,
}

impl Subject {
    /// Describes the built-in `openai-codex` account. Returns `None` for other names.
    pub fn openai(name: &AccountName) -> Option<Self> {
        matches!(name.as_str(), openai_codex::ALIAS | openai_codex::NAME).then(|| Self {
            name: openai_codex::NAME.to_owned(),
            label: "OpenAI OAuth".to_owned(),
            model_hint: Some(model_prefix(openai_codex::NAME)),
            connect_command: "goclaw auth login".to_owned(),
        })
    }

    /// Describes an account from the list of accounts.
    pub fn listed(provider: &ProviderSummary) -> Self {
        let name = provider.name.clone();
        let model_hint = if provider.provider_type == Some(ProviderType::OpenaiCodex) {
            Some(model_prefix(&name))
        } else if provider.category == Some(Category::Llm) {
            Some(format!("Use model prefix '{name}/' in agent config."))
        } else {
            None
        };
        let signs_in = provider.auth_methods.contains(&AuthMethod::OAuth);
        let command = if signs_in { "auth login" } else { "providers set-secret" };
        let connect_command = format!("goclaw {command} {name}");
        Self { name, label: provider.display_name.clone(), model_hint, connect_command }
    }

    /// Describes an account that is not in the list.
    pub fn unlisted(name: &AccountName) -> Self {
        let name = name.as_str().to_owned();
        Self { label: name.clone(), model_hint: None, connect_command: format!("goclaw auth login {name}"), name }
    }

    fn is_openai(&self) -> bool {
        self.name == openai_codex::NAME
    }
}

fn model_prefix(name: &str) -> String {
    format!("Use model prefix '{name}/' in agent config (e.g. {name}/gpt-4o).")
}

/// Returns the output of `auth status`. The wording of the first two lines is fixed; the other lines may change.
pub fn status_text(status: &AuthStatus, subject: &Subject, times: &TimeFormatter) -> String {
    let Subject { name, label, model_hint, connect_command } = subject;
    let (reason, account) = (status.reason.clone(), account(status));
    let expiry = status.expires_at.map(|at| format!("Access token {}.", times.expiry(at)));
    let limit = status.limited.as_ref().map(|limit| limit_text(limit, times));
    let mut lines = if status.authenticated {
        vec![Some(format!("{label}: active (provider: {name})")), model_hint.clone(), account, expiry, limit, reason]
    } else if let Some(error) = &status.error {
        let argument = if subject.is_openai() { String::new() } else { format!(" {name}") };
        // A logout would give up a refresh token that the gateway is about to use.
        let advice = if status.next_refresh_at.is_some() {
            format!("If this lasts, sign in again with: {connect_command}")
        } else if status.state == AccountState::Unreadable {
            // The reason names the remedy, which may be to add a key instead.
            format!("The command to sign in again: {connect_command}")
        } else {
            format!("Run goclaw auth logout{argument} and sign in again. Or sign in directly: {connect_command}")
        };
        vec![Some(error.clone()), account, reason, Some(advice)]
    } else if status.state == AccountState::Absent {
        absent(subject)
    } else {
        // Tokens are stored but cannot be used now, for example because the account is switched off or in doubt.
        let remedy = match status.state {
            AccountState::Disabled => Some(format!("Switch it on with: goclaw providers enable {name}")),
            AccountState::NeedsReauth | AccountState::Refused => Some(format!("Sign in again with: {connect_command}")),
            AccountState::Absent
            | AccountState::Active
            | AccountState::Refreshing
            | AccountState::InDoubt
            | AccountState::Unreadable => None,
        };
        let state = status.state.in_words();
        vec![Some(format!("{label}: {state} (provider: {name})")), reason, account, expiry, remedy]
    };
    let waiting = |left| format!("A sign-in is waiting for the browser ({left} left).");
    lines.extend([other_names(status), confirmation(status, name), last_failure(status)]);
    lines.push(status.pending.as_ref().map(|pending| waiting(times.left(pending.expires_at))));
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Returns the line about a used-up plan.
fn limit_text(limit: &PlanLimit, times: &TimeFormatter) -> String {
    let until = limit.until.map(|at| format!(" until {} (in {})", times.time(at), times.left(at))).unwrap_or_default();
    format!("The plan's limit is reached{until}. Programs get an error until it resets.")
}

fn absent(subject: &Subject) -> Vec<Option<String>> {
    let Subject { name, label, connect_command, .. } = subject;
    let [found, page, command] = if subject.is_openai() {
        [
            "No OAuth tokens found.".to_owned(),
            "Use the web UI to authenticate with ChatGPT OAuth.".to_owned(),
            format!("Or sign in from here: {connect_command}"),
        ]
    } else {
        [
            format!("No tokens found for {name}."),
            format!("Use the web UI to connect {label}."),
            format!("Or connect it from here: {connect_command}"),
        ]
    };
    vec![Some(found), Some(page), Some(command)]
}

/// Returns why the last login failed. For a connected account, ignores a login that was cancelled, denied or expired.
fn last_failure(status: &AuthStatus) -> Option<String> {
    let last = status.last_login.as_ref().filter(|_| status.pending.is_none())?;
    let was_abandoned = matches!(last.outcome, LoginOutcome::Cancelled | LoginOutcome::Denied | LoginOutcome::Expired);
    let succeeded = matches!(last.outcome, LoginOutcome::Completed | LoginOutcome::ConfirmationNeeded);
    (!(succeeded || was_abandoned && status.authenticated)).then(|| format!("Last sign-in: {}", last.reason))
}

/// Returns the plan usage on one line: `Plan used: 12% of 5 h (until 2026-11-30 14:02).`
pub fn usage_text(usage: &Usage, times: &TimeFormatter) -> Option<String> {
    let window = |window: &UsageWindow| {
        let length = window.window_seconds.map(|seconds| words::duration(Duration::from_secs(seconds)));
        let of = length.map(|length| format!(" of {length}")).unwrap_or_default();
        let until = window.resets_at.map(|at| format!(" (until {})", times.time(at))).unwrap_or_default();
        format!("{:.0}%{of}{until}", window.used_percent)
    };
    let windows: Vec<String> = usage.windows.iter().map(window).collect();
    (!windows.is_empty()).then(|| format!("Plan used: {}.", windows.join(", ")))
}

fn account(status: &AuthStatus) -> Option<String> {
    let account = status.account.as_ref()?;
    let plan = account.plan_type.as_ref().map(|plan| format!("plan {plan}"));
    let name = label(account);
    // Omit the workspace if the label shows it already.
    let workspace = account.account_id.as_deref().filter(|id| Some(*id) != name && !id.is_empty());
    let details: Vec<String> = plan.into_iter().chain(workspace.map(|id| format!("workspace {id}"))).collect();
    match (name, details.as_slice()) {
        (Some(name), []) => Some(format!("Account: {name}")),
        (Some(name), details) => Some(format!("Account: {name} ({})", details.join(", "))),
        (None, []) => None,
        (None, details) => Some(format!("Account: {}", details.join(", "))),
    }
}

fn other_names(status: &AuthStatus) -> Option<String> {
    let names = status.same_account_as.as_ref()?;
    Some(format!("The same user and workspace is also connected as: {}", names.join(", ")))
}

fn confirmation(status: &AuthStatus, name: &str) -> Option<String> {
    status.confirmation.as_ref()?;
    let question = status.last_login.as_ref().map(|login| login.reason.as_str()).unwrap_or_default();
    Some(format!("{question}\nAnswer with: goclaw auth confirm {name} --replace, or --keep"))
}

/// Returns the most readable identifier of an account.
pub fn label(account: &Account) -> Option<&str> {
    let names = [&account.email, &account.user_id, &account.account_id];
    names.into_iter().flatten().map(String::as_str).find(|name| !name.is_empty())
}
