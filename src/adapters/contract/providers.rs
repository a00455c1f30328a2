//! The accounts, connected or not.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use super::{Account, AccountState, AuthMethod, Category, Label, ProviderType};
use crate::{app::ProviderView, domain::time::Timestamp, ports::ProfileChange};

/// A provider, connected or not.
#[derive(Debug, Clone, Object, Serialize, Deserialize)]
pub struct ProviderSummary {
    /// Also its model prefix.
    pub name: String,
    pub display_name: String,
    pub provider_type: ProviderType,
    pub category: Category,
    /// How it can be connected.
    pub auth_methods: Vec<AuthMethod>,
    pub api_base: String,
    pub enabled: bool,
    pub state: AccountState,
    pub authenticated: bool,
    /// When the access token ends, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

impl From<ProviderView> for ProviderSummary {
    fn from(view: ProviderView) -> Self {
        Self {
            name: view.name.to_string(),
            display_name: view.display_name,
            provider_type: view.provider_type.into(),
            category: view.category.into(),
            auth_methods: view.auth_methods.into_iter().map(Into::into).collect(),
            api_base: view.api_base,
            enabled: view.enabled,
            state: view.state.into(),
            authenticated: view.authenticated,
            expires_at: view.expires_at.map(Timestamp::unix_seconds),
            account: Account::of(view.account),
        }
    }
}

/// A page of the providers, in the order of their names.
#[derive(Debug, Object, Serialize, Deserialize)]
pub struct ProviderList {
    pub providers: Vec<ProviderSummary>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What to change; members left out stay as they are.
#[derive(Debug, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateProviderRequest {
    /// What to call the account.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Label>,
    /// Whether the gateway may use the account. Switching it off deletes nothing.
    #[serde(default, deserialize_with = "super::present", skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

impl From<UpdateProviderRequest> for ProfileChange {
    fn from(request: UpdateProviderRequest) -> Self {
        Self { display_name: request.display_name.map(|name| name.0), enabled: request.enabled }
    }
}
