//! Tests of rare cases of compactions, legacy completions, embeddings, images and reasoning summaries.

use goclaw::domain::{
    dialect::{
        BackendModel, EmbeddingsRequest, ImageReader, ImageRequest, NOTHING_RECALLED, compaction_of,
        complete_compaction, image_model_of, is_image_model,
        legacy::{text_chunk, text_completion},
    },
    provider_refusal::RefusalKind,
};
use serde_json::{Value, json};

use super::{event, parse_chat, parse_responses};

fn chunk(delta: &Value, reason: &Value) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": reason}]})
}

#[test]
fn chunks_without_text_are_dropped() {
    for (delta, reason, text) in [
        (json!({"role": "assistant", "content": ""}), Value::Null, None),
        (json!({"reasoning_content": "Hm.", "reasoning": "Hm."}), Value::Null, None),
        (json!({"content": "Hi"}), Value::Null, Some("Hi")),
        (json!({"refusal": "No."}), Value::Null, Some("No.")),
        (json!({}), json!("length"), Some("")),
    ] {
        let converted = text_chunk(chunk(&delta, &reason));
        let expected = text.map(|text| {
            json!({"id": "cmpl-1", "object": "text_completion", "model": "m",
                "choices": [{"text": text, "index": 0, "logprobs": null, "finish_reason": reason}]})
        });
        assert_eq!(converted, expected, "{delta}");
    }
    let usage =
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 1}});
    assert_eq!(text_chunk(usage).unwrap()["usage"]["total_tokens"], 1);
    let whole = json!({"id": "chatcmpl-1", "choices": [{"message": {"content": null, "refusal": "No."}, "finish_reason": "stop"}]});
    assert_eq!(text_completion(whole)["choices"][0]["text"], "No.");
}

#[test]
fn a_compaction_has_only_the_parameters_that_the_backend_accepts() {
    let request = json!({"model": "openai/gpt-x", "input": [{"role": "user", "content": "Hi"}], "instructions": "Be brief.",
        "tools": [{"type": "web_search"}], "parallel_tool_calls": true, "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"}, "prompt_cache_key": "k", "service_tier": "priority"});
    let mut body = request.clone();
    let others =
        json!({"tool_choice": "auto", "client_metadata": {"a": "b"}, "include": [], "store": false, "stream": false});
    body.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    let body = body.to_string();
    let translated = parse_responses(body.as_bytes()).unwrap().into_backend("gpt-x", &NOTHING_RECALLED).unwrap();
    let (sent, mut ignored) = compaction_of(&translated.request.body).unwrap();
    let mut expected = request;
    expected["model"] = json!("gpt-x");
    assert_eq!(serde_json::from_slice::<Value>(&sent).unwrap(), expected);
    ignored.sort();
    assert_eq!(ignored, ["client_metadata", "tool_choice"]);
}

#[test]
fn a_compaction_gets_the_members_that_openai_s_api_promises() {
    let complete = |response: &str| complete_compaction(response.as_bytes(), 7);
    let parsed = |response: &str| serde_json::from_str::<Value>(&complete(response).unwrap()).unwrap();
    let mut completed = parsed(r#"{"output": [{"id": "a"}], "id": null}"#);
    let id = completed["id"].take();
    assert_eq!(
        completed,
        json!({"id": null, "object": "response.compaction", "created_at": 7, "output": [{"id": "a"}]})
    );
    assert!(id.as_str().unwrap().starts_with("resp_"), "{id}");
    assert_ne!(id, parsed(r#"{"output": [{"id": "b"}]}"#)["id"], "two compactions within a second");
    let whole = r#"{"id": "r", "object": "response.compaction", "created_at": 1, "output": [], "usage": {}}"#;
    assert_eq!(parsed(whole), serde_json::from_str::<Value>(whole).unwrap());
    for invalid in ["", "<html>", "[]", "{}", r#"{"output": null}"#, r#"{"output": {}}"#] {
        assert_eq!(complete(invalid), None, "{invalid}");
    }
}

/// Translates an image request. Returns the body, the ignored parameters and the reader of the response.
fn translate_image(members: &Value) -> (Value, Vec<String>, ImageReader) {
    let mut body = json!({"prompt": "A \u{e9} lighthouse"});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let body = body.to_string();
    image_model_of(body.as_bytes()).unwrap();
    let (sent, ignored, reader) = ImageRequest::of_checked(body.as_bytes()).unwrap().into_backend(&"m".into()).unwrap();
    (serde_json::from_slice(&sent).unwrap(), ignored, reader)
}

#[test]
fn an_image_request_asks_for_one_call_of_the_image_tool() {
    let (sent, ignored, _) = translate_image(
        &json!({"model": "gpt-image-1", "quality": "standard", "style": "vivid", "background": "opaque"}),
    );
    let instructions = sent["instructions"].clone();
    assert!(instructions.as_str().is_some_and(|text| text.contains("image_generation")));
    let expected = json!({
        "model": "m",
        "instructions": instructions,
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A \u{e9} lighthouse"}]}],
        "tools": [{"type": "image_generation", "background": "opaque", "quality": "medium"}],
        "store": false,
        "stream": true,
    });
    assert_eq!((sent, ignored), (expected, vec!["style".to_owned()]));
}

#[test]
fn image_models_have_a_default_and_are_known_by_their_names() {
    let name_of = |body: &str| image_model_of(body.as_bytes()).map(|model| model.as_str().to_owned());
    assert_eq!(name_of("{}").unwrap(), "gpt-image-1");
    assert_eq!(name_of(r#"{"model": null}"#).unwrap(), "gpt-image-1");
    assert_eq!(name_of(r#"{"model": "x"}"#).unwrap(), "x");
    assert!(name_of(r#"{"model": 1}"#).is_err() && name_of("[").is_err() && name_of("[]").is_err());
    assert!(["gpt-image-1-mini", "dall-e-2", "chatgpt-image-latest"].into_iter().all(is_image_model));
    assert!(!is_image_model("gpt-5.5"));
}

#[test]
fn the_first_image_of_a_response_is_returned() {
    let call = |result: &str| json!({"type": "image_generation_call", "result": result, "output_format": "webp"});
    let done = |item: Value| event(&json!({"type": "response.output_item.done", "item": item}));
    let ended =
        |output: Value| event(&json!({"type": "response.completed", "response": {"created_at": 7, "output": output}}));
    let (_, _, mut reader) = translate_image(&json!({}));
    for item in
        [json!({"type": "reasoning"}), json!({"type": "image_generation_call", "result": null}), call("AA"), call("BB")]
    {
        assert_eq!(reader.on_event(&done(item)).unwrap(), None);
    }
    let whole = json!({"created": 7, "data": [{"b64_json": "AA"}], "output_format": "webp"});
    assert_eq!(reader.on_event(&ended(json!([]))).unwrap(), Some(whole));

    let (_, _, mut reader) = translate_image(&json!({"response_format": "url"}));
    let whole = reader.on_event(&ended(json!([call("CC")]))).unwrap().unwrap();
    assert_eq!(whole["data"], json!([{"url": "data:image/webp;base64,CC"}]), "only the last event has the image");

    let (_, _, mut reader) = translate_image(&json!({}));
    let message = json!({"type": "message", "content": [{"type": "output_text", "text": "I would rather not."}]});
    reader.on_event(&done(message)).unwrap();
    let failure = reader.on_event(&ended(json!([]))).unwrap_err();
    assert_eq!((failure.kind, failure.code.as_str()), (RefusalKind::BadRequest, "no_image_generated"));
    assert!(failure.message.ends_with("I would rather not."), "{}", failure.message);
    let failed = event(&json!({"type": "response.failed", "response": {"error": {"code": "slow_down"}}}));
    assert_eq!(translate_image(&json!({})).2.on_event(&failed).unwrap_err().kind, RefusalKind::Overloaded);
}

#[test]
fn embeddings_are_converted_to_base64_and_rejected_without_numbers() {
    let body = br#"{"model": "d/e", "input": "a", "encoding_format": "base64", "dimensions": 2}"#;
    let (sent, response) = EmbeddingsRequest::of_checked(body).unwrap().into_provider("e").unwrap();
    let sent: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(sent, json!({"model": "e", "encoding_format": "float", "input": "a", "dimensions": 2}));
    let converted = response.convert(json!({"data": [{"embedding": [1, 0.5]}], "model": "e"}));
    assert_eq!(converted, Some(json!({"data": [{"embedding": "AACAPwAAAD8="}], "model": "d/e"})));
    for invalid in [
        json!(null),
        json!({}),
        json!({"data": 1}),
        json!({"data": [{"embedding": "x"}]}),
        json!({"data": [{"embedding": ["x"]}]}),
    ] {
        assert_eq!(response.convert(invalid.clone()), None, "{invalid}");
    }
}

#[test]
fn a_chat_requests_a_reasoning_summary_where_the_model_has_one() {
    for (summarizes_reasoning, members, expected) in [
        (true, json!({}), json!({"summary": "auto"})),
        (false, json!({}), Value::Null),
        (false, json!({"reasoning_effort": "high"}), json!({"effort": "high", "summary": "auto"})),
        (true, json!({"reasoning_effort": "none"}), json!({"effort": "none"})),
        (true, json!({"reasoning": {"summary": "detailed"}}), json!({"summary": "detailed"})),
    ] {
        let mut body = json!({"model": "x", "messages": [{"role": "user", "content": "Hi"}], "input": "Hi"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let body = body.to_string();
        let model = BackendModel { name: "m".to_owned(), summarizes_reasoning, ..BackendModel::default() };
        let sent = parse_chat(body.as_bytes()).unwrap().into_backend(model.clone(), &NOTHING_RECALLED).unwrap().request;
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!(sent["reasoning"], expected, "{members}");
        let sent = parse_responses(body.as_bytes()).unwrap().into_backend(model, &NOTHING_RECALLED).unwrap().request;
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        let is_requested = members["reasoning"].get("summary").is_some();
        assert_eq!(sent["reasoning"].get("summary").is_some(), is_requested, "Responses requests have no default");
    }
}
