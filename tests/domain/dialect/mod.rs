//! Translations between OpenAI's APIs and the backend's form of Responses: examples of each rule, and properties over
//! random requests and streams.

// Requests.
mod chat_request;
mod documentation;
mod messages;
mod request_properties;
mod responses_request;

// Responses.
mod chat_stream;
mod completion;
mod failure;
mod response_reader;
mod sse;
mod streams;

use goclaw::domain::{
    dialect::{ChatOptions, SseEvent},
    model_ref::ModelName,
};
use serde_json::Value;

fn options() -> ChatOptions {
    let model = ModelName::parse("openai/gpt-x").unwrap();
    ChatOptions { model, include_usage: false, wants_function_call: false }
}

fn event(data: &Value) -> SseEvent {
    SseEvent { event: data["type"].as_str().unwrap_or_default().to_owned(), data: data.to_string() }
}
