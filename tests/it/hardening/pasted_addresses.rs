//! Pasted addresses that resemble the redirect URI. Only the exact redirect URI is accepted, and nothing is fetched.

use std::{io::ErrorKind, net::TcpListener};

use goclaw::{
    app::AppError,
    domain::{
        authorization_response::{AuthorizationResponse, InvalidRedirect, PastedRedirect},
        login::CallbackRejection,
    },
};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::json;

use super::approved;
use crate::support::{
    fakes::{TestGateway, alice},
    gateway::Home,
    provider::Provider,
};

const RIGHT: &str = "http://localhost:1455/auth/callback";

/// Prefixes of `?code=...&state=...` that differ from [`RIGHT`].
const LOOKALIKES: &[&str] = &[
    // Another host, or a host that parsers may read differently.
    "http://localhost:1455@evil.example/auth/callback",
    "http://localhost@evil.example:1455/auth/callback",
    "http://evil.example@localhost:1455/auth/callback",
    "http://:pw@localhost:1455/auth/callback",
    "http://@localhost:1455/auth/callback",
    "http://evil.example\\@localhost:1455/auth/callback",
    "http://localhost:1455\\@evil.example/auth/callback",
    "http://evil.example#@localhost:1455/auth/callback",
    "http://localhost.evil.example:1455/auth/callback",
    "http://localhost.:1455/auth/callback",
    "http://localhost%00.evil.example:1455/auth/callback",
    "http://%6cocalhost:1455/auth/callback",
    "http://LOCALHOST:1455/auth/callback",
    "http://Localhost:1455/auth/callback",
    "http://127.0.0.1:1455/auth/callback",
    "http://127.1:1455/auth/callback",
    "http://2130706433:1455/auth/callback",
    "http://0x7f000001:1455/auth/callback",
    "http://0177.0.0.1:1455/auth/callback",
    "http://[::1]:1455/auth/callback",
    "http://[::ffff:127.0.0.1]:1455/auth/callback",
    "http://xn--localhost-:1455/auth/callback",
    // IDNA maps the first two to `localhost`, the third is a Cyrillic o.
    "http://\u{ff4c}\u{ff4f}calhost:1455/auth/callback",
    "http://local\u{ad}host:1455/auth/callback",
    "http://l\u{43e}calhost:1455/auth/callback",
    // The slashes.
    "//localhost:1455/auth/callback",
    "/auth/callback",
    "http:localhost:1455/auth/callback",
    "http:/localhost:1455/auth/callback",
    "http:///localhost:1455/auth/callback",
    "http:\\\\localhost:1455\\auth\\callback",
    "http://localhost:1455\\auth\\callback",
    "http://localhost:1455/auth\\callback",
    "http://localhost:1455//auth/callback",
    "http://localhost:1455/auth//callback",
    "http://localhost:1455/auth/callback/",
    "http://localhost:1455/auth%2fcallback",
    "http://localhost:1455/auth%5ccallback",
    "http://localhost:1455%2fauth/callback",
    // The path.
    "http://localhost:1455",
    "http://localhost:1455/",
    "http://localhost:1455/auth/callback2",
    "http://localhost:1455/auth/./callback",
    "http://localhost:1455/auth/x/../callback",
    "http://localhost:1455/auth/%2e/callback",
    "http://localhost:1455/auth/%63allback",
    "http://localhost:1455/AUTH/CALLBACK",
    "http://localhost:1455/auth/callback;x=y",
    "http://localhost:1455/auth/callback%00",
    "http://localhost:1455/auth/callback%3f",
    "http://localhost:1455/x?y=/auth/callback",
    // The port.
    "http://localhost/auth/callback",
    "http://localhost:/auth/callback",
    "http://localhost:01455/auth/callback",
    "http://localhost:1456/auth/callback",
    "http://localhost:66991/auth/callback",
    // The scheme.
    "https://localhost:1455/auth/callback",
    "HTTP://localhost:1455/auth/callback",
    "ftp://localhost:1455/auth/callback",
    "file://localhost:1455/auth/callback",
    "javascript://localhost:1455/auth/callback",
    "view-source:http://localhost:1455/auth/callback",
    "blob:http://localhost:1455/auth/callback",
    "localhost:1455/auth/callback",
    // Characters that browsers remove from addresses.
    "ht\ttp://localhost:1455/auth/callback",
    "http://local\thost:1455/auth/callback",
    "http://localhost:14\n55/auth/callback",
    "http://localhost:1455/auth/\r\ncallback",
    "http://localhost:1455/auth/call\u{0}back",
    "http://localhost:1455/auth/call\u{200b}back",
    "http://localhost:1455/auth/callback \u{2028}",
    // A fragment is never sent to the redirect URI.
    "http://localhost:1455/auth/callback#",
    "http://localhost:1455/auth/callback#/auth/callback",
];

#[tokio::test]
async fn an_address_similar_to_the_redirect_uri_is_rejected() {
    let gateway = TestGateway::open().await;
    let login = gateway.start(alice()).await;
    let approved = gateway.provider.approve(&login.auth_url);
    let query = approved.strip_prefix(RIGHT).unwrap();
    let ends = [String::new(), "#".to_owned(), "#fragment".to_owned(), format!("#{query}")];
    let lookalikes = LOOKALIKES.iter().map(|text| format!("{text}{query}"));
    let fragments = ends[1..].iter().map(|end| format!("{approved}{end}"));
    for text in lookalikes.chain(fragments) {
        let refused = gateway.paste(&text, alice()).await;
        let rejected = matches!(
            refused,
            Err(AppError::InvalidRedirect(_) | AppError::CallbackRejected(CallbackRejection::WrongAddress(_)))
        );
        assert!(rejected, "{text:?}: {refused:?}");
        assert!(!refused.unwrap_err().to_string().contains("ac_1"), "{text:?} is repeated");
    }
    assert_eq!(gateway.provider.exchanges(), 0);
    assert_eq!(gateway.status(&alice()).await.pending.expect("it is still pending").login_id, login.login_id);
    gateway.paste(&format!(" \t{approved}\r\n"), alice()).await.expect("surrounding white space is ignored");
}

/// Tests every address that differs in one byte.
#[test]
fn an_address_that_differs_in_one_byte_is_rejected() {
    let arrives = |address: &str| {
        let parsed = PastedRedirect::parse(&format!("{address}?code=c&state=s").into());
        parsed.is_ok_and(|(pasted, _)| pasted.check_redirect_uri(RIGHT).is_ok())
    };
    assert!(arrives(RIGHT));
    for place in 0..RIGHT.len() {
        let (before, after) = RIGHT.split_at(place);
        assert!(!arrives(&format!("{before}{}", &after[1..])), "without byte {place}");
        for byte in 0..128_u8 {
            let byte = char::from(byte);
            let (changed, longer) = (format!("{before}{byte}{}", &after[1..]), format!("{before}{byte}{after}"));
            assert!(changed == RIGHT || !arrives(&changed), "{changed:?}");
            assert!(longer.trim() == RIGHT || !arrives(&longer), "{longer:?}");
        }
    }
}

/// Generates known and unknown parameters, with repetitions.
fn parameters() -> impl Strategy<Value = Vec<(String, String, bool)>> {
    let known = ["code", "state", "error", "error_description", "iss"];
    let name = prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[a-z_]{1,8}"];
    prop::collection::vec((name, "[ -~]{0,12}", any::<bool>()), 0..8)
}

/// Writes a query, with some names fully percent-encoded.
fn query(parameters: &[(String, String, bool)]) -> String {
    let hidden = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let pair = |(name, value, hide): &(String, String, bool)| {
        let name = if *hide { hidden(name) } else { name.clone() };
        format!("{name}={}", hidden(value))
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
    fn no_pasted_text_panics_or_is_accepted_by_chance(text in "[ -~\u{a0}-\u{ff}]{0,80}", end in ".{0,20}") {
        for text in [text.clone(), format!("http://{text}"), format!("http://localhost{text}"), format!("{text}{end}")] {
            if let Ok((pasted, _)) = PastedRedirect::parse(&text.as_str().into()) {
                prop_assert_eq!(pasted.check_redirect_uri(RIGHT).is_ok(), text.trim().starts_with(&format!("{RIGHT}?")));
            }
        }
    }
}

#[tokio::test]
async fn a_pasted_address_is_never_fetched() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let right = approved(&gateway, &provider).await;
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let trap_address = trap.local_addr().unwrap().to_string();
    let own = format!("localhost:{}", home.callback_port);
    for wrong in [right.replace(&own, &trap_address), format!("http://{trap_address}/latest/meta-data")] {
        let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": wrong})).await;
        assert_eq!(response.status, 400, "{}", response.text);
        assert!(!response.text.contains(&trap_address), "{}", response.text);
    }
    // A fetch would arrive before the response, or at the latest before the gateway has stopped.
    gateway.stop().await;
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "the gateway fetched the address");
}
