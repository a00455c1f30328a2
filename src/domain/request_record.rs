//! The record of a request: who requested which model, and what it cost. It has no prompt, no query and no secret.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ids::AccountName, invisible::visible, time::Timestamp};

/// The maximum length of a model's name in a record, in characters.
const MAX_MODEL_CHARS: usize = 64;

/// A request whose response has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The `X-Request-Id`.
    pub id: String,
    /// The trace that the request belongs to (W3C Trace Context, `traceparent`).
    pub trace_id: Option<String>,
    /// When the head of the request arrived.
    pub at: Timestamp,
    pub method: String,
    /// The path as the API documents it, such as `/v1/auth/{provider}/status`; empty for an unknown path.
    pub route: String,
    /// The status of the response; 499 if the caller disconnected before the response began.
    pub status: u16,
    pub end: RequestEnd,
    pub details: RequestDetails,
    /// From the head of the request to the first byte of the response body; None without a body.
    pub first_byte: Option<Duration>,
    /// From the head of the request to the last byte of the response.
    pub total: Duration,
    /// How many bytes of the response body were sent.
    pub sent_bytes: u64,
}

/// How the response ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString, strum::VariantArray)]
#[strum(const_into_str, serialize_all = "snake_case")]
pub enum RequestEnd {
    /// The response was sent completely.
    Complete,
    /// The caller disconnected before the end.
    CallerLeft,
    /// The gateway or the provider aborted the response.
    Broken,
}

stored_words!(RequestEnd);

/// The caller and the model of a request, as far as they are known when the response ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestDetails {
    /// The name of the program's token, `gateway token` or `page`. None without a valid token.
    pub program: Option<String>,
    pub account: Option<AccountName>,
    pub model: Option<String>,
    pub tokens: Option<TokenUsage>,
}

impl RequestDetails {
    /// Sets the model's name. A program can send any text, so the name is cleaned and truncated.
    pub fn set_model(&mut self, name: &str) {
        self.model = Some(visible(name).chars().take(MAX_MODEL_CHARS).collect());
    }
}

/// Maximum of each count. A provider can send any number, and the sums of a day must fit into the database.
const MAX_TOKENS: u64 = 1 << 40;

/// The tokens of a response, as the provider counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Includes cached tokens.
    pub input: u64,
    pub cached: u64,
    /// Includes reasoning tokens.
    pub output: u64,
}

/// The member `usage` of a response, a chat completion or embeddings (OpenAI API reference). Some providers send the
/// names of several APIs together.
#[derive(Debug, Default, Deserialize)]
struct UsageMember {
    input_tokens: Option<u64>,
    prompt_tokens: Option<u64>,
    input_tokens_details: Option<InputDetails>,
    prompt_tokens_details: Option<InputDetails>,
    output_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct WithUsage<'a> {
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    /// An event contains its response. Other APIs may have a text of this name.
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

impl TokenUsage {
    /// Reads the usage of a response, a chunk or an event; None if it has none.
    pub fn of_json(json: &[u8]) -> Option<Self> {
        let outer: WithUsage<'_> = serde_json::from_slice(json).ok()?;
        outer.usage.and_then(Self::of_member).or_else(|| {
            let response: WithUsage<'_> = serde_json::from_str(outer.response?.get()).ok()?;
            response.usage.and_then(Self::of_member)
        })
    }

    fn of_member(usage: &RawValue) -> Option<Self> {
        let usage: UsageMember = serde_json::from_str(usage.get()).ok()?;
        let cached = |details: Option<InputDetails>| details?.cached_tokens;
        let cached = cached(usage.input_tokens_details).or(cached(usage.prompt_tokens_details));
        let capped = |tokens: u64| tokens.min(MAX_TOKENS);
        Some(Self {
            input: capped(usage.input_tokens.or(usage.prompt_tokens)?),
            cached: capped(cached.unwrap_or_default()),
            output: capped(usage.output_tokens.or(usage.completion_tokens).unwrap_or_default()),
        })
    }
}

/// The key of usage sums: one program's requests to one model of one account on one day.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsageKey {
    /// Days since 1970-01-01 in UTC.
    pub day: i64,
    pub program: String,
    pub account: String,
    /// Empty for requests without a model, and for failed ones.
    pub model: String,
}

/// The sums of the requests of one key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UsageSums {
    pub requests: u64,
    /// Requests with a status of 400 or more, and aborted responses.
    pub failures: u64,
    pub tokens: TokenUsage,
}

impl UsageKey {
    /// Returns the key of a request to a provider; None for other requests. A program can send any model name, so a
    /// request has one in its key only if the provider has accepted it.
    pub fn of(record: &RequestRecord) -> Option<Self> {
        let RequestDetails { program, account, model, tokens } = &record.details;
        let is_accepted = record.status < 400 || tokens.is_some();
        Some(Self {
            day: record.at.unix_days(),
            program: program.clone()?,
            account: account.as_ref()?.to_string(),
            model: model.clone().filter(|_| is_accepted).unwrap_or_default(),
        })
    }
}

impl UsageSums {
    pub fn of(record: &RequestRecord) -> Self {
        let has_failed = record.status >= 400 || record.end == RequestEnd::Broken;
        Self { requests: 1, failures: has_failed.into(), tokens: record.details.tokens.unwrap_or_default() }
    }

    pub fn add(&mut self, other: Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.requests, other.requests);
        add(&mut self.failures, other.failures);
        add(&mut self.tokens.input, other.tokens.input);
        add(&mut self.tokens.cached, other.tokens.cached);
        add(&mut self.tokens.output, other.tokens.output);
    }
}
