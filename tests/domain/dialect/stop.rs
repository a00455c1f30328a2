//! Tests of stop sequences, which cut the text regardless of how it is split into deltas.

use goclaw::domain::dialect::{ChatOptions, ChatStream, CompletionReader, NOTHING_RECALLED, TranslatedChat};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{event, parse_chat};

fn options_with(stop: &Value) -> ChatOptions {
    let body = json!({"model": "openai/gpt-x", "messages": [{"role": "user", "content": "Hi"}], "stop": stop});
    let body = body.to_string();
    let TranslatedChat { request, options, .. } =
        parse_chat(body.as_bytes()).unwrap().into_backend("m", &NOTHING_RECALLED).unwrap();
    assert!(request.ignored.is_empty() && !String::from_utf8_lossy(&request.body).contains("stop"));
    options
}

/// Streams a text in pieces. Returns the text that is left, the finish reason and whether a stop sequence was found.
fn cut(stop: &Value, pieces: &[&str]) -> (String, String, bool) {
    let mut stream = ChatStream::new(ChatOptions { include_usage: true, ..options_with(stop) });
    let mut chunks = Vec::new();
    for piece in pieces {
        let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": piece});
        chunks.extend(stream.on_event(&event(&delta)).unwrap());
    }
    if !stream.is_complete() {
        let completed = json!({"type": "response.completed", "response": {"usage": {"input_tokens": 1}}});
        chunks.extend(stream.on_event(&event(&completed)).unwrap());
    }
    let text = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    let reason = chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect();
    let has_usage = chunks.iter().any(|chunk| chunk["usage"].is_object());
    // The usage is in the last event, which a stopped stream does not read.
    assert!(stream.is_complete() && has_usage != stream.has_stopped());
    (text, reason, stream.has_stopped())
}

#[test]
fn the_text_ends_before_the_sequence_that_is_completed_first() {
    let pieces = ["one <e", "nd", "> two"];
    for (stop, text, has_stopped) in [
        (json!("<end>"), "one ", true),
        (json!(["<end>"]), "one ", true),
        (json!(["two", "<end>"]), "one ", true),
        (json!(["<endless>"]), "one <end> two", false),
        (json!([]), "one <end> two", false),
        (json!(""), "one <end> two", false),
        (json!(null), "one <end> two", false),
        (json!(["> two and more", "nd> "]), "one <e", true),
        (json!(["o"]), "", true),
    ] {
        assert_eq!(cut(&stop, &pieces), (text.to_owned(), "stop".to_owned(), has_stopped), "{stop}");
    }
}

#[test]
fn stop_sequences_cut_collected_texts_but_no_tool_calls() {
    let mut reader = CompletionReader::new(options_with(&json!(["b"])));
    let call = json!({"type": "function_call", "call_id": "1", "name": "f", "arguments": "{\"b\": 1}"});
    let done = json!({"type": "response.output_item.done", "output_index": 0, "item": call});
    assert_eq!(reader.on_event(&event(&done)).unwrap(), None);
    let completed = json!({"type": "response.completed", "response": {}});
    let choice = reader.on_event(&event(&completed)).unwrap().unwrap()["choices"][0].take();
    assert_eq!(
        (&choice["finish_reason"], choice["message"]["tool_calls"].as_array().map(Vec::len)),
        (&json!("tool_calls"), Some(1))
    );

    let mut reader = CompletionReader::new(options_with(&json!(["b"])));
    let created = json!({"type": "response.created", "response": {"id": "resp_1", "created_at": 7}});
    assert_eq!(reader.on_event(&event(&created)).unwrap(), None);
    let delta = json!({"type": "response.output_text.delta", "output_index": 0, "delta": "abc"});
    let completion = reader.on_event(&event(&delta)).unwrap().unwrap();
    assert!(reader.has_stopped() && completion.get("usage").is_none());
    assert_eq!(
        (&completion["id"], &completion["choices"][0]["message"]["content"]),
        (&json!("chatcmpl-1"), &json!("a"))
    );
}

#[test]
fn the_blank_line_between_messages_is_no_stop_sequence() {
    for (stop, messages, text) in [
        (json!("\n\n"), ["one", "two\n\nthree"], "one\n\ntwo"),
        (json!("\n\n"), ["one\n", "two"], "one\n\n\ntwo"),
        (json!("<end>"), ["one <e", "nd> two"], "one <e\n\nnd> two"),
        (json!("<end>"), ["one <end>", "two"], "one "),
    ] {
        let mut stream = ChatStream::new(options_with(&stop));
        let mut chunks = Vec::new();
        for (index, message) in messages.into_iter().enumerate() {
            let delta = json!({"type": "response.output_text.delta", "output_index": index, "delta": message});
            chunks.extend(stream.on_event(&event(&delta)).unwrap());
        }
        chunks.extend(stream.on_event(&event(&json!({"type": "response.completed", "response": {}}))).unwrap());
        let sent: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
        assert_eq!(sent, text, "{stop} in {messages:?}");
    }
}

#[test]
fn too_many_and_too_long_sequences_are_refused() {
    for stop in [json!(vec!["x"; 17]), json!(["x".repeat(1025)])] {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stop": stop}).to_string();
        let error = parse_chat(body.as_bytes()).unwrap().into_backend("m", &NOTHING_RECALLED).unwrap_err();
        assert_eq!((error.code, error.param.as_deref()), ("unsupported_value", Some("stop")));
    }
}

proptest! {
    #[test]
    fn the_cut_does_not_depend_on_the_pieces(
        text in "[aé]{0,12}",
        stops in prop::collection::vec("[aé]{1,3}", 0..3),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(chars.len() + 1)).collect();
        places.extend([0, chars.len()]);
        places.sort_unstable();
        let pieces: Vec<String> = places.windows(2).map(|pair| chars[pair[0]..pair[1]].concat()).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let first = stops.iter().filter_map(|stop| text.find(stop).map(|at| (at + stop.len(), at))).min();
        let expected = first.map_or(text.as_str(), |(_, at)| &text[..at]);
        prop_assert_eq!(cut(&json!(stops), &pieces).0, expected);
    }
}
