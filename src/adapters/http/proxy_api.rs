//! `/v1/proxy/{provider}/{path}`: a provider's own API with an account's token. Bytes pass as they are; nothing of the
//! body is read.
//!
//! The rest of the path holds slashes, which no OpenAPI path can say, so `docs/proxy.md` is its contract.

use std::sync::Arc;

use futures_util::TryStreamExt;
use poem::{
    Body, IntoResponse, Request, Response,
    http::{Method, header},
};

use super::{
    large_body::{Kept, LargeBodies},
    openai_error::OpenAiError,
    problem::{Problem, ProblemJson},
    problem_kind::ProblemKind,
};
use crate::app::{Models, ProxyRequest, ProxyResponse, account_name};

pub(super) const PREFIX: &str = "/v1/proxy/";

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

pub(super) struct Proxy {
    pub(super) models: Arc<Models>,
    pub(super) bodies: Arc<LargeBodies>,
}

impl Proxy {
    /// Answers a request whose path begins with [`PREFIX`].
    pub(super) async fn forward(&self, request: Request) -> Response {
        self.try_forward(request).await.unwrap_or_else(|refusal| refusal)
    }

    async fn try_forward(&self, mut request: Request) -> Result<Response, Response> {
        if !METHODS.contains(request.method()) {
            let refusal = refused(ProblemKind::MethodNotAllowed, "this method does not pass through");
            return Err(refusal.with_header(header::ALLOW, ALLOWED).into_response());
        }
        let body = self.bodies.keep_or_pass(request.take_body(), request.headers()).await;
        let Kept { body, room: _room } = body.map_err(|error| ProblemJson(error.into()).into_response())?;
        let (uri, method) = (request.uri().clone(), request.method().clone());
        let rest = uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        let name = account_name(name).map_err(|error| OpenAiError::of(&error).into_response())?;
        let forwarded = self.models.forward(ProxyRequest {
            name,
            method,
            path: path.to_owned(),
            query: uri.query().map(str::to_owned),
            headers: std::mem::take(request.headers_mut()),
            body,
        });
        Ok(passed_on(forwarded.await.map_err(|error| OpenAiError::of(&error).into_response())?))
    }
}

/// A provider's answer as the caller's, byte for byte as the bytes come.
pub(super) fn passed_on(forwarded: ProxyResponse) -> Response {
    // Bytes come after the request has been dealt with; its name goes with them.
    let span = tracing::Span::current();
    let body = forwarded.body.inspect_err(move |error| {
        span.in_scope(|| tracing::warn!(error = %error, "a forwarded answer broke off"));
    });
    let mut answer =
        Response::builder().status(forwarded.status).body(Body::from_bytes_stream(body.map_err(std::io::Error::other)));
    *answer.headers_mut() = forwarded.headers;
    answer
}

fn refused(kind: ProblemKind, detail: impl Into<String>) -> Response {
    ProblemJson(Problem::new(kind, detail)).into_response()
}
