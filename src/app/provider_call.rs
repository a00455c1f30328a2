//! Send a request to a provider with an account's token, whatever the request is for.
//!
//! A 401 means that the token is not good, whatever the clock says: it is refreshed once, by version, so that a hundred
//! requests that are refused together refresh it once, and the request is sent once more; one whose body has passed already,
//! by its caller. All of that happens before the caller has seen a byte. A 403 is no matter of the token and refreshes nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_message::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header::USER_AGENT};
use serde_json::Value;

use super::{AppError, Gateway, ProviderRegistration, canonical_name, single_flight::RefreshOutcome};
use crate::{
    domain::{
        ids::ProviderName,
        provider::ProviderDefinition,
        proxy::headers,
        refresh::{RefreshTrigger, TokenState},
    },
    ports::{ByteStream, RequestBody, UpstreamRequest, UpstreamResponse},
};

/// As much of a refusal as is read for its code and its words, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// Codes by which a provider says that a token is dead, not merely unwelcome here.
const DEAD: [&str; 3] = ["token_expired", "token_invalidated", "token_revoked"];

/// What is asked of a provider, before the account's own headers and token.
#[derive(Debug)]
pub(super) struct ProviderCall {
    pub(super) method: Method,
    /// Absolute, below the provider's configured base.
    pub(super) url: String,
    /// The caller's; only the listed ones go on.
    pub(super) headers: HeaderMap,
    pub(super) body: RequestBody,
}

impl ProviderCall {
    /// A question of the gateway's own.
    pub(super) fn get(url: String, headers: HeaderMap) -> Self {
        Self { method: Method::GET, url, headers, body: RequestBody::default() }
    }
}

impl Gateway {
    /// The account that a path or a model's name means. Memory alone is asked: the store is not on the way of a request.
    pub(super) fn definition_named(&self, text: &str) -> Result<Arc<ProviderDefinition>, AppError> {
        let unknown = || AppError::UnknownProvider(text.to_owned());
        let name = ProviderName::parse(canonical_name(text)).map_err(|_no_such_name| unknown())?;
        let connected = self.registry.get(&name).map(|account| Arc::clone(&account.definition));
        connected.or_else(|| self.catalog.get(&name).map(|known| Arc::new(known.clone()))).ok_or_else(unknown)
    }

    /// Sends a call as the account `name`; the answer, whatever its status is, once its head is there.
    pub(super) async fn call_provider(
        self: &Arc<Self>,
        name: &ProviderName,
        call: ProviderCall,
    ) -> Result<UpstreamResponse, AppError> {
        let account = self.bearer(name).await?;
        let ProviderCall { method, url, headers, body } = call;
        let kept = body.again();
        let request = |account: &ProviderRegistration, body| UpstreamRequest {
            method: method.clone(),
            url: url.clone(),
            headers: upstream_headers(&headers, account),
            body,
        };
        let mut answer = self.upstream.send(request(&account, body), &account.access_token).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let (refusal, is_dead) = read_refusal(answer).await?;
            answer = match (self.replace_refused(name, &account, is_dead).await, kept) {
                (Some(newer), Some(body)) => self.upstream.send(request(&newer, body), &newer.access_token).await?,
                (Some(_), None) => return Err(AppError::RetryRequest(name.clone())),
                (None, _) => refusal,
            };
        }
        if answer.status.is_success() {
            self.refused.forget(name);
        }
        self.usages.note(name, &account.refresh.version.login_id, &answer.headers, self.now());
        Ok(answer)
    }

    /// The account with another token than the one that was refused, if there is one or can be.
    async fn replace_refused(
        self: &Arc<Self>,
        name: &ProviderName,
        refused: &ProviderRegistration,
        is_dead: bool,
    ) -> Option<Arc<ProviderRegistration>> {
        let another = || self.cached_bearer(name).filter(|known| known.refresh.version != refused.refresh.version);
        if let Some(newer) = another() {
            return Some(newer);
        }
        let (definition, version) = (&refused.definition, &refused.refresh.version);
        let state = self.registry.get(name)?.refresh.clone().at(self.now());
        let pause = definition.refresh.backoff_min;
        let was_refused_before = self.refused.note(name, version, is_dead, self.now(), pause);
        // A token that is this new is not refused for its age: the next one would be too.
        let is_new = state.obtained_at.until(self.now()) < pause;
        if !state.refreshable || state.state == TokenState::NeedsReauth || is_new {
            return None;
        }
        // Out of doubt, only a token that is surely dead is worth a retry: it was refused with a word to that effect, or
        // has been refused for a while.
        let trigger = if is_dead || was_refused_before { RefreshTrigger::AccessDead } else { RefreshTrigger::Now };
        tracing::info!(provider.name = %name, version = %version, "access token refused by the provider; refreshing it");
        match self.refresh_tokens(definition, version, trigger).await {
            RefreshOutcome::Waiting(_) => {
                self.wait_for_other_replica(definition, version).await.ok()?;
            }
            RefreshOutcome::Settled | RefreshOutcome::StoreDown => {}
        }
        another()
    }
}

/// The listed ones of the caller's, and what the provider wants to know about the account.
fn upstream_headers(from_caller: &HeaderMap, account: &ProviderRegistration) -> HeaderMap {
    let mut headers = listed(from_caller, headers::goes_upstream);
    let ProviderDefinition { oauth, provider_type, .. } = account.definition.as_ref();
    name_agent(&mut headers, &account.definition);
    if let Some(originator) = oauth.as_ref().and_then(|client| client.originator.as_deref())
        && let Ok(value) = HeaderValue::from_str(originator)
    {
        headers.entry(HeaderName::from_static("originator")).or_insert(value);
    }
    if let (Some(name), Some(id)) = (provider_type.descriptor().account_header, &account.account_id)
        && let Ok(value) = HeaderValue::from_str(id)
    {
        headers.insert(HeaderName::from_static(name), value);
    }
    headers
}

/// Says who asks, where the owner wants it said otherwise than by default.
pub(super) fn name_agent(headers: &mut HeaderMap, definition: &ProviderDefinition) {
    if let Some(Ok(value)) = definition.user_agent.as_deref().map(HeaderValue::from_str) {
        headers.insert(USER_AGENT, value);
    }
}

pub(super) fn listed(headers: &HeaderMap, is_listed: impl Fn(&str) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| is_listed(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Reads what a 401 says, and gives back an answer that still has it.
async fn read_refusal(answer: UpstreamResponse) -> Result<(UpstreamResponse, bool), AppError> {
    let (answer, read) = peek(answer).await?;
    let json: Value = serde_json::from_slice(&read).unwrap_or_default();
    let in_header = answer.headers.get("x-openai-authorization-error").and_then(|value| value.to_str().ok());
    let in_body = json.pointer("/error/code").or_else(|| json.get("code")).and_then(Value::as_str);
    let is_dead = [in_header, in_body].into_iter().flatten().any(|code| DEAD.contains(&code));
    Ok((answer, is_dead))
}

/// What a refusal says, and an answer that still has all of it.
pub(super) async fn peek(answer: UpstreamResponse) -> Result<(UpstreamResponse, Bytes), AppError> {
    let UpstreamResponse { status, headers, body } = answer;
    let (read, rest) = read_start(body, MAX_REFUSAL_BYTES).await?;
    let read = Bytes::from(read);
    let start = read.clone();
    let body = Box::pin(stream::once(async { Ok(start) }).chain(rest));
    Ok((UpstreamResponse { status, headers, body }, read))
}

/// Reads a body up to `limit` bytes or one piece further, and returns the rest beside it. The rest may be polled again although
/// the body has ended.
pub(super) async fn read_start(body: ByteStream, limit: usize) -> Result<(Vec<u8>, ByteStream), AppError> {
    let (mut body, mut read) = (body.fuse(), Vec::new());
    while read.len() <= limit
        && let Some(piece) = body.next().await
    {
        read.extend_from_slice(&piece?);
    }
    Ok((read, Box::pin(body)))
}
