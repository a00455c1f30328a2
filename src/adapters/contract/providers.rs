//! The bodies of `/v1/providers`.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::{Account, AccountState, AuthMethod, Category, Label, ProviderType, status::names};
use crate::{app::AccountView, domain::time::Timestamp, ports::ProfileChange};

/// An account, connected or not. `provider_type`, `category` and `api_base` are absent if it is unreadable and its type is
/// unknown.
#[derive(Debug, Clone, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ProviderSummary {
    /// The account's name, which is also its model prefix.
    pub name: String,
    pub display_name: String,
    pub provider_type: Option<ProviderType>,
    pub category: Option<Category>,
    /// How the account can be connected.
    pub auth_methods: Vec<AuthMethod>,
    pub api_base: Option<String>,
    pub enabled: bool,
    pub state: AccountState,
    pub authenticated: bool,
    /// When the access token expires, in Unix seconds.
    pub expires_at: Option<i64>,
    pub account: Option<Account>,
    /// Other accounts here of the same user and workspace.
    pub same_account_as: Option<Vec<String>>,
}

impl From<AccountView> for ProviderSummary {
    fn from(view: AccountView) -> Self {
        Self {
            name: view.name.to_string(),
            display_name: view.display_name,
            provider_type: view.provider_type,
            category: view.category,
            auth_methods: view.auth_methods,
            api_base: view.api_base,
            enabled: view.enabled,
            state: view.state,
            authenticated: view.authenticated,
            expires_at: view.expires_at.map(Timestamp::unix_seconds),
            account: Account::of(view.account),
            same_account_as: names(&view.other_names),
        }
    }
}

/// A page of the accounts, ordered by name.
#[derive(Debug, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
pub struct ProviderList {
    pub providers: Vec<ProviderSummary>,
    /// The cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// Changes to an account. Absent members stay unchanged.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateProviderRequest {
    /// The account's display name.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// Whether the gateway may use the account. Switching it off deletes nothing.
    #[serde(default, deserialize_with = "super::not_null", skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl From<UpdateProviderRequest> for ProfileChange {
    fn from(request: UpdateProviderRequest) -> Self {
        Self { display_name: request.display_name.map(|name| name.0), enabled: request.enabled }
    }
}
