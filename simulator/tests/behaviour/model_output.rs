//! Tests that the model's output follows from the request: words, tool calls, a schema, and reasoning.

use serde_json::{Value, json};

use crate::{
    backend::prompt,
    client::{Answer, Fixture, Tokens},
    streams::{frames, kinds, read_all},
};

impl Fixture {
    /// Returns the frames of the response to the usual request with these additional members.
    pub(crate) async fn response_frames(&self, tokens: &Tokens, members: Value) -> Vec<Value> {
        let mut body = prompt();
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let response = self.responses(&tokens.access, &body).await.unwrap();
        assert_eq!(response.status(), 200);
        frames(&read_all(response).await.0)
    }
}

fn user(text: &str) -> Value {
    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn tools() -> Value {
    let parameters = json!({
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 2},
            "note": {"type": "string"},
        },
        "required": ["city", "days"],
    });
    let function = |name: &str, parameters: &Value| json!({"type": "function", "name": name, "parameters": parameters});
    let no_parameters = json!({"type": "object", "properties": {}});
    json!([function("get_weather", &parameters), function("get_time", &no_parameters), {"type": "web_search"}])
}

/// Returns the finished items. Checks that the last event lists none.
pub(crate) fn output(frames: &[Value]) -> Vec<Value> {
    assert_eq!(frames.last().unwrap()["response"]["output"], json!([]));
    frames
        .iter()
        .filter(|frame| frame["type"] == "response.output_item.done")
        .map(|done| done["item"].clone())
        .collect()
}

fn text(frames: &[Value]) -> String {
    let deltas = frames.iter().filter(|frame| frame["type"] == "response.output_text.delta");
    deltas.map(|frame| frame["delta"].as_str().unwrap()).collect()
}

fn called_names(frames: &[Value]) -> Vec<String> {
    let calls = output(frames).into_iter().filter(|item| item["type"] == "function_call");
    calls.map(|call| call["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn named_tools_are_called_in_order() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let asked = json!({"input": [user("First get_time, then get_weather.")], "tools": tools()});
    let frames = fixture.response_frames(&tokens, asked).await;
    let call = |deltas: usize| {
        let deltas = vec!["function_call_arguments.delta"; deltas];
        [&["output_item.added"], &deltas[..], &["function_call_arguments.done", "output_item.done"]].concat()
    };
    let arguments = r#"{"city":"text","days":2}"#;
    let expected = [&["created", "in_progress"], &call(2)[..], &call(4), &["completed"]].concat();
    assert_eq!(kinds(&frames), expected);

    let items = output(&frames);
    assert_eq!(called_names(&frames), ["get_time", "get_weather"]);
    assert_eq!((&items[0]["arguments"], &items[1]["arguments"]), (&json!("{}"), &json!(arguments)));
    assert!(items.iter().all(|item| item["id"].as_str().unwrap().starts_with("fc_")));
    assert!(items.iter().all(|item| item["call_id"].as_str().unwrap().starts_with("call_")));
    for (index, item) in items.iter().enumerate() {
        let of_item = |frame: &&Value| frame["item_id"] == item["id"];
        let deltas: String = frames.iter().filter(of_item).filter_map(|frame| frame["delta"].as_str()).collect();
        assert_eq!(item["arguments"], deltas);
        assert!(frames.iter().filter(of_item).all(|frame| frame["output_index"] == index));
    }
}

#[tokio::test]
async fn tools_named_after_the_word_afterwards_are_called_in_later_turns() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let mut input = vec![user("Use get_weather, afterwards get_time.")];
    for expected in ["get_weather", "get_time"] {
        let frames = fixture.response_frames(&tokens, json!({"input": input, "tools": tools()})).await;
        assert_eq!(called_names(&frames), [expected]);
        let call = output(&frames).pop().unwrap();
        input.push(call.clone());
        input.push(json!({"type": "function_call_output", "call_id": call["call_id"], "output": expected}));
    }
    let frames = fixture.response_frames(&tokens, json!({"input": input, "tools": tools()})).await;
    assert_eq!((called_names(&frames).len(), text(&frames).as_str()), (0, "The tools answered: get_time"));
    let required = json!({"input": input, "tools": tools(), "tool_choice": "required"});
    assert_eq!(called_names(&fixture.response_frames(&tokens, required).await).len(), 0);
}

#[tokio::test]
async fn the_request_selects_the_tools() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let both = user("get_weather and get_time");
    for (input, choice, parallel, expected) in [
        (&both, json!("auto"), true, vec!["get_weather", "get_time"]),
        (&both, json!("auto"), false, vec!["get_weather"]),
        (&both, json!("none"), true, vec![]),
        (&both, json!({"type": "function", "name": "get_time"}), true, vec!["get_time"]),
        (&user("Hello."), json!("auto"), true, vec![]),
        (&user("Hello."), json!("required"), true, vec!["get_weather"]),
        (&user("the get_weather_map"), json!("auto"), true, vec![]),
    ] {
        let asked = json!({
            "input": [user("get_time"), {"role": "assistant", "content": "Well."}, input],
            "tools": tools(),
            "tool_choice": choice,
            "parallel_tool_calls": parallel,
        });
        let frames = fixture.response_frames(&tokens, asked).await;
        assert_eq!(called_names(&frames), expected, "{input} {choice} {parallel}");
        assert_eq!(text(&frames).contains("word1 "), expected.is_empty());
    }
}

#[tokio::test]
async fn tool_outputs_are_repeated_and_must_match_a_call() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "get_time", "arguments": "{}"});
    let done = |id: &str, output: Value| json!({"type": "function_call_output", "call_id": id, "output": output});
    let input = json!([
        user("get_time"),
        call("call_1"),
        call("call_2"),
        done("call_1", json!("half past ten")),
        done("call_2", json!([{"type": "input_text", "text": "in Cork"}])),
    ]);
    let frames = fixture.response_frames(&tokens, json!({"input": input, "tools": tools()})).await;
    assert_eq!(text(&frames), "The tools answered: half past ten in Cork");

    for input in [
        json!([user("get_time"), done("call_1", json!("x"))]),
        json!([done("call_1", json!("x")), call("call_1")]),
        json!([call("call_2"), done("call_1", json!("x"))]),
        json!([{"type": "custom_tool_call", "call_id": "call_1"}, done("call_1", json!("x"))]),
    ] {
        let mut body = prompt();
        body["input"] = input;
        let refused = Answer::of(fixture.responses(&tokens.access, &body).await.unwrap()).await;
        let message = "No tool call found for function call output with call_id call_1.";
        assert_eq!((refused.status, &refused.json()["error"]["message"]), (400, &json!(message)));
    }
}

#[tokio::test]
async fn text_satisfies_the_requested_schema() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let schema = json!({
        "type": "object",
        "properties": {
            "names": {"type": "array", "items": {"$ref": "#/$defs/name"}, "minItems": 1},
            "kind": {"enum": ["a", "b"]},
        },
        "required": ["names", "kind"],
        "$defs": {"name": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    });
    let format = json!({"type": "json_schema", "name": "names", "schema": schema});
    let frames = fixture.response_frames(&tokens, json!({"text": {"format": format}})).await;
    assert_eq!(text(&frames), r#"{"names":["text"],"kind":"a"}"#);
    assert_eq!(output(&frames)[0]["content"][0]["text"], text(&frames));
    let any_object = json!({"text": {"format": {"type": "json_object"}}, "input": [user("Answer in JSON.")]});
    assert_eq!(text(&fixture.response_frames(&tokens, any_object).await), "{}");
}

#[tokio::test]
async fn requested_reasoning_comes_first_and_its_summary_is_counted() {
    let fixture = Fixture::with(|settings| settings.stream_deltas = 2).await;
    let tokens = fixture.sign_in().await;
    // `summarized` is `None` if there is no reasoning.
    for (asked, summarized, encrypted) in [
        (json!({"reasoning": {"effort": "high"}}), Some(false), false),
        (json!({"reasoning": {"effort": "low", "summary": "auto"}}), Some(true), false),
        (json!({"include": ["reasoning.encrypted_content"], "reasoning": null}), Some(false), true),
        (json!({"reasoning": {"effort": "none"}}), None, false),
        (json!({"reasoning": {"effort": "minimal"}, "include": []}), None, false),
    ] {
        let frames = fixture.response_frames(&tokens, asked.clone()).await;
        let items = output(&frames);
        let usage = &frames.last().unwrap()["response"]["usage"];
        let reasoning_tokens = usage["output_tokens_details"]["reasoning_tokens"].as_u64().unwrap();
        assert_eq!(usage["output_tokens"].as_u64().unwrap(), 2 + reasoning_tokens, "{asked}");
        assert_eq!(
            (items.len(), reasoning_tokens > 0),
            (1 + usize::from(summarized.is_some()), summarized == Some(true))
        );
        assert_eq!(text(&frames), "word1 word2 ");
        if summarized.is_some() {
            assert!(items[0]["id"].as_str().unwrap().starts_with("rs_"));
            assert_eq!(items[0]["encrypted_content"].as_str().is_some_and(|text| text.len() > 40), encrypted);
        }
        if summarized == Some(true) {
            let deltas = frames.iter().filter(|frame| frame["type"] == "response.reasoning_summary_text.delta");
            let summary: String = deltas.map(|frame| frame["delta"].as_str().unwrap()).collect();
            assert_eq!(items[0]["summary"], json!([{"type": "summary_text", "text": summary}]));
            let kinds = kinds(&frames);
            let place = |kind: &str| kinds.iter().position(|other| *other == kind).unwrap();
            assert!(place("reasoning_summary_part.added") < place("reasoning_summary_text.delta"));
            assert!(place("reasoning_summary_part.done") < place("output_text.delta"));
        }
    }
}

#[tokio::test]
async fn usage_adds_up_and_counts_cached_prompts() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let usage = async |members: Value| {
        let usage = fixture.response_frames(&tokens, members).await.last().unwrap()["response"]["usage"].clone();
        let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64).unwrap();
        assert_eq!(count("/total_tokens"), count("/input_tokens") + count("/output_tokens"));
        (count("/input_tokens"), count("/input_tokens_details/cached_tokens"))
    };
    let (first, cached) = usage(json!({"prompt_cache_key": "thread-1"})).await;
    assert!(first > 0 && cached == 0);
    let longer = json!({"prompt_cache_key": "thread-1", "input": [user("Count to five."), user("And on.")]});
    let (second, cached) = usage(longer).await;
    assert!(second > first && cached == first, "{second} {cached}");
    assert_eq!(
        usage(json!({"prompt_cache_key": "thread-1"})).await,
        (first, first),
        "more is cached than the prompt contains"
    );
    let other = json!({"prompt_cache_key": "thread-1", "input": [user("Count to six.")]});
    assert!(usage(other).await.1 < first, "a different beginning counts as cached");
    let instructed =
        json!({"prompt_cache_key": "thread-1", "instructions": "Be brief.", "input": [user("Count to six.")]});
    assert_eq!(usage(instructed).await.1, 0, "input after other instructions is cached");
    assert_eq!(usage(json!({"prompt_cache_key": "thread-2"})).await, (first, 0));
    assert_eq!(usage(json!({})).await, (first, 0));
    assert_eq!(usage(json!({})).await, (first, 0));
}

#[tokio::test]
async fn a_named_image_is_returned_and_the_response_repeats_effort_and_tier() {
    let fixture = Fixture::new().await;
    let tokens = fixture.sign_in().await;
    let asked = json!({
        "tools": [{"type": "image_generation", "size": "1024x1536"}],
        "instructions": "Call image_generation.",
        "reasoning": {"effort": "low"},
        "service_tier": "priority",
    });
    let frames = fixture.response_frames(&tokens, asked).await;
    let items = output(&frames);
    let image = items.iter().find(|item| item["type"] == "image_generation_call").unwrap();
    assert_eq!((&image["size"], &image["output_format"]), (&json!("1024x1536"), &json!("png")));
    assert!(image["result"].as_str().unwrap().starts_with("iVBOR"));
    let response = &frames.last().unwrap()["response"];
    assert_eq!((&response["reasoning"]["effort"], &response["service_tier"]), (&json!("low"), &json!("priority")));
}
