//! A provider's API, as requests are forwarded to it.

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http_message::{HeaderMap, Method, StatusCode};

use crate::domain::secret::AccessToken;

/// A request, ready to go but for its credential.
#[derive(Debug, Clone)]
pub struct UpstreamRequest {
    pub method: Method,
    /// Absolute; its origin is the configured one.
    pub url: String,
    /// All that are sent besides the credential and what the transport needs.
    pub headers: HeaderMap,
    /// Whole, so that the request can be sent once more with a newer credential.
    pub body: Bytes,
}

/// The bytes of an answer as they come. Dropping it ends the request at the provider.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, UpstreamError>> + Send>>;

pub struct UpstreamAnswer {
    pub status: StatusCode,
    /// As they came, all of them.
    pub headers: HeaderMap,
    pub body: ByteStream,
}

/// Why there is no answer, or not all of one.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("the provider cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the provider was silent for too long")]
    Silent,
    #[error("the connection to the provider was lost")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[async_trait]
pub trait Upstream: Send + Sync {
    /// Sends a request with `bearer` as its `Authorization` (RFC 6750 section 2.1) and returns once the head of the answer
    /// is there.
    ///
    /// Contract: MUST send it once and follow no redirect. MUST pass bytes on as they come, neither decoded nor collected.
    /// MUST end with [`UpstreamError::Silent`] when the provider sends nothing for too long. Dropping the future or the
    /// body MUST end the request at the provider.
    async fn send(&self, request: &UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamAnswer, UpstreamError>;
}
