//! Tests of the translation between OpenAI's APIs and the backend's form of Responses: examples of each rule, and
//! properties over random requests and streams.

// Requests.
mod chat_request;
mod documentation;
mod messages;
mod repaired;
mod repaired_calls;
mod request_properties;
mod responses_request;

// Responses.
mod chat_stream;
mod completion;
mod failure;
mod hostile_provider;
mod response_reader;
mod smaller_apis;
mod sse;
mod stop;
mod streams;

use goclaw::domain::{
    dialect::{
        ChatOptions, ChatRequest, CompletionReader, InvalidRequest, NOTHING_RECALLED, ResponseFailure, ResponseReader,
        ResponsesRequest, SseEvent, chat::StopSequences, model_of,
    },
    model_ref::ModelName,
};
use serde_json::{Value, json};

fn parse_responses(body: &[u8]) -> Result<ResponsesRequest<'_>, InvalidRequest> {
    model_of(body)?;
    ResponsesRequest::of_checked(body)
}

fn parse_chat(body: &[u8]) -> Result<ChatRequest<'_>, InvalidRequest> {
    model_of(body)?;
    ChatRequest::of_checked(body)
}

fn options() -> ChatOptions {
    let model = ModelName::parse("openai/gpt-x").unwrap();
    ChatOptions { model, include_usage: false, stop: StopSequences::default(), wants_function_call: false }
}

/// Returns the completion of a stream whose only event is `response.completed`.
fn completion(response: &Value, options: &ChatOptions) -> Value {
    let completed = json!({"type": "response.completed", "response": response});
    CompletionReader::new(options.clone()).on_event(&event(&completed)).unwrap().expect("a completion")
}

/// Returns a reader for the response to a request with these members.
fn reader(members: &Value) -> ResponseReader {
    let mut body = json!({"model": "openai/gpt-x", "input": "Hi"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let body = body.to_string();
    ResponseReader::new(
        parse_responses(body.as_bytes()).unwrap().into_backend("gpt-x", &NOTHING_RECALLED).unwrap().echo,
    )
}

/// Passes an event to the reader. Returns the whole response after the last event.
fn read(reader: &mut ResponseReader, event: &SseEvent<'_>) -> Result<Option<Value>, ResponseFailure> {
    let whole = reader.on_event(event)?.map(|read| read.into_response()).transpose()?.flatten();
    Ok(whole.map(|whole| serde_json::from_str(&whole).unwrap()))
}

fn event(data: &Value) -> SseEvent<'static> {
    SseEvent { event: data["type"].as_str().unwrap_or_default().to_owned().into(), data: data.to_string().into() }
}
