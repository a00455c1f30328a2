//! Forwards a request to a provider's own API and streams the response back.

use http_message::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::RETRY_AFTER};

use super::{
    Models,
    call::{ProviderCall, select_headers},
    refusal::{peek, read_refusal},
    session::add_session,
};
use crate::{
    app::{AppError, RunningRequest},
    domain::{
        ids::AccountName,
        provider_refusal::SHOULD_RETRY,
        proxy::{ProxyPath, ProxyRule, headers},
        scope::Rights,
        time::retry_after_seconds,
    },
    ports::{ByteStream, RequestBody, UpstreamResponse},
};

/// A caller's request to a provider's own API.
#[derive(Debug)]
pub struct ProxyRequest {
    pub name: AccountName,
    pub rights: Rights,
    pub method: Method,
    /// The path as received: without a leading slash, not decoded.
    pub path: String,
    pub query: Option<String>,
    /// The caller's headers. Those that `headers::is_forwarded_to_provider` accepts are forwarded.
    pub headers: HeaderMap,
    pub body: RequestBody,
}

/// A response as the caller receives it.
pub struct ProxyResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ByteStream,
    /// Number of bytes that the gateway holds in memory until the body has been sent.
    pub held_bytes: usize,
}

impl Models {
    /// Forwards a request to the account's provider.
    ///
    /// # Errors
    /// [`AppError::InvalidPath`], [`AppError::PathNotAllowed`], [`AppError::PathNotForPrograms`],
    /// [`AppError::UnknownProvider`], [`AppError::UpstreamRedirect`], [`AppError::Upstream`],
    /// [`AppError::RetryRequest`], and those of [`Tokens::usable`](crate::app::Tokens::usable).
    #[tracing::instrument(name = "models.forward", level = "debug", skip_all, fields(provider.name = %request.name))]
    pub async fn forward(&self, request: ProxyRequest) -> Result<ProxyResponse, AppError> {
        let ProxyRequest { name, rights, method, path, query, mut headers, body } = request;
        let definition = self.definition(&name).await?;
        RunningRequest::current().note_account(&definition.name);
        let path = ProxyPath::parse(&path)?;
        // Check the path before the token is looked up, so that a rejected path does not start a refresh.
        let is_covered = |rules: &[ProxyRule]| rules.iter().any(|rule| rule.covers(method.as_str(), &path));
        if !is_covered(&definition.proxy_paths) {
            return Err(AppError::PathNotAllowed { name, path });
        }
        if !is_covered(&definition.program_paths) && !rights.manages_accounts() {
            return Err(AppError::PathNotForPrograms { name, method: method.to_string(), path });
        }
        let url = definition.url_of(&path, query.as_deref());
        add_session(&mut headers, None);
        let call = ProviderCall { method, url, headers, body };
        let response = self.call(&name, call).await?;
        if response.status == StatusCode::TOO_MANY_REQUESTS {
            return self.forward_too_many_requests(response).await;
        }
        ProxyResponse::of(response)
    }

    /// Copies the retry hints of a 429 body into headers, because automatic retries read only headers.
    async fn forward_too_many_requests(&self, response: UpstreamResponse) -> Result<ProxyResponse, AppError> {
        let (response, body) = peek(response).await?;
        let refusal = read_refusal(&response, &body, self.now());
        let mut forwarded = ProxyResponse::of(response)?;
        if let Some(wait) = refusal.retry_after {
            forwarded.headers.entry(RETRY_AFTER).or_insert(HeaderValue::from(retry_after_seconds(wait)));
        }
        if refusal.forbids_retry() {
            forwarded.headers.insert(HeaderName::from_static(SHOULD_RETRY), HeaderValue::from_static("false"));
        }
        Ok(forwarded)
    }
}

impl ProxyResponse {
    /// Converts a provider's response. Keeps the headers that `headers::is_forwarded_to_caller` accepts.
    ///
    /// # Errors
    /// [`AppError::UpstreamRedirect`].
    pub(super) fn of(response: UpstreamResponse) -> Result<Self, AppError> {
        // `Location` is not forwarded, and a redirect without it is useless.
        if response.status.is_redirection() && response.status != StatusCode::NOT_MODIFIED {
            return Err(AppError::UpstreamRedirect);
        }
        let headers = select_headers(&response.headers, headers::is_forwarded_to_caller);
        Ok(Self { status: response.status, headers, body: response.body, held_bytes: 0 })
    }
}
