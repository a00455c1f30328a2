//! The auth origin: the authorization server's endpoints, their paths and methods.

mod approval_page;
mod authorize;
mod callback;
mod error_shape;
mod metadata;
mod refresh;
mod revoke;
mod token;

use std::sync::Arc;

use hyper::{Method, Request, http::request::Parts};

pub use authorize::ApprovalRefused;
pub(crate) use authorize::approve;

use crate::{
    http::{ConnectionCut, Origin, Reply, UnreadBody, read_body},
    provider::{Entry, Provider},
    site::Site,
    steps::Step,
};

/// The token endpoint.
const TOKEN_PATH: &str = "/oauth/token";

/// The maximum request body, in bytes; OAuth requests are far smaller.
const BODY_LIMIT: usize = 64 * 1024;

/// The authorization server as an origin.
pub(crate) struct AuthOrigin {
    pub(crate) provider: Arc<Provider>,
}

impl Origin for AuthOrigin {
    async fn admit(&self) -> Result<(), ConnectionCut> {
        self.provider.steps.pass(Step::Connected, None).await
    }

    async fn answer(&self, request: Request<UnreadBody>) -> Result<Reply, ConnectionCut> {
        let (head, body) = request.into_parts();
        let entry = self.provider.record_arrival(Site::Auth, &head);
        entry.record_response(self.answer_to(&entry, head, body)).await
    }
}

impl AuthOrigin {
    async fn answer_to(&self, entry: &Entry, head: Parts, body: UnreadBody) -> Result<Reply, ConnectionCut> {
        if head.uri.path() == TOKEN_PATH {
            self.provider.steps.pass(Step::Arrived, None).await?;
        }
        // The client disconnected in the middle of its request, or its body is too large.
        let Ok(body) = read_body(body, BODY_LIMIT).await else { return Err(ConnectionCut::Close) };
        let provider = &self.provider;
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/oauth/authorize") => {
                authorize::authorize(provider, entry, head.uri.query().unwrap_or_default()).await
            }
            (&Method::POST, authorize::DECISION_PATH) => authorize::decide(provider, entry, &head.headers, &body),
            (&Method::POST, TOKEN_PATH) => token::token(provider, entry, &head.headers, &body).await,
            (&Method::POST, "/oauth/revoke") => revoke::revoke(provider, entry, &head.headers, &body).await,
            (&Method::GET, "/.well-known/openid-configuration") => {
                entry.set_outcome("metadata");
                Ok(metadata::openid_configuration(&provider.issuer))
            }
            (&Method::GET, "/.well-known/jwks.json") => {
                entry.set_outcome("keys");
                Ok(Reply::json(200, &provider.state().keys.jwks()))
            }
            (_, TOKEN_PATH | "/oauth/revoke" | authorize::DECISION_PATH) => Ok(not_allowed("POST")),
            (_, "/oauth/authorize" | "/.well-known/openid-configuration" | "/.well-known/jwks.json") => {
                Ok(not_allowed("GET"))
            }
            _ => Ok(Reply::new(404, "not found")),
        }
    }
}

fn not_allowed(allowed: &str) -> Reply {
    Reply::new(405, "method not allowed").header("allow", allowed)
}
