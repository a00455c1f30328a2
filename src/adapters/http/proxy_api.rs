//! `/v1/proxy/{provider}/{path}`: a provider's own API with an account's token. Bytes pass as they are; nothing of the
//! body is read.
//!
//! The rest of the path holds slashes, which no OpenAPI path can say, so `docs/proxy.md` is its contract.

use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use poem::{
    Body, Endpoint, IntoResponse, Request, Response,
    error::ReadBodyError,
    http::{Method, header},
};
use tokio::time::timeout;

use super::{
    problem::{Problem, ProblemJson},
    problem_kind::ProblemKind,
};
use crate::app::{AppError, ForwardRequest, Gateway};

pub(super) const PREFIX: &str = "/v1/proxy/";

/// The largest body that is forwarded: a long conversation with pictures. It is kept until the answer begins, for the
/// case that the request must be sent once more.
const MAX_BODY_BYTES: usize = 32 * 1024 * 1024;
/// How long a caller may take to send it.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);

const METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const ALLOWED: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

pub(super) struct Proxy {
    pub(super) gateway: Arc<Gateway>,
}

impl Endpoint for Proxy {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        Ok(match self.forward(request).await {
            Ok(answer) => answer,
            Err(refusal) => refusal,
        })
    }
}

impl Proxy {
    async fn forward(&self, mut request: Request) -> Result<Response, Response> {
        if !METHODS.contains(request.method()) {
            let refusal = refused(ProblemKind::MethodNotAllowed, "this method does not pass through");
            return Err(refusal.with_header(header::ALLOW, ALLOWED).into_response());
        }
        if request.headers().contains_key(header::UPGRADE) {
            return Err(refused(ProblemKind::NoUpgrade, "this gateway speaks plain HTTP here; use the HTTP form"));
        }
        // The original one: what routing has decoded or cut is not what is judged and sent.
        let (uri, method) = (request.original_uri().clone(), request.method().clone());
        let rest = uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
        let reading = request.take_body().into_bytes_limit(MAX_BODY_BYTES);
        let body = match timeout(BODY_TIMEOUT, reading).await {
            Ok(Ok(body)) => body,
            Ok(Err(ReadBodyError::PayloadTooLarge)) => {
                return Err(refused(
                    ProblemKind::BodyTooLarge,
                    format!("the body is larger than {MAX_BODY_BYTES} bytes"),
                ));
            }
            Ok(Err(_)) | Err(_) => {
                return Err(refused(ProblemKind::BadRequest, "the body could not be read to its end"));
            }
        };
        let forwarded = self.gateway.forward(ForwardRequest {
            name: name.to_owned(),
            method,
            path: path.to_owned(),
            query: uri.query().map(str::to_owned),
            headers: std::mem::take(request.headers_mut()),
            body,
        });
        let forwarded = forwarded.await.map_err(|error| told(&error))?;
        let body = forwarded.body.inspect_err(|error| tracing::warn!(error = %error, "a forwarded answer broke off"));
        let mut answer = Response::builder()
            .status(forwarded.status)
            .body(Body::from_bytes_stream(body.map_err(std::io::Error::other)));
        *answer.headers_mut() = forwarded.headers;
        Ok(answer)
    }
}

fn refused(kind: ProblemKind, detail: impl Into<String>) -> Response {
    ProblemJson(Problem::new(kind, detail)).into_response()
}

fn told(error: &AppError) -> Response {
    ProblemJson(Problem::of(error)).into_response()
}
