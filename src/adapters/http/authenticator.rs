//! Who may come in: everything is closed but a short list of paths that show nothing.

use std::sync::Arc;

use poem::{IntoResponse, Request, Response, http::header};
use poem_openapi::{SecurityScheme, auth::Bearer};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    allowed_methods::AllowedMethods,
    failed_attempts::FailedAttempts,
    openai_error,
    problem::{Problem, ProblemJson},
    problem_kind::ProblemKind,
    session_api,
};
use crate::{
    app::Access,
    domain::{
        api_token::{ApiToken, Scope, TokenDigest},
        ids::Principal,
    },
};

/// Paths that answer without a token. Whatever is not here needs one, also paths that do not exist.
const OPEN: [&str; 3] = ["/healthz", "/openapi.json", "/docs"];

/// The token of the gateway's owner, as a digest: enough to compare, nothing to steal.
#[derive(Clone)]
pub struct GatewayToken(Arc<[u8; 32]>);

impl GatewayToken {
    pub fn new(token: &SecretString) -> Self {
        Self(Arc::new(Sha256::digest(token.expose_secret().as_bytes()).into()))
    }

    /// Compares digests in constant time, so the answer's timing says nothing about where a guess went wrong.
    fn matches(&self, presented: &str) -> bool {
        Sha256::digest(presented.as_bytes()).ct_eq(self.0.as_slice()).into()
    }
}

/// For whom a request was let in, and by what. Only [`Authenticator::authenticate`] makes one.
#[derive(Clone)]
pub(super) struct AuthContext {
    pub(super) principal: Principal,
    pub(super) credential: Credential,
}

/// What a caller was let in by.
#[derive(Clone)]
pub(super) enum Credential {
    /// The gateway's own token.
    GatewayToken,
    /// One that the gateway made.
    ApiToken(Arc<ApiToken>),
}

// The check itself is [`Authenticator::authenticate`]'s; this is how operations say in the contract that they need a token.
/// The gateway's own token or that of a session of its page; where models are asked, a program's too.
#[derive(SecurityScheme)]
#[oai(ty = "bearer", rename = "GatewayToken", checker = "auth_context")]
pub(super) struct Caller(pub(super) AuthContext);

async fn auth_context(request: &Request, _presented: Bearer) -> Option<AuthContext> {
    request.data().cloned()
}

/// What the authenticator knows and remembers.
pub(super) struct Authenticator {
    token: GatewayToken,
    access: Arc<Access>,
    /// What there is to open.
    methods: Arc<AllowedMethods>,
    failed: FailedAttempts,
}

impl Authenticator {
    pub(super) fn new(token: GatewayToken, access: Arc<Access>, methods: Arc<AllowedMethods>) -> Self {
        Self { token, access, methods, failed: FailedAttempts::default() }
    }

    /// What a presented token is; None if it is none of ours.
    fn credential(&self, presented: &str) -> Option<Credential> {
        if self.token.matches(presented) {
            return Some(Credential::GatewayToken);
        }
        self.access.find(&TokenDigest::of(presented)).map(Credential::ApiToken)
    }

    /// Lets a request in if its path is open, or if it carries the gateway's token or another that is for this path; the error
    /// is its answer. Whoever carries a right one never meets the limit on wrong ones.
    pub(super) fn authenticate(&self, request: &mut Request) -> Result<(), Response> {
        let path = request.uri().path();
        if OPEN.contains(&path) || is_of_page(path) {
            return Ok(());
        }
        let refused = |kind, words: &str| Err(ProblemJson(Problem::new(kind, words)).into_response());
        let presented = bearer(request);
        let Some(credential) = presented.and_then(|token| self.credential(token)) else {
            return Err(match self.failed.count(request.remote_addr()) {
                Ok(()) => ProblemJson(Problem::unauthorized(presented.is_some())).into_response(),
                Err(wait) => Problem::too_many_attempts(wait).into_response(),
            });
        };
        match &credential {
            Credential::ApiToken(token) if !opens(token.scope, path) => {
                // No token would open what is not there.
                if self.methods.of(path).is_none() {
                    let words = "there is nothing at this path; the base URL of an OpenAI client ends in /v1";
                    return refused(ProblemKind::NotFound, words);
                }
                let words = "this token is for something else; this path wants the gateway's own";
                return refused(ProblemKind::InsufficientScope, words);
            }
            Credential::GatewayToken | Credential::ApiToken(_) => {}
        }
        request.set_data(AuthContext { principal: Principal::gateway_token(), credential });
        Ok(())
    }
}

/// Whether a path is the page, which shows nothing by itself, or a file of it.
pub(super) fn is_of_page(path: &str) -> bool {
    path == "/" || path.starts_with("/page/")
}

/// Whether a token opens a path.
fn opens(scope: Scope, path: &str) -> bool {
    match scope {
        Scope::Proxy => openai_error::is_spoken_at(path),
        Scope::Page => true,
        Scope::Link => path == session_api::PATH,
    }
}

/// The token in the one `Authorization` header; it is taken from nowhere else.
fn bearer(request: &Request) -> Option<&str> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
