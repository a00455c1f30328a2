//! The bodies that the control API answers: the seed's members to the letter, ours beside them.

use poem_openapi::{Enum, Object, Union};
use secrecy::ExposeSecret;

use crate::{
    app::{AccountStatus, Connected, LoggedOut, ProviderView, StartOutcome, SwitchedOffBy},
    domain::{account::AccountLabels, provider::AuthMethod, time::Timestamp},
};

/// Who an account belongs to, as its tokens say.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct Account {
    account_id: Option<String>,
    user_id: Option<String>,
    email: Option<String>,
    /// The plan, e.g. `plus`; an open set.
    plan_type: Option<String>,
}

fn account(labels: AccountLabels) -> Option<Account> {
    let AccountLabels { account_id, user_id, email, plan_type } = labels;
    let known = account_id.is_some() || user_id.is_some() || email.is_some() || plan_type.is_some();
    known.then_some(Account { account_id, user_id, email, plan_type })
}

/// A login that waits for its callback.
#[derive(Object)]
pub(super) struct Pending {
    login_id: String,
    /// When it gives up, in Unix seconds.
    expires_at: i64,
}

/// How the caller's last login went.
#[derive(Object)]
pub(super) struct LastLogin {
    login_id: String,
    /// `completed`, or what went wrong.
    outcome: String,
    /// The same in words.
    reason: String,
    /// When, in Unix seconds.
    at: i64,
}

/// Where an account stands.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct StatusAnswer {
    /// Whether there is an access token that may be used now.
    authenticated: bool,
    /// The account's name, when authenticated.
    provider_name: Option<String>,
    /// `token invalid or expired`, when there is a token and it cannot be used.
    error: Option<String>,
    /// `absent`, `active`, `refreshing`, `in_doubt`, `needs_reauth` or `disabled`.
    state: String,
    /// What there is to know or to do, in words.
    reason: Option<String>,
    /// Who switched it off: its `owner`, who can switch it on again here, or the `configuration`.
    switched_off_by: Option<SwitchedOffByAnswer>,
    /// When the access token ends, in Unix seconds.
    expires_at: Option<i64>,
    /// When the access token was refreshed last, in Unix seconds.
    last_refresh_at: Option<i64>,
    /// When it is to be refreshed next, in Unix seconds.
    next_refresh_at: Option<i64>,
    /// Which login the credential came from.
    login_id: Option<String>,
    /// How often it was refreshed since.
    generation: Option<u64>,
    /// The scopes that the provider granted.
    scopes: Option<Vec<String>>,
    account: Option<Account>,
    pending: Option<Pending>,
    last_login: Option<LastLogin>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case", rename = "SwitchedOffBy")]
pub(super) enum SwitchedOffByAnswer {
    Owner,
    Configuration,
}

impl From<SwitchedOffBy> for SwitchedOffByAnswer {
    fn from(who: SwitchedOffBy) -> Self {
        match who {
            SwitchedOffBy::Owner => Self::Owner,
            SwitchedOffBy::Configuration => Self::Configuration,
        }
    }
}

impl From<AccountStatus> for StatusAnswer {
    fn from(status: AccountStatus) -> Self {
        let authenticated = status.authenticated;
        // The seed's words, for a token that is there and dead.
        let dead = !authenticated && !matches!(status.state.as_str(), "absent" | "disabled");
        Self {
            authenticated,
            provider_name: authenticated.then(|| status.name.to_string()),
            error: dead.then(|| "token invalid or expired".to_owned()),
            state: status.state.as_str().to_owned(),
            reason: status.reason,
            switched_off_by: status.switched_off_by.map(Into::into),
            expires_at: status.expires_at.map(Timestamp::unix_seconds),
            last_refresh_at: status.last_refresh_at.map(Timestamp::unix_seconds),
            next_refresh_at: status.next_refresh_at.map(Timestamp::unix_seconds),
            login_id: status.login_id.map(|id| id.to_string()),
            generation: status.generation.map(|generation| generation.0),
            scopes: Some(status.scopes).filter(|scopes| !scopes.is_empty()),
            account: account(status.account),
            pending: status.pending.map(|login| Pending {
                login_id: login.login_id.to_string(),
                expires_at: login.expires_at.unix_seconds(),
            }),
            last_login: status.last_login.map(|login| LastLogin {
                login_id: login.login_id.to_string(),
                outcome: login.outcome.as_str().to_owned(),
                reason: login.outcome.sentence().to_owned(),
                at: login.at.unix_seconds(),
            }),
        }
    }
}

/// What a start answers.
#[derive(Union)]
#[oai(one_of = true)]
pub(super) enum StartAnswer {
    Started(Started),
    AlreadyAuthenticated(AlreadyAuthenticated),
}

/// A login that waits for approval.
#[derive(Object)]
pub(super) struct Started {
    /// Open this in a browser, sign in and approve. It belongs to this login: give it to nobody.
    auth_url: String,
    provider_name: String,
    /// The `login_id` that the credential will carry.
    login_id: String,
    /// When the login began, in Unix seconds; earlier than this call if it was pending already.
    started_at: i64,
    /// When the login gives up, in Unix seconds.
    expires_at: i64,
    callback: CallbackState,
}

/// Whether the browser can come back by itself.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct CallbackState {
    listening: bool,
    /// Why not; the redirect URL can be pasted then.
    error: Option<String>,
}

/// The login is sound; `force` signs in anew.
#[derive(Object)]
pub(super) struct AlreadyAuthenticated {
    status: AlreadyAuthenticatedStatus,
    provider_name: String,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub(super) enum AlreadyAuthenticatedStatus {
    AlreadyAuthenticated,
}

impl From<StartOutcome> for StartAnswer {
    fn from(outcome: StartOutcome) -> Self {
        match outcome {
            StartOutcome::AlreadyAuthenticated { name } => Self::AlreadyAuthenticated(AlreadyAuthenticated {
                status: AlreadyAuthenticatedStatus::AlreadyAuthenticated,
                provider_name: name.to_string(),
            }),
            StartOutcome::Pending(login) => Self::Started(Started {
                // Out of its wrapping at the last moment: it is the answer to who started the login.
                auth_url: login.auth_url.expose_secret().to_owned(),
                provider_name: login.name.to_string(),
                login_id: login.login_id.to_string(),
                started_at: login.started_at.unix_seconds(),
                expires_at: login.expires_at.unix_seconds(),
                callback: CallbackState {
                    listening: login.callback_error.is_none(),
                    error: login.callback_error.map(|error| error.to_string()),
                },
            }),
        }
    }
}

/// The tokens are saved.
#[derive(Object)]
pub(super) struct ConnectedAnswer {
    authenticated: bool,
    provider_name: String,
    provider_id: String,
}

impl From<Connected> for ConnectedAnswer {
    fn from(connected: Connected) -> Self {
        Self {
            authenticated: true,
            provider_name: connected.name.to_string(),
            provider_id: connected.id.as_str().to_owned(),
        }
    }
}

#[derive(Object)]
pub(super) struct CancelAnswer {
    /// `cancelled`, or `no_pending_login` if there was none.
    status: String,
}

impl From<bool> for CancelAnswer {
    fn from(cancelled: bool) -> Self {
        Self { status: if cancelled { "cancelled" } else { "no_pending_login" }.to_owned() }
    }
}

/// The account is signed out here, whatever became of its tokens at the provider.
#[derive(Object)]
pub(super) struct LogoutAnswer {
    /// `logged out`.
    status: String,
    /// Whether there was anything to remove.
    removed: bool,
    /// `revoked` (the provider confirmed it), `pending` (it did not answer, and is asked again for a day), `failed` (it lives
    /// there until it expires), or `not_applicable`.
    revocation: String,
}

impl From<LoggedOut> for LogoutAnswer {
    fn from(logged_out: LoggedOut) -> Self {
        Self {
            status: "logged out".to_owned(),
            removed: logged_out.removed,
            revocation: logged_out.revocation.as_str().to_owned(),
        }
    }
}

/// A provider, connected or not.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
pub(super) struct ProviderAnswer {
    /// Also its model prefix.
    name: String,
    display_name: String,
    provider_type: String,
    /// `llm` or `media`.
    category: String,
    /// How it can be connected: `oauth`, `session_token`, `api_key`.
    auth_methods: Vec<String>,
    api_base: String,
    enabled: bool,
    /// As in the status.
    state: String,
    authenticated: bool,
    /// When the access token ends, in Unix seconds.
    expires_at: Option<i64>,
    account: Option<Account>,
}

impl From<ProviderView> for ProviderAnswer {
    fn from(view: ProviderView) -> Self {
        let methods = view.auth_methods.into_iter().map(AuthMethod::as_str);
        Self {
            name: view.name.to_string(),
            display_name: view.display_name,
            provider_type: view.provider_type.to_string(),
            category: view.category.as_str().to_owned(),
            auth_methods: methods.map(str::to_owned).collect(),
            api_base: view.api_base,
            enabled: view.enabled,
            state: view.state.as_str().to_owned(),
            authenticated: view.authenticated,
            expires_at: view.expires_at.map(Timestamp::unix_seconds),
            account: account(view.account),
        }
    }
}

/// All providers.
#[derive(Object)]
pub(super) struct ProvidersAnswer {
    providers: Vec<ProviderAnswer>,
}

impl From<Vec<ProviderView>> for ProvidersAnswer {
    fn from(views: Vec<ProviderView>) -> Self {
        Self { providers: views.into_iter().map(ProviderAnswer::from).collect() }
    }
}
