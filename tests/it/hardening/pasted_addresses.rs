//! Tests of pasted addresses: a text with the login's state and one code completes the login, whatever is around them.
//! The address is never fetched.

use std::{io::ErrorKind, net::TcpListener};

use goclaw::{
    app::AppError,
    domain::authorization_response::{AuthorizationResponse, InvalidRedirect},
};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::json;

use super::start_and_approve_login;
use crate::support::{
    fakes::{TestGateway, alice},
    gateway::Home,
    provider::Provider,
};

const REDIRECT_URI: &str = "http://localhost:1455/auth/callback";

/// Texts that contain a valid redirect URL. `HOST` is `localhost:1455`, and `QUERY` is `code=..&state=..`.
const PASTES: &[&str] = &[
    "http://HOST/auth/callback?QUERY",
    " \t\nhttp://HOST/auth/callback?QUERY\r\n",
    "\"http://HOST/auth/callback?QUERY\"",
    "'http://HOST/auth/callback?QUERY'",
    "`http://HOST/auth/callback?QUERY`",
    "<http://HOST/auth/callback?QUERY>",
    "<<http://HOST/auth/callback?QUERY>>,",
    "(http://HOST/auth/callback?QUERY).",
    "**http://HOST/auth/callback?QUERY**",
    "[the page](http://HOST/auth/callback?QUERY)",
    "<a href=\"http://HOST/auth/callback?QUERY\">here</a>",
    "{\"url\": \"http://HOST/auth/callback?QUERY\"}",
    "It ended at http://HOST/auth/callback?QUERY and did not load.",
    "> http://HOST/auth/callback?QUERY",
    "\u{feff}\u{200b}http://HOST/auth/callback?QUERY\u{2060}",
    "http://HOST/auth/callback?QUERY#",
    "http://HOST/auth/callback?QUERY#/fragment",
    "http://HOST/auth/callback#QUERY",
    "https://HOST/auth/callback?QUERY",
    "HOST/auth/callback?QUERY",
    "http://127.0.0.1:1455/auth/callback?QUERY",
    "http://[::1]:1455/auth/callback?QUERY",
    "http://another.example/somewhere/else?QUERY",
    "/auth/callback?QUERY",
    "?QUERY",
    "QUERY",
    "QUERY&scope=openid+email",
    "http://HOST/auth/callback?QUERY http://HOST/auth/callback?QUERY",
    "http://HOST/auth/callback?QUERYhttp://HOST/auth/callback?QUERY",
];

/// Returns a gateway with a pending login, the login's state, and the query of the provider's redirect.
async fn pending_login() -> (TestGateway, String, String) {
    let gateway = TestGateway::open().await;
    let login = gateway.start_login(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    let query =
        approved.strip_prefix(REDIRECT_URI).and_then(|rest| rest.strip_prefix('?')).expect("a query").to_owned();
    let state = query.split("state=").nth(1).and_then(|rest| rest.split('&').next()).expect("a state").to_owned();
    (gateway, state, query)
}

#[tokio::test]
async fn a_paste_with_state_and_code_completes_the_login_whatever_is_around_them() {
    for paste in PASTES {
        let (gateway, _, query) = pending_login().await;
        let text = paste.replace("QUERY", &query).replace("HOST", "localhost:1455");
        let connected = gateway.paste(&text, alice()).await;
        assert!(connected.is_ok(), "{paste:?}: {connected:?}");
        assert_eq!(gateway.provider.exchanges(), 1);
        let called = gateway.provider.called();
        assert!(called.iter().all(|url| url.starts_with("https://auth.openai.com/")), "{paste:?}: {called:?}");
    }
}

#[tokio::test]
async fn an_escaped_or_wrapped_address_completes_the_login() {
    type Change = fn(&str) -> String;
    // The address escaped by HTML, cmd.exe, JSON or a shell, wrapped inside names, with soft hyphens, in short lines.
    let changes: &[Change] = &[
        |text| text.replace('&', "&amp;"),
        |text| text.replace('&', "^&"),
        |text| text.replace('&', "\\u0026"),
        |text| text.replace('?', "\\?").replace('=', "\\=").replace('&', "\\&"),
        |text| text.replace("code=a", "code=a\n").replace("state=", "sta\r\nte="),
        |text| text.chars().flat_map(|c| [c, '\u{ad}']).collect(),
        |text| text.as_bytes().chunks(20).map(|line| String::from_utf8_lossy(line) + "\n  ").collect(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let (gateway, _, query) = pending_login().await;
        let text = change(&format!("{REDIRECT_URI}?{query}"));
        let connected = gateway.paste(&text, alice()).await;
        assert!(connected.is_ok(), "change {number}, {text:?}: {connected:?}");
    }
}

#[tokio::test]
async fn code_and_state_alone_complete_the_login() {
    for between in [" ", "\n", "\t ", "#"] {
        let (gateway, state, query) = pending_login().await;
        let code = query.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
        let connected = gateway.paste(&format!("{code}{between}{state}"), alice()).await;
        assert!(connected.is_ok(), "{between:?}: {connected:?}");
    }
}

#[tokio::test]
async fn a_paste_without_the_state_of_this_login_or_with_two_codes_changes_nothing() {
    let (gateway, state, query) = pending_login().await;
    let code = query.split("code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
    let longer = format!("{state}a");
    for text in [
        String::new(),
        "ac_1".to_owned(),
        "one two three".to_owned(),
        format!("{REDIRECT_URI}?code={code}"),
        format!("{REDIRECT_URI}?state={state}"),
        format!("{REDIRECT_URI}?code={code}&state={}", &state[1..]),
        format!("{REDIRECT_URI}?code={code}&state={longer}"),
        format!("{REDIRECT_URI}?code={code}&xstate={state}"),
        format!("{REDIRECT_URI}?{query}&code=ac_2"),
        format!("{REDIRECT_URI}?{query}&%63ode=ac_2"),
        format!("{REDIRECT_URI}?{query}&state=another"),
        format!("{REDIRECT_URI}?{query}\n{REDIRECT_URI}?code=ac_2&state={state}"),
    ] {
        let refused = gateway.paste(&text, alice()).await;
        assert!(
            matches!(refused, Err(AppError::InvalidRedirect(_) | AppError::CallbackRejected(_))),
            "{text:?}: {refused:?}"
        );
        assert!(!refused.unwrap_err().to_string().contains(code), "{text:?} is repeated");
    }
    assert_eq!(gateway.provider.exchanges(), 0);
    assert!(gateway.status(&alice()).await.pending.is_some(), "the login is still pending");
    gateway.paste(&format!("{REDIRECT_URI}?{query}"), alice()).await.expect("the account connects");
}

/// Generates known and unknown parameters, with repetitions.
fn parameters() -> impl Strategy<Value = Vec<(String, String, bool)>> {
    let known = ["code", "state", "error", "error_description", "iss"];
    let name = prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[a-z_]{1,8}"];
    prop::collection::vec((name, "[ -~]{0,12}", any::<bool>()), 0..8)
}

/// Writes a query. All values and some names are fully percent-encoded.
fn query(parameters: &[(String, String, bool)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let pair = |(name, value, is_encoded): &(String, String, bool)| {
        let name = if *is_encoded { encode(name) } else { name.clone() };
        format!("{name}={}", encode(value))
    };
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

proptest! {
    #[test]
    fn a_repeated_parameter_is_rejected_in_any_order_and_spelling(parameters in parameters()) {
        let count = |wanted: &str| parameters.iter().filter(|(name, ..)| name == wanted).count();
        let repeated = ["code", "state", "error", "error_description", "iss"].iter().any(|name| count(name) > 1);
        let state = parameters.iter().find(|(name, value, _)| name == "state" && !value.is_empty());
        match (AuthorizationResponse::from_query(&query(&parameters)), state) {
            (Err(InvalidRedirect::Repeated(_)), _) => prop_assert!(repeated),
            (Err(InvalidRedirect::NoState), None) => prop_assert!(!repeated),
            (Ok(response), Some((_, value, _))) => {
                prop_assert!(!repeated);
                prop_assert_eq!(response.state.expose_secret(), value);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn no_paste_panics_or_yields_a_state_that_it_does_not_contain(
        text in "[ -~\u{a0}-\u{ff}]{0,80}", end in ".{0,20}",
    ) {
        for text in [text.clone(), format!("http://{text}"), format!("code={text}&state={end}"), format!("{text}{end}")] {
            for response in AuthorizationResponse::from_pasted(&text.as_str().into()).into_iter().flatten() {
                let state = response.state.expose_secret().to_owned();
                let is_plain = state.chars().all(|c| c.is_ascii_alphanumeric());
                // Parsing removes these characters from a paste.
                let kept: String = text.chars().filter(|c| c.is_ascii_graphic() && !"+%\\^".contains(*c)).collect();
                prop_assert!(!is_plain || kept.contains(&state) || text.contains('%'), "{:?}: {:?}", text, state);
            }
        }
    }
}

#[tokio::test]
async fn a_pasted_address_is_never_fetched() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let redirect_url = start_and_approve_login(&gateway, &provider).await;
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let trap_address = trap.local_addr().unwrap().to_string();
    let callback_host = format!("localhost:{}", home.callback_port);
    for (paste, status) in [
        (format!("http://{trap_address}/latest/meta-data"), 400),
        (redirect_url.replace(&callback_host, &trap_address), 200),
    ] {
        let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": paste})).await;
        assert_eq!(response.status, status, "{}", response.text);
        assert!(!response.text.contains(&trap_address), "{}", response.text);
    }
    // A fetch would arrive before the response, or at the latest before the gateway has stopped.
    gateway.stop().await;
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "the gateway fetched the address");
}
