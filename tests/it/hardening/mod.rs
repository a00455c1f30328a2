//! The promises of `docs/security.md` that no other test holds: what a web page, a program on the machine, a careless
//! paste or a caller without the token can do, which is nothing.

mod authentication;
mod callback_flood;
mod entropy;
mod errors_tell_nothing;
mod opened_browser;
mod pasted_addresses;
mod recipes;
mod redemption;
mod strict_bodies;
mod token_endpoint;

use serde_json::Value;

use crate::support::{
    gateway::{Gateway, HttpResponse, http},
    provider::Provider,
    wire::raw,
};

/// Starts a login and returns the address that the provider sends the browser to.
async fn approved(gateway: &Gateway, provider: &Provider) -> String {
    let started = gateway.start_login().await;
    provider.redirect_for(started["auth_url"].as_str().unwrap_or_default()).await
}

/// The path and query of an address.
fn target_of(redirect_url: &str) -> String {
    let url = url::Url::parse(redirect_url).expect("an address");
    url[url::Position::BeforePath..].to_owned()
}

/// A browser's navigation to `target` on the callback's port, or on what is forwarded to it.
fn navigation(port: u16, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")
}

/// The contract that the gateway serves.
async fn contract(gateway: &Gateway) -> Value {
    HttpResponse::of(http().get(format!("{}/openapi.json", gateway.base)).send().await.expect("an answer")).await.json()
}
