//! Tests of accounts that a replica has not loaded, of model lists that cannot be read, and of refresh slots.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{App, AppError, ModelRequest, ProxyRequest},
    domain::scope::Rights,
    ports::{RequestBody, TokenStore},
};
use http_message::{HeaderMap, Method, StatusCode};

use crate::{
    store_contract::samples::author,
    support::fakes::{NOW, OPENAI, ScriptedResponse, TestGateway, alice, name, settle, spawn, within},
};

/// Requests the usage of an account through the proxy. Returns the HTTP status.
pub(crate) async fn forward(app: &App, account: &str) -> Result<u16, AppError> {
    let request = ProxyRequest {
        rights: Rights::Owner,
        name: name(account),
        method: Method::GET,
        path: "wham/usage".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: RequestBody::default(),
    };
    Ok(within(app.models.forward(request)).await?.status.as_u16())
}

async fn prompt(app: &Arc<App>, account: &str) -> AppError {
    let body = format!(r#"{{"model": "{account}/gpt-5.5", "input": "hi"}}"#).into();
    let outcome = within(app.models.create_response(ModelRequest {
        headers: HeaderMap::new(),
        body,
        rights: Rights::Owner,
        caller: alice(),
    }))
    .await;
    outcome.map(drop).expect_err("the fake backend sends no events")
}

#[tokio::test]
async fn a_replica_reads_the_store_before_it_reports_an_account_as_not_connected() {
    let gateway = TestGateway::open().await;
    let other = gateway.another_gateway(1);
    other.start().await.expect("the gateway starts");
    // The clock stands still, so the other replica does not read the changes.
    for account in [OPENAI, "work", "third"] {
        gateway.connect_as(account).await;
        assert!(other.tokens.registry().get(&name(account)).is_none());
    }
    assert_eq!(forward(&other, OPENAI).await.expect("a response"), 200);
    assert_eq!(forward(&other, "work").await.expect("a response"), 200);
    let error = prompt(&other, "third").await;
    let is_of_provider = matches!(&error, AppError::ProviderRefused(refusal) if refusal.code == "stream_ended_early");
    assert!(is_of_provider, "the prompt reached the provider: {error:?}");
}

#[tokio::test]
async fn a_store_failure_is_reported_as_such_and_lookups_read_the_store_once_a_second() {
    let gateway = TestGateway::open().await;
    gateway.store.fail_to("load an account");
    assert!(matches!(forward(&gateway.app, "work").await, Err(AppError::Store(_))));
    assert!(matches!(prompt(&gateway.app, "other").await, AppError::Store(_)));
    assert!(matches!(forward(&gateway.app, OPENAI).await, Err(AppError::Store(_))));
    gateway.store.repair();
    assert!(matches!(forward(&gateway.app, "work").await, Err(AppError::StoreDown(_))), "the store is not asked again");
    gateway.clock.advance(Duration::from_secs(1));
    assert!(matches!(forward(&gateway.app, "work").await, Err(AppError::UnknownProvider(_))));
    assert!(matches!(prompt(&gateway.app, "other").await, AppError::UnknownModel(_)));
    assert!(matches!(forward(&gateway.app, OPENAI).await, Err(AppError::NotConnected(_))));
}

#[tokio::test]
async fn an_unavailable_account_contributes_its_last_models_for_a_day() {
    let gateway = TestGateway::open().await;
    gateway.connect().await;
    gateway.connect_as("work").await;
    gateway.upstream.play(ScriptedResponse::whole(StatusCode::OK, r#"{"models": [{"slug": "gpt-canary"}]}"#));
    let list = async || {
        let listing = within(gateway.app.models.list(&Rights::Owner)).await;
        let ids: Vec<_> =
            listing.models.into_iter().map(|model| model.id).filter(|id| id.ends_with("canary")).collect();
        (ids, listing.incomplete)
    };
    let both = vec!["gpt-canary".to_owned(), format!("{OPENAI}/gpt-canary"), "work/gpt-canary".to_owned()];
    assert_eq!(list().await, (both.clone(), Vec::new()));

    gateway.store.damage(&name("work"));
    within(gateway.app.accounts.list()).await.expect("a list that notices the damage");
    assert_eq!(list().await, (both.clone(), vec![name("work")]), "the damaged account is named");
    gateway.upstream.stop();
    gateway.clock.advance(Duration::from_secs(61));
    settle().await;
    for _ in 0..2 {
        assert_eq!(list().await, (both.clone(), vec![name(OPENAI), name("work")]));
    }
    gateway.clock.advance(Duration::from_secs(24 * 60 * 60));
    settle().await;
    assert_eq!(list().await, (Vec::new(), vec![name(OPENAI), name("work")]), "a list from yesterday is too old");
}

#[tokio::test]
async fn at_most_five_refreshes_run_at_once_and_callers_go_before_the_schedule() {
    let gateway = TestGateway::open().await;
    let names: Vec<String> = (0..12).map(|number| format!("account-{number}")).collect();
    let mut tokens = Vec::new();
    for account in &names {
        gateway.connect_as(account).await;
        tokens.push(gateway.tokens(account).await.expect("tokens").1.expect("a refresh token"));
    }
    gateway.provider.hang();
    gateway.clock.advance(Duration::from_secs(3600));
    settle().await;
    let presented_first = gateway.provider.presented();
    assert_eq!((presented_first.len(), gateway.provider.calls_under_way()), (5, 5));

    let waiting: Vec<_> = (0..names.len()).filter(|number| !presented_first.contains(&tokens[*number])).collect();
    let last = *waiting.last().expect("seven accounts wait");
    let (app, account) = (Arc::clone(&gateway.app), name(&names[last]));
    let caller = spawn(async move { app.tokens.usable(&account).await.map(drop) });
    settle().await;
    assert_eq!(gateway.provider.presented().len(), 5, "the caller waits for a slot");
    gateway.provider.resume();
    within(caller).await.expect("no panic").expect("a token");
    settle().await;
    let presented = gateway.provider.presented();
    assert_eq!(presented.len(), names.len(), "one for each account");
    assert!(presented[5..10].contains(&tokens[last]), "the caller is among the next five");
    assert_eq!(gateway.provider.reused(), 0);
}

#[tokio::test]
async fn callers_get_an_error_after_the_time_limits_of_slots_and_calls() {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    for number in 0..6 {
        gateway.connect_as(&format!("account-{number}")).await;
    }
    gateway.provider.hang();
    gateway.clock.advance(Duration::from_secs(3600));
    let callers: Vec<_> = (0..6)
        .map(|number| {
            let (app, account) = (Arc::clone(&gateway.app), name(&format!("account-{number}")));
            spawn(async move { app.tokens.usable(&account).await.map(drop) })
        })
        .collect();
    settle().await;
    let presented = || gateway.provider.presented().len();
    assert_eq!((presented(), gateway.provider.calls_under_way()), (5, 5));
    // Now the sixth refresh has stopped waiting for a slot. The five calls wait once more for their responses.
    gateway.clock.advance(Duration::from_secs(30));
    settle().await;
    let unfinished = callers.iter().filter(|caller| !caller.is_finished()).count();
    assert_eq!((unfinished, presented()), (5, 5), "the caller without a slot gets its error first");
    for _ in 0..10 {
        gateway.clock.advance(Duration::from_secs(10));
        settle().await;
    }
    for caller in callers {
        let outcome = within(caller).await.expect("no panic");
        assert!(matches!(outcome, Err(AppError::RefreshUnavailable { .. })), "{outcome:?}");
    }
    assert_eq!(presented(), 5, "the sixth token was not sent");
}

#[tokio::test]
async fn with_many_accounts_the_tokens_of_most_are_opened_on_first_use() {
    let mut gateway = TestGateway::open().await;
    for account in ["a", "b", "c"] {
        gateway.connect_as(account).await;
    }
    gateway.settings.tokens_in_memory = 1;
    gateway.restart().await;
    let is_unloaded =
        |account: &str| gateway.app.tokens.registry().get(&name(account)).is_some_and(|known| known.is_unloaded);
    assert_eq!(["a", "b", "c"].map(is_unloaded), [false, true, true]);
    gateway.store.fail_to("load an account");
    assert_eq!(forward(&gateway.app, "a").await.expect("a response"), 200);
    assert!(matches!(forward(&gateway.app, "b").await, Err(AppError::Store(_))));
    gateway.store.repair();
    assert_eq!(forward(&gateway.app, "b").await.expect("a response"), 200);
    assert_eq!(["a", "b", "c"].map(is_unloaded), [false, false, true]);
    // A refresh also opens the tokens.
    gateway.app.accounts.refresh(&name("c"), &alice(), None).await.expect("a refresh");
    assert!(!is_unloaded("c"));
    assert_eq!(forward(&gateway.app, "c").await.expect("a response"), 200);
    gateway.restart().await;
    gateway.store.remove(&name("b"), None, &author(NOW)).await.expect("no store error");
    assert!(matches!(forward(&gateway.app, "b").await, Err(AppError::NotConnected(_))));
}
