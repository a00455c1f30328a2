//! Queued faults: what fails at an endpoint, for the next requests or for all of them. `interference` applies them.

mod backend;
mod named;
mod queue;
mod ready_made;

use std::time::Duration;

pub(crate) use queue::FaultQueue;
pub use queue::{FaultOrder, Times};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::durations;

/// Where a fault applies: one endpoint, or all endpoints of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The token endpoint, any grant, including unreadable requests.
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
    /// The session provider, any path.
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

/// A fault. "No change" means that the fault acts before the provider changes its state. "Committed" means that it
/// acts after the provider has rotated, redeemed or revoked a secret, so it can lose a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// No change: this status and body replace the response.
    Status {
        /// The HTTP status.
        status: u16,
        /// The body.
        #[serde(default)]
        body: String,
        /// The media type of the body.
        #[serde(default = "json")]
        content_type: String,
        /// The `Retry-After` header: seconds, a date or an invalid value.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// No change: a redirect, which a client must not follow with a token.
    Redirect {
        /// 302, 307, ...
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// No change: this response with these headers.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The headers; a name may occur more than once.
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// No change: the request is read and never answered.
    Hang,
    /// No change: the connection is reset (TCP RST).
    ResetBefore,
    /// No change yet: waits, then responds normally.
    Delay {
        /// The delay.
        #[serde(with = "durations")]
        by: Duration,
    },
    /// Committed, but the connection closes without a response.
    LoseAnswer,
    /// Committed, but never answered.
    HangAfterCommit,
    /// Committed, but the connection closes in the middle of the response.
    HalfJson,
    /// Committed, but the response is the beginning of a JSON string, 1 GiB long (chunked, without its size).
    HugeBody,
    /// Committed and answered in full, one byte at a time.
    SlowDrip {
        /// The pause before each byte.
        #[serde(with = "durations")]
        every: Duration,
    },
    /// Committed, but this status and body replace the response. Its cookies stay.
    StatusAfterCommit {
        /// The HTTP status.
        status: u16,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// Committed and answered with another media type.
    Retyped {
        /// The `Content-Type`.
        content_type: String,
    },
    /// Committed and answered with members of the JSON object replaced. Null removes a member: without `refresh_token`
    /// the provider has rotated, but the client does not get the new token.
    Members {
        /// The replacements.
        members: Map<String, Value>,
    },
    /// Committed and answered with these additional headers.
    Headers {
        /// The headers; a name may occur more than once.
        headers: Vec<(String, String)>,
    },
    /// Committed. Interrupts a stream after this many deltas. Of any other response, `Hang` and `Cut` send only half,
    /// and `Fail` has no effect.
    Stream {
        /// The number of deltas sent first.
        after: u32,
        /// The interruption.
        interruption: Interruption,
    },
}

/// An interruption in the middle of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// Send nothing more.
    Hang,
    /// Close the connection.
    Cut,
    /// Send `response.failed` with this error code and end properly.
    Fail(String),
}

fn json() -> String {
    "application/json".to_owned()
}

impl Fault {
    /// Returns the name in the journal.
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
