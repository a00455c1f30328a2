//! A provider's API that takes any token but those it was told to refuse.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use goclaw::{
    domain::secret::AccessToken,
    ports::{Upstream, UpstreamError, UpstreamRequest, UpstreamResponse},
};
use http_message::{HeaderMap, StatusCode};
use secrecy::ExposeSecret;
use serde_json::json;

#[derive(Default)]
pub(crate) struct FakeUpstream {
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Access tokens and the code that they are refused with.
    refused: HashMap<String, String>,
    refuses_all: bool,
    /// The tokens that requests came with, in order.
    seen: Vec<String>,
}

impl FakeUpstream {
    /// Refuses an access token from now on.
    pub(crate) fn refuse(&self, token: &str, code: &str) {
        self.books().refused.insert(token.to_owned(), code.to_owned());
    }

    /// Takes a token again that it was told to refuse.
    pub(crate) fn take_again(&self, token: &str) {
        self.books().refused.remove(token);
    }

    pub(crate) fn refuse_all(&self) {
        self.books().refuses_all = true;
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.books().seen.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("no test panics while it holds the books")
    }
}

#[async_trait]
impl Upstream for FakeUpstream {
    async fn send(&self, _request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError> {
        // Others get their turn first, as on a network.
        tokio::task::yield_now().await;
        let mut books = self.books();
        let token = bearer.expose_secret().to_owned();
        let code = books.refused.get(&token).cloned().or_else(|| books.refuses_all.then(|| "unknown".to_owned()));
        books.seen.push(token);
        let (status, body) = match code {
            Some(code) => (StatusCode::UNAUTHORIZED, json!({"error": {"code": code, "message": "no"}}).to_string()),
            None => (StatusCode::OK, "{}".to_owned()),
        };
        let body = Box::pin(stream::once(async { Ok(Bytes::from(body)) }));
        Ok(UpstreamResponse { status, headers: HeaderMap::new(), body })
    }
}
