//! Sends a request to a provider with an account's token.
//!
//! After a 401, the token is refreshed even if it has not expired, unless a refresh cannot help
//! ([`Tokens::replace_refused`](crate::app::Tokens::replace_refused)). With the new token, the request is sent once
//! more, and the caller gets only the second response. If its body was streamed, the caller must send it again.
//! Concurrent 401 responses for one token version cause one refresh. A 403 does not trigger a refresh.

use std::sync::Arc;

use http_message::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};

use super::{
    Models,
    refusal::{peek, read_refusal, refusal_of},
};
use crate::{
    app::{AppError, ProviderRegistration, Unauthorized},
    domain::{
        ids::AccountName, provider::ProviderDefinition, provider_feedback::FeedbackSource,
        provider_refusal::RefusalKind, proxy::headers, time::Timestamp,
    },
    ports::{RequestBody, UpstreamRequest, UpstreamResponse},
};

/// Error codes of a 401 that mean that the token is invalid for every request, not only for this one.
const DEAD_TOKEN_CODES: [&str; 3] = ["token_expired", "token_invalidated", "token_revoked"];

/// The media type of an event stream.
const EVENT_STREAM: &str = "text/event-stream";

/// A request to a provider, without the headers and token of the account.
#[derive(Debug)]
pub(super) struct ProviderCall {
    pub(super) method: Method,
    /// An absolute URL below the provider's configured base.
    pub(super) url: String,
    /// The caller's headers. Those that `headers::is_forwarded_to_provider` accepts are forwarded.
    pub(super) headers: HeaderMap,
    pub(super) body: RequestBody,
}

impl ProviderCall {
    /// Creates a GET request of the gateway itself.
    pub(super) fn get(url: String, headers: HeaderMap) -> Self {
        Self { method: Method::GET, url, headers, body: RequestBody::default() }
    }
}

impl Models {
    /// Returns the definition of an account, from memory if it is registered or configured, so that no store call
    /// delays a request.
    ///
    /// # Errors
    /// [`AppError::UnknownProvider`], [`AppError::AccountUnreadable`], [`AppError::Store`].
    pub(super) async fn definition(&self, name: &AccountName) -> Result<Arc<ProviderDefinition>, AppError> {
        if let Some(account) = self.tokens.registry().get(name) {
            return Ok(Arc::clone(&account.definition));
        }
        if let Some(known) = self.catalog.get(name) {
            return Ok(Arc::new(known.clone()));
        }
        match self.tokens.registered(name).await {
            Ok(account) => Ok(Arc::clone(&account.definition)),
            Err(AppError::NotConnected(name)) => Err(AppError::UnknownProvider(name.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Sends a call with the account's token. Returns when the response's head is read, whatever its status.
    ///
    /// # Errors
    /// [`AppError::Upstream`], [`AppError::RetryRequest`] if the token was refused and the body cannot be sent again,
    /// and those of [`Tokens::usable`](crate::app::Tokens::usable).
    pub(super) async fn call(&self, name: &AccountName, call: ProviderCall) -> Result<UpstreamResponse, AppError> {
        Ok(self.send_authorized(name, call).await?.1)
    }

    /// Sends a call, as described for [`Self::call`]. Also returns the account with the token that was used last.
    async fn send_authorized(
        &self,
        name: &AccountName,
        call: ProviderCall,
    ) -> Result<(Arc<ProviderRegistration>, UpstreamResponse), AppError> {
        let mut account = self.tokens.usable(name).await?;
        let ProviderCall { method, url, headers, body } = call;
        let retry_body = body.try_clone();
        let request = |account: &ProviderRegistration, body| UpstreamRequest {
            account: name.clone(),
            method: method.clone(),
            url: url.clone(),
            headers: upstream_headers(&headers, account),
            body,
        };
        let mut response = self.upstream.send(request(&account, body), &account.access_token).await?;
        if response.status == StatusCode::UNAUTHORIZED {
            let (refused_response, unauthorized) = read_unauthorized(response, self.now()).await?;
            response = match (self.tokens.replace_refused(name, &account, unauthorized).await?, retry_body) {
                (Some(newer), Some(body)) => {
                    account = newer;
                    let retried = self.upstream.send(request(&account, body), &account.access_token).await?;
                    self.tokens.note_retry(name, &account, retried.status != StatusCode::UNAUTHORIZED);
                    retried
                }
                (Some(_), None) => return Err(AppError::RetryRequest(name.clone())),
                (None, _) => refused_response,
            };
        }
        if response.status.is_success() {
            self.tokens.note_accepted(name);
            declare_event_stream(&headers, &mut response);
        }
        self.usages.note(&account, &method, &response.headers, self.now());
        Ok((account, response))
    }

    /// Sends a call. A non-2xx response becomes an error and is noted for the account's status. The caller must note a
    /// success, because a stream may still fail.
    pub(super) async fn call_successfully(
        &self,
        name: &AccountName,
        call: ProviderCall,
        source: FeedbackSource,
    ) -> Result<(Arc<ProviderRegistration>, UpstreamResponse), AppError> {
        let (account, response) = self.send_authorized(name, call).await?;
        if response.status.is_success() {
            return Ok((account, response));
        }
        let error = refusal_of(response, self.now()).await;
        if let AppError::ProviderRefused(refusal) = &error {
            self.note_refusal(&account, refusal, source);
        }
        Err(error)
    }
}

/// Returns the forwarded headers of the caller, and the headers that identify the account to the provider.
fn upstream_headers(from_caller: &HeaderMap, account: &ProviderRegistration) -> HeaderMap {
    let mut headers = select_headers(from_caller, headers::is_forwarded_to_provider);
    let ProviderDefinition { oauth, provider_type, client_version, .. } = account.definition.as_ref();
    set_user_agent(&mut headers, &account.definition);
    // ChatGPT's backend refuses newer models of its list without the version for which the list was requested.
    if let Some(Ok(version)) = client_version.as_deref().map(HeaderValue::from_str) {
        headers.entry(HeaderName::from_static("version")).or_insert(version);
    }
    if let Some(originator) = oauth.as_ref().and_then(|client| client.originator.as_deref())
        && let Ok(value) = HeaderValue::from_str(originator)
    {
        headers.entry(HeaderName::from_static("originator")).or_insert(value);
    }
    if let (Some(name), Some(id)) = (provider_type.descriptor().account_header, &account.account.account_id)
        && let Ok(value) = HeaderValue::from_str(id)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

/// Adds the media type of an event stream to a response without one, if the request accepts nothing else. ChatGPT's
/// backend sends its streams without `Content-Type`.
fn declare_event_stream(request: &HeaderMap, response: &mut UpstreamResponse) {
    let accepted = request.get(ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    if accepted.eq_ignore_ascii_case(EVENT_STREAM.as_bytes()) && !response.headers.contains_key(CONTENT_TYPE) {
        response.headers.insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    }
}

/// Sets the configured `User-Agent`, if there is one.
pub(in crate::app) fn set_user_agent(headers: &mut HeaderMap, definition: &ProviderDefinition) {
    if let Some(Ok(value)) = definition.user_agent.as_deref().map(HeaderValue::from_str) {
        headers.insert(USER_AGENT, value);
    }
}

/// Returns the headers for whose names `is_wanted` is true.
pub(super) fn select_headers(headers: &HeaderMap, is_wanted: impl Fn(&str) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| is_wanted(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Classifies a 401 response by its code. Returns the response with its whole body.
async fn read_unauthorized(
    response: UpstreamResponse,
    now: Timestamp,
) -> Result<(UpstreamResponse, Unauthorized), AppError> {
    let (response, read) = peek(response).await?;
    let refusal = read_refusal(&response, &read, now);
    let unauthorized = if refusal.kind == RefusalKind::AccountRefused {
        Unauthorized::AccountRefused
    } else if DEAD_TOKEN_CODES.contains(&refusal.code.as_str()) {
        Unauthorized::Dead
    } else {
        Unauthorized::Unexplained
    };
    Ok((response, unauthorized))
}
