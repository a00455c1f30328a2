//! Faults on order: what goes wrong at an endpoint, for the next requests or for all of them. Only the orders live
//! here; `interference` carries them out.

mod backend;
mod named;
mod order;
mod ready_made;

use std::time::Duration;

pub(crate) use order::FaultQueue;
pub use order::{FaultOrder, Times};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::durations;

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The token endpoint, any grant, also requests it cannot read.
    Token,
    /// The token endpoint, `authorization_code` only.
    CodeExchange,
    /// The token endpoint, `refresh_token` only.
    Refresh,
    /// The revocation endpoint.
    Revoke,
    /// The backend, any path.
    Backend,
    /// `POST /codex/responses`.
    Responses,
    /// `POST /codex/responses/compact`.
    Compact,
    /// `GET /codex/models`.
    Models,
    /// `GET /wham/usage`.
    Usage,
    /// The identity provider of the session tokens, any path.
    Sessions,
    /// The refresh of a session token.
    SessionTokens,
    /// The list of a browser's sessions.
    SessionClient,
    /// The music API, any path.
    Studio,
    /// DashScope, any path.
    Dashscope,
    /// `POST /compatible-mode/v1/chat/completions`.
    ChatCompletions,
    /// `POST /api/v1/services/aigc/text2image/image-synthesis`.
    ImageSynthesis,
    /// `GET /api/v1/tasks/{id}`.
    ImageTasks,
}

impl Endpoint {
    fn covers(self, actual: Self) -> bool {
        let whole = match actual {
            Self::Token | Self::CodeExchange | Self::Refresh => Self::Token,
            Self::Backend | Self::Responses | Self::Compact | Self::Models | Self::Usage => Self::Backend,
            Self::Sessions | Self::SessionTokens | Self::SessionClient => Self::Sessions,
            Self::Revoke => Self::Revoke,
            Self::Studio => Self::Studio,
            Self::Dashscope | Self::ChatCompletions | Self::ImageSynthesis | Self::ImageTasks => Self::Dashscope,
        };
        self == actual || self == whole
    }
}

/// What goes wrong. The first group strikes before the provider changes anything; the second group after it has
/// rotated, redeemed or revoked, which is what makes those dangerous.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Nothing changed: this status and body instead of an answer.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body, as it is.
        #[serde(default)]
        body: String,
        /// The media type of the body.
        #[serde(default = "json")]
        content_type: String,
        /// The `Retry-After` header: seconds, a date or nonsense.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Nothing changed: a redirect, which a client must not follow with a token in hand.
    Redirect {
        /// 302, 307, ...
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// Nothing changed: this answer, with whatever headers.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The headers; a name may occur more than once.
        headers: Vec<(String, String)>,
        /// The body, as it is.
        #[serde(default)]
        body: String,
    },
    /// Nothing changed: accepted, never answered.
    Hang,
    /// Nothing changed: the connection is reset (TCP RST).
    ResetBefore,
    /// Nothing changed yet: wait, then answer as usual.
    Delay {
        /// How long.
        #[serde(with = "durations")]
        by: Duration,
    },
    /// Done, but the connection closes without an answer.
    LoseAnswer,
    /// Done, but never answered.
    HangAfterCommit,
    /// Done, but the connection closes in the middle of the answer.
    HalfJson,
    /// Done, but the answer is one JSON string of a GiB (chunked, so its size is not announced).
    HugeBody,
    /// Done and answered in full, one byte at a time.
    SlowDrip {
        /// The pause before each byte.
        #[serde(with = "durations")]
        every: Duration,
    },
    /// Done, but this status and body instead of the answer.
    StatusAfterCommit {
        /// The HTTP status.
        status: u16,
        /// The body, as it is.
        #[serde(default)]
        body: String,
    },
    /// Done and answered, under another media type.
    Retyped {
        /// The `Content-Type`.
        content_type: String,
    },
    /// Done and answered, with members of the JSON object replaced. Null leaves one out: `refresh_token` so means that
    /// the token has rotated and the client does not get the new one.
    Members {
        /// What to replace.
        members: Map<String, Value>,
    },
    /// Done and answered, with these headers besides.
    Headers {
        /// The headers; a name may occur more than once.
        headers: Vec<(String, String)>,
    },
    /// A stream is interrupted after so many deltas. Another answer is half sent, or whole where the stream would fail.
    Stream {
        /// How many deltas are sent.
        after: u32,
        /// What happens then.
        interruption: Interruption,
    },
}

/// What happens in the middle of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// Nothing more.
    Hang,
    /// The connection closes.
    Cut,
    /// `response.failed` with this error code, and a proper end.
    Fail(String),
}

fn json() -> String {
    "application/json".to_owned()
}

impl Fault {
    /// The name in the journal.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Status { .. } => "status",
            Self::Redirect { .. } => "redirect",
            Self::Hang => "hang",
            Self::ResetBefore => "reset_before",
            Self::Delay { .. } => "delay",
            Self::LoseAnswer => "lose_answer",
            Self::HangAfterCommit => "hang_after_commit",
            Self::HalfJson => "half_json",
            Self::HugeBody => "huge_body",
            Self::SlowDrip { .. } => "slow_drip",
            Self::Answer { .. } => "answer",
            Self::StatusAfterCommit { .. } => "status_after_commit",
            Self::Retyped { .. } => "retyped",
            Self::Members { .. } => "members",
            Self::Headers { .. } => "headers",
            Self::Stream { .. } => "stream",
        }
    }
}
