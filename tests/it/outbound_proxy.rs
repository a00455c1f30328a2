//! Tests of outbound proxies and additional certificate authorities: requests to other machines go through the
//! configured proxy, and only a request that never left counts as not sent.

use std::{fs, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use goclaw::{
    adapters::{
        oauth::HttpOAuthEndpoint,
        outbound::{Outbound, OutboundOptions},
        system::SystemClock,
        upstream::{HttpUpstream, Timeouts},
        webhook::Webhook,
    },
    domain::{
        ids::AccountName,
        oauth_client::{EndpointUrl, OAuthClient},
        outbound_proxy::{ProxyChoice, ProxyUrl},
        refresh::Failure,
        secret::{AccessToken, RefreshToken},
        signing_key::SigningKey,
    },
    ports::{
        ConnectProblem, Notifier, OAuthEndpoint, RequestBody, TokenEndpointError, Upstream, UpstreamError,
        UpstreamRequest,
    },
};
use goclaw_simulator::{Endpoint, Fault, FaultOrder, Options, Simulator};
use http_message::{HeaderMap, Method};
use serde_json::json;

use crate::{
    oauth_endpoint::client_of,
    port_contracts::notifier::event,
    support::{
        gateway::{Home, HttpResponse, redirecting_http},
        outbound::{
            API_HOST, AUTH_HOST, PASSWORD, ProxyBehaviour, ProxyDouble, TlsFront, USER, account, authority,
            outbound_through,
        },
        provider::Provider,
    },
};

/// Returns the address in a URL of the simulator.
fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap()
}

/// Replaces the simulator's address in `url` by a host that only the proxy resolves.
fn url_at(host: &str, url: &str) -> String {
    url.replace(&format!("http://{}", address(url)), &format!("https://{host}"))
}

#[tokio::test]
async fn every_request_of_an_account_goes_through_the_proxy() {
    for (scheme, variable) in [
        ("http", "HTTPS_PROXY"),
        ("http", "all_proxy"),
        ("http", "GOCLAW_OUTBOUND__PROXY"),
        ("socks5h", "GOCLAW_PROVIDERS__OPENAI_CODEX__PROXY"),
    ] {
        let provider = Provider::approving();
        let auth = TlsFront::start(address(&provider.issuer), &["http/1.1"]).await;
        let backend = address(&provider.backend_url);
        let is_http2 = variable != "HTTPS_PROXY";
        let api = if is_http2 { TlsFront::http2(backend).await } else { TlsFront::start(backend, &["http/1.1"]).await };
        let hosts = [(AUTH_HOST, auth.address), (API_HOST, api.address)];
        let proxy = ProxyDouble::start(scheme, ProxyBehaviour::Connects, &hosts).await;
        let home = Home::new(&provider)
            .with("GOCLAW_PROVIDERS__OPENAI_CODEX__ISSUER", &url_at(AUTH_HOST, &provider.issuer))
            .with("GOCLAW_PROVIDERS__OPENAI_CODEX__API_BASE", &url_at(API_HOST, &provider.backend_url))
            .with("GOCLAW_TLS__CA_FILE", &authority().display().to_string())
            .with(variable, &proxy.url(scheme));
        let gateway = home.start().await;
        let started = gateway.start_login().await;
        let auth_url = started["auth_url"].as_str().unwrap().replace(&format!("https://{AUTH_HOST}"), &provider.issuer);
        HttpResponse::of(redirecting_http().get(auth_url).send().await.unwrap()).await;
        let requests_to = |host: &str| proxy.asked().iter().filter(|asked| **asked == format!("{host}:443")).count();
        assert_eq!(
            (gateway.status().await["authenticated"].clone(), requests_to(AUTH_HOST)),
            (json!(true), 1),
            "{variable}"
        );
        let refreshed = gateway.post("/v1/auth/openai/refresh", json!({})).await;
        assert_eq!((refreshed.status, requests_to(AUTH_HOST)), (200, 2), "{}", refreshed.text);
        let answered = gateway.post("/v1/responses", json!({"model": "gpt-5.5", "input": "Hi", "stream": false})).await;
        assert_eq!(answered.status, 200, "{}", answered.text);
        assert!(requests_to(API_HOST) >= 1);
        let logout = gateway.post("/v1/auth/openai/logout", json!({})).await.json();
        assert_eq!((logout["revocation"].clone(), requests_to(AUTH_HOST)), (json!("revoked"), 3), "{logout}");
        assert!(proxy.asked().iter().all(|asked| asked.ends_with(".provider.example:443")), "{:?}", proxy.asked());
        assert!(gateway.log().contains(&format!("go through the proxy {scheme}://{}", proxy.address)));
    }
}

/// Returns the error of a refresh, and the result of an API request of the same account.
async fn refresh_through(outbound: &Outbound) -> (TokenEndpointError, Result<(), UpstreamError>) {
    let clock = Arc::new(SystemClock);
    let client = OAuthClient {
        token_url: EndpointUrl::parse(&format!("https://{AUTH_HOST}/oauth/token")).unwrap(),
        ..client_of("http://localhost:9")
    };
    let oauth = HttpOAuthEndpoint::new(outbound, clock.clone()).unwrap();
    let upstream = HttpUpstream::new(outbound, Timeouts::default(), clock).unwrap();
    let request = UpstreamRequest {
        account: account().clone(),
        method: Method::GET,
        url: format!("https://{AUTH_HOST}/"),
        headers: HeaderMap::new(),
        body: RequestBody::default(),
    };
    let (token, bearer) = (RefreshToken::new("token"), AccessToken::new("token"));
    let refreshed = oauth.refresh(account(), &client, &token, Duration::from_secs(30));
    let (refreshed, sent) = tokio::join!(refreshed, upstream.send(request, &bearer));
    (refreshed.expect_err("the refresh fails"), sent.map(drop))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_the_proxy_refuses_counts_as_not_sent() {
    let provider = Simulator::start(Options::default()).await.unwrap();
    let front = TlsFront::start(address(&provider.addresses().issuer), &["http/1.1"]).await;
    let cases = ["http", "socks5h"].into_iter().flat_map(|scheme| {
        [
            (scheme, ProxyBehaviour::Refuses, USER, ConnectProblem::ProxyRefused),
            (scheme, ProxyBehaviour::Connects, "another", ConnectProblem::ProxyRefused),
            (scheme, ProxyBehaviour::Hangs, USER, ConnectProblem::TimedOut),
            (scheme, ProxyBehaviour::Closes, USER, ConnectProblem::Other),
        ]
    });
    join_all(cases.map(|(scheme, behaviour, user, expected)| {
        let front = front.address;
        async move {
            let proxy = ProxyDouble::start(scheme, behaviour, &[(AUTH_HOST, front)]).await;
            let outbound = outbound_through(&proxy.url(scheme).replace(USER, user));
            let (refreshed, sent) = refresh_through(&outbound).await;
            assert!(
                matches!(refreshed.failure(), Failure::NotConsumed { .. }),
                "{scheme} {behaviour:?}: {refreshed:?}"
            );
            let (TokenEndpointError::Unreachable(error), Err(UpstreamError::Unreachable(other))) = (&refreshed, &sent)
            else {
                panic!("{scheme} {behaviour:?}: {refreshed:?}, {sent:?}");
            };
            assert_eq!((error.problem, other.problem), (expected, expected), "{behaviour:?}: {error:?}, {other:?}");
            if expected != ConnectProblem::Other {
                assert!(error.to_string().contains(&format!("{scheme}://{}", proxy.address)), "{error}");
            }
            assert!(!format!("{error:?}{error}{other:?}{outbound:?}").contains(PASSWORD), "{error}");
        }
    }))
    .await;
    assert_eq!(provider.journal().len(), 0, "the provider got a request");
}

#[tokio::test]
async fn an_unreachable_proxy_is_named() {
    let (error, sent) = refresh_through(&outbound_through("127.0.0.1:9")).await;
    assert!(error.to_string().starts_with("the outbound proxy http://127.0.0.1:9 cannot be reached"), "{error}");
    let sent = sent.unwrap_err().to_string();
    assert!(sent.contains("the outbound proxy http://127.0.0.1:9 cannot be reached"), "{sent}");
}

#[tokio::test]
async fn a_request_that_was_lost_behind_the_proxy_may_have_been_sent() {
    let provider = Simulator::start(Options::default()).await.unwrap();
    let front = TlsFront::start(address(&provider.addresses().issuer), &["http/1.1"]).await;
    for scheme in ["http", "socks5h"] {
        let proxy = ProxyDouble::start(scheme, ProxyBehaviour::Connects, &[(AUTH_HOST, front.address)]).await;
        provider.queue_fault(FaultOrder::once(Endpoint::Token, Fault::ResetBefore));
        let (error, _) = refresh_through(&outbound_through(&proxy.url(scheme))).await;
        assert!(matches!(error.failure(), Failure::Unknown(_)), "{scheme}: {error:?}");
    }
}

#[tokio::test]
async fn the_webhook_goes_through_the_proxy_too() {
    let proxy = ProxyDouble::start("http", ProxyBehaviour::Refuses, &[]).await;
    let (outbound, url) = (outbound_through(&proxy.url("http")), EndpointUrl::parse("https://hook.example/x").unwrap());
    let key = SigningKey::parse("a secret of 24 characters").unwrap();
    let webhook = Webhook::new(&outbound, url, key, Arc::new(SystemClock)).unwrap();
    webhook.notify(&event(1, 0, 1)).await.unwrap_err();
    assert_eq!(proxy.asked(), ["hook.example:443"]);
}

#[test]
fn an_account_s_own_proxy_takes_precedence_and_loopback_is_always_direct() {
    let name = |name: &str| AccountName::parse(name).unwrap();
    let accounts = [("direct", ProxyChoice::Direct), ("own", ProxyChoice::parse("socks5://own.example:1080").unwrap())];
    let outbound = Outbound::new(&OutboundOptions {
        proxy: Some(ProxyUrl::parse("proxy.example:3128").unwrap()),
        no_proxy: vec!["internal.example".to_owned(), "10.0.0.0/8".to_owned()],
        accounts: accounts.map(|(account, choice)| (name(account), choice)).into_iter().collect(),
        ..OutboundOptions::default()
    })
    .unwrap();
    let proxies = outbound.proxies();
    let proxy_for = |account: Option<&str>, url: &str| {
        let index = proxies.index_for_text(url, account.map(name).as_ref());
        proxies.proxy(index).map_or_else(|| "direct".to_owned(), ProxyUrl::address)
    };
    let (common, own) = ("http://proxy.example:3128", "socks5://own.example:1080");
    for (account, url, expected) in [
        (None, "https://hooks.example/x", common),
        (Some("other"), "https://auth.openai.com/oauth/token", common),
        (Some("own"), "https://auth.openai.com/oauth/token", own),
        (Some("direct"), "https://auth.openai.com/oauth/token", "direct"),
        (Some("other"), "https://internal.example/", "direct"),
        (Some("other"), "https://a.internal.example/", "direct"),
        (Some("other"), "https://notinternal.example/", common),
        (Some("other"), "https://10.1.2.3/", "direct"),
        // `no_proxy` applies to the common proxy only.
        (Some("own"), "https://internal.example/", own),
        (Some("own"), "https://localhost:1/", "direct"),
        (Some("own"), "https://127.8.8.8/", "direct"),
        (Some("own"), "https://[::1]/", "direct"),
        (None, "http://127.0.0.1:1/", "direct"),
    ] {
        assert_eq!(proxy_for(account, url), expected, "{account:?} {url}");
    }
}

#[test]
fn proxies_are_shown_without_their_credentials() {
    let home = Home::without_provider()
        .with("https_proxy", "http://CANARY-user:CANARY@proxy.example:3128")
        .with("NO_PROXY", "internal.example, 10.0.0.0/8")
        .with("GOCLAW_PROVIDERS__SUNO__PROXY", "none")
        .with("GOCLAW_PROVIDERS__DASHSCOPE__PROXY", "socks5://:CANARY@own.example");
    let shown = home.run(&["config", "show"]);
    let assert_shown = |parts: &[&str]| {
        let is_found = shown.stdout.lines().any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(is_found, "{parts:?} in {}", shown.stdout);
    };
    assert_shown(&["outbound.proxy", "http://proxy.example:3128 (credentials not shown)", "variable https_proxy"]);
    assert_shown(&["outbound.no_proxy", "internal.example, 10.0.0.0/8", "variable NO_PROXY"]);
    assert_shown(&["providers.suno.proxy", "none"]);
    assert_shown(&["providers.dashscope.proxy", "socks5://own.example:1080 (credentials not shown)"]);
    let wrong = Home::without_provider().with("ALL_PROXY", "https://CANARY@proxy.example").run(&["config", "check"]);
    assert!(wrong.stderr.contains("ALL_PROXY = (not shown): it must be the address of a proxy"), "{}", wrong.stderr);
    for output in [shown.stdout, shown.stderr, wrong.stdout, wrong.stderr] {
        assert!(!output.contains("CANARY"), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_calls_providers_through_the_proxy_and_shows_it() {
    let proxy = ProxyDouble::start("http", ProxyBehaviour::Refuses, &[]).await;
    let home = Home::without_provider()
        .with("HTTPS_PROXY", &proxy.url("http"))
        .with("GOCLAW_PROVIDERS__SUNO__ENABLED", "false")
        .with("GOCLAW_PROVIDERS__DASHSCOPE__ENABLED", "false");
    let output = tokio::task::block_in_place(|| home.run(&["doctor"])).stdout;
    let address = format!("http://{}", proxy.address);
    for expected in [
        format!("ok       outbound proxy: {address} (credentials not shown) (HTTPS_PROXY)"),
        format!(
            "PROBLEM  https://auth.openai.com (for openai-codex, through {address}): the outbound proxy {address} did"
        ),
    ] {
        assert!(output.contains(&expected), "{expected} in {output}");
    }
    assert!(proxy.asked().contains(&"auth.openai.com:443".to_owned()), "{:?}", proxy.asked());
    assert!(!output.contains("CANARY"), "{output}");
}

#[test]
fn an_unusable_ca_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, broken) = (folder.path().join("empty.pem"), folder.path().join("broken.pem"));
    fs::write(&empty, "no certificate").unwrap();
    let not_base64 = "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n";
    fs::write(&broken, not_base64).unwrap();
    for (file, expected) in [
        (folder.path().join("missing.pem"), "cannot read"),
        (empty, "has no certificate"),
        (broken, "is not valid PEM"),
    ] {
        let home = Home::without_provider().with("GOCLAW_TLS__CA_FILE", &file.display().to_string());
        for command in [&["config", "check"][..], &["serve"]] {
            let output = home.run(command);
            assert_eq!(output.code, Some(2), "{}", output.stderr);
            let is_reported = output.stderr.contains(expected) && output.stderr.contains("tls.ca_file");
            assert!(is_reported && output.stderr.contains(&file.display().to_string()), "{}", output.stderr);
        }
    }
}
