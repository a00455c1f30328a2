//! A provider's API over HTTPS. Bytes pass as they come: nothing is decoded, collected, followed or sent twice.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use http_message::{HeaderValue, header};
use reqwest::{Client, redirect, retry};
use secrecy::ExposeSecret;

use crate::{
    domain::secret::AccessToken,
    ports::{Upstream, UpstreamAnswer, UpstreamError, UpstreamRequest},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest silence, before an answer and within one: what OpenAI's own client waits for a stream.
const LONGEST_SILENCE: Duration = Duration::from_secs(300);

#[derive(Debug, Clone)]
pub struct HttpUpstream {
    client: Client,
}

impl HttpUpstream {
    /// Fails if the system's TLS roots cannot be read.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(LONGEST_SILENCE)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .user_agent(concat!("goclaw/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }
}

#[async_trait]
impl Upstream for HttpUpstream {
    async fn send(&self, request: &UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamAnswer, UpstreamError> {
        let mut credential = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()))
            .map_err(|error| UpstreamError::Unreachable(error.into()))?;
        credential.set_sensitive(true);
        let sent = self
            .client
            .request(request.method.clone(), &request.url)
            .headers(request.headers.clone())
            .header(header::AUTHORIZATION, credential)
            .body(request.body.clone())
            .send();
        let mut answer = sent.await.map_err(broken)?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        Ok(UpstreamAnswer { status, headers, body: Box::pin(answer.bytes_stream().map_err(broken)) })
    }
}

/// Its URL may hold what a caller put into the query, so it is left out.
fn broken(error: reqwest::Error) -> UpstreamError {
    if error.is_timeout() && !error.is_connect() {
        UpstreamError::Silent
    } else if error.is_connect() {
        UpstreamError::Unreachable(error.without_url().into())
    } else {
        UpstreamError::Lost(error.without_url().into())
    }
}
