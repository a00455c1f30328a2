//! Tests of the recipes in `docs/remote.md`: a browser on another machine reaches the callback through a forwarded
//! port, a published port or a pasted address.
//!
//! Other loopback addresses stand in for other machines. As in reality, the browser sends `Host: localhost:PORT` and
//! connects to an address other than the gateway's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use goclaw::{
    adapters::settings::{Environment, Settings},
    ports::CallbackAddress,
};
use reqwest::{Client, redirect};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{raw, start_and_approve_login};
use crate::support::{
    gateway::{Gateway, Home, HttpResponse, TEST_DEADLINE, http},
    provider::Provider,
};

const RECIPES: &str = include_str!("../../../docs/remote.md");

/// The addresses of the browser's machine and of a container.
const BROWSER_MACHINE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const CONTAINER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// Forwards connections to `local` to the address `target`, like `ssh -L` or a published port, until the value is
/// dropped.
async fn forward(local: SocketAddr, target: SocketAddr) -> JoinSet<()> {
    let listener = TcpListener::bind(local).await.expect("the port is free on the browser's machine");
    let mut forwarder = JoinSet::new();
    forwarder.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut far = TcpStream::connect(target).await.expect("the other end");
                // An early disconnect of either side is fine.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    forwarder
}

/// Opens `url` on a machine whose `localhost` is `machine`, and follows redirects.
async fn browse(machine: Ipv4Addr, url: &str) -> HttpResponse {
    // Installs the TLS provider.
    drop(http());
    let browser = Client::builder().redirect(redirect::Policy::limited(5)).no_proxy().timeout(TEST_DEADLINE);
    let browser = browser.resolve("localhost", SocketAddr::from((machine, 0))).build().expect("a browser");
    HttpResponse::of(browser.get(url).send().await.expect("a page")).await
}

async fn assert_login_completes(gateway: &Gateway, machine: Ipv4Addr) {
    let started = gateway.start_login().await;
    assert_eq!(started["callback"], json!({"listening": true}));
    let page = browse(machine, started["auth_url"].as_str().unwrap()).await;
    assert!(page.text.contains("<h1>Connected</h1>"), "{}", page.text);
    assert!(page.url.starts_with("http://localhost:") && page.url.contains("/auth/done?id="), "{}", page.url);
    assert_eq!(gateway.status().await["login_id"], started["login_id"]);
}

#[tokio::test]
async fn the_callback_works_through_an_ssh_port_forward() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let (near, far) = ((BROWSER_MACHINE, home.callback_port).into(), (Ipv4Addr::LOCALHOST, home.callback_port).into());
    let _ssh = forward(near, far).await;
    assert_login_completes(&gateway, BROWSER_MACHINE).await;
    assert!(!gateway.log().contains("other machines may reach it"), "the port is open to loopback only");
}

#[tokio::test]
async fn the_callback_works_through_a_forward_to_ipv6_loopback() {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    // `localhost` on the server can be either family.
    let _ssh = forward(
        (BROWSER_MACHINE, home.callback_port).into(),
        (std::net::Ipv6Addr::LOCALHOST, home.callback_port).into(),
    )
    .await;
    assert_login_completes(&gateway, BROWSER_MACHINE).await;
}

#[tokio::test]
async fn the_callback_works_through_a_published_container_port() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_CALLBACK__BIND", &CONTAINER.to_string());
    let gateway = home.start().await;
    let (host, container) = ((BROWSER_MACHINE, home.callback_port).into(), (CONTAINER, home.callback_port).into());
    let _published = forward(host, container).await;
    assert_login_completes(&gateway, BROWSER_MACHINE).await;
    // An explicit address is the only one bound.
    gateway.post("/v1/auth/openai/start", json!({"force": true})).await;
    assert!(TcpStream::connect((CONTAINER, home.callback_port)).await.is_ok());
    for other in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)] {
        assert!(TcpStream::connect((other, home.callback_port)).await.is_err(), "{other} is open too");
    }
}

#[tokio::test]
async fn a_callback_on_every_address_is_warned_about_and_serves_only_localhost() {
    let provider = Provider::approving();
    let home = Home::new(&provider).with("GOCLAW_CALLBACK__BIND", "0.0.0.0").with("GOCLAW_HOST", "0.0.0.0");
    let gateway = home.start().await;
    let log = gateway.log();
    assert!(log.contains("the login callback listens on 0.0.0.0: other machines may reach it"), "{log}");
    assert!(log.contains("the API listens on 0.0.0.0: other machines may reach it"), "{log}");
    let port = home.callback_port;
    assert!(TcpStream::connect((CONTAINER, port)).await.is_err(), "no login is pending");

    let redirect_url = start_and_approve_login(&gateway, &provider).await;
    let target = super::target_of(&redirect_url);
    for host in [format!("{CONTAINER}:{port}"), format!("0.0.0.0:{port}"), format!("server.example:{port}")] {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(raw((CONTAINER, port), &request).await.0, 421, "{host}");
    }
    assert_eq!(provider.outcomes("/oauth/token").await, [""; 0], "a code left the gateway");
    assert_login_completes(&gateway, CONTAINER).await;
}

#[tokio::test]
async fn a_port_in_use_is_named_and_pasting_completes_the_login() {
    let provider = Provider::approving();
    for (bind, taken) in [("", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0")] {
        let home = Home::new(&provider).with("GOCLAW_CALLBACK__BIND", bind);
        let _other_program = TcpListener::bind((Ipv4Addr::LOCALHOST, home.callback_port)).await.unwrap();
        let gateway = home.start().await;
        let started = gateway.start_login().await;
        let error = started["callback"]["error"].as_str().unwrap();
        let port = home.callback_port;
        assert!(error.contains(&format!("(is port {port} available?)")), "{error}");
        assert!(error.contains(&format!("{taken}:{port}")), "{error}");
        assert!(gateway.log().contains("the redirect URL can be pasted instead"), "the log mentions pasting");
        let redirect_url = provider.redirect_for(started["auth_url"].as_str().unwrap()).await;
        let response = gateway.post("/v1/auth/openai/callback", json!({"redirect_url": redirect_url})).await;
        assert_eq!(response.status, 200, "{bind}: {}", response.text);
    }
}

#[test]
fn the_recipes_name_existing_settings_and_ports() {
    let variables: Vec<(String, String)> = RECIPES
        .split_whitespace()
        .filter(|word| word.starts_with("GOCLAW_"))
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(variables.len() >= 3, "{variables:?}");
    let settings = Settings::load(None, &Environment::from_pairs(variables)).unwrap();
    let everywhere = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    assert_eq!((settings.callback.bind, settings.server.host), (Some(everywhere), everywhere));
    let port = settings.callback.port;
    assert!(matches!(settings.callback.address(), CallbackAddress::Explicit { ip, .. } if ip == everywhere));
    for words in [
        format!("ssh -o ExitOnForwardFailure=yes -L {port}:localhost:{port} "),
        format!("-p 127.0.0.1:{port}:{port} "),
        format!("-p 127.0.0.1:{0}:{0} ", settings.server.port),
        format!("http://localhost:{port}/auth/callback?code="),
    ] {
        assert!(RECIPES.contains(&words), "{words} is not in docs/remote.md");
    }
}
