//! Property tests of every store against a model: random logins, refreshes, failures, logouts and pauses are applied to
//! an account. After each step the store must match the model.
//!
//! [`lives`] generates the operations, [`account`] is the model.

mod account;
mod lives;

use std::{cell::Cell, fmt::Debug};

use goclaw::{
    domain::{history::CredentialEvent, refresh::RefreshPolicy},
    ports::{Advanced, CredentialHistory, ProfileChange, Removal, SaveOutcome, TokenStore},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use tokio::runtime;

use account::Account;
use lives::{Life, Operation, lives};

use crate::store_contract::{
    fixtures::{Fixture, Memory, Postgres, Sqlite},
    samples::{at, author, credential},
};

/// More events than one account gets, so that a query returns all of them.
const MAX_EVENTS: usize = 200;

#[test]
fn the_memory_store_behaves_as_the_model() {
    check_against_the_model::<Memory>(1_000);
}

#[test]
fn sqlite_behaves_as_the_model() {
    check_against_the_model::<Sqlite>(100);
}

#[test]
fn postgres_behaves_as_the_model() {
    check_against_the_model::<Postgres>(60);
}

/// Runs all cases in one store, each with its own account. A bystander account must not change.
fn check_against_the_model<F: Fixture>(cases: u32) {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let fixture = runtime.block_on(F::open());
    let store = fixture.store();
    let bystander = credential(0, "bystander");
    let before = runtime.block_on(async {
        store.save_login(&bystander, &author(at(0))).await.expect("it is saved");
        store.load(&bystander.name).await.expect("it is read")
    });

    // A fixed seed makes failures reproducible.
    let config = Config {
        cases,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let number = Cell::new(0);
    let outcome = TestRunner::new(config).run(&lives(), |life| {
        number.set(number.get() + 1);
        runtime.block_on(run_life(&*store, life, number.get()))
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    assert_eq!(runtime.block_on(store.load(&bystander.name)).expect("it is read"), before);
}

async fn run_life(store: &(impl TokenStore + CredentialHistory), life: Life, number: u32) -> Result<(), TestCaseError> {
    let policy = life.provider.policy();
    let mut account = Account::new(number);
    // Delete the events of earlier cases.
    or_fail(store.prune(0).await)?;
    for (pause, operation) in life.operations {
        account.advance_clock(pause);
        let events_before = account.events.len();
        let revision_before = or_fail(store.load(&account.name).await)?.map(|stored| stored.revision);
        let events = apply(store, &mut account, &policy, &operation).await?;

        let stored = or_fail(store.load(&account.name).await)?;
        prop_assert_eq!(stored.as_ref().map(Account::of_stored), account.held());
        let history = or_fail(store.of(&account.name, MAX_EVENTS).await)?;
        let all: Vec<_> = history.iter().rev().map(Account::without_revision).collect();
        prop_assert_eq!(&all, &account.events);
        prop_assert!(history.is_sorted_by(|later, earlier| later.revision > earlier.revision));
        if let Some(events) = events {
            prop_assert!(events.iter().rev().eq(&history[..account.events.len() - events_before]), "{:?}", events);
        }
        if let Some(stored) = stored {
            let newest = history.first().map(|event| event.revision);
            prop_assert!(
                Some(stored.revision) == newest,
                "{:?} is not the revision of the last event",
                stored.revision
            );
            prop_assert_eq!(Some(stored.revision) > revision_before, account.events.len() > events_before);
        }
    }
    Ok(())
}

/// Applies `operation` to store and model and compares the results. Returns the events that the store returned for a
/// step of a refresh.
async fn apply(
    store: &impl TokenStore,
    account: &mut Account,
    policy: &RefreshPolicy,
    operation: &Operation,
) -> Result<Option<Vec<CredentialEvent>>, TestCaseError> {
    let (name, now) = (account.name.clone(), account.now);
    match operation {
        Operation::SignIn(kind) => {
            let (new, id) = account.sign_in(*kind);
            let saved = or_fail(store.save_login(&new, &author(now)).await)?;
            prop_assert!(matches!(&saved, SaveOutcome::Saved(account) if account.id == id), "{saved:?}");
            prop_assert_eq!(
                Some(saved),
                or_fail(store.load(&name).await)?.map(|account| SaveOutcome::Saved(Box::new(account)))
            );
        }
        Operation::SignOut => {
            let stored = or_fail(store.load(&name).await)?;
            let removed = stored.map_or(Removal::Absent, |account| Removal::Removed(Box::new(account)));
            prop_assert_eq!(or_fail(store.remove(&name, None, &author(now)).await)?, removed);
            account.sign_out();
        }
        Operation::Change { is_renamed, enabled } => {
            let display_name = is_renamed.then(|| format!("renamed {}", account.events.len()));
            let change = ProfileChange { display_name, enabled: *enabled };
            account.change_profile(&change);
            let changed = or_fail(store.change_profile(&name, &change, &author(now)).await)?;
            prop_assert_eq!(changed, or_fail(store.load(&name).await)?);
        }
        Operation::Refresh(event) => {
            let event = account.resolve(event);
            let effect = account.advance(&event, policy);
            let Advanced { effect: done, credential, events } =
                or_fail(store.advance(&name, &event, policy, now).await)?;
            prop_assert_eq!(done, effect);
            prop_assert_eq!(credential, or_fail(store.load(&name).await)?);
            return Ok(Some(events));
        }
    }
    Ok(None)
}

fn or_fail<T>(response: Result<T, impl Debug>) -> Result<T, TestCaseError> {
    response.map_err(|error| TestCaseError::fail(format!("{error:?}")))
}
