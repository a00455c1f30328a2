//! Tests of how often use cases call the ports: a code is exchanged once, a refresh token is presented once, and some
//! requests call neither the provider nor the store nor the callback port.

use std::{sync::Arc, time::Duration};

use goclaw::{
    app::{AppError, Callback, Ports, ProxyRequest, StartOptions, StartOutcome},
    domain::{
        authorization_response::AuthorizationResponse,
        credential::{AccountState, SealedCredential},
        login_outcome::{LoginEnd, LoginOutcome},
        refresh::{Cause, Effect, Failure, RefreshEvent, step},
        scope::Rights,
    },
    ports::{Advanced, BindError, RequestBody, StoredAccounts, TokenEndpointError},
};
use http_message::{HeaderMap, Method};

use crate::support::{
    fakes::{NOW, OPENAI, TestGateway, alice, name, within},
    mocks::{MockCallbackListener, MockClock, MockOAuthEndpoint, MockTokenStore},
};

const HOUR: Duration = Duration::from_secs(3600);

fn refusal() -> TokenEndpointError {
    TokenEndpointError::Rejected { status: 400, code: "invalid_grant" }
}

/// Connects an account in a gateway that refreshes only on demand.
async fn connected_gateway() -> TestGateway {
    let gateway = TestGateway::with_variables(&[("GOCLAW_REFRESH__PROACTIVE", "false")]).await;
    gateway.connect().await;
    gateway
}

#[tokio::test]
async fn two_callbacks_of_one_login_exchange_its_code_once() {
    let mut oauth = MockOAuthEndpoint::new();
    oauth.expect_exchange_code().times(1).returning(|_, _, _| Err(refusal()));
    let gateway = TestGateway::with_ports(|ports| Ports { oauth: Arc::new(oauth), ..ports }).await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    let callback = || {
        let (_, query) = approved.split_once('?').expect("a query");
        gateway.app.logins.complete(Callback::Received(AuthorizationResponse::from_query(query).expect("a response")))
    };
    let (first, second) = tokio::join!(callback(), callback());
    let errors = [first.unwrap_err(), second.unwrap_err()];
    let was_exchanged =
        |error: &&AppError| matches!(error, AppError::LoginFailed(LoginEnd { outcome: LoginOutcome::CodeRefused, .. }));
    assert_eq!(errors.iter().filter(was_exchanged).count(), 1, "{errors:?}");
}

#[tokio::test]
async fn two_requests_with_an_expired_token_present_the_refresh_token_once() {
    let gateway = connected_gateway().await;
    gateway.clock.advance(2 * HOUR);
    let mut oauth = MockOAuthEndpoint::new();
    oauth.expect_refresh().times(1).returning(|_, _, _, _| Err(refusal()));
    let app = gateway.another_gateway_with(|ports| Ports { oauth: Arc::new(oauth), ..ports });
    app.start().await.expect("the gateway starts");
    let openai = name(OPENAI);
    let (first, second) = tokio::join!(within(app.tokens.usable(&openai)), within(app.tokens.usable(&openai)));
    assert!(matches!(first, Err(AppError::NeedsReauth(_))), "{first:?}");
    assert!(matches!(second, Err(AppError::NeedsReauth(_))), "{second:?}");
}

/// Expects one load of the account, which a start compares with the journal.
fn expect_comparison(store: &mut MockTokenStore, stored: &SealedCredential) {
    let stored = stored.clone();
    store.expect_load().times(1).return_once(move |_| Ok(Some(stored)));
}

#[tokio::test]
async fn a_refresh_takes_two_store_steps() {
    let gateway = connected_gateway().await;
    let stored = gateway.account(OPENAI).await.expect("a connected account");
    gateway.clock.advance(2 * HOUR);
    let mut store = MockTokenStore::new();
    let listed = stored.clone();
    store.expect_feedback().returning(|| Ok(Vec::new()));
    store
        .expect_list()
        .times(1)
        .return_once(move || Ok(StoredAccounts { readable: vec![listed], unreadable: Vec::new() }));
    expect_comparison(&mut store, &stored);
    let row = Arc::new(std::sync::Mutex::new(stored));
    // The first step takes the lease, and the second stores the result.
    store.expect_advance().times(2).returning(move |_, event, policy, now| {
        let mut row = row.lock().expect("the row");
        let stepped = step(Some(&row.refresh), event, policy, now);
        *row = row.after_step(event, stepped.effect, stepped.row.expect("a row"));
        row.revision.0 += 1;
        Ok(Advanced { effect: stepped.effect, credential: Some(row.clone()), events: vec![] })
    });
    let app = gateway.another_gateway_with(|ports| Ports { credentials: Arc::new(store), ..ports });
    app.start().await.expect("the gateway starts");
    within(app.tokens.usable(&name(OPENAI))).await.expect("a token");
}

/// Another process may hold the lease by then, and a clock that was set back must not hide this.
#[tokio::test]
async fn a_lease_that_was_granted_too_late_is_not_used_although_the_clock_was_set_back() {
    let gateway = connected_gateway().await;
    let stored = gateway.account(OPENAI).await.expect("a connected account");
    gateway.clock.advance(2 * HOUR);
    let (mut store, mut oauth, clock) = (MockTokenStore::new(), MockOAuthEndpoint::new(), gateway.clock.clone());
    oauth.expect_refresh().never();
    let listed = stored.clone();
    store.expect_feedback().returning(|| Ok(Vec::new()));
    store
        .expect_list()
        .times(1)
        .return_once(move || Ok(StoredAccounts { readable: vec![listed], unreadable: Vec::new() }));
    store.expect_load().returning(|_| Ok(None));
    store.expect_advance().times(2).returning(move |_, event, _, now| {
        if let RefreshEvent::Begin { .. } = event {
            clock.advance(Duration::from_secs(50));
            clock.set_wall_clock(now);
            return Ok(Advanced { effect: Effect::Present, credential: Some(stored.clone()), events: vec![] });
        }
        assert!(matches!(
            event,
            RefreshEvent::Failed { failure: Failure::NotConsumed { cause: Cause::HeldUp, .. }, .. }
        ));
        Ok(Advanced { effect: Effect::Recorded, credential: Some(stored.clone()), events: vec![] })
    });
    let app =
        gateway.another_gateway_with(|ports| Ports { credentials: Arc::new(store), oauth: Arc::new(oauth), ..ports });
    app.start().await.expect("the gateway starts");
    let refused = within(app.tokens.usable(&name(OPENAI))).await;
    assert!(matches!(refused, Err(AppError::RefreshUnavailable { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_valid_token_is_served_without_store_or_provider() {
    let gateway = connected_gateway().await;
    let stored = gateway.account(OPENAI).await.expect("a connected account");
    let (mut store, mut oauth) = (MockTokenStore::new(), MockOAuthEndpoint::new());
    store.expect_feedback().returning(|| Ok(Vec::new()));
    store.expect_list().times(1).return_once({
        let stored = stored.clone();
        move || Ok(StoredAccounts { readable: vec![stored], unreadable: Vec::new() })
    });
    expect_comparison(&mut store, &stored);
    store.expect_advance().never();
    oauth.expect_refresh().never();
    let app =
        gateway.another_gateway_with(|ports| Ports { credentials: Arc::new(store), oauth: Arc::new(oauth), ..ports });
    app.start().await.expect("the gateway starts");
    for _ in 0..3 {
        assert!(within(app.tokens.usable(&name(OPENAI))).await.expect("a token").is_usable(NOW));
    }
}

#[tokio::test]
async fn a_forbidden_path_and_a_status_start_no_refresh() {
    let gateway = connected_gateway().await;
    gateway.clock.advance(2 * HOUR);
    let mut oauth = MockOAuthEndpoint::new();
    oauth.expect_refresh().never();
    oauth.expect_exchange_code().never();
    let app = gateway.another_gateway_with(|ports| Ports { oauth: Arc::new(oauth), ..ports });
    app.start().await.expect("the gateway starts");
    let request = ProxyRequest {
        rights: Rights::Owner,
        name: name(OPENAI),
        method: Method::GET,
        path: "wham/tasks".to_owned(),
        query: None,
        headers: HeaderMap::new(),
        body: RequestBody::default(),
    };
    let refusal = within(app.models.forward(request)).await.err();
    assert!(matches!(refusal, Some(AppError::PathNotAllowed { .. })), "{refusal:?}");
    let status = app.accounts.status(&name(OPENAI), &alice()).await.expect("a status");
    assert!(!status.authenticated && status.state == AccountState::Active);
}

#[tokio::test]
async fn a_start_binds_the_port_once_and_never_for_a_usable_account() {
    let gateway = connected_gateway().await;
    let mut listener = MockCallbackListener::new();
    let held = || BindError::InUse { held: "127.0.0.1:1455".to_owned() };
    listener.expect_bind().times(1).withf(|address| address.port() == 1455).returning(move |_| Err(held()));
    let app = gateway.another_gateway_with(|ports| Ports { callback_listener: Arc::new(listener), ..ports });
    app.start().await.expect("the gateway starts");
    let start = |options| app.logins.start(name(OPENAI), alice(), options);
    let usable = start(StartOptions::default()).await;
    assert!(matches!(usable, Ok(StartOutcome::AlreadyAuthenticated { .. })), "{usable:?}");
    let forced = start(StartOptions { force: true, ..StartOptions::default() }).await;
    let Ok(StartOutcome::Pending(login)) = forced else { panic!("{forced:?}") };
    assert!(login.callback_error.expect("the port is in use").to_string().contains("127.0.0.1:1455"));
}

#[tokio::test]
async fn a_status_and_a_cancellation_never_sleep() {
    let gateway = connected_gateway().await;
    let mut clock = MockClock::new();
    clock.expect_now().return_const(NOW);
    clock.expect_sleep().never();
    let app = gateway.another_gateway_with(|ports| Ports { clock: Arc::new(clock), ..ports });
    assert!(app.accounts.status(&name(OPENAI), &alice()).await.expect("a status").authenticated);
    assert!(!app.logins.cancel(name(OPENAI), alice()).await.expect("no error"));
}
