//! A provider API in memory. It accepts every token except those that a test rejects, and can play a scripted response.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::TryStreamExt;
use goclaw::{
    domain::secret::AccessToken,
    ports::{RequestBody, Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use http_message::{HeaderMap, HeaderValue, StatusCode, Uri};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::scripted_response::{Exchange, ScriptedResponse};

#[derive(Default)]
pub(crate) struct FakeUpstream {
    state: Mutex<State>,
    exchange: Arc<Exchange>,
}

#[derive(Default)]
struct State {
    /// Rejected access tokens with their error codes.
    refused: HashMap<String, String>,
    refuses_all: bool,
    is_unreachable: bool,
    /// The response to every request, if set.
    script: Option<ScriptedResponse>,
    /// The bearer tokens of all requests, in order.
    seen: Vec<String>,
    /// The hosts of all requests, in order.
    hosts: Vec<String>,
    /// The buffered bodies of all requests, in order.
    bodies: Vec<Bytes>,
    /// The headers of the last request.
    headers: HeaderMap,
}

impl FakeUpstream {
    /// Rejects an access token from now on.
    pub(crate) fn refuse(&self, token: &str, code: &str) {
        self.state().refused.insert(token.to_owned(), code.to_owned());
    }

    pub(crate) fn accept(&self, token: &str) {
        self.state().refused.remove(token);
    }

    pub(crate) fn refuse_all(&self) {
        self.state().refuses_all = true;
    }

    /// Refuses all further connections.
    pub(crate) fn stop(&self) {
        self.state().is_unreachable = true;
    }

    /// Responds to every request with `script` from now on.
    pub(crate) fn play(&self, script: ScriptedResponse) {
        self.state().script = Some(script);
    }

    /// Paces scripted responses and reports disconnects.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// Returns host and bearer token of each request, in order.
    pub(crate) fn hosts_and_tokens_sent(&self) -> Vec<(String, String)> {
        let state = self.state();
        state.hosts.iter().cloned().zip(state.seen.iter().cloned()).collect()
    }

    /// Returns the last buffered body as JSON, or null.
    pub(crate) fn last_body(&self) -> Value {
        self.state().bodies.last().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default()
    }

    pub(crate) fn last_header(&self, name: &str) -> Option<String> {
        let state = self.state();
        Some(state.headers.get(name)?.to_str().expect("text").to_owned())
    }

    /// Records the request and returns its response.
    fn receive(&self, token: &str) -> ScriptedResponse {
        let mut state = self.state();
        state.seen.push(token.to_owned());
        if let Some(script) = &state.script {
            return script.clone();
        }
        let code = state.refused.get(token).cloned().or_else(|| state.refuses_all.then(|| "unknown".to_owned()));
        match code {
            Some(code) => {
                // ChatGPT's backend has the reason only in headers.
                let reason = json!({"error": {"code": code, "message": "no"}});
                let mut headers = HeaderMap::new();
                headers.insert("x-openai-authorization-error", HeaderValue::from_static("401"));
                let encoded = STANDARD.encode(reason.to_string());
                headers.insert("x-error-json", HeaderValue::from_str(&encoded).expect("base64"));
                let refusal = json!({"detail": "Unauthorized"});
                ScriptedResponse { headers, ..ScriptedResponse::whole(StatusCode::UNAUTHORIZED, refusal.to_string()) }
            }
            None => ScriptedResponse::whole(StatusCode::OK, "{}"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the state")
    }
}

#[async_trait]
impl Upstream for FakeUpstream {
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError> {
        // Let other tasks run first, as a network call does.
        tokio::task::yield_now().await;
        check(&request, bearer).map_err(UpstreamError::Unsendable)?;
        if self.state().is_unreachable {
            return Err(UpstreamError::Unreachable(super::connection_refused()));
        }
        self.state().headers = request.headers;
        match request.body {
            RequestBody::Streamed { stream, .. } => drop(stream.try_collect::<Vec<Bytes>>().await?),
            RequestBody::Buffered(body) => self.state().bodies.push(body),
        }
        let url: Uri = request.url.parse().map_err(|error| UpstreamError::Unsendable(Box::new(error)))?;
        self.state().hosts.push(url.host().unwrap_or_default().to_owned());
        self.receive(bearer.expose_secret()).play_in_memory(&self.exchange).await
    }
}

/// Rejects a relative URL, and a token that is not a valid header value.
fn check(request: &UpstreamRequest, bearer: &AccessToken) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let url: Uri = request.url.parse()?;
    if url.scheme().is_none() || url.authority().is_none() {
        return Err("the URL is not absolute".into());
    }
    HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()))?;
    Ok(())
}
