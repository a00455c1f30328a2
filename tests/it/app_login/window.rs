//! How long the callback listener is there: from the first pending login until the last browser has seen its page.

use std::time::Duration;

use goclaw::{domain::login_outcome::LoginOutcome, ports::CallbackReply};

use crate::support::fakes::{OPENAI, Stage, alice, bob, name, query_of, settle};

impl Stage {
    /// Whether the listener is still there after some time.
    async fn listens_after(&self, time: Duration) -> bool {
        self.clock.advance(time);
        settle().await;
        self.listener.is_open()
    }
}

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn it_closes_a_second_after_the_page_was_fetched() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.approve(&login).shown().await;
    assert!(stage.listens_after(3 * SECOND).await, "the browser is still to fetch the page");
    stage.listener.browser_fetches_the_outcome();
    settle().await;
    assert!(stage.listens_after(SECOND - MILLI).await, "it may ask for more");
    assert!(!stage.listens_after(MILLI).await);
    assert_eq!(stage.listener.times_opened(), 1);
}

#[tokio::test]
async fn it_closes_ten_seconds_after_the_callback_if_no_page_is_fetched() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.approve(&login).shown().await;
    settle().await;
    assert!(stage.listens_after(10 * SECOND - MILLI).await);
    assert!(!stage.listens_after(MILLI).await);
}

#[tokio::test]
async fn it_closes_after_a_failed_login_too() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    let declined = stage.provider.decline(&login.auth_url);
    let page = stage.listener.browser_comes_back(query_of(&declined));
    assert_eq!(page.shown().await, CallbackReply::Ended(LoginOutcome::Denied));
    settle().await;
    assert!(!stage.listens_after(10 * SECOND).await);
}

#[tokio::test]
async fn it_stays_while_another_login_is_pending() {
    let stage = Stage::open().await;
    let (of_alice, of_bob) = (stage.start(alice()).await, stage.start(bob()).await);
    stage.approve(&of_alice).shown().await;
    stage.listener.browser_fetches_the_outcome();
    settle().await;
    assert!(stage.listens_after(30 * SECOND).await, "bob is still to come back");
    stage.approve(&of_bob).shown().await;
    stage.listener.browser_fetches_the_outcome();
    settle().await;
    assert!(stage.listens_after(SECOND - MILLI).await);
    assert!(!stage.listens_after(MILLI).await);
}

#[tokio::test]
async fn it_closes_at_once_when_the_last_login_is_cancelled() {
    let stage = Stage::open().await;
    stage.start(alice()).await;
    stage.start(bob()).await;
    let cancel = async |principal| stage.app.logins.cancel(name(OPENAI), principal).await.expect("it answers");
    cancel(alice()).await;
    settle().await;
    assert!(stage.listener.is_open());
    cancel(bob()).await;
    settle().await;
    assert!(!stage.listener.is_open());
}

#[tokio::test]
async fn a_page_that_was_fetched_long_ago_does_not_keep_it_open_after_a_cancel() {
    let stage = Stage::open().await;
    let of_alice = stage.start(alice()).await;
    stage.start(bob()).await;
    stage.approve(&of_alice).shown().await;
    stage.listener.browser_fetches_the_outcome();
    settle().await;
    assert!(stage.listens_after(60 * SECOND).await);
    stage.app.logins.cancel(name(OPENAI), bob()).await.expect("it answers");
    settle().await;
    assert!(!stage.listener.is_open());
}

#[tokio::test]
async fn it_closes_when_the_time_of_the_last_login_is_over() {
    let stage = Stage::open().await;
    stage.start(alice()).await;
    stage.clock.advance(100 * SECOND);
    stage.start(bob()).await;
    settle().await;
    assert!(stage.listens_after(260 * SECOND).await, "alice's time is over, bob's is not");
    assert!(stage.listens_after(100 * SECOND - MILLI).await);
    assert!(!stage.listens_after(MILLI).await);
    let last = stage.status(&bob()).await.last_login.expect("an end");
    assert_eq!(last.outcome, LoginOutcome::Expired);
}

#[tokio::test]
async fn it_closes_at_once_after_a_pasted_address() {
    let stage = Stage::open().await;
    let login = stage.start(alice()).await;
    stage.paste(&stage.provider.approve(&login.auth_url), alice()).await.expect("it connects");
    settle().await;
    assert!(!stage.listener.is_open(), "no browser will come");
}

#[tokio::test]
async fn it_closes_at_once_after_a_logout() {
    let stage = Stage::open().await;
    stage.start(alice()).await;
    stage.app.accounts.logout(name(OPENAI)).await.expect("it logs out");
    settle().await;
    assert!(!stage.listener.is_open());
}

#[tokio::test]
async fn a_login_that_starts_while_it_is_about_to_close_keeps_it() {
    let stage = Stage::open().await;
    let first = stage.start(alice()).await;
    stage.approve(&first).shown().await;
    stage.listener.browser_fetches_the_outcome();
    settle().await;
    let second = stage.start_anew(bob()).await;
    assert!(stage.listens_after(60 * SECOND).await);
    assert_eq!(stage.approve(&second).shown().await, CallbackReply::Ended(LoginOutcome::Completed));
    assert_eq!(stage.listener.times_opened(), 1);
}

#[tokio::test]
async fn it_opens_again_for_the_next_login() {
    let stage = Stage::open().await;
    for round in 1..=3 {
        let login = stage.start_anew(alice()).await;
        assert!(login.callback_error.is_none());
        assert_eq!(stage.approve(&login).shown().await, CallbackReply::Ended(LoginOutcome::Completed));
        settle().await;
        assert!(!stage.listens_after(10 * SECOND).await);
        assert_eq!(stage.listener.times_opened(), round);
    }
}
