//! The token endpoint (RFC 6749 section 3.2): parses the request, applies faults, and renders the provider's decision.

use std::sync::Arc;

use hyper::HeaderMap;

use super::{error_shape, refresh};
use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Parameters, Reply},
    interference,
    journal::token_sha256,
    provider::{self, Entry, Provider, Refusal, UnsignedTokenResponse},
};

/// A parsed request; its values are not yet checked.
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
            // The real provider accepts a code only in a form, and a refresh token also in JSON.
            "authorization_code" if parameters.is_json => {
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
}

/// Handles a token request.
pub(super) async fn token(
    provider: &Arc<Provider>,
    entry: &Entry,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, ConnectionCut> {
    let parameters = Parameters::from_body(headers, body).map_err(|error| Refusal::InvalidRequest(error.to_string()));
    let request = parameters.as_ref().map_err(Clone::clone).and_then(TokenRequest::read);
    let reply = match request {
        Ok(TokenRequest::AuthorizationCode { code, client_id, redirect_uri, code_verifier }) => {
            record_grant(provider, entry, "authorization_code", code);
            let fault = provider.state().faults.next_for(Endpoint::CodeExchange);
            let decide = || provider::redeem_code(provider, code, client_id, redirect_uri, code_verifier);
            interference::apply(fault, entry, (), || response(provider, entry, decide())).await
        }
        Ok(TokenRequest::RefreshToken { refresh_token, client_id }) => {
            record_grant(provider, entry, "refresh_token", refresh_token);
            refresh::refresh(provider, entry, refresh_token, client_id).await
        }
        Err(refusal) => {
            let fault = provider.state().faults.next_for(Endpoint::Token);
            let decide = || response(provider, entry, Err(refusal));
            interference::apply(fault, entry, (), decide).await
        }
    };
    if let Ok(parameters) = &parameters {
        // A code has a family only after it was redeemed.
        let family = parameters.get("code").and_then(|code| provider.state().codes.family_of(code));
        entry.update(|entry| entry.family = entry.family.or(family));
    }
    reply
}

/// Signs the tokens and builds the response.
pub(super) fn response(provider: &Provider, entry: &Entry, decided: Result<UnsignedTokenResponse, Refusal>) -> Reply {
    match decided.and_then(|decided| decided.sign(provider)) {
        Ok(tokens) => {
            entry.set_outcome("tokens_issued");
            Reply::json(200, &tokens).header("cache-control", "no-store").header("pragma", "no-cache")
        }
        Err(refusal) => {
            entry.set_outcome(refusal.outcome());
            error_shape::render(&refusal, provider.state().settings.error_shape)
        }
    }
}

/// Records the grant type, the digest of the code or token, and the token family in the journal.
fn record_grant(provider: &Provider, entry: &Entry, grant_type: &str, secret: &str) {
    let family = {
        let state = provider.state();
        state.families.family_of(secret).or_else(|| state.codes.family_of(secret))
    };
    entry.update(|entry| {
        entry.grant_type = Some(grant_type.to_owned());
        entry.token_sha256 = Some(token_sha256(secret));
        entry.family = family;
    });
}
