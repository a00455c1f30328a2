//! A provider's API, as requests are forwarded to it.

use std::{fmt, pin::Pin};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use http_message::{HeaderMap, Method, StatusCode};

use crate::domain::secret::AccessToken;

/// A request, ready to go but for its credential.
#[derive(Debug)]
pub struct UpstreamRequest {
    pub method: Method,
    /// Absolute; its origin is the configured one.
    pub url: String,
    /// All that are sent besides the credential and what the transport needs.
    pub headers: HeaderMap,
    pub body: RequestBody,
}

/// What a caller sends.
pub enum RequestBody {
    /// All of it: such a request can be sent once more, with a newer credential.
    Whole(Bytes),
    /// What is too large to be kept passes as it comes.
    Passing {
        /// In bytes, if the caller said so.
        length: Option<u64>,
        pieces: BodyPieces,
    },
}

/// The bytes of a caller's body as they come, within the bounds of whoever made it.
pub type BodyPieces = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Why a caller's body does not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body took too long to arrive; send it again")]
    TooSlow,
    #[error("the body could not be read to its end")]
    Broken,
    #[error("there are too many large requests at once; try again in a moment")]
    NoRoom,
}

impl RequestBody {
    /// The same body once more, if it is still there.
    pub fn again(&self) -> Option<Self> {
        match self {
            Self::Whole(bytes) => Some(Self::Whole(bytes.clone())),
            Self::Passing { .. } => None,
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl fmt::Debug for RequestBody {
    /// Its length alone: no prompt is for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Passing { length, .. } => write!(f, "Passing({length:?} bytes)"),
        }
    }
}

/// The bytes of an answer as they come. Dropping it ends the request at the provider.
///
/// Contract: the stream MUST be fused. After its end or an error, polling it again yields `None`.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, UpstreamError>> + Send>>;

pub struct UpstreamResponse {
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
    /// The caller's doing, not the provider's.
    #[error(transparent)]
    Body(#[from] BodyError),
}

#[async_trait]
pub trait Upstream: Send + Sync {
    /// Sends a request with `bearer` as its `Authorization` (RFC 6750 section 2.1) and returns once the head of the answer
    /// is there.
    ///
    /// Contract: MUST send it once and follow no redirect. MUST pass bytes on as they come, neither decoded nor collected.
    /// MUST end with [`UpstreamError::Silent`] when the provider sends nothing for too long. Dropping the future or the
    /// body MUST end the request at the provider.
    async fn send(&self, request: UpstreamRequest, bearer: &AccessToken) -> Result<UpstreamResponse, UpstreamError>;
}
