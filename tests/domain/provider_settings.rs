//! Tests of the `settings` JSON in an account's row.

use goclaw::domain::{
    account::AccountLabels,
    provider::AuthMethod,
    provider_settings::{ProviderSettings, TokenMetadata},
    time::Timestamp,
};
use serde_json::json;

fn metadata() -> TokenMetadata {
    TokenMetadata {
        auth_method: AuthMethod::OAuth,
        obtained_at: Timestamp::from_unix_seconds(100),
        expires_at: Some(Timestamp::from_unix_seconds(200)),
        scopes: vec!["openid".into(), "email".into()],
        account: AccountLabels { plan_type: Some("plus".into()), ..AccountLabels::default() },
        cookie_rotates: true,
    }
}

#[test]
fn metadata_and_unknown_members_survive_a_round_trip() {
    let before = json!({"codex_pool": {"strategy": "x"}, "email": "old@b.example", "expires_at": 5});
    let after = ProviderSettings::from_json(before).unwrap().with_metadata(&metadata());
    assert_eq!(after.metadata(), Ok(metadata()));
    let members = after.into_json();
    assert_eq!(members["codex_pool"], json!({"strategy": "x"}));
    assert_eq!(members["expires_at"], json!(200));
    assert_eq!(members.get("email"), None, "metadata of the old login is removed");
}

#[test]
fn stored_labels_have_no_invisible_characters() {
    let mut members = ProviderSettings::default().with_metadata(&metadata()).into_json();
    members["email"] = json!("a\u{202e}b\u{1b}[31m@c.example");
    let read = ProviderSettings::from_json(members).unwrap().metadata().unwrap();
    assert_eq!(read.account.email.as_deref(), Some("ab[31m@c.example"));
}

#[test]
fn a_member_of_the_wrong_type_is_an_error() {
    let mut members = ProviderSettings::default().with_metadata(&metadata()).into_json();
    members["cookie_rotates"] = json!(1);
    let error = ProviderSettings::from_json(members.clone()).unwrap().metadata().unwrap_err();
    assert_eq!(error.to_string(), "settings.cookie_rotates is not true or false");
    members["expires_at"] = json!("soon");
    let error = ProviderSettings::from_json(members).unwrap().metadata().unwrap_err();
    assert_eq!(error.to_string(), "settings.expires_at is not a time in Unix seconds");
    assert!(ProviderSettings::from_json(json!([])).is_err());
}
