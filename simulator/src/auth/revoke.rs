//! The revocation endpoint (RFC 7009). An unknown token gets the same response as a known one, so that the response
//! does not reveal whether a guessed token exists (section 2.2).

use std::sync::Arc;

use hyper::HeaderMap;

use super::error_shape;
use crate::{
    faults::Endpoint,
    http::{ConnectionCut, Parameters, Reply},
    interference,
    journal::token_sha256,
    provider::{Entry, Provider, Refusal},
};

/// Handles a revocation. Ignores `token_type_hint`: the provider looks up the token as either kind.
pub(super) async fn revoke(
    provider: &Arc<Provider>,
    entry: &Entry,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Reply, ConnectionCut> {
    let parameters = Parameters::from_body(headers, body).map_err(|error| Refusal::InvalidRequest(error.to_string()));
    let token = parameters.as_ref().map_err(Clone::clone).and_then(|parameters| {
        let missing = || Refusal::InvalidRequest("Missing required parameter: 'token'.".to_owned());
        parameters.get("token").ok_or_else(missing)
    });
    if let Ok(token) = token {
        let family = provider.state().families.family_of(token);
        entry.update(|entry| {
            entry.token_sha256 = Some(token_sha256(token));
            entry.family = family;
        });
    }
    let fault = provider.state().faults.next_for(Endpoint::Revoke);
    let decide = || match token {
        Ok(token) => {
            let known = {
                let mut state = provider.state();
                let ends_grant = state.settings.revocation_ends_grant;
                state.families.revoke_token(token, ends_grant)
            };
            entry.set_outcome(if known { "revoked" } else { "unknown_token" });
            Reply::new(200, "")
        }
        Err(refusal) => {
            entry.set_outcome(refusal.outcome());
            error_shape::render(&refusal, provider.state().settings.error_shape)
        }
    };
    interference::apply(fault, entry, (), decide).await
}
