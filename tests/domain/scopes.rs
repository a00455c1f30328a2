//! Tests of parsing the scopes of API tokens, and of what each scope permits.

use std::sync::Arc;

use goclaw::domain::{
    ids::AccountName,
    scope::{InvalidScope, MAX_SCOPES, Permission, Rights, Scopes},
};
use proptest::prelude::*;

fn account(text: &str) -> AccountName {
    AccountName::parse(text).expect("a name")
}

fn rights(text: &str) -> Rights {
    Rights::Program(Arc::new(Scopes::parse(text).expect("scopes")))
}

#[test]
fn scopes_are_stored_and_shown_as_they_were_written() {
    for text in [
        "models",
        "models:work",
        "models:work/gpt-5.5",
        "models:dashscope/qwen/qwen3:32b",
        "proxy:suno",
        "status:read",
        "status:read:work",
        "auth:write",
        "auth:write:work",
        "admin",
        "models proxy:suno status:read",
    ] {
        let scopes = Scopes::parse(text).expect(text);
        assert_eq!((scopes.to_string(), scopes.as_stored()), (text.to_owned(), text));
        assert_eq!(Scopes::from_stored(text), Some(scopes));
    }
    assert_eq!(Scopes::parse("  models   admin models ").unwrap().to_string(), "models admin");
    assert_eq!(
        Scopes::parse("proxy:openai models:openai/gpt-5.5").unwrap().to_string(),
        "proxy:openai-codex models:openai-codex/gpt-5.5",
        "the alias is resolved"
    );
    assert_eq!(Scopes::default().to_string(), "models");
}

#[test]
fn invalid_scopes_are_rejected() {
    assert_eq!(Scopes::parse("models nonsense"), Err(InvalidScope::Unknown(2)), "the second scope");
    let longest = format!("models{}", " ".repeat(MAX_SCOPES - "models".len()));
    assert!(Scopes::parse(&longest).is_ok());
    for text in [
        "model",
        "models:",
        "models:/x",
        "models:work/",
        "models:Work",
        "admin:work",
        "status",
        "status:write",
        "status:read:work/x",
        "proxy:suno/x",
        "proxy:",
        "proxysuno",
        "Models",
        "models,admin",
        "models\tadmin",
        "*",
        "models:work/\u{e9}",
    ] {
        assert!(matches!(Scopes::parse(text), Err(InvalidScope::Unknown(_))), "{text}");
        assert_eq!(Scopes::from_stored(text), None, "{text}");
    }
    assert_eq!(Scopes::parse("proxy"), Err(InvalidScope::ProxyWithoutAccount));
    assert_eq!(Scopes::parse("  "), Err(InvalidScope::Empty));
    assert_eq!(Scopes::parse(&"models ".repeat(MAX_SCOPES)), Err(InvalidScope::TooLong));
}

#[test]
fn the_old_scope_proxy_grants_models_and_is_stored_unchanged() {
    let earlier = Scopes::from_stored("proxy").expect("scopes");
    assert_eq!((earlier.to_string(), earlier.as_stored()), ("models".to_owned(), "proxy"));
    let rights = Rights::Program(Arc::new(earlier));
    assert!(rights.permits_model(&account("work"), "gpt-5.5"));
    assert!(!rights.permits(Permission::Proxy, &account("work")));
}

#[test]
fn a_scope_permits_its_account_and_model_only() {
    let (work, home) = (account("work"), account("home"));
    let one = rights("models:work/gpt-5.5 proxy:work status:read:home");
    assert!(one.permits_model(&work, "gpt-5.5"));
    assert!(!one.permits_model(&work, "gpt-5") && !one.permits_model(&home, "gpt-5.5"));
    assert!(one.permits(Permission::Models, &work) && !one.permits(Permission::Models, &home));
    assert!(one.permits(Permission::Proxy, &work) && !one.permits(Permission::Proxy, &home));
    assert!(one.permits(Permission::StatusRead, &home) && !one.permits(Permission::StatusRead, &work));
    assert!(one.permits_some(Permission::StatusRead) && !one.permits_all(Permission::StatusRead));
    assert!(!one.permits_some(Permission::AuthWrite) && !one.manages_accounts());
}

#[test]
fn admin_includes_all_and_writing_includes_reading() {
    let work = account("work");
    for permission in Permission::ALL {
        assert!(rights("admin").permits(*permission, &work) && rights("admin").permits_all(*permission));
        assert!(Rights::Owner.permits_all(*permission));
    }
    assert!(rights("admin").permits_model(&work, "any") && rights("admin").manages_accounts());
    assert!(rights("auth:write:work").permits(Permission::StatusRead, &work));
    assert!(!rights("status:read").permits(Permission::AuthWrite, &work));
    assert!(!rights("auth:write").permits_some(Permission::Models));
    assert_ne!(rights("admin"), Rights::Owner, "an admin token is not the owner");
}

const SCOPE: &str = "models(:[a-z]{1,3}(/[a-z][a-z.5:/-]{0,4})?)?|(status:read|auth:write)(:[a-z]{1,3})?|\
                     proxy:[a-z]{1,3}|metrics:read|admin";

proptest! {
    #[test]
    fn parsed_scopes_are_stored_and_shown_unchanged(words in prop::collection::vec(SCOPE, 1..5), space in " {1,3}") {
        let scopes = Scopes::parse(&words.join(&space)).expect("scopes");
        prop_assert_eq!(Scopes::from_stored(scopes.as_stored()), Some(scopes.clone()));
        prop_assert_eq!(scopes.to_string(), scopes.as_stored());
    }
}
