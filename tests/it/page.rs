//! The gateway's page as a person uses it: a real browser, and gateway, simulator and browser as processes of their own.

use serde_json::json;

use crate::support::{
    browser::Browser,
    gateway::{Gateway, Home, eventually},
    provider::Provider,
};

/// A gateway that nobody is signed in at, and a browser that its one-time link has let in.
async fn let_in(provider: &Provider) -> (Home, Gateway, Browser) {
    let home = Home::new(provider);
    let gateway = home.start().await;
    let browser = Browser::open().await;
    browser.open_page(home.run(&["open"]).stdout.trim()).await;
    browser.reads("You are signed in").await;
    assert_eq!(
        browser.address().await,
        format!("{}/#/providers", gateway.base),
        "the link is gone from the address bar"
    );
    (home, gateway, browser)
}

/// Nothing on the screen that somebody could not use.
async fn assert_no_barrier(browser: &Browser, screen: &str) {
    assert_eq!(browser.barriers().await, json!([]), "{screen}");
}

#[tokio::test]
async fn a_person_connects_and_asks_without_a_terminal() {
    let provider = Provider::start(&["--approval", "ask"]);
    let (home, gateway, browser) = let_in(&provider).await;
    browser.reads("Connect an account").await;
    assert_no_barrier(&browser, "nothing connected").await;
    browser.choose("Connect ChatGPT").await;
    browser.reads("Approve in the other tab").await;
    assert_no_barrier(&browser, "waiting").await;

    browser.go_to_new_tab().await;
    browser.press("approve").await;
    browser.arrives_at("/auth/done").await;
    browser.close_tab().await;

    browser.reads("Connected as").await;
    assert_eq!(home.stored(), (1, 1));
    browser.choose("Try it").await;
    browser.choose("Send").await;
    browser.reads("word1 word2 word3").await;
    assert_no_barrier(&browser, "a provider").await;
    browser.choose("Activity").await;
    browser.reads("Signed in").await;
    assert_no_barrier(&browser, "activity").await;
    browser.choose("Providers").await;
    browser.reads("Everything is working").await;
    assert_no_barrier(&browser, "providers").await;

    // Nothing that the page was told in confidence lies where others look.
    assert_eq!(browser.evaluate("document.cookie").await, "");
    assert_eq!(browser.evaluate("JSON.stringify(localStorage)").await, "{}");
    assert!(!gateway.log().contains("#link="));
}

#[tokio::test]
async fn a_person_who_declines_or_cancels_is_told_so() {
    let provider = Provider::start(&["--approval", "ask"]);
    let (home, _gateway, browser) = let_in(&provider).await;
    browser.choose("Connect ChatGPT").await;
    browser.go_to_new_tab().await;
    browser.press("deny").await;
    browser.arrives_at("/auth/done").await;
    browser.close_tab().await;
    browser.reads("You declined at OpenAI").await;
    browser.choose("Start again").await;
    browser.reads("Approve in the other tab").await;
    browser.choose("Cancel").await;
    browser.reads("Cancelled").await;
    assert_eq!(home.stored(), (0, 0));
    browser.choose("Activity").await;
    for told in ["you declined at OpenAI", "cancelled"] {
        browser.reads(&format!("Sign-in: {told} openai-codex")).await;
    }
}

#[tokio::test]
async fn the_address_of_an_earlier_sign_in_ends_nothing() {
    let provider = Provider::start(&["--approval", "ask"]);
    let (home, _gateway, browser) = let_in(&provider).await;
    browser.choose("Connect ChatGPT").await;
    browser.reads("Approve in the other tab").await;
    let address = "document.querySelector('a[target=_blank]').href";
    let first = browser.evaluate(address).await.as_str().expect("an address").to_owned();
    browser.choose("Cancel").await;
    browser.reads("Cancelled").await;
    browser.choose("Start again").await;
    browser.reads("Approve in the other tab").await;
    provider.post_control("/approval", serde_json::json!({"mode": "auto_approve"})).await;
    let earlier = provider.redirect_for(&first).await;
    browser.type_into("#paste", &format!("{earlier}\n")).await;
    browser.reads("This sign-in is still open").await;
    let second = browser.evaluate(address).await.as_str().expect("an address").to_owned();
    // As browsers show it: without what it begins with.
    let address = provider.redirect_for(&second).await.replace("http://", "");
    browser.type_into("#paste", &format!("{address}\n")).await;
    browser.reads("Connected as").await;
    assert_eq!(home.stored(), (1, 1));
}

#[tokio::test]
async fn a_provider_with_a_key_answers_prompts_too() {
    let provider = Provider::approving();
    let (_home, gateway, browser) = let_in(&provider).await;
    browser.open_page(&format!("{}/#/providers/dashscope/connect", gateway.base)).await;
    browser.type_into("[name=api_key]", "sk-simulated-CANARY-0001\n").await;
    browser.reads("Connected dashscope").await;
    browser.choose("Send").await;
    browser.reads("word1 word2").await;
    browser.choose("Disconnect").await;
    browser.choose("Disconnect dashscope").await;
    browser.reads("The API key is deleted here").await;
}

#[tokio::test]
async fn the_short_name_of_an_account_is_no_name_for_another() {
    let provider = Provider::approving();
    let (_home, _gateway, browser) = let_in(&provider).await;
    browser.choose("Add account").await;
    browser.reads("Programs choose this account by its name").await;
    browser.evaluate("document.querySelector('.add input.mono').value = 'openai'").await;
    browser.choose("Continue").await;
    browser.reads("openai is short for openai-codex").await;
}

#[tokio::test]
async fn a_taken_port_is_said_at_once_and_a_time_that_is_over_too() {
    let provider = Provider::start(&["--approval", "ask"]);
    let home = Home::new(&provider).with("GOCLAW_CALLBACK__TIMEOUT", "4s");
    let gateway = home.start().await;
    let held = std::net::TcpListener::bind(("127.0.0.1", home.callback_port)).expect("the port");
    let browser = Browser::open().await;
    browser.open_page(home.run(&["open"]).stdout.trim()).await;
    browser.choose("Connect ChatGPT").await;
    browser.reads("is taken, so your browser cannot come back by itself").await;
    assert_no_barrier(&browser, "port taken").await;
    drop(held);
    browser.choose("Try again").await;
    browser.reads("Approve in the other tab").await;
    browser.reads("time to approve is over").await;
    assert_no_barrier(&browser, "time over").await;
    let over = || async { gateway.status().await.get("pending").is_none().then_some(()) };
    eventually("the gateway to agree", over).await;
}

#[tokio::test]
async fn an_account_that_needs_its_owner_says_so_and_is_reconnected() {
    let provider = Provider::approving();
    let (home, gateway, browser) = let_in(&provider).await;
    gateway.sign_in().await;
    browser.reads("Everything is working").await;
    let refused = r#"{"error": {"code": "refresh_token_reused", "message": "x"}}"#;
    let fault = json!({"kind": "status", "status": 401, "body": refused});
    provider.post_control("/faults", json!({"endpoint": "refresh", "fault": fault})).await;
    let refreshed = gateway.post("/v1/auth/openai/refresh", json!({})).await;
    assert_eq!(gateway.status().await["state"], "needs_reauth", "{}", refreshed.text);
    browser.reads("One account needs you").await;
    assert_no_barrier(&browser, "an account needs its owner").await;
    browser.choose("Sign in again").await;
    browser.reads("Connected as").await;
    assert_eq!(home.stored(), (1, 1));
    assert_eq!(gateway.status().await["state"], "active");
}

#[tokio::test]
async fn the_address_that_failed_can_be_pasted_and_is_forgotten() {
    let provider = Provider::approving();
    let (home, gateway, browser) = let_in(&provider).await;
    // The sign-in waits already: what the page takes up is the same one.
    let started = gateway.start_login().await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().expect("an auth_url")).await;
    browser.open_page(&format!("{}/#/providers/openai-codex/connect", gateway.base)).await;
    browser.type_into("#paste", "http://localhost:1455/elsewhere?state=x\n").await;
    browser.reads("This sign-in is still open").await;
    assert_no_barrier(&browser, "a wrong paste").await;
    browser.type_into("#paste", &format!("{redirect_url}\n")).await;
    browser.reads("Connected as").await;
    assert_eq!(home.stored(), (1, 1));
    let markup = browser.evaluate("document.documentElement.outerHTML").await;
    assert!(!markup.as_str().expect("markup").contains("code="), "the field has forgotten it");
}

#[tokio::test]
async fn a_key_is_saved_and_never_shown_and_disconnecting_asks_once() {
    let provider = Provider::approving();
    let (home, gateway, browser) = let_in(&provider).await;
    browser.open_page(&format!("{}/#/providers/suno/connect", gateway.base)).await;
    browser.type_into("[name=session_token]", "nonsense").await;
    browser.choose("Check and save").await;
    browser.reads("does not take this session token").await;
    assert_eq!(home.stored().0, 0);
    let token = provider.sign_in_browser().await["session_token"].as_str().expect("a token").to_owned();
    browser.type_into("[name=session_token]", &token).await;
    browser.choose("Check and save").await;
    browser.reads("Connected suno").await;
    assert_eq!(home.stored().0, 1);
    let markup = browser.evaluate("document.documentElement.outerHTML").await;
    assert!(!markup.as_str().expect("markup").contains(&token));
    browser.choose("Disconnect").await;
    browser.reads("Disconnect suno?").await;
    assert_eq!(home.stored().0, 1, "it asks first");
    assert_no_barrier(&browser, "the question").await;
}

#[tokio::test]
async fn who_signs_out_or_comes_with_a_used_link_stays_outside() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = Browser::open().await;
    browser.open_page(&format!("{}/", gateway.base)).await;
    browser.reads("Sign in to this gateway").await;
    assert_no_barrier(&browser, "the door").await;
    browser.type_into("[name=gateway_token]", "not-the-token\n").await;
    browser.reads("This is not the gateway\u{2019}s token").await;
    browser.type_into("[name=gateway_token]", &format!("{}\n", gateway.token)).await;
    browser.reads("Connect an account").await;
    browser.press("leave").await;
    browser.reads("You are signed out of this page").await;
    assert_eq!(home.number("SELECT count(*) FROM api_tokens"), 0);

    let link = home.run(&["open"]).stdout;
    let other = Browser::open().await;
    other.open_page(link.trim()).await;
    other.reads("You are signed in").await;
    browser.open_page("about:blank").await;
    browser.open_page(link.trim()).await;
    browser.reads("This link no longer works").await;
    other.open_page("about:blank").await;
    other.open_page(link.trim()).await;
    other.reads("This link no longer works").await;
    // This page is let in all the same.
    other.choose("Stay signed in").await;
    other.reads("Connect an account").await;
}

#[tokio::test]
async fn a_page_of_another_origin_reads_and_starts_nothing() {
    let provider = Provider::approving();
    let (home, gateway, browser) = let_in(&provider).await;
    let token = browser.evaluate("sessionStorage.getItem('goclaw.session')").await;
    assert!(token.as_str().expect("a session").contains("goclaw_"), "the page is let in");
    // Another server of this machine: the same host, so that a cookie would go there.
    browser.open_page(&format!("{}/elsewhere", provider.issuer)).await;
    assert_eq!(browser.evaluate("sessionStorage.length").await, 0);
    for (what, request) in [
        ("read", "fetch(GATEWAY + '/v1/providers').then((a) => a.text())"),
        (
            "read with what the browser has",
            "fetch(GATEWAY + '/v1/providers', {credentials: 'include'}).then((a) => a.text())",
        ),
        ("read the start page", "fetch(GATEWAY + '/').then((a) => a.text())"),
    ] {
        let response = browser.promise(&request.replace("GATEWAY", &format!("'{}'", gateway.base))).await;
        assert!(response.as_str().expect("an error").contains("Failed to fetch"), "{what}: {response}");
    }
    // Sent without asking, as a form would be: refused at the authenticator.
    let post = "Promise.all(['openai/start', 'openai/logout', 'openai/cancel'].map((path) => \
                fetch(GATEWAY + '/v1/auth/' + path, {method: 'POST', mode: 'no-cors', body: '{}'})))";
    browser.promise(&post.replace("GATEWAY", &format!("'{}'", gateway.base))).await;
    assert_eq!(gateway.status().await.get("pending"), None);
    assert_eq!(home.number("SELECT count(*) FROM login_sessions"), 0);

    // Shown in a frame, it could be clicked by somebody who does not see it.
    for path in ["/", "/docs"] {
        let (place, text) = browser.frame(&format!("{}{path}", gateway.base)).await;
        assert!(place.starts_with("chrome-error://") && !text.contains("goclaw"), "{path}: {place} {text}");
    }
    let (place, _) = browser.frame(&format!("{}/elsewhere", provider.issuer)).await;
    assert!(place.ends_with("/elsewhere"), "a frame as such is shown: {place}");

    // A name that its owner has looked up as this machine is of the gateway's address, and not of its names.
    let port = gateway.base.rsplit(':').next().expect("a port");
    browser.open_page(&format!("http://rebound.example:{port}/")).await;
    assert!(browser.text().await.contains("host_not_allowed"), "{}", browser.text().await);
}
