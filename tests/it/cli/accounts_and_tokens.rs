//! Tests of the tables of accounts and tokens, and of the texts of the commands that change them.

use goclaw::{
    adapters::{
        cli::{
            auth::logout_text,
            error::CliError,
            providers::{self, expected_secret, switched_text},
            tokens,
            words::TimeFormatter,
        },
        contract::{
            Account, AccountState,
            AuthMethod::{self, ApiKey, OAuth, SessionToken},
            Category, LogoutResult, LogoutStatus, ProviderSummary, ProviderType, Revocation, TokenInfo,
        },
    },
    domain::{ids::AccountName, time::Timestamp},
};
use insta::assert_snapshot;
use jiff::tz::TimeZone;

fn provider(name: &str, auth_methods: &[AuthMethod]) -> ProviderSummary {
    ProviderSummary {
        name: name.to_owned(),
        display_name: name.to_owned(),
        provider_type: Some(ProviderType::Suno),
        category: Some(Category::Media),
        auth_methods: auth_methods.to_vec(),
        api_base: None,
        enabled: true,
        state: AccountState::Absent,
        authenticated: false,
        expires_at: None,
        account: None,
        same_account_as: None,
    }
}

#[test]
fn the_table_of_accounts_is_aligned() {
    let account = Account { email: Some("jane@example.com".into()), ..Default::default() };
    let codex = ProviderSummary {
        provider_type: Some(ProviderType::OpenaiCodex),
        state: AccountState::Active,
        expires_at: Some(7_200),
        account: Some(account),
        ..provider("openai-codex", &[OAuth])
    };
    let times = TimeFormatter { now: Timestamp::from_unix_seconds(0), zone: TimeZone::UTC };
    let off = ProviderSummary { enabled: false, ..provider("suno", &[SessionToken]) };
    assert_snapshot!(providers::providers_text(&[codex, off], &times), @r"
    NAME          TYPE          STATE     ACCOUNT           ACCESS TOKEN
    openai-codex  openai-codex  active    jane@example.com  expires 1970-01-01 02:00 (in 2 h)
    suno          suno          disabled  -                 -
    ");
}

#[test]
fn the_account_determines_the_kind_of_secret() {
    let list = [
        provider("openai-codex", &[OAuth]),
        provider("suno", &[SessionToken]),
        provider("both", &[OAuth, ApiKey, SessionToken]),
    ];
    let expected =
        |name: &str, provider_type| expected_secret(&list, &AccountName::parse(name).unwrap(), provider_type);
    assert_eq!(expected("suno", None).unwrap(), AuthMethod::SessionToken);
    assert_eq!(expected("suno-band", Some("suno")).unwrap(), AuthMethod::SessionToken);
    assert!(matches!(expected("both", None), Err(CliError::WhichSecret(_))));
    assert_snapshot!(expected("xyz", None).unwrap_err(), @"unknown provider: xyz");
    assert_snapshot!(expected("openai", None).unwrap_err(), @"openai-codex connects with a sign-in in the browser");
}

#[test]
fn an_account_disabled_by_the_configuration_is_reported() {
    let off = ProviderSummary { enabled: false, ..provider("suno", &[]) };
    assert_snapshot!(switched_text(&off, false), @"Account suno is off. Nothing is deleted.");
    assert_snapshot!(switched_text(&off, true), @"Account suno is still off: the configuration file says so.");
}

#[test]
fn the_table_of_tokens_is_aligned() {
    let token = |id: &str, name: &str| TokenInfo {
        previous_valid_until: None,
        previous_last_used_at: None,
        id: id.to_owned(),
        name: name.to_owned(),
        scope: "models".to_owned(),
        created_at: 0,
        expires_at: (name == "x").then_some(60),
        last_used_at: (name == "x").then_some(0),
    };
    let times = TimeFormatter { now: Timestamp::from_unix_seconds(0), zone: TimeZone::UTC };
    assert_snapshot!(tokens::tokens_text(&[token("0123456789abcdef", "editor"), token("c", "x")], &times), @r"
    ID        NAME    SCOPE   CREATED           EXPIRES           LAST USED
    01234567  editor  models  1970-01-01 00:00  never             never
    c         x       models  1970-01-01 00:00  1970-01-01 00:01  1970-01-01 00:00
    ");
}

#[test]
fn a_logout_reports_the_revocation() {
    let text = |removed, revocation| {
        let result = LogoutResult { status: LogoutStatus::LoggedOut, removed, revocation };
        logout_text(&result, "openai-codex")
    };
    assert_snapshot!(text(false, Revocation::NotApplicable), @"Nothing was stored for openai-codex.");
    assert_snapshot!(text(true, Revocation::NotApplicable), @"Logged out of openai-codex: the stored tokens are deleted.");
    assert_snapshot!(text(true, Revocation::Revoked), @r"
    Logged out of openai-codex: the stored tokens are deleted.
    The provider has revoked them too.
    ");
    assert_snapshot!(text(true, Revocation::Pending), @r"
    Logged out of openai-codex: the stored tokens are deleted.
    The provider did not respond. The gateway retries the revocation for up to a day.
    ");
    assert_snapshot!(text(true, Revocation::Failed), @r"
    Logged out of openai-codex: the stored tokens are deleted.
    The provider did not revoke them. To be sure, end the session in your account there.
    ");
}
