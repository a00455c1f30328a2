//! Validates requests for a model response or a compaction, and refuses unknown parameters.

use std::{borrow::Cow, io::Read};

use hyper::{
    header::{CONTENT_ENCODING, CONTENT_TYPE},
    http::request::Parts,
};
use ruzstd::decoding::StreamingDecoder;
use serde_json::{Map, Value, json};

use super::{BODY_LIMIT, input, refusal::Refusal, unique_members};

/// The parameters of a streamed response.
pub(super) const RESPONSE_PARAMETERS: [&str; 14] = [
    "client_metadata",
    "include",
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "store",
    "stream",
    "text",
    "tool_choice",
    "tools",
];

/// The parameters of a compaction.
pub(super) const COMPACTION_PARAMETERS: [&str; 9] = [
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "reasoning",
    "service_tier",
    "text",
    "tools",
];

/// The values of `reasoning.effort`.
const EFFORTS: [&str; 6] = ["none", "minimal", "low", "medium", "high", "xhigh"];
/// The only value of `service_tier`. Unlike OpenAI's public API, the backend refuses `auto`, `default` and `flex`.
const TIER: &str = "priority";

/// The header of a request whose tools are in an item of the input.
const LITE_HEADER: &str = "X-OpenAI-Internal-Codex-Responses-Lite";

/// Decompresses zstd (RFC 8878), up to the limit of an uncompressed body.
fn decompress(body: &[u8]) -> Option<Vec<u8>> {
    let mut decompressed = Vec::new();
    let decoder = StreamingDecoder::new(body).ok()?;
    decoder.take(BODY_LIMIT as u64 + 1).read_to_end(&mut decompressed).ok()?;
    (decompressed.len() <= BODY_LIMIT).then_some(decompressed)
}

/// A valid request.
#[derive(Debug)]
pub(super) struct ModelRequest(Map<String, Value>);

impl ModelRequest {
    /// Parses and checks a request. Only these parameters and models are allowed.
    pub(super) fn read(head: &Parts, body: &[u8], parameters: &[&str], models: &[String]) -> Result<Self, Refusal> {
        let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
        if !header(CONTENT_TYPE).is_some_and(|media_type| media_type.starts_with("application/json")) {
            return Err("The body must be JSON".into());
        }
        let body = match header(CONTENT_ENCODING) {
            None => Cow::Borrowed(body),
            Some("zstd") => Cow::Owned(decompress(body).ok_or("The body is not zstd, or too large")?),
            Some(_) => return Err("The body must be plain JSON or zstd".into()),
        };
        let members = unique_members::object(&body).ok_or("The body is not a JSON object with unique members")?;
        if let Some(unknown) = members.keys().find(|name| !parameters.contains(&name.as_str())) {
            return Err(format!("Unsupported parameter: {unknown}").into());
        }
        if members.get("instructions").is_some_and(|text| !text.is_string() && !text.is_null()) {
            return Err("Instructions are not valid".into());
        }
        let request = Self(members);
        if parameters.contains(&"stream") {
            request.check_delivery()?;
        }
        let input = request.get("input").and_then(Value::as_array).ok_or("Input must be a list")?;
        request.check_choices()?;
        request.check_tool_choice()?;
        input::check_items(input)?;
        request.check_json_object()?;
        input::check_tools(request.list("tools"))?;
        if !models.iter().any(|known| known == request.model()) {
            let model = request.model();
            let why = format!("The '{model}' model is not supported when using Codex with a ChatGPT account.");
            return Err(why.into());
        }
        Ok(request)
    }

    /// Refuses an unknown service tier and an unknown effort.
    fn check_choices(&self) -> Result<(), Refusal> {
        let tier = self.get("service_tier").filter(|tier| !tier.is_null());
        if let Some(tier) = tier.filter(|tier| *tier != TIER) {
            return Err(format!("Unsupported service_tier: {}", tier.as_str().unwrap_or_default()).into());
        }
        let effort = self.get("reasoning").and_then(|reasoning| text(reasoning, "effort"));
        match effort.filter(|effort| !EFFORTS.contains(effort)) {
            Some(effort) => {
                let message = format!("Invalid value: '{effort}'.");
                Err(Refusal::of_api(400, Some("invalid_value"), "reasoning.effort", &message))
            }
            None => Ok(()),
        }
    }

    /// Requires the word "JSON" in a message of the input if the text is to be any JSON object.
    fn check_json_object(&self) -> Result<(), Refusal> {
        let format = self.get("text").and_then(|text| text.get("format"));
        let is_wanted = format.and_then(|format| text(format, "type")) == Some("json_object");
        let mut contents = self.input().iter().filter_map(|item| item.get("content"));
        if is_wanted && !contents.any(|content| content.to_string().to_ascii_lowercase().contains("json")) {
            let message = "Response input messages must contain the word 'json' in some form to use 'text.format' of \
                type 'json_object'.";
            return Err(Refusal::of_api(400, None, "input", message));
        }
        Ok(())
    }

    /// Refuses a choice of one of the backend's own tools, which the real backend does not find.
    fn check_tool_choice(&self) -> Result<(), Refusal> {
        let kind = self.get("tool_choice").and_then(|choice| text(choice, "type"));
        match kind.filter(|kind| !matches!(*kind, "function" | "custom" | "allowed_tools")) {
            Some(kind) => {
                let message = format!("Tool choice '{kind}' not found in 'tools' parameter.");
                Err(Refusal::of_api(400, None, "tool_choice", &message))
            }
            None => Ok(()),
        }
    }

    /// Requires `store: false` and `stream: true`; the backend supports nothing else.
    fn check_delivery(&self) -> Result<(), Refusal> {
        if self.get("store") != Some(&Value::Bool(false)) {
            return Err("Store must be set to false".into());
        }
        if self.get("stream") != Some(&Value::Bool(true)) {
            return Err("Stream must be set to true".into());
        }
        Ok(())
    }

    /// Requires that tools in the input come with their header, and the header with such tools and one of these models.
    pub(super) fn check_tools_in_input(&self, head: &Parts, lite_models: &[String]) -> Result<(), Refusal> {
        let has_header = head.headers.contains_key(LITE_HEADER);
        let has_tools = self.input().iter().any(|item| text(item, "type") == Some("additional_tools"));
        if has_header && !lite_models.iter().any(|known| known == self.model()) {
            return Err(format!("The '{}' model is not supported when using {LITE_HEADER}.", self.model()).into());
        }
        if has_header && !has_tools {
            return Err(format!("{LITE_HEADER} requires an item of the type 'additional_tools'.").into());
        }
        if has_tools && !has_header {
            return Err(format!("Items of the type 'additional_tools' require {LITE_HEADER}.").into());
        }
        Ok(())
    }

    /// Returns the part of the prompt before the input: the tools and the instructions.
    pub(super) fn before_input(&self) -> Value {
        json!([self.get("tools"), self.get("instructions")])
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn model(&self) -> &str {
        self.get("model").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn input(&self) -> &[Value] {
        self.list("input")
    }

    /// Returns a list parameter; empty if it is missing.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Returns a text member of an item.
pub(super) fn text<'a>(item: &'a Value, member: &str) -> Option<&'a str> {
    item.get(member).and_then(Value::as_str)
}
