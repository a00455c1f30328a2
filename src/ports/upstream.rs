//! A provider's API, to which requests are forwarded.

use std::{fmt, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http_message::{HeaderMap, Method, StatusCode};

use super::ConnectError;
use crate::domain::{ids::AccountName, secret::AccessToken};

/// A complete request, except for its `Authorization` header.
#[derive(Debug)]
pub struct UpstreamRequest {
    /// The account that the request is for. It determines the outbound proxy.
    pub account: AccountName,
    pub method: Method,
    /// An absolute URL with the configured origin.
    pub url: String,
    /// All headers except `Authorization`, those of the transport, and defaults of `Accept` and `User-Agent`.
    pub headers: HeaderMap,
    pub body: RequestBody,
}

/// The body of a caller's request.
pub enum RequestBody {
    /// A buffered body. The request can be retried with a newer access token.
    Buffered(Bytes),
    /// A body too large to buffer, which is streamed.
    Streamed {
        /// The length in bytes, if the caller sent it.
        length: Option<u64>,
        stream: BodyStream,
    },
}

/// The chunks of a caller's body. The creator of the stream limits their size and time.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Why a caller's body cannot be read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body took too long to arrive; send it again")]
    TooSlow,
    #[error("the body could not be read completely")]
    Broken,
    #[error("there are too many large requests at once; try again in a moment")]
    OverBudget,
}

impl RequestBody {
    /// Returns a copy for a retry; None for a streamed body.
    pub fn try_clone(&self) -> Option<Self> {
        match self {
            Self::Buffered(bytes) => Some(Self::Buffered(bytes.clone())),
            Self::Streamed { .. } => None,
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::Buffered(Bytes::new())
    }
}

impl fmt::Debug for RequestBody {
    /// Writes only the length, so that no prompt gets into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffered(bytes) => write!(f, "Buffered({} bytes)", bytes.len()),
            Self::Streamed { length, .. } => write!(f, "Streamed({length:?} bytes)"),
        }
    }
}

/// The streamed body of a response. Dropping it cancels the request at the provider.
///
/// Contract: the stream MUST be fused: after its end or an error, polling it again yields `None`.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, UpstreamError>> + Send>>;

pub struct UpstreamResponse {
    pub status: StatusCode,
    /// All headers, unchanged.
    pub headers: HeaderMap,
    pub body: ByteStream,
}

/// Why a response is missing or incomplete.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Nothing was sent.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(ConnectError),
    /// Nothing was sent, because the URL is invalid or the token is not a valid header value.
    #[error("the request to the provider is not valid")]
    Unsendable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the provider was silent for too long")]
    Silent,
    #[error("the connection to the provider was lost")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller's body failed, not the provider.
    #[error(transparent)]
    Body(#[from] BodyError),
}

#[async_trait]
pub trait Upstream: Send + Sync {
    /// Sends a request with `bearer` as its `Authorization` (RFC 6750 section 2.1). Returns once the head of the
    /// response has arrived.
    ///
    /// Contract:
    /// - MUST use the outbound proxy that is configured for the account, and follow no redirect.
    /// - MUST NOT send the request again, unless the provider has certainly not processed it.
    /// - MUST stream the response body without decoding or buffering it.
    /// - MUST fail with [`UpstreamError::Silent`] if the provider sends nothing for too long, and with
    ///   [`UpstreamError::Lost`] if it switches to another protocol.
    /// - Dropping the future or the body MUST cancel the request at the provider.
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError>;
}
