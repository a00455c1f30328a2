//! Forward a request to a provider's own API, and let the answer through as it comes.

use std::sync::Arc;

use http_message::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::RETRY_AFTER};

use super::{
    AppError, Gateway,
    provider_call::{ProviderCall, listed, peek},
};
use crate::{
    domain::{
        provider_refusal::SHOULD_RETRY,
        proxy::{ProxyPath, headers},
        time::retry_after_seconds,
    },
    ports::{ByteStream, RequestBody, UpstreamResponse},
};

/// A caller's request.
#[derive(Debug)]
pub struct ProxyRequest {
    /// The account's name, as in the path.
    pub name: String,
    pub method: Method,
    /// As it came: without a leading slash, not decoded.
    pub path: String,
    pub query: Option<String>,
    /// All of them; only the listed ones go on.
    pub headers: HeaderMap,
    pub body: RequestBody,
}

/// What the provider answered, for the caller's eyes.
pub struct ProxyResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ByteStream,
}

impl Gateway {
    pub async fn forward(self: &Arc<Self>, request: ProxyRequest) -> Result<ProxyResponse, AppError> {
        let ProxyRequest { name, method, path, query, headers, body } = request;
        let definition = self.definition_named(&name)?;
        let path = ProxyPath::parse(&path)?;
        // Before the token is asked for: what does not pass must not make a refresh begin.
        if !path.is_allowed_by(&definition.proxy_paths) {
            return Err(AppError::PathNotAllowed { name: definition.name.clone(), path });
        }
        let url = definition.url_of(&path, query.as_deref());
        let call = ProviderCall { method, url, headers, body };
        let answer = self.call_provider(&definition.name, call).await?;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            return self.forward_limit(answer).await;
        }
        ProxyResponse::of(answer)
    }

    /// A 429 as it is, and in headers what its body alone says: for how long, and whether another try makes any sense. What
    /// callers try again by themselves looks at nothing else.
    async fn forward_limit(&self, answer: UpstreamResponse) -> Result<ProxyResponse, AppError> {
        let (answer, said) = peek(answer).await?;
        let refusal = self.refusal(&answer, &said);
        let mut forwarded = ProxyResponse::of(answer)?;
        if let Some(wait) = refusal.retry_after {
            forwarded.headers.entry(RETRY_AFTER).or_insert(HeaderValue::from(retry_after_seconds(wait)));
        }
        if refusal.is_lasting() {
            forwarded.headers.insert(HeaderName::from_static(SHOULD_RETRY), HeaderValue::from_static("false"));
        }
        Ok(forwarded)
    }
}

impl ProxyResponse {
    /// The answer with the listed headers alone.
    pub(super) fn of(answer: UpstreamResponse) -> Result<Self, AppError> {
        // Where to would be the provider's business, and a redirect without it is no answer.
        if answer.status.is_redirection() && answer.status != StatusCode::NOT_MODIFIED {
            return Err(AppError::UpstreamRedirect);
        }
        let headers = listed(&answer.headers, headers::comes_back);
        Ok(Self { status: answer.status, headers, body: answer.body })
    }
}
