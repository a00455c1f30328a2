//! The auth origin: the authorization server's endpoints, their paths and methods.

mod approval_page;
mod authorize;
mod callback;
mod error_shape;
mod interference;
mod metadata;
mod revoke;
mod token;

use std::sync::Arc;

use hyper::{Method, Request, body::Incoming};

use crate::{
    http::{ConnectionCut, Origin, Reply, read_body},
    provider::Provider,
};

/// The authorization server as an origin.
pub(crate) struct AuthOrigin {
    pub(crate) provider: Arc<Provider>,
}

impl Origin for AuthOrigin {
    async fn answer(&self, request: Request<Incoming>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let entry = self.provider.arrival(&head);
        // The client broke off in the middle of its own request: there is nobody left to answer.
        let Ok(body) = read_body(body).await else { return Err(ConnectionCut::Close) };
        let provider = &self.provider;
        let reply = match (&head.method, head.uri.path()) {
            (&Method::GET, "/oauth/authorize") => {
                authorize::authorize(provider, &entry, head.uri.query().unwrap_or_default()).await
            }
            (&Method::POST, authorize::DECISION_PATH) => authorize::decide(provider, &entry, &head.headers, &body),
            (&Method::POST, "/oauth/token") => token::token(provider, &entry, &head.headers, &body).await,
            (&Method::POST, "/oauth/revoke") => revoke::revoke(provider, &entry, &head.headers, &body).await,
            (&Method::GET, "/.well-known/openid-configuration") => {
                entry.outcome("metadata");
                Ok(metadata::openid_configuration(&provider.issuer))
            }
            (&Method::GET, "/.well-known/jwks.json") => {
                entry.outcome("keys");
                Ok(Reply::json(200, &provider.state().keys.jwks()))
            }
            (_, "/oauth/token" | "/oauth/revoke" | authorize::DECISION_PATH) => Ok(not_allowed("POST")),
            (_, "/oauth/authorize" | "/.well-known/openid-configuration" | "/.well-known/jwks.json") => {
                Ok(not_allowed("GET"))
            }
            _ => Ok(Reply::new(404, "not found")),
        }?;
        entry.note(|entry| {
            entry.status = Some(reply.status());
            if entry.outcome == "undecided" {
                entry.outcome = reply.status().to_string();
            }
        });
        Ok(reply)
    }
}

fn not_allowed(allowed: &str) -> Reply {
    Reply::new(405, "method not allowed").header("allow", allowed)
}
