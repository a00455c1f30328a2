//! The token endpoint (RFC 6749 section 3.2): reads the grant, lets faults strike, asks the provider, words the answer.

use std::sync::Arc;

use hyper::HeaderMap;
use serde_json::Value;

use super::{error_shape, interference};
use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Parameters, Reply},
    journal::token_sha256,
    provider::{self, Entry, Provider, Refusal},
};

/// A grant, read and not yet judged.
enum TokenRequest<'a> {
    AuthorizationCode { code: &'a str, client_id: &'a str, redirect_uri: &'a str, code_verifier: &'a str },
    RefreshToken { refresh_token: &'a str, client_id: &'a str },
}

impl<'a> TokenRequest<'a> {
    fn read(parameters: &'a Parameters) -> Result<Self, Refusal> {
        let required = |name: &str| {
            let missing = || Refusal::InvalidRequest(format!("Missing required parameter: '{name}'."));
            parameters.get(name).ok_or_else(missing)
        };
        match required("grant_type")? {
            // Of the code grant only the form is known to work at the real provider.
            "authorization_code" if parameters.came_as_json => {
                Err(Refusal::InvalidRequest("The authorization_code grant must be sent as a form.".to_owned()))
            }
            "authorization_code" => Ok(Self::AuthorizationCode {
                code: required("code")?,
                client_id: required("client_id")?,
                redirect_uri: required("redirect_uri")?,
                code_verifier: required("code_verifier")?,
            }),
            "refresh_token" => {
                Ok(Self::RefreshToken { refresh_token: required("refresh_token")?, client_id: required("client_id")? })
            }
            _ => Err(Refusal::UnsupportedGrantType),
        }
    }

    fn decide(&self, provider: &Provider) -> Result<Value, Refusal> {
        match *self {
            Self::AuthorizationCode { code, client_id, redirect_uri, code_verifier } => {
                provider::redeem_code(provider, code, client_id, redirect_uri, code_verifier)
            }
            Self::RefreshToken { refresh_token, client_id } => provider::refresh(provider, refresh_token, client_id),
        }
    }
}

/// Answers a request for tokens.
pub(super) async fn token(
    provider: &Arc<Provider>,
    entry: &Entry,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, ConnectionCut> {
    let parameters = Parameters::from_body(headers, body).map_err(|error| Refusal::InvalidRequest(error.to_string()));
    let request = parameters.as_ref().map_err(Clone::clone).and_then(TokenRequest::read);
    let mut under_way = None;
    let endpoint = match &request {
        Ok(TokenRequest::AuthorizationCode { code, .. }) => {
            presented(provider, entry, "authorization_code", code);
            Endpoint::CodeExchange
        }
        Ok(TokenRequest::RefreshToken { refresh_token, .. }) => {
            presented(provider, entry, "refresh_token", refresh_token);
            let family = provider.state().families.family_of(refresh_token);
            under_way = family.map(|family| provider.refresh_under_way(family));
            Endpoint::Refresh
        }
        Err(_) => Endpoint::Token,
    };
    let fault = provider.state().faults.strike(endpoint);
    let decide = || match request.and_then(|request| request.decide(provider)) {
        Ok(tokens) => {
            entry.outcome("tokens_issued");
            Reply::json(200, &tokens).header("cache-control", "no-store").header("pragma", "no-cache")
        }
        Err(refusal) => {
            entry.outcome(refusal.outcome());
            error_shape::render(&refusal, provider.state().settings.error_shape)
        }
    };
    let reply = interference::around(fault, entry, under_way, decide).await;
    if let Ok(parameters) = &parameters {
        // Only now does a redeemed code have a family.
        let family = parameters.get("code").and_then(|code| provider.state().codes.family_of(code));
        entry.note(|entry| entry.family = entry.family.or(family));
    }
    reply
}

fn presented(provider: &Provider, entry: &Entry, grant_type: &str, secret: &str) {
    let family = {
        let state = provider.state();
        state.families.family_of(secret).or_else(|| state.codes.family_of(secret))
    };
    entry.note(|entry| {
        entry.grant_type = Some(grant_type.to_owned());
        entry.token_sha256 = Some(token_sha256(secret));
        entry.family = family;
    });
}
