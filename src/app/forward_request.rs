//! Forward a request to a provider with an account's token, and let the answer through as it comes.
//!
//! A 401 means that the token is not good, whatever the clock says: it is renewed once, by version, so that a hundred
//! requests that are refused together renew it once, and the request is sent once more. All of that happens before the
//! caller has seen a byte.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_message::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::{AppError, Gateway, RegisteredProvider, canonical_name, flights::Landing};
use crate::{
    domain::{
        ids::ProviderName,
        provider::ProviderDefinition,
        proxy::{ProxyPath, headers},
        refresh::{Demand, Phase},
    },
    ports::{ByteStream, UpstreamAnswer, UpstreamRequest},
};

/// As much of a refusal as is read for its code, in bytes. A longer one goes through unread.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;
/// Codes by which a provider says that a token is dead, not merely unwelcome here.
const DEAD: [&str; 3] = ["token_expired", "token_invalidated", "token_revoked"];

/// A caller's request.
#[derive(Debug)]
pub struct ForwardRequest {
    /// The account's name, as in the path.
    pub name: String,
    pub method: Method,
    /// As it came: without a leading slash, not decoded.
    pub path: String,
    pub query: Option<String>,
    /// All of them; only the listed ones go on.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What the provider answered, for the caller's eyes.
pub struct Forwarded {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: ByteStream,
}

impl Gateway {
    pub async fn forward(self: &Arc<Self>, request: ForwardRequest) -> Result<Forwarded, AppError> {
        let name = self.name_of(&request.name)?;
        let path = ProxyPath::parse(&request.path)?;
        let account = self.bearer(&name).await?;
        if !path.is_allowed_by(&account.definition.proxy_paths) {
            return Err(AppError::PathNotAllowed { name, path });
        }
        let request = UpstreamRequest {
            method: request.method,
            url: account.definition.url_of(&path, request.query.as_deref()),
            headers: upstream_headers(&request.headers, &account),
            body: request.body,
        };
        let answer = self.upstream.send(&request, &account.access_token).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return passed_on(answer);
        }
        let (answer, is_dead) = read_refusal(answer).await?;
        match self.replace_refused(&name, &account, is_dead).await {
            Some(newer) => passed_on(self.upstream.send(&request, &newer.access_token).await?),
            None => passed_on(answer),
        }
    }

    /// The account that a path means. Memory alone is asked: the store is not on the way of a request.
    fn name_of(&self, text: &str) -> Result<ProviderName, AppError> {
        let unknown = || AppError::UnknownProvider(text.to_owned());
        let name = ProviderName::parse(canonical_name(text)).map_err(|_no_such_name| unknown())?;
        let is_known = self.registry.get(&name).is_some() || self.catalog.get(&name).is_some();
        is_known.then_some(name).ok_or_else(unknown)
    }

    /// The account with another token than the one that was refused, if there is one or can be.
    async fn replace_refused(
        self: &Arc<Self>,
        name: &ProviderName,
        refused: &RegisteredProvider,
        is_dead: bool,
    ) -> Option<Arc<RegisteredProvider>> {
        let another = || self.cached_bearer(name).filter(|known| known.refresh.version != refused.refresh.version);
        if let Some(newer) = another() {
            return Some(newer);
        }
        let (definition, version) = (&refused.definition, &refused.refresh.version);
        let state = self.registry.get(name)?.refresh.clone().at(self.now());
        // A token that is this new is not refused for its age: the next one would be too.
        let is_new = state.obtained_at.until(self.now()) < definition.refresh.backoff_min;
        if !state.renewable || state.phase == Phase::NeedsReauth || is_new {
            return None;
        }
        // Out of doubt, only a token that is surely dead is worth a retry: it was refused with a word to that effect, or
        // has been refused before.
        let was_refused_before = self.refused.note(name, version);
        let demand = if is_dead || was_refused_before { Demand::AccessDead } else { Demand::Now };
        tracing::info!(provider.name = %name, version = %version, "access token refused by the provider; renewing it");
        match self.refresh_tokens(definition, version, demand).await {
            Landing::Waiting(_) => {
                self.follow_flight(definition, version).await.ok()?;
            }
            Landing::Settled | Landing::StoreDown => {}
        }
        another()
    }
}

/// The listed ones of the caller's, and what the provider wants to know about the account.
fn upstream_headers(from_caller: &HeaderMap, account: &RegisteredProvider) -> HeaderMap {
    let mut headers = listed(from_caller, headers::goes_upstream);
    let ProviderDefinition { oauth, provider_type, .. } = account.definition.as_ref();
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

fn listed(headers: &HeaderMap, is_listed: impl Fn(&str) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| is_listed(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn passed_on(answer: UpstreamAnswer) -> Result<Forwarded, AppError> {
    // Where to would be the provider's business, and a redirect without it is no answer.
    if answer.status.is_redirection() && answer.status != StatusCode::NOT_MODIFIED {
        return Err(AppError::UpstreamRedirect);
    }
    let headers = listed(&answer.headers, headers::comes_back);
    Ok(Forwarded { status: answer.status, headers, body: answer.body })
}

/// Reads what a 401 says, and gives back an answer that still has it.
async fn read_refusal(answer: UpstreamAnswer) -> Result<(UpstreamAnswer, bool), AppError> {
    let UpstreamAnswer { status, headers, mut body } = answer;
    let mut read = Vec::new();
    while read.len() <= MAX_REFUSAL_BYTES
        && let Some(piece) = body.next().await
    {
        read.extend_from_slice(&piece?);
    }
    let json: Value = serde_json::from_slice(&read).unwrap_or_default();
    let in_header = headers.get("x-openai-authorization-error").and_then(|value| value.to_str().ok());
    let in_body = json.pointer("/error/code").or_else(|| json.get("code")).and_then(Value::as_str);
    let is_dead = [in_header, in_body].into_iter().flatten().any(|code| DEAD.contains(&code));
    let body = Box::pin(stream::once(async { Ok(Bytes::from(read)) }).chain(body));
    Ok((UpstreamAnswer { status, headers, body }, is_dead))
}
