//! Tests of a caller, browser or gateway that goes away during a code exchange. A code works once, so a running gateway
//! completes the exchange and saves the tokens.

use serde_json::{Value, json};

use crate::support::{
    gateway::{Gateway, Home, eventually, http},
    provider::Provider,
};

/// A gateway with an approved login, and a provider whose code exchange takes a second.
struct SlowExchange {
    provider: Provider,
    home: Home,
    gateway: Gateway,
    login_id: Value,
    redirect_url: String,
}

impl SlowExchange {
    async fn new() -> Self {
        let provider = Provider::approving();
        let home = Home::new(&provider);
        let gateway = home.start().await;
        let started = gateway.start_login().await;
        let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap_or_default()).await;
        provider.fail_next_exchange(json!({"kind": "delay", "by": "1s"})).await;
        Self { login_id: started["login_id"].clone(), provider, home, gateway, redirect_url }
    }

    /// Sends a request and drops it during the code exchange, while its outcome at the provider is `undecided`.
    async fn disconnect_during_exchange(&self, request: reqwest::RequestBuilder) {
        let has_begun = || async { (self.provider.outcomes("/oauth/token").await == ["undecided"]).then_some(()) };
        tokio::select! {
            response = request.send() => assert!(response.is_err(), "a response before the exchange ended"),
            () = eventually("the exchange to begin", has_begun) => {}
        }
    }

    fn paste(&self) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/auth/openai/callback", self.gateway.base);
        http().post(url).bearer_auth(&self.gateway.token).json(&json!({"redirect_url": self.redirect_url}))
    }

    async fn assert_saved(&self) {
        let authenticated = || async {
            let status = self.gateway.status().await;
            (status["authenticated"] == true).then_some(status)
        };
        let status = eventually("the login to be saved", authenticated).await;
        assert_eq!(status["login_id"], self.login_id);
        assert_eq!(self.home.count_accounts_and_refresh_tokens(), (1, 1));
        assert_eq!(self.provider.outcomes("/oauth/token").await, ["tokens_issued"]);
    }
}

#[tokio::test]
async fn the_login_is_saved_if_the_caller_disconnects_during_the_exchange() {
    let slow = SlowExchange::new().await;
    slow.disconnect_during_exchange(slow.paste()).await;
    slow.assert_saved().await;
}

#[tokio::test]
async fn the_login_is_saved_if_the_browser_disconnects_during_the_exchange() {
    let slow = SlowExchange::new().await;
    slow.disconnect_during_exchange(http().get(&slow.redirect_url)).await;
    slow.assert_saved().await;
}

#[tokio::test]
async fn a_second_callback_during_the_exchange_gets_409() {
    let slow = SlowExchange::new().await;
    slow.disconnect_during_exchange(slow.paste()).await;
    let second = slow.paste().send().await.unwrap();
    assert_eq!(second.status(), 409);
    assert!(second.text().await.unwrap().contains("login_in_progress"));
    slow.assert_saved().await;
}

#[tokio::test]
async fn a_shutdown_during_the_exchange_saves_the_login_first() {
    let mut slow = SlowExchange::new().await;
    slow.disconnect_during_exchange(slow.paste()).await;
    slow.gateway.terminate();
    assert!(slow.gateway.ended().await.success());
    assert_eq!(slow.home.count_accounts_and_refresh_tokens(), (1, 1), "the process saves the login before it exits");
    slow.gateway = slow.home.start().await;
    slow.assert_saved().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_the_response_to_a_pasted_address() {
    let mut slow = SlowExchange::new().await;
    let request = slow.paste();
    let has_begun = || async { (slow.provider.outcomes("/oauth/token").await == ["undecided"]).then_some(()) };
    let stop = async {
        eventually("the exchange to begin", has_begun).await;
        slow.gateway.terminate();
    };
    let (response, ()) = tokio::join!(request.send(), stop);
    assert_eq!(response.unwrap().status(), 200);
    assert!(slow.gateway.ended().await.success());
    assert_eq!(slow.home.count_accounts_and_refresh_tokens(), (1, 1));
}

#[tokio::test]
async fn a_crash_during_the_exchange_stores_nothing_and_allows_a_new_login() {
    let slow = SlowExchange::new().await;
    slow.disconnect_during_exchange(slow.paste()).await;
    drop(slow.gateway);
    let gateway = slow.home.start().await;
    assert_eq!(slow.home.count_accounts_and_refresh_tokens(), (0, 0));
    let started = gateway.start_login().await;
    assert_ne!(started["login_id"], slow.login_id, "a code that may be consumed is not retried");
    assert_eq!(gateway.sign_in().await.status, 200);
    assert_eq!(gateway.status().await["login_id"], started["login_id"]);
}
