//! Tests of the provider registry: snapshots arrive in any order, and a login that ended never comes back.

use std::sync::Arc;

use goclaw::{
    app::{ProviderRegistration, ProviderRegistry},
    domain::{
        account::AccountLabels,
        history::Revision,
        ids::{AccountName, LoginId},
        provider::{AuthMethod, ProviderDefinition, ProviderType},
        refresh::{RefreshPolicy, RefreshState},
        secret::AccessToken,
        time::Timestamp,
    },
};

fn name() -> AccountName {
    AccountName::parse("work").unwrap()
}

fn definition() -> Arc<ProviderDefinition> {
    Arc::new(ProviderDefinition {
        name: name(),
        provider_type: ProviderType::OpenaiCodex,
        display_name: String::new(),
        api_base: String::new(),
        proxy_paths: Arc::default(),
        program_paths: Arc::default(),
        user_agent: None,
        client_version: None,
        models: Vec::new(),
        oauth: None,
        sessions: None,
        refresh: RefreshPolicy::default(),
        enabled: true,
    })
}

fn snapshot(login: u8, revision: i64) -> ProviderRegistration {
    let now = Timestamp::from_unix_seconds(0);
    ProviderRegistration {
        definition: definition(),
        enabled: true,
        auth_method: AuthMethod::OAuth,
        refresh: RefreshState::after_login(LoginId::from_bytes([login; 16]), true, now, None),
        revision: Revision(revision),
        access_token: AccessToken::new("token"),
        is_unloaded: false,
        account: AccountLabels::default(),
        served_until: None,
    }
}

fn revision(registry: &ProviderRegistry) -> Option<i64> {
    registry.get(&name()).map(|account| account.revision.0)
}

#[test]
fn an_older_snapshot_never_replaces_a_newer_one() {
    let registry = ProviderRegistry::default();
    registry.register(&name(), snapshot(1, 5));
    registry.register(&name(), snapshot(1, 4));
    assert_eq!(revision(&registry), Some(5));
    registry.register(&name(), snapshot(2, 6));
    assert_eq!(revision(&registry), Some(6));
}

#[test]
fn a_login_that_was_logged_out_never_comes_back() {
    let registry = ProviderRegistry::default();
    registry.register(&name(), snapshot(1, 5));
    registry.unregister(&name(), &LoginId::from_bytes([1; 16]), Revision(6));
    registry.register(&name(), snapshot(1, 9));
    assert_eq!(revision(&registry), None);
    registry.register(&name(), snapshot(2, 7));
    registry.unregister(&name(), &LoginId::from_bytes([1; 16]), Revision(6));
    assert_eq!(revision(&registry), Some(7), "the next login stays");
    registry.unregister(&name(), &LoginId::from_bytes([3; 16]), Revision(9));
    assert_eq!(revision(&registry), None, "an earlier login ends with a later one");
}
