//! Tests of when the callback window opens, and when it closes after a callback, a cancel, a logout or an expiry.

use std::time::Duration;

use goclaw::{
    domain::login_outcome::{LoginEnd, LoginOutcome},
    ports::CallbackReply,
};

use crate::support::fakes::{OPENAI, TestGateway, alice, bob, name, query_of, settle};

impl TestGateway {
    /// Advances the clock by `time` and returns whether the listener is still open.
    async fn listens_after(&self, time: Duration) -> bool {
        self.clock.advance(time);
        settle().await;
        self.listener.is_open()
    }
}

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn the_listener_closes_one_second_after_the_page_is_fetched() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.approve(&login).shown().await;
    assert!(gateway.listens_after(3 * SECOND).await, "the browser has not fetched the page yet");
    gateway.listener.browser_fetches_outcome();
    settle().await;
    assert!(gateway.listens_after(SECOND - MILLISECOND).await, "the browser may send more requests");
    assert!(!gateway.listens_after(MILLISECOND).await);
    assert_eq!(gateway.listener.times_opened(), 1);
}

#[tokio::test]
async fn the_listener_closes_ten_seconds_after_the_callback_if_no_page_is_fetched() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.approve(&login).shown().await;
    settle().await;
    assert!(gateway.listens_after(10 * SECOND - MILLISECOND).await);
    assert!(!gateway.listens_after(MILLISECOND).await);
}

#[tokio::test]
async fn callbacks_with_a_made_up_state_do_not_keep_the_listener_open() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.approve(&login).shown().await;
    settle().await;
    for _ in 0..2 {
        assert!(gateway.listens_after(4 * SECOND).await);
        let page = gateway.listener.browser_returns("code=c&state=made-up");
        assert_eq!(page.shown().await, CallbackReply::Rejected);
        settle().await;
    }
    assert!(!gateway.listens_after(2 * SECOND).await, "ten seconds after the callback of the login");
}

#[tokio::test]
async fn the_listener_closes_after_a_failed_login_too() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let declined = gateway.provider.decline(&login.auth_url);
    let page = gateway.listener.browser_returns(query_of(&declined));
    assert_eq!(page.shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Denied)));
    settle().await;
    assert!(!gateway.listens_after(10 * SECOND).await);
}

#[tokio::test]
async fn the_listener_stays_open_while_another_login_is_pending() {
    let gateway = TestGateway::open().await;
    let (of_alice, of_bob) = (gateway.start_login(alice()).await, gateway.start_login(bob()).await);
    gateway.approve(&of_alice).shown().await;
    gateway.listener.browser_fetches_outcome();
    settle().await;
    assert!(gateway.listens_after(30 * SECOND).await, "bob's login is pending");
    gateway.approve(&of_bob).shown().await;
    gateway.listener.browser_fetches_outcome();
    settle().await;
    assert!(gateway.listens_after(SECOND - MILLISECOND).await);
    assert!(!gateway.listens_after(MILLISECOND).await);
}

#[tokio::test]
async fn the_listener_closes_at_once_when_the_last_login_is_cancelled() {
    let gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.start_login(bob()).await;
    let cancel = async |principal| gateway.app.logins.cancel(name(OPENAI), principal).await.expect("no store error");
    cancel(alice()).await;
    settle().await;
    assert!(gateway.listener.is_open());
    cancel(bob()).await;
    settle().await;
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn the_listener_closes_when_another_replica_ends_the_last_login() {
    let gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    assert!(gateway.listener.is_open());
    let other = gateway.another_gateway(1);
    assert!(other.logins.cancel(name(OPENAI), alice()).await.expect("no store error"));
    assert!(gateway.listener.is_open(), "this replica has not read the change yet");
    gateway.clock.advance(Duration::from_millis(500));
    settle().await;
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn a_page_fetched_long_ago_does_not_keep_the_listener_open_after_a_cancel() {
    let gateway = TestGateway::open().await;
    let of_alice = gateway.start_login(alice()).await;
    gateway.start_login(bob()).await;
    gateway.approve(&of_alice).shown().await;
    gateway.listener.browser_fetches_outcome();
    settle().await;
    assert!(gateway.listens_after(60 * SECOND).await);
    gateway.app.logins.cancel(name(OPENAI), bob()).await.expect("no store error");
    settle().await;
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn the_listener_closes_when_the_last_login_expires() {
    let gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.clock.advance(100 * SECOND);
    gateway.start_login(bob()).await;
    settle().await;
    assert!(gateway.listens_after(260 * SECOND).await, "alice's login has expired, bob's has not");
    assert!(gateway.listens_after(100 * SECOND - MILLISECOND).await);
    assert!(!gateway.listens_after(MILLISECOND).await);
    let last = gateway.status(&bob()).await.last_login.expect("an end");
    assert_eq!(last.end.outcome, LoginOutcome::Expired);
}

#[tokio::test]
async fn the_listener_closes_at_once_after_a_pasted_address() {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    gateway.paste(&gateway.provider.approve(&login.auth_url), alice()).await.expect("the account connects");
    settle().await;
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn the_listener_closes_at_once_after_a_logout() {
    let gateway = TestGateway::open().await;
    gateway.start_login(alice()).await;
    gateway.app.accounts.logout(name(OPENAI)).await.expect("the logout succeeds");
    settle().await;
    assert!(!gateway.listener.is_open());
}

#[tokio::test]
async fn a_login_started_before_the_listener_closes_keeps_it_open() {
    let gateway = TestGateway::open().await;
    let first = gateway.start_login(alice()).await;
    gateway.approve(&first).shown().await;
    gateway.listener.browser_fetches_outcome();
    settle().await;
    let second = gateway.start_forced_login(bob()).await;
    assert!(gateway.listens_after(60 * SECOND).await);
    assert_eq!(gateway.approve(&second).shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)));
    assert_eq!(gateway.listener.times_opened(), 1);
}

#[tokio::test]
async fn the_listener_opens_again_for_the_next_login() {
    let gateway = TestGateway::open().await;
    for round in 1..=3 {
        let login = gateway.start_forced_login(alice()).await;
        assert!(login.callback_error.is_none());
        assert_eq!(gateway.approve(&login).shown().await, CallbackReply::Ended(LoginEnd::of(LoginOutcome::Completed)));
        settle().await;
        assert!(!gateway.listens_after(10 * SECOND).await);
        assert_eq!(gateway.listener.times_opened(), round);
    }
}
