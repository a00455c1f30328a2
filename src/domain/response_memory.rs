//! The responses that the gateway stores. The backend stores none, but clients refer to earlier ones (OpenAI API
//! reference, `previous_response_id` and `item_reference`).

use super::{ids::Principal, sealed_secret::SealedSecret, time::Timestamp};

/// The maximum length of the id of a response or an item, in bytes. Some of the backend's ids have more than 400.
const MAX_ID_BYTES: usize = 1024;

stored_text!(
    /// The provider's id of a response.
    #[derive(Debug, PartialOrd, Ord)]
    ResponseId
);

impl ResponseId {
    /// Parses 1 to 1024 letters, digits, `_`, `-`, `+`, `/` and `=`. Some ids are base64.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=');
        (!text.is_empty() && text.len() <= MAX_ID_BYTES && text.bytes().all(is_id)).then(|| Self(text.to_owned()))
    }
}

/// The limits of the stored responses, in bytes of sealed content. The least recently used responses are deleted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    pub per_principal: i64,
    pub in_all: i64,
}

/// The limits of one read: the age and number of responses, and the bytes of their sealed content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Responses that were last used before this time count as deleted.
    pub oldest: Timestamp,
    pub responses: usize,
    pub bytes: i64,
}

impl ReadLimits {
    /// Whether the responses read so far reach a limit.
    pub fn are_reached_by(self, read: &[RememberedResponse]) -> bool {
        read.len() >= self.responses || read.iter().map(RememberedResponse::size).sum::<i64>() >= self.bytes
    }
}

/// A remembered response.
#[derive(Debug, Clone, PartialEq)]
pub struct RememberedResponse {
    pub id: ResponseId,
    /// The principal that received it. Apart from it, only the gateway's owner may refer to it.
    pub principal: Principal,
    /// The response that this one continues.
    pub previous: Option<ResponseId>,
    /// The ids of the items in the output.
    pub items: Vec<String>,
    /// The input, the output and the other members of the response, sealed.
    pub content: SealedSecret,
    /// When this response, or one that continues it, was last used.
    pub used_at: Timestamp,
}

impl RememberedResponse {
    /// Returns the size that counts towards the limits, in bytes.
    pub fn size(&self) -> i64 {
        i64::try_from(self.content.as_str().len()).unwrap_or(i64::MAX)
    }
}
