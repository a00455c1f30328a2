//! Contract of `TokenStore`.

use goclaw::{
    domain::{
        credential::NewSealedCredential,
        history::EventKind,
        ids::Generation,
        provider::{AuthMethod, ProviderType},
        refresh::{LeaseId, RefreshEvent, RefreshPolicy, RefreshTrigger, TokenVersion},
    },
    ports::{
        AuditLog, CredentialHistory, MoveRequest, ProfileChange, Removal, RevocationQueue, SaveOutcome, StoreError,
        StoredAccounts, TokenStore,
    },
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{
    contract,
    fixtures::Fixture,
    samples::{at, author, credential, name},
};

contract!(
    a_first_login_is_stored_unchanged,
    a_second_login_replaces_the_tokens_and_keeps_the_account,
    a_second_login_keeps_unknown_settings,
    a_second_login_can_change_the_display_name,
    a_login_without_a_refresh_token_deletes_the_old_one,
    a_reader_never_sees_mixed_tokens_of_two_logins,
    a_login_of_another_provider_type_is_a_conflict_and_changes_nothing,
    a_profile_change_affects_only_its_fields,
    changing_the_profile_of_an_unknown_account_returns_none,
    a_removal_deletes_both_tokens_and_a_second_removal_finds_nothing,
    accounts_move_away_together_or_not_at_all,
    accounts_are_listed_by_name,
    list_after_returns_accounts_page_by_page,
    an_unreadable_account_affects_no_other_account,
    a_login_of_any_provider_type_replaces_an_unreadable_account,
    an_unreadable_account_can_be_removed,
);

pub(super) async fn save(store: &impl TokenStore, new: &NewSealedCredential, seconds: i64) -> SaveOutcome {
    store.save_login(new, &author(at(seconds))).await.expect("it saves")
}

async fn a_first_login_is_stored_unchanged(fixture: impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.load(&name("work")).await.unwrap(), None);
    let new = NewSealedCredential { display_name: Some("Work".into()), ..credential(1, "work") };
    let saved = save(&*store, &new, 5).await;

    let account = store.load(&new.name).await.unwrap().unwrap();
    assert_eq!(saved, SaveOutcome::Saved(Box::new(account.clone())));
    assert_eq!((&account.id, &account.name, account.login_id()), (&new.id, &new.name, &new.login_id));
    assert_eq!((account.provider_type, &account.api_base), (new.provider_type, &new.api_base));
    assert_eq!(account.display_name, new.display_name);
    assert_eq!((&account.access_token, &account.refresh_token), (&new.access_token, &new.refresh_token));
    assert_eq!(account.metadata, new.metadata);
    assert_eq!((account.enabled, account.generation()), (true, Generation::FIRST));
    assert_eq!((account.created_at, account.updated_at), (at(5), at(5)));
}

async fn a_second_login_replaces_the_tokens_and_keeps_the_account(fixture: impl Fixture) {
    let store = fixture.store();
    let first = NewSealedCredential { display_name: Some("Work".into()), ..credential(1, "work") };
    save(&*store, &first, 5).await;
    let off = ProfileChange { enabled: Some(false), display_name: None };
    store.change_profile(&first.name, &off, &author(at(6))).await.unwrap();

    let second = credential(2, "work");
    let saved = save(&*store, &second, 7).await;
    let account = store.load(&first.name).await.unwrap().unwrap();
    assert_eq!(saved, SaveOutcome::Saved(Box::new(account.clone())));
    assert_eq!((&account.id, account.created_at, account.updated_at), (&first.id, at(5), at(7)));
    assert_eq!((account.login_id(), account.generation()), (&second.login_id, Generation::FIRST));
    assert_eq!((&account.access_token, &account.refresh_token), (&second.access_token, &second.refresh_token));
    assert_eq!((&account.metadata, &account.api_base), (&second.metadata, &second.api_base));
    assert_eq!(account.display_name.as_deref(), Some("Work"));
    assert!(account.enabled, "a login enables the account");
}

async fn a_second_login_keeps_unknown_settings(fixture: impl Fixture) {
    let store = fixture.store();
    save(&*store, &credential(1, "work"), 5).await;
    fixture.plant_setting(&name("work"), "pool", json!({"strategy": ["x", 1]})).await;
    let mut second = credential(2, "work");
    (second.metadata.expires_at, second.metadata.account.email) = (None, None);
    save(&*store, &second, 6).await;

    let account = store.load(&name("work")).await.unwrap().unwrap();
    assert_eq!(account.metadata, second.metadata, "the earlier login's metadata is replaced");
    let settings = account.settings.into_json();
    assert_eq!(settings["pool"], json!({"strategy": ["x", 1]}));
    assert_eq!((settings.get("expires_at"), settings.get("email")), (None, None));
}

async fn a_second_login_can_change_the_display_name(fixture: impl Fixture) {
    let store = fixture.store();
    for display_name in ["Work", "Job"].map(|text| Some(text.to_owned())) {
        save(&*store, &NewSealedCredential { display_name: display_name.clone(), ..credential(1, "work") }, 5).await;
        assert_eq!(store.load(&name("work")).await.unwrap().unwrap().display_name, display_name);
    }
}

async fn a_login_without_a_refresh_token_deletes_the_old_one(fixture: impl Fixture) {
    let store = fixture.store();
    save(&*store, &credential(1, "work"), 5).await;
    save(&*store, &NewSealedCredential { refresh_token: None, ..credential(2, "work") }, 6).await;
    assert_eq!(store.load(&name("work")).await.unwrap().unwrap().refresh_token, None);
    assert_eq!(store.list().await.unwrap().readable[0].refresh_token, None);
}

async fn a_reader_never_sees_mixed_tokens_of_two_logins(fixture: impl Fixture) {
    const LOGINS: u8 = 40;
    let store = fixture.store();
    save(&*store, &credential(0, "work"), 0).await;
    let writer = {
        let store = fixture.store();
        async move {
            for number in 1..=LOGINS {
                save(&*store, &credential(number, "work"), i64::from(number)).await;
            }
        }
    };
    let mut writing = JoinSet::new();
    writing.spawn(writer);
    let written = loop {
        if let Some(written) = writing.try_join_next() {
            break written;
        }
        let loaded = store.load(&name("work")).await.unwrap().unwrap();
        let listed = store.list().await.unwrap().readable.remove(0);
        for account in [loaded, listed] {
            // The tokens of `credential(number)` were obtained at `at(number)`.
            let number = account.metadata.obtained_at.unix_seconds() - at(0).unix_seconds();
            let expected = credential(number.try_into().unwrap(), "work");
            assert_eq!((account.login_id().clone(), account.metadata), (expected.login_id, expected.metadata));
            assert_eq!((account.access_token, account.refresh_token), (expected.access_token, expected.refresh_token));
        }
        tokio::task::yield_now().await;
    };
    written.expect("all logins are saved");
}

async fn a_login_of_another_provider_type_is_a_conflict_and_changes_nothing(fixture: impl Fixture) {
    let store = fixture.store();
    save(&*store, &credential(1, "work"), 5).await;
    let before = store.load(&name("work")).await.unwrap();
    let mut other = NewSealedCredential { provider_type: ProviderType::Suno, ..credential(2, "work") };
    other.metadata.auth_method = AuthMethod::SessionToken;
    for refresh_token in [None, other.refresh_token.clone()] {
        let other = NewSealedCredential { refresh_token, ..other.clone() };
        assert_eq!(save(&*store, &other, 6).await, SaveOutcome::TypeConflict(ProviderType::OpenaiCodex));
        assert_eq!(store.load(&name("work")).await.unwrap(), before);
    }
}

async fn a_profile_change_affects_only_its_fields(fixture: impl Fixture) {
    let store = fixture.store();
    save(&*store, &credential(1, "work"), 5).await;
    save(&*store, &credential(2, "private"), 5).await;
    let (before, neighbour) = (store.load(&name("work")).await.unwrap(), store.load(&name("private")).await.unwrap());
    let change = async |display_name: Option<&str>, enabled, seconds| {
        let change = ProfileChange { display_name: display_name.map(str::to_owned), enabled };
        store.change_profile(&name("work"), &change, &author(at(seconds))).await.unwrap().unwrap()
    };

    let renamed = change(Some("Work"), None, 6).await;
    assert_eq!((renamed.display_name.as_deref(), renamed.enabled, renamed.updated_at), (Some("Work"), true, at(6)));
    let off = change(None, Some(false), 7).await;
    assert_eq!((off.display_name.as_deref(), off.enabled, off.updated_at), (Some("Work"), false, at(7)));
    assert_eq!(store.load(&name("work")).await.unwrap(), Some(off), "the result equals the stored account");
    let on = change(None, Some(true), 8).await;
    let mut expected = before.unwrap();
    (expected.display_name, expected.updated_at) = (Some("Work".into()), at(8));
    assert!(on.revision > expected.revision);
    expected.revision = on.revision;
    assert_eq!(on, expected);
    assert_eq!(store.load(&name("private")).await.unwrap(), neighbour);
}

async fn changing_the_profile_of_an_unknown_account_returns_none(fixture: impl Fixture) {
    let store = fixture.store();
    let change = ProfileChange { display_name: Some("Work".into()), enabled: Some(true) };
    assert_eq!(store.change_profile(&name("work"), &change, &author(at(5))).await.unwrap(), None);
    assert_eq!(store.load(&name("work")).await.unwrap(), None);
}

async fn a_removal_deletes_both_tokens_and_a_second_removal_finds_nothing(fixture: impl Fixture) {
    let store = fixture.store();
    save(&*store, &credential(1, "work"), 5).await;
    save(&*store, &credential(2, "private"), 5).await;
    let stored = store.load(&name("work")).await.unwrap();
    let removed = stored.map(|account| Removal::Removed(Box::new(account))).expect("an account");
    assert_eq!(store.remove(&name("work"), None, &author(at(0))).await.unwrap(), removed);
    assert_eq!(store.remove(&name("work"), None, &author(at(0))).await.unwrap(), Removal::Absent);
    assert_eq!(store.load(&name("work")).await.unwrap(), None);
    assert!(store.load(&name("private")).await.unwrap().unwrap().refresh_token.is_some());

    // The next login of that name creates a new account.
    save(&*store, &NewSealedCredential { refresh_token: None, ..credential(3, "work") }, 6).await;
    let account = store.load(&name("work")).await.unwrap().unwrap();
    assert_eq!((account.refresh_token, account.id, account.created_at), (None, credential(3, "work").id, at(6)));
}

async fn accounts_move_away_together_or_not_at_all(fixture: impl Fixture) {
    let store = fixture.store();
    for (number, account) in [(1, "work"), (2, "private"), (3, "stays")] {
        save(&*store, &credential(number, account), 5).await;
    }
    let version = |number: u8| TokenVersion::first_of(credential(number, "x").login_id);
    let request = |accounts: &[(u8, &str)]| MoveRequest {
        accounts: accounts.iter().map(|(number, account)| (name(account), version(*number))).collect(),
        revocations: Vec::new(),
        archive: "an archive".into(),
    };
    let lease = LeaseId::from_bytes([9; 16]);
    let begin = RefreshEvent::Begin { seen: version(3), lease, trigger: RefreshTrigger::Now };
    store.advance(&name("stays"), &begin, &RefreshPolicy::default(), at(6)).await.unwrap();
    // The second account has another login id, is unknown, or is being refreshed.
    for refused in [[(1, "work"), (1, "private")], [(1, "work"), (2, "unknown")], [(1, "work"), (3, "stays")]] {
        assert!(!store.move_away(&request(&refused), &author(at(7))).await.unwrap(), "{refused:?}");
    }
    assert_eq!(store.list().await.unwrap().readable.len(), 3);
    assert!(store.move_away(&request(&[(1, "work"), (2, "private")]), &author(at(7))).await.unwrap());
    let remaining = store.list().await.unwrap().readable;
    assert_eq!(remaining.iter().map(|account| account.name.as_str()).collect::<Vec<_>>(), ["stays"]);
    let events = CredentialHistory::newest(&*store, 2).await.unwrap();
    let events: Vec<_> = events.iter().map(|event| (event.name.as_str(), event.kind)).collect();
    assert_eq!(events, [("private", EventKind::MovedAway), ("work", EventKind::MovedAway)]);
    assert_eq!(store.all().await.unwrap(), [], "nothing is revoked");
    let entries = AuditLog::newest(&*store, i64::MAX, 2).await.unwrap();
    let entries: Vec<_> = entries.iter().map(|entry| (entry.action.as_str(), entry.subject.as_str())).collect();
    assert_eq!(entries, [("exported", "private"), ("exported", "work")]);
}

async fn accounts_are_listed_by_name(fixture: impl Fixture) {
    let store = fixture.store();
    assert_eq!(store.list().await.unwrap(), StoredAccounts::default());
    for (number, account) in ["b", "z-1", "a", "z"].into_iter().enumerate() {
        save(&*store, &credential(number.try_into().unwrap(), account), 5).await;
    }
    let listed = store.list().await.unwrap().readable;
    let names: Vec<_> = listed.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "z", "z-1"]);
    for account in listed {
        assert_eq!(store.load(&account.name).await.unwrap(), Some(account));
    }
}

async fn list_after_returns_accounts_page_by_page(fixture: impl Fixture) {
    let store = fixture.store();
    for (number, account) in ["b", "z-1", "a", "z", "c"].into_iter().enumerate() {
        save(&*store, &credential(number.try_into().unwrap(), account), 5).await;
    }
    fixture.damage(&name("b")).await;
    let (mut after, mut pages) = (None, Vec::new());
    loop {
        let (page, last) = store.list_after(after.as_deref(), 2).await.unwrap();
        let readable = page.readable.iter().map(|account| account.name.to_string());
        let unreadable = page.unreadable.iter().map(|account| format!("{} is unreadable", account.name));
        pages.push(readable.chain(unreadable).collect::<Vec<_>>());
        if last.is_none() {
            break;
        }
        after = last;
    }
    assert_eq!(pages, [vec!["a", "b is unreadable"], vec!["c", "z"], vec!["z-1"]]);
    let all = store.list_after(None, 5).await.unwrap();
    assert_eq!((all.0.readable.len(), all.1.as_deref()), (4, Some("z-1")));
    assert_eq!(store.list_after(Some("z-1"), 5).await.unwrap(), (StoredAccounts::default(), None));
}

/// Stores two accounts and damages the row of `work`, whose first invalid column is `state`.
async fn set_up_damaged_account(fixture: &impl Fixture) {
    let store = fixture.store();
    save(&*store, &credential(1, "work"), 5).await;
    save(&*store, &credential(2, "private"), 5).await;
    fixture.damage(&name("work")).await;
}

async fn an_unreadable_account_affects_no_other_account(fixture: impl Fixture) {
    set_up_damaged_account(&fixture).await;
    let store = fixture.store();
    let switch_off = ProfileChange { display_name: None, enabled: Some(false) };
    for failed in [
        store.load(&name("work")).await.map(drop),
        store.change_profile(&name("work"), &switch_off, &author(at(6))).await.map(drop),
    ] {
        let Err(StoreError::Unreadable(row)) = failed else { panic!("{failed:?}") };
        assert_eq!((row.table, row.column, row.row.as_str()), ("llm_providers", "state", "work"));
        assert_eq!(row.provider_type, Some(ProviderType::OpenaiCodex));
    }
    let listed = store.list().await.unwrap();
    assert_eq!(listed.readable, [store.load(&name("private")).await.unwrap().expect("an account")]);
    let unreadable: Vec<_> = listed.unreadable.iter().map(|account| account.name.as_str()).collect();
    assert_eq!(unreadable, ["work"]);
}

async fn a_login_of_any_provider_type_replaces_an_unreadable_account(fixture: impl Fixture) {
    for provider_type in [ProviderType::OpenaiCodex, ProviderType::Dashscope] {
        set_up_damaged_account(&fixture).await;
        let store = fixture.store();
        let new = NewSealedCredential { provider_type, refresh_token: None, ..credential(3, "work") };
        let SaveOutcome::Saved(saved) = save(&*store, &new, 6).await else { panic!("the login is not saved") };
        assert_eq!((saved.provider_type, saved.created_at, saved.refresh_token.clone()), (provider_type, at(6), None));
        assert_eq!(store.load(&name("work")).await.unwrap(), Some(*saved));
        assert_eq!(store.list().await.unwrap().unreadable, []);
        store.remove(&name("work"), None, &author(at(7))).await.unwrap();
    }
}

async fn an_unreadable_account_can_be_removed(fixture: impl Fixture) {
    set_up_damaged_account(&fixture).await;
    let store = fixture.store();
    assert_eq!(store.remove(&name("work"), None, &author(at(6))).await.unwrap(), Removal::RemovedUnreadable);
    assert_eq!(store.remove(&name("work"), None, &author(at(6))).await.unwrap(), Removal::Absent);
    let listed = store.list().await.unwrap();
    assert_eq!((listed.readable.len(), listed.unreadable), (1, Vec::new()));
    let newest = CredentialHistory::newest(&*store, 1).await.unwrap().remove(0);
    assert_eq!((newest.name, newest.kind), (name("work"), EventKind::SignedOut), "other replicas read the event");
}
