//! The body of an account's status.

use poem_openapi::Object;
use serde::Deserialize;

use super::{AccountState, LoginOutcome, SwitchedOffBy};
use crate::{
    app,
    domain::{account::AccountLabels, confirmation, ids::AccountName, time::Timestamp, unreadable},
};

/// The account's user, from the claims of its tokens.
#[derive(Debug, Clone, Default, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct Account {
    pub account_id: Option<String>,
    pub user_id: Option<String>,
    pub email: Option<String>,
    /// The plan, e.g. `plus`; an open set.
    pub plan_type: Option<String>,
}

impl Account {
    /// Returns `None` if the tokens have no such claims.
    pub fn of(labels: AccountLabels) -> Option<Self> {
        let AccountLabels { account_id, user_id, email, plan_type } = labels;
        let is_known = account_id.is_some() || user_id.is_some() || email.is_some() || plan_type.is_some();
        is_known.then_some(Self { account_id, user_id, email, plan_type })
    }
}

/// A login that waits for its callback.
#[derive(Debug, Clone, Object, Deserialize)]
pub struct PendingLogin {
    pub login_id: String,
    /// When it expires, in Unix seconds.
    pub expires_at: i64,
}

/// A login that another user or workspace has approved. It waits until its owner chooses which account stays:
/// `POST /v1/auth/{provider}/confirm`.
#[derive(Debug, Clone, Object, Deserialize)]
pub struct Confirmation {
    /// The login that waits.
    pub login_id: String,
    /// The login that is connected and would be replaced.
    pub replaces: String,
    /// Until when it waits, in Unix seconds.
    pub expires_at: i64,
    /// The account that signed in.
    pub new_account: Account,
    /// The account that is connected.
    pub connected_account: Account,
}

impl From<confirmation::Confirmation> for Confirmation {
    fn from(question: confirmation::Confirmation) -> Self {
        Self {
            login_id: question.login_id.to_string(),
            replaces: question.replaces.login_id.to_string(),
            expires_at: question.expires_at.unix_seconds(),
            new_account: Account::of(question.new_account).unwrap_or_default(),
            connected_account: Account::of(question.replaces.account).unwrap_or_default(),
        }
    }
}

/// Returns the names of accounts; `None` if there are none.
pub(super) fn names(names: &[AccountName]) -> Option<Vec<String>> {
    (!names.is_empty()).then(|| names.iter().map(ToString::to_string).collect())
}

/// The outcome of the caller's last login.
#[derive(Debug, Clone, Object, Deserialize)]
pub struct LastLogin {
    pub login_id: String,
    pub outcome: LoginOutcome,
    /// The outcome as text, with the error that the provider returned. Plain text, never markup.
    pub reason: String,
    /// When it ended, in Unix seconds.
    pub at: i64,
}

/// A row of the gateway's database that cannot be used.
#[derive(Debug, Clone, Object, Deserialize)]
pub struct UnreadableRow {
    pub table: String,
    pub column: String,
    /// The row's name or id.
    pub row: String,
    /// Why it cannot be used.
    pub reason: String,
}

impl From<unreadable::UnreadableRow> for UnreadableRow {
    fn from(row: unreadable::UnreadableRow) -> Self {
        let unreadable::UnreadableRow { table, column, row, reason, .. } = row;
        Self { table: table.to_owned(), column: column.to_owned(), row, reason }
    }
}

/// A plan that is used up. The account works again when the plan resets.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct PlanLimit {
    /// The window that is used up, as in the account's usage, if the provider said it.
    pub window: Option<String>,
    /// When it resets, in Unix seconds, if the provider said it.
    pub until: Option<i64>,
}

/// The state of an account.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct AuthStatus {
    /// Whether there is a usable access token.
    pub authenticated: bool,
    /// The account's name, when authenticated.
    pub provider_name: Option<String>,
    /// `token invalid or expired`, if a token is stored but cannot be used.
    pub error: Option<String>,
    pub state: AccountState,
    /// Explains the state and the next step.
    pub reason: Option<String>,
    /// The row that cannot be used, in the state `unreadable`.
    pub unreadable: Option<UnreadableRow>,
    /// Set while the account's plan is used up, until it resets or a prompt succeeds.
    pub limited: Option<PlanLimit>,
    pub switched_off_by: Option<SwitchedOffBy>,
    /// When the access token expires, in Unix seconds.
    pub expires_at: Option<i64>,
    /// When the access token was last refreshed, in Unix seconds.
    pub last_refresh_at: Option<i64>,
    /// When the next refresh is due, in Unix seconds.
    pub next_refresh_at: Option<i64>,
    /// The login that issued the tokens.
    pub login_id: Option<String>,
    /// The number of refreshes since that login.
    pub generation: Option<u64>,
    /// The scopes that the provider granted.
    pub scopes: Option<Vec<String>>,
    pub account: Option<Account>,
    /// Other accounts here of the same user and workspace.
    pub same_account_as: Option<Vec<String>>,
    pub pending: Option<PendingLogin>,
    /// The question whether another account replaces this one.
    pub confirmation: Option<Confirmation>,
    pub last_login: Option<LastLogin>,
}

impl From<app::AccountStatus> for AuthStatus {
    fn from(status: app::AccountStatus) -> Self {
        let authenticated = status.authenticated;
        let question = status.confirmation.as_ref().map(confirmation::Confirmation::sentence);
        let may_report_token_error =
            !matches!(status.state, AccountState::Absent | AccountState::Disabled | AccountState::Refused);
        Self {
            authenticated,
            provider_name: authenticated.then(|| status.name.to_string()),
            error: (may_report_token_error && !authenticated).then(|| "token invalid or expired".to_owned()),
            state: status.state,
            reason: status.reason,
            unreadable: status.unreadable.map(UnreadableRow::from),
            limited: status
                .limited
                .map(|limit| PlanLimit { window: limit.window, until: limit.until.map(Timestamp::unix_seconds) }),
            switched_off_by: status.switched_off_by,
            expires_at: status.expires_at.map(Timestamp::unix_seconds),
            last_refresh_at: status.last_refresh_at.map(Timestamp::unix_seconds),
            next_refresh_at: status.next_refresh_at.map(Timestamp::unix_seconds),
            login_id: status.login_id.map(|id| id.to_string()),
            generation: status.generation.map(|generation| generation.0),
            scopes: Some(status.scopes).filter(|scopes| !scopes.is_empty()),
            account: Account::of(status.account),
            same_account_as: names(&status.other_names),
            pending: status.pending.map(|login| PendingLogin {
                login_id: login.login_id.to_string(),
                expires_at: login.expires_at.unix_seconds(),
            }),
            confirmation: status.confirmation.map(Confirmation::from),
            last_login: status.last_login.map(|login| LastLogin {
                login_id: login.login_id.to_string(),
                outcome: login.end.outcome,
                reason: question.unwrap_or_else(|| login.end.reason.into_owned()),
                at: login.at.unix_seconds(),
            }),
        }
    }
}
