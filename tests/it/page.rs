//! Tests of the gateway's page in a real browser. Gateway, simulator and browser are processes.

use std::fs;

use serde_json::json;

use crate::support::{
    browser::Browser,
    gateway::{Gateway, Home, eventually},
    provider::Provider,
};

/// Starts a gateway without accounts, and a browser with a page session.
async fn open_session(provider: &Provider) -> (Home, Gateway, Browser) {
    let home = Home::new(provider);
    let gateway = home.start().await;
    let browser = Browser::open().await;
    browser.open_page(home.run(&["open"]).stdout.trim()).await;
    browser.wait_for_text("You are signed in").await;
    assert_eq!(
        browser.address().await,
        format!("{}/#/providers", gateway.base),
        "the link is removed from the address bar"
    );
    (home, gateway, browser)
}

/// Asserts that axe-core finds no accessibility violation.
async fn assert_accessible(browser: &Browser, screen: &str) {
    assert_eq!(browser.accessibility_violations().await, json!([]), "{screen}");
}

#[tokio::test]
async fn an_account_is_connected_and_tried_on_the_page() {
    let provider = Provider::start(&["--approval", "ask"]);
    let (home, gateway, browser) = open_session(&provider).await;
    browser.wait_for_text("Connect an account").await;
    assert_accessible(&browser, "nothing connected").await;
    browser.click_text("Connect ChatGPT").await;
    browser.wait_for_text("Approve in the other tab").await;
    assert_accessible(&browser, "waiting").await;

    browser.go_to_new_tab().await;
    browser.click_id("approve").await;
    browser.wait_for_address("/auth/done").await;
    browser.close_tab().await;

    browser.wait_for_text("Connected as").await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
    browser.click_text("Try it").await;
    browser.click_text("Send").await;
    browser.wait_for_text("word1 word2 word3").await;
    assert_accessible(&browser, "a provider").await;
    browser.click_text("Activity").await;
    browser.wait_for_text("Signed in").await;
    assert_accessible(&browser, "activity").await;
    browser.click_text("Providers").await;
    browser.wait_for_text("Everything is working").await;
    assert_accessible(&browser, "providers").await;

    // No secret is in the document, the storage or the cookies.
    assert_eq!(browser.evaluate("document.cookie").await, "");
    assert_eq!(browser.evaluate("JSON.stringify(localStorage)").await, "{}");
    assert!(!gateway.log().contains("#link="));
}

#[tokio::test]
async fn a_denied_or_cancelled_login_is_shown() {
    let provider = Provider::start(&["--approval", "ask"]);
    let (home, _gateway, browser) = open_session(&provider).await;
    browser.click_text("Connect ChatGPT").await;
    browser.go_to_new_tab().await;
    browser.click_id("deny").await;
    browser.wait_for_address("/auth/done").await;
    browser.close_tab().await;
    browser.wait_for_text("You denied access at OpenAI").await;
    browser.click_text("Start again").await;
    browser.wait_for_text("Approve in the other tab").await;
    browser.click_text("Cancel").await;
    browser.wait_for_text("Sign-in cancelled").await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (0, 0));
    browser.click_text("Activity").await;
    for outcome in ["You denied access at OpenAI", "Sign-in cancelled"] {
        browser.wait_for_text(&format!("{outcome} openai-codex")).await;
    }
}

#[tokio::test]
async fn the_address_of_an_earlier_login_changes_nothing() {
    let provider = Provider::start(&["--approval", "ask"]);
    let (home, _gateway, browser) = open_session(&provider).await;
    browser.click_text("Connect ChatGPT").await;
    browser.wait_for_text("Approve in the other tab").await;
    let shown_auth_url = "document.querySelector('a[target=_blank]').href";
    let first = browser.evaluate(shown_auth_url).await.as_str().expect("an address").to_owned();
    browser.click_text("Cancel").await;
    browser.wait_for_text("Sign-in cancelled").await;
    browser.click_text("Start again").await;
    browser.wait_for_text("Approve in the other tab").await;
    provider.post_control("/approval", serde_json::json!({"mode": "auto_approve"})).await;
    let earlier = provider.redirect_for(&first).await;
    browser.type_into("#paste", &format!("{earlier}\n")).await;
    browser.wait_for_text("This sign-in is still open").await;
    let second = browser.evaluate(shown_auth_url).await.as_str().expect("an address").to_owned();
    // Browsers may show the address without its scheme.
    let address = provider.redirect_for(&second).await.replace("http://", "");
    browser.type_into("#paste", &format!("{address}\n")).await;
    browser.wait_for_text("Connected as").await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
}

#[tokio::test]
async fn an_account_with_an_api_key_can_be_tried() {
    let provider = Provider::approving();
    let (_home, gateway, browser) = open_session(&provider).await;
    browser.open_page(&format!("{}/#/providers/dashscope/connect", gateway.base)).await;
    browser.type_into("[name=api_key]", "sk-simulated-CANARY-0001\n").await;
    browser.wait_for_text("Connected dashscope").await;
    browser.click_text("Send").await;
    browser.wait_for_text("word1 word2").await;
    browser.click_text("Disconnect").await;
    browser.click_text("Disconnect dashscope").await;
    browser.wait_for_text("The API key is deleted here").await;
}

#[tokio::test]
async fn the_alias_of_an_account_is_not_available_for_another() {
    let provider = Provider::approving();
    let (_home, _gateway, browser) = open_session(&provider).await;
    browser.click_text("Add account").await;
    browser.wait_for_text("Programs select this account by its name").await;
    browser.evaluate("document.querySelector('.add input.mono').value = 'openai'").await;
    browser.click_text("Continue").await;
    browser.wait_for_text("openai is an alias of openai-codex").await;
}

#[tokio::test]
async fn a_port_in_use_and_an_expired_login_are_shown() {
    let provider = Provider::start(&["--approval", "ask"]);
    let home = Home::new(&provider).with("GOCLAW_CALLBACK__TIMEOUT", "12s");
    let gateway = home.start().await;
    let held = std::net::TcpListener::bind(("127.0.0.1", home.callback_port)).expect("the port");
    let browser = Browser::open().await;
    browser.open_page(home.run(&["open"]).stdout.trim()).await;
    browser.click_text("Connect ChatGPT").await;
    browser.wait_for_text("is taken, so your browser can\u{2019}t return automatically").await;
    assert_accessible(&browser, "port taken").await;
    drop(held);
    browser.click_text("Try again").await;
    browser.wait_for_text("Approve in the other tab").await;
    browser.wait_for_text("Sign-in timed out").await;
    assert_accessible(&browser, "timed out").await;
    let is_over = || async { gateway.status().await.get("pending").is_none().then_some(()) };
    eventually("the gateway to end the login", is_over).await;
}

#[tokio::test]
async fn an_account_that_needs_a_login_is_shown_and_reconnected() {
    let provider = Provider::approving();
    let (home, gateway, browser) = open_session(&provider).await;
    gateway.sign_in().await;
    browser.wait_for_text("Everything is working").await;
    let refused = r#"{"error": {"code": "refresh_token_reused", "message": "x"}}"#;
    let fault = json!({"kind": "status", "status": 401, "body": refused});
    provider.post_control("/faults", json!({"endpoint": "refresh", "fault": fault})).await;
    let refreshed = gateway.post("/v1/auth/openai/refresh", json!({})).await;
    assert_eq!(gateway.status().await["state"], "needs_reauth", "{}", refreshed.text);
    browser.wait_for_text("One account needs you").await;
    assert_accessible(&browser, "an account needs its owner").await;
    browser.click_text("Sign in again").await;
    browser.wait_for_text("Connected as").await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
    assert_eq!(gateway.status().await["state"], "active");
}

#[tokio::test]
async fn a_restored_database_is_not_shown_as_a_lost_response() {
    let provider = Provider::approving();
    let (home, gateway, browser) = open_session(&provider).await;
    gateway.sign_in().await;
    let login = gateway.status().await["login_id"].as_str().expect("a login").to_owned();
    gateway.stop().await;
    // This mark in the token journal says that generation 4 exists. The database has generation 0.
    fs::write(home.data_dir().join(format!("escrow/openai-codex.{login}.4.seen")), "").expect("a mark");
    let gateway = home.start().await;
    assert_eq!(gateway.status().await["state"], "in_doubt");
    browser.open_page(home.run(&["open"]).stdout.trim()).await;
    browser.wait_for_text("An older database was restored; a new sign-in is safest").await;
    browser.wait_for_text("The gateway does not try it unless you ask").await;
    assert!(!browser.text().await.contains("tries once more"));
    assert_accessible(&browser, "a restored account").await;
}

#[tokio::test]
async fn a_redirect_address_can_be_pasted_and_the_field_is_cleared() {
    let provider = Provider::approving();
    let (home, gateway, browser) = open_session(&provider).await;
    // The page continues this pending login.
    let started = gateway.start_login().await;
    let redirect_url = provider.redirect_for(started["auth_url"].as_str().expect("an auth_url")).await;
    browser.open_page(&format!("{}/#/providers/openai-codex/connect", gateway.base)).await;
    browser.type_into("#paste", "http://localhost:1455/elsewhere?state=x\n").await;
    browser.wait_for_text("This sign-in is still open").await;
    assert_accessible(&browser, "a wrong paste").await;
    browser.type_into("#paste", &format!("{redirect_url}\n")).await;
    browser.wait_for_text("Connected as").await;
    assert_eq!(home.count_accounts_and_refresh_tokens(), (1, 1));
    let markup = browser.evaluate("document.documentElement.outerHTML").await;
    assert!(!markup.as_str().expect("markup").contains("code="), "the field was cleared");
}

#[tokio::test]
async fn a_key_is_never_shown_and_disconnecting_asks_for_confirmation() {
    let provider = Provider::approving();
    let (home, gateway, browser) = open_session(&provider).await;
    browser.open_page(&format!("{}/#/providers/suno/connect", gateway.base)).await;
    browser.type_into("[name=session_token]", "nonsense").await;
    browser.click_text("Check and save").await;
    browser.wait_for_text("rejected this session token").await;
    assert_eq!(home.count_accounts_and_refresh_tokens().0, 0);
    let token = provider.sign_in_browser().await["session_token"].as_str().expect("a token").to_owned();
    browser.type_into("[name=session_token]", &token).await;
    browser.click_text("Check and save").await;
    browser.wait_for_text("Connected suno").await;
    assert_eq!(home.count_accounts_and_refresh_tokens().0, 1);
    let markup = browser.evaluate("document.documentElement.outerHTML").await;
    assert!(!markup.as_str().expect("markup").contains(&token));
    browser.click_text("Disconnect").await;
    browser.wait_for_text("Disconnect suno?").await;
    assert_eq!(home.count_accounts_and_refresh_tokens().0, 1, "the page asks for confirmation first");
    assert_accessible(&browser, "the confirmation").await;
}

#[tokio::test]
async fn a_used_link_or_an_ended_session_shows_the_sign_in_screen() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let browser = Browser::open().await;
    browser.open_page(&format!("{}/", gateway.base)).await;
    browser.wait_for_text("Sign in to this gateway").await;
    assert_accessible(&browser, "the token form").await;
    browser.type_into("[name=gateway_token]", "not-the-token\n").await;
    browser.wait_for_text("This is not the gateway\u{2019}s token").await;
    browser.type_into("[name=gateway_token]", &format!("{}\n", gateway.token)).await;
    browser.wait_for_text("Connect an account").await;
    browser.click_id("leave").await;
    browser.wait_for_text("You are signed out of this page").await;
    assert_eq!(home.number("SELECT count(*) FROM api_tokens"), 0);

    let link = home.run(&["open"]).stdout;
    let other = Browser::open().await;
    other.open_page(link.trim()).await;
    other.wait_for_text("You are signed in").await;
    browser.open_page("about:blank").await;
    browser.open_page(link.trim()).await;
    browser.wait_for_text("This link no longer works").await;
    other.open_page("about:blank").await;
    other.open_page(link.trim()).await;
    other.wait_for_text("This link no longer works").await;
    // The other browser's page keeps its session.
    other.click_text("Stay signed in").await;
    other.wait_for_text("Connect an account").await;
}

#[tokio::test]
async fn the_page_works_below_a_base_path() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let public = format!("http://127.0.0.1:{}/team/goclaw", home.port);
    let home = home.with("GOCLAW_SERVER__PUBLIC_URL", &public);
    let gateway = home.start().await;
    gateway.sign_in().await;
    let browser = Browser::open().await;
    let link = home.run(&["open"]).stdout;
    assert!(link.starts_with(&format!("{public}/#link=")), "{link}");
    browser.open_page(link.trim()).await;
    browser.wait_for_text("Everything is working").await;
    browser.click_text("Try it").await;
    browser.click_text("Send").await;
    browser.wait_for_text("word1 word2 word3").await;
    browser.wait_for_text(&format!("{public}/v1")).await;
    browser.click_text("API").await;
    browser.wait_for_text("goclaw API").await;
    assert_eq!(browser.address().await, format!("{public}/docs"));
}

#[tokio::test]
async fn another_origin_cannot_read_or_change_anything() {
    let provider = Provider::approving();
    let (home, gateway, browser) = open_session(&provider).await;
    let token = browser.evaluate("sessionStorage.getItem(sessionStorage.key(0))").await;
    assert!(token.as_str().expect("a session").contains("goclaw_"), "the page has a session");
    // Another server on the same host, to which the browser would send a cookie.
    browser.open_page(&format!("{}/elsewhere", provider.issuer)).await;
    assert_eq!(browser.evaluate("sessionStorage.length").await, 0);
    for (what, request) in [
        ("read", "fetch(GATEWAY + '/v1/providers').then((a) => a.text())"),
        ("read with credentials", "fetch(GATEWAY + '/v1/providers', {credentials: 'include'}).then((a) => a.text())"),
        ("read the start page", "fetch(GATEWAY + '/').then((a) => a.text())"),
    ] {
        let response = browser.await_promise(&request.replace("GATEWAY", &format!("'{}'", gateway.base))).await;
        assert!(response.as_str().expect("an error").contains("Failed to fetch"), "{what}: {response}");
    }
    // Like the submission of a form, a simple request needs no preflight. The authenticator rejects it.
    let post = "Promise.all(['openai/start', 'openai/logout', 'openai/cancel'].map((path) => \
                fetch(GATEWAY + '/v1/auth/' + path, {method: 'POST', mode: 'no-cors', body: '{}'})))";
    browser.await_promise(&post.replace("GATEWAY", &format!("'{}'", gateway.base))).await;
    assert_eq!(gateway.status().await.get("pending"), None);
    assert_eq!(home.number("SELECT count(*) FROM login_sessions"), 0);

    // Framing would allow clickjacking.
    for path in ["/", "/docs"] {
        let (place, text) = browser.frame(&format!("{}{path}", gateway.base)).await;
        assert!(place.starts_with("chrome-error://") && !text.contains("goclaw"), "{path}: {place} {text}");
    }
    let (place, _) = browser.frame(&format!("{}/elsewhere", provider.issuer)).await;
    assert!(place.ends_with("/elsewhere"), "the browser shows frames: {place}");

    // DNS rebinding: the name resolves to the gateway's address but is not an allowed host.
    let port = gateway.base.rsplit(':').next().expect("a port");
    browser.open_page(&format!("http://rebound.example:{port}/")).await;
    assert!(browser.text().await.contains("host_not_allowed"), "{}", browser.text().await);
}
