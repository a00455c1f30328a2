//! Tests of the recipes in `docs/remote.md`, and of requirements in `docs/security.md`: attacks by web pages, local
//! programs, pasted addresses and callers without the token.

mod authentication;
mod callback_flood;
mod entropy;
mod error_disclosure;
mod large_requests;
mod opened_browser;
mod pasted_addresses;
mod recipes;
mod redemption;
mod strict_bodies;
mod token_endpoint;
mod unread_responses;

use serde_json::Value;

use crate::support::{
    gateway::{Gateway, HttpResponse, http},
    provider::Provider,
    wire::raw,
};

/// Starts a login and returns the redirect address after approval.
async fn start_and_approve_login(gateway: &Gateway, provider: &Provider) -> String {
    let started = gateway.start_login().await;
    provider.redirect_for(started["auth_url"].as_str().unwrap_or_default()).await
}

/// Returns the path and query of an address.
fn target_of(redirect_url: &str) -> String {
    let url = url::Url::parse(redirect_url).expect("an address");
    url[url::Position::BeforePath..].to_owned()
}

/// Returns the raw request of a browser's navigation to `target`.
fn navigation(port: u16, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n")
}

/// Fetches the OpenAPI document.
async fn fetch_contract(gateway: &Gateway) -> Value {
    HttpResponse::of(http().get(format!("{}/openapi.json", gateway.base)).send().await.expect("a response"))
        .await
        .json()
}
