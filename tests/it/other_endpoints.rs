//! Tests of compactions, legacy completions, embeddings and images, and of the reasoning in chat responses.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    models::signed_in,
    support::{
        gateway::{Gateway, Home, HttpResponse, eventually, http},
        provider::Provider,
    },
};

/// The API key that the simulator accepts.
const DASHSCOPE_KEY: &str = "sk-simulated-CANARY-0001";

/// Returns the status, code and parameter of an error, and asserts that it tells clients not to retry.
fn permanent_error(response: &HttpResponse) -> (u16, Value, Value) {
    assert_eq!(response.header("x-should-retry"), "false", "{}", response.text);
    let error = &response.json()["error"];
    (response.status, error["code"].clone(), error["param"].clone())
}

fn event_data(text: &str) -> Vec<&str> {
    text.split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect()
}

#[tokio::test]
async fn a_legacy_completion_is_sent_as_a_user_message() {
    let (_provider, _home, gateway) = signed_in().await;
    let complete = async |members: Value| {
        let mut body = json!({"model": "gpt-5.5", "prompt": "Say hello"});
        body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        gateway.post("/v1/completions", body).await
    };
    let whole = complete(json!({"max_tokens": 5, "temperature": 0, "best_of": 1})).await;
    let body = whole.json();
    assert_eq!(
        (whole.status, &body["object"], &body["model"]),
        (200, &json!("text_completion"), &json!("gpt-5.5")),
        "{body}"
    );
    let choice = &body["choices"][0];
    let text = choice["text"].as_str().expect("a text");
    assert!(text.starts_with("word1 ") && body["id"].as_str().is_some_and(|id| id.starts_with("cmpl-")), "{body}");
    assert_eq!((&choice["finish_reason"], choice.get("message")), (&json!("stop"), None), "{body}");
    assert!(body["usage"]["total_tokens"].is_u64(), "{body}");
    let ignored = whole.header("goclaw-ignored-parameters");
    assert!(["max_tokens", "temperature", "best_of"].iter().all(|name| ignored.contains(name)), "{ignored}");

    let streamed =
        complete(json!({"prompt": ["Say hello"], "stream": true, "stream_options": {"include_usage": true}})).await;
    let (last, chunks) =
        event_data(&streamed.text).split_last().map(|(last, chunks)| (*last, chunks.to_vec())).expect("chunks");
    assert_eq!((last, streamed.header("content-type")), ("[DONE]", "text/event-stream"), "{}", streamed.text);
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).expect("JSON")).collect();
    assert!(
        chunks.iter().all(|chunk| chunk["object"] == "text_completion" && !chunk["choices"][0]["delta"].is_object())
    );
    let joined: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(joined, text);
    assert!(chunks.iter().rev().any(|chunk| chunk["choices"][0]["finish_reason"] == "stop"));
    assert!(chunks.last().is_some_and(|last| last["usage"]["total_tokens"].is_u64()), "{}", streamed.text);

    assert_eq!(complete(json!({"stop": "word2"})).await.json()["choices"][0]["text"], "word1 ");
    for (members, param) in [
        (json!({"prompt": ["a", "b"]}), "prompt"),
        (json!({"n": 2}), "n"),
        (json!({"echo": true}), "echo"),
        (json!({"suffix": "end"}), "suffix"),
        (json!({"logprobs": 3}), "logprobs"),
    ] {
        let error = permanent_error(&complete(members.clone()).await);
        assert_eq!(error, (400, json!("unsupported_parameter"), json!(param)), "{members}");
    }
    for (prompt, code, param) in [
        (Value::Null, "missing_required_parameter", "prompt"),
        (json!([1, 2, 3]), "invalid_type", "prompt[0]"),
        (json!([]), "missing_required_parameter", "prompt[0]"),
    ] {
        assert_eq!(
            permanent_error(&complete(json!({ "prompt": prompt })).await),
            (400, json!(code), json!(param)),
            "{prompt}"
        );
    }
    let elsewhere = complete(json!({"model": "dashscope/qwen-plus"})).await;
    assert_eq!(permanent_error(&elsewhere).1, "unsupported_api", "{}", elsewhere.text);
}

#[tokio::test]
async fn a_compacted_conversation_can_be_continued() {
    let (provider, _home, gateway) = signed_in().await;
    let path = "/backend-api/codex/responses/compact";
    // The request of the Codex CLI.
    let input = json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello there"}]}]);
    let body = json!({"model": "openai-codex/gpt-5.5", "input": input, "instructions": "Be brief.", "tools": [],
        "parallel_tool_calls": false, "reasoning": {"effort": "low"}, "prompt_cache_key": "k", "tool_choice": "auto"});
    let compacted = gateway.post("/v1/responses/compact", body).await;
    let whole = compacted.json();
    assert_eq!((compacted.status, &whole["object"]), (200, &json!("response.compaction")), "{}", compacted.text);
    assert!(whole["id"].is_string() && whole["created_at"].as_u64() > Some(0), "{whole}");
    assert_eq!(
        (&whole["output"][0], &whole["output"][1]["type"], whole["output"].as_array().map(Vec::len)),
        (&input[0], &json!("compaction"), Some(2))
    );
    assert_eq!(compacted.header("goclaw-ignored-parameters"), "tool_choice");
    assert_eq!(provider.outcomes(path).await.len(), 1);

    let mut input = whole["output"].as_array().expect("items").clone();
    input.push(json!({"role": "user", "content": "Go on"}));
    let next = gateway.post("/v1/responses", json!({"model": "gpt-5.5", "input": input})).await;
    assert_eq!(next.status, 200, "{}", next.text);
    let id = next.json()["id"].clone();
    let again = gateway.post("/v1/responses/compact", json!({"model": "gpt-5.5", "previous_response_id": id})).await;
    let users =
        again.json()["output"].as_array().map(|items| items.iter().filter(|item| item["role"] == "user").count());
    assert_eq!((again.status, users), (200, Some(2)), "{}", again.text);

    for (members, status, code) in [
        (json!({"model": "gpt-5.5"}), 400, "missing_required_parameter"),
        (
            json!({"model": "gpt-5.5", "input": "Hi", "previous_response_id": "resp_0"}),
            400,
            "previous_response_not_found",
        ),
        (json!({"model": "gpt-0", "input": "Hi"}), 404, "model_not_found"),
        (json!({"model": "dashscope/qwen-plus", "input": "Hi"}), 400, "unsupported_api"),
    ] {
        let refused = gateway.post("/v1/responses/compact", members.clone()).await;
        let (seen, seen_code, _param) = permanent_error(&refused);
        assert_eq!((seen, seen_code), (status, json!(code)), "{members}");
    }
}

async fn gateway_with_dashscope() -> (Provider, Home, Gateway) {
    let provider = Provider::approving();
    let home = Home::new(&provider);
    let gateway = home.start().await;
    let key = json!({"api_key": DASHSCOPE_KEY});
    let saved = gateway.call(Method::PUT, "/v1/auth/dashscope/secret", Some(key)).await;
    assert_eq!(saved.status, 200, "{}", saved.text);
    (provider, home, gateway)
}

#[tokio::test]
async fn embeddings_come_from_dashscope_in_the_requested_encoding() {
    let (_provider, _home, gateway) = gateway_with_dashscope().await;
    let embed = async |members: Value| {
        let mut body = json!({"model": "dashscope/text-embedding-v4", "input": ["a", "four"]});
        body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        gateway.post("/v1/embeddings", body).await
    };
    let plain = embed(json!({})).await;
    let body = plain.json();
    assert_eq!((plain.status, &body["model"]), (200, &json!("dashscope/text-embedding-v4")), "{}", plain.text);
    assert_eq!(body["data"][1]["embedding"], json!([4.0, 0.5, -1.0]), "{body}");
    assert_eq!(body["usage"]["total_tokens"], 2, "{body}");
    // 4.0, 0.5 and -1.0 as little-endian 32-bit floats.
    let encoded = embed(json!({"encoding_format": "base64"})).await.json();
    assert_eq!(encoded["data"][1]["embedding"], "AACAQAAAAD8AAIC/", "{encoded}");
    let unknown = embed(json!({"encoding_format": "int8"})).await;
    assert_eq!(permanent_error(&unknown), (400, json!("unsupported_value"), json!("encoding_format")));
    assert_eq!(
        permanent_error(&embed(json!({"input": null})).await),
        (400, json!("missing_required_parameter"), json!("input"))
    );
    for token_ids in [json!([1, 2]), json!([[1, 2], [3]])] {
        let refused = embed(json!({"input": token_ids})).await;
        assert_eq!(permanent_error(&refused), (400, json!("invalid_type"), json!("input[0]")), "{}", refused.text);
    }
    assert_eq!(embed(json!({"model": "dashscope/no-such"})).await.status, 404);
}

#[tokio::test]
async fn embeddings_that_are_not_available_are_refused_with_a_hint() {
    let (_provider, _home, gateway) = signed_in().await;
    for (model, code, names) in [
        ("dashscope/text-embedding-v4", "not_connected", "goclaw auth login dashscope"),
        ("text-embedding-3-small", "unsupported_api", "dashscope/text-embedding-v4"),
        ("suno/v5", "no_models", "/v1/proxy/suno/"),
    ] {
        let response = gateway.post("/v1/embeddings", json!({"model": model, "input": "Hello"})).await;
        assert_eq!(
            (permanent_error(&response).0, permanent_error(&response).1),
            (400, json!(code)),
            "{model}: {}",
            response.text
        );
        assert!(response.text.contains(names), "{model}: {}", response.text);
    }
}

#[tokio::test]
async fn an_image_is_generated_with_a_model_s_image_tool() {
    let (_provider, _home, gateway) = signed_in().await;
    let draw = async |members: Value| {
        let mut body = json!({"prompt": "A lighthouse"});
        body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        gateway.post("/v1/images/generations", body).await
    };
    for model in
        [Value::Null, json!("gpt-image-1"), json!("dall-e-3"), json!("openai-codex/gpt-image-1"), json!("gpt-5.4")]
    {
        let drawn = draw(json!({"model": model, "size": "1024x1536", "quality": "hd", "n": 1, "user": "u"})).await;
        let body = drawn.json();
        assert_eq!(drawn.status, 200, "{model}: {}", drawn.text);
        let image = &body["data"][0];
        assert!(image["b64_json"].as_str().is_some_and(|data| data.starts_with("iVBOR")), "{body}");
        assert_eq!((&image["revised_prompt"], image.get("url")), (&json!("A lighthouse"), None));
        assert_eq!((&body["size"], &body["quality"]), (&json!("1024x1536"), &json!("high")), "{body}");
        assert!(body["created"].as_u64() > Some(0), "{body}");
        assert_eq!(drawn.header("goclaw-ignored-parameters"), "user");
    }
    let as_url = draw(json!({"response_format": "url", "output_format": "webp"})).await.json();
    assert!(
        as_url["data"][0]["url"].as_str().is_some_and(|url| url.starts_with("data:image/webp;base64,iVBOR")),
        "{as_url}"
    );
    for (members, param) in [(json!({"n": 2}), "n"), (json!({"stream": true}), "stream")] {
        assert_eq!(permanent_error(&draw(members).await), (400, json!("unsupported_parameter"), json!(param)));
    }
    assert_eq!(
        permanent_error(&draw(json!({"prompt": null})).await),
        (400, json!("missing_required_parameter"), json!("prompt"))
    );
    for (dall_e, size) in [("512x512", "1024x1024"), ("1792x1024", "1536x1024"), ("1024x1792", "1024x1536")] {
        let drawn = draw(json!({"model": "dall-e-3", "size": dall_e})).await;
        assert_eq!((drawn.status, &drawn.json()["size"]), (200, &json!(size)), "{dall_e}: {}", drawn.text);
    }
    let refusal = draw(json!({"size": "9x9"})).await;
    assert_eq!(permanent_error(&refusal), (400, json!("invalid_value"), json!("size")), "{}", refusal.text);
    assert!(!refusal.text.contains("tools[0]"), "the provider's reason, with the caller's name: {}", refusal.text);
}

#[tokio::test]
async fn an_image_request_that_yields_no_image_returns_the_model_s_text() {
    let (provider, _home, gateway) = signed_in().await;
    provider.post_control("/scripts", json!({"script": "refusal"})).await;
    let refusal = gateway.post("/v1/images/generations", json!({"prompt": "A lighthouse"})).await;
    assert_eq!(permanent_error(&refusal), (400, json!("no_image_generated"), Value::Null), "{}", refusal.text);
    assert!(refusal.text.contains("I cannot help with that."), "{}", refusal.text);
}

#[tokio::test]
async fn a_program_for_one_model_can_use_only_that_model() {
    let (provider, _home, gateway) = signed_in().await;
    let made =
        gateway.post("/v1/tokens", json!({"name": "bound", "scope": "models:openai-codex/gpt-5.4"})).await.json();
    let token = made["token"].as_str().expect("a token");
    let send = async |path: &str, model: &str| {
        let body = json!({"model": model, "prompt": "Hello", "input": "Hello"});
        let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(token).json(&body);
        HttpResponse::of(request.send().await.expect("a response")).await
    };
    for (path, model, status) in [
        ("/v1/completions", "gpt-5.4", 200),
        ("/v1/completions", "gpt-5.5", 403),
        ("/v1/embeddings", "dashscope/text-embedding-v4", 403),
        ("/v1/images/generations", "gpt-5.4", 200),
        ("/v1/images/generations", "gpt-5.5", 403),
        ("/v1/images/generations", "gpt-image-1", 200),
        ("/v1/images/generations", "dashscope/gpt-image-1", 403),
    ] {
        let response = send(path, model).await;
        assert_eq!(response.status, status, "{path} {model}: {}", response.text);
        if status == 200 {
            assert_eq!(response.header("openai-model"), "gpt-5.4", "{path} {model}: the model that answered");
        }
    }
    // Without a model list, the gateway cannot choose a model that calls the image tool.
    let (down, _down_home, gateway) = signed_in().await;
    down.post_control("/outages", json!({"site": "backend", "down": true})).await;
    let made =
        gateway.post("/v1/tokens", json!({"name": "bound", "scope": "models:openai-codex/gpt-5.4"})).await.json();
    let request = http().post(format!("{}/v1/images/generations", gateway.base));
    let request = request.bearer_auth(made["token"].as_str().expect("a token"));
    let unlisted = request.json(&json!({"prompt": "Hello"})).send().await.expect("a response");
    assert_eq!(unlisted.status(), 403);
    // A program whose token is for another account does not cause a request for this account's model list.
    let lists = provider.outcomes("/backend-api/codex/models").await.len();
    let (other_provider, _other_home, gateway) = signed_in().await;
    let made = gateway.post("/v1/tokens", json!({"name": "elsewhere", "scope": "models:suno"})).await.json();
    let token = made["token"].as_str().expect("a token");
    for (path, model) in [("/v1/completions", "gpt-5.5-high"), ("/v1/images/generations", "gpt-image-1")] {
        let body = json!({"model": model, "prompt": "Hello"});
        let request = http().post(format!("{}{path}", gateway.base)).bearer_auth(token).json(&body);
        assert_eq!(request.send().await.expect("a response").status(), 403, "{path}");
    }
    let read = other_provider.outcomes("/backend-api/codex/models").await.len();
    assert_eq!((lists, read), (1, 0), "requests for model lists");
}

#[tokio::test]
async fn a_chat_returns_the_reasoning_of_a_model_that_reasons() {
    let (provider, _home, gateway) = signed_in().await;
    let ask = async |members: Value| {
        let mut body = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hello"}]});
        body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
        gateway.post("/v1/chat/completions", body).await
    };
    let message = async |members: Value| ask(members).await.json()["choices"][0]["message"].clone();
    for members in [
        json!({}),
        json!({"reasoning_effort": "low"}),
        json!({"reasoning": {"effort": "low"}}),
        json!({"model": "gpt-5.5-high"}),
    ] {
        let thinking = message(members.clone()).await;
        assert_eq!(thinking["reasoning_content"], "Thinking about it.", "{members}: {thinking}");
        assert_eq!(thinking["reasoning"], thinking["reasoning_content"]);
    }
    let silent = message(json!({"reasoning_effort": "none"})).await;
    assert_eq!(silent.get("reasoning_content"), None, "{silent}");
    let streamed = ask(json!({"stream": true})).await;
    let chunks: Vec<Value> =
        event_data(&streamed.text).iter().filter_map(|chunk| serde_json::from_str(chunk).ok()).collect();
    for name in ["reasoning_content", "reasoning"] {
        let joined: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"][name].as_str()).collect();
        assert_eq!(joined, "Thinking about it.", "{name}: {}", streamed.text);
    }
    assert_eq!(provider.outcomes("/backend-api/codex/models").await.len(), 1, "the list is read once");
    // The gateway does not request a reasoning summary from a model that is not known to reason.
    let unlisted = Home::new(&provider);
    let gateway = unlisted.start().await;
    gateway.sign_in().await;
    provider.post_control("/faults", json!({"endpoint": "models", "fault": "bad_gateway"})).await;
    let body = json!({"model": "gpt-5.5", "messages": [{"role": "user", "content": "Hello"}]});
    let unknown = gateway.post("/v1/chat/completions", body.clone()).await.json();
    assert_eq!(unknown["choices"][0]["message"].get("reasoning_content"), None, "{unknown}");
    // A later chat requests the list again.
    let has_reasoning = || async {
        let chat = gateway.post("/v1/chat/completions", body.clone()).await.json();
        chat["choices"][0]["message"].get("reasoning_content").map(drop)
    };
    eventually("a chat with reasoning", has_reasoning).await;
}
