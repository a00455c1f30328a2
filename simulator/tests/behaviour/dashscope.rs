//! Tests DashScope: API keys, chat as one response or in chunks, embeddings and image tasks.

use goclaw_simulator::{Endpoint, Fault, FaultOrder, Site, StreamCounts, TokenStatus};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::{
    client::{Answer, Fixture},
    streams::read_all,
};

/// The path at which image tasks are created.
const IMAGE_SYNTHESIS: &str = "/api/v1/services/aigc/text2image/image-synthesis";

impl Fixture {
    fn key(&self) -> String {
        self.simulator.settings().api_keys[0].clone()
    }

    fn at_dashscope(&self, path: &str, body: Option<&Value>) -> RequestBuilder {
        let url = format!("{}{path}", self.simulator.dashscope_url());
        body.map_or_else(|| self.http.get(&url), |body| self.http.post(&url).json(body))
    }

    async fn dashscope(&self, path: &str, body: Option<&Value>) -> Response {
        self.at_dashscope(path, body).bearer_auth(self.key()).send().await.unwrap()
    }

    async fn chat(&self, members: Value) -> Response {
        let mut body = json!({"model": "qwen-plus", "messages": [{"role": "user", "content": "Count."}]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.dashscope("/compatible-mode/v1/chat/completions", Some(&body)).await
    }

    async fn task(&self, id: &str) -> Value {
        Answer::of(self.dashscope(&format!("/api/v1/tasks/{id}"), None).await).await.json()
    }
}

fn tools() -> Value {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    json!([{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}])
}

/// Returns the data of a stream without the final `[DONE]`, which is required.
fn chunks(text: &str) -> Vec<Value> {
    let data: Vec<_> = text.trim_end().split("\n\n").map(|frame| frame.strip_prefix("data: ").unwrap()).collect();
    let (done, chunks) = data.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

fn joined(chunks: &[Value], pointer: &str) -> String {
    chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
}

#[tokio::test]
async fn only_known_keys_are_accepted_and_each_api_has_its_own_error() {
    let fixture = Fixture::new().await;
    let listed = Answer::of(fixture.dashscope("/compatible-mode/v1/models", None).await).await.json();
    let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!((listed["object"].as_str(), ids), (Some("list"), vec!["qwen3-max", "qwen-plus", "qwen-image"]));
    assert_eq!(fixture.dashscope("/compatible-mode/v1/nothing", None).await.status(), 404);

    let wrong = fixture.at_dashscope("/compatible-mode/v1/models", None).bearer_auth("sk-wrong").send().await.unwrap();
    let expected = json!({"error": {
        "message": "Incorrect API key provided.",
        "type": "invalid_request_error",
        "param": null,
        "code": "invalid_api_key",
    }});
    let wrong = Answer::of(wrong).await;
    assert_eq!((wrong.status, wrong.json()), (401, expected));
    let wrong = Answer::of(fixture.at_dashscope("/api/v1/tasks/1", None).send().await.unwrap()).await;
    assert_eq!((wrong.status, &wrong.json()["code"]), (401, &json!("InvalidApiKey")));

    let seen: Vec<_> = fixture.simulator.journal().into_iter().map(|entry| (entry.site, entry.token_status)).collect();
    let known = (Site::Dashscope, Some(TokenStatus::Live));
    assert_eq!(seen, [known, known, (Site::Dashscope, Some(TokenStatus::Unknown)), (Site::Dashscope, None)]);
    assert!(!fixture.get_control("/journal").await.to_string().contains(&fixture.key()));

    fixture.simulator.update_settings(|settings| settings.api_keys = vec!["sk-other".to_owned()]);
    assert_eq!(fixture.dashscope("/compatible-mode/v1/models", None).await.status(), 200);
}

#[tokio::test]
async fn a_completion_can_be_one_response() {
    let fixture = Fixture::with(|settings| settings.stream_deltas = 2).await;
    let whole = Answer::of(fixture.chat(json!({"temperature": 1})).await).await.json();
    let choice = &whole["choices"][0];
    assert_eq!((&whole["object"], &whole["model"]), (&json!("chat.completion"), &json!("qwen-plus")));
    assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!("word1 word2 "), &json!("stop")));
    let usage = |name: &str| whole["usage"][name].as_u64().unwrap();
    assert_eq!(usage("completion_tokens"), 2);
    assert_eq!(usage("total_tokens"), usage("prompt_tokens") + 2);

    let asked = json!({"messages": [{"role": "user", "content": "get_weather!"}], "tools": tools()});
    let called = Answer::of(fixture.chat(asked).await).await.json()["choices"][0].clone();
    let call = &called["message"]["tool_calls"][0];
    assert_eq!(called["finish_reason"], "tool_calls");
    assert_eq!(call["function"], json!({"name": "get_weather", "arguments": r#"{"city":"text"}"#}));

    let output = json!({"role": "tool", "tool_call_id": call["id"], "content": "Rain."});
    let answered = Answer::of(fixture.chat(json!({"messages": [called["message"], output]})).await).await.json();
    assert_eq!(answered["choices"][0]["message"]["content"], "The tools answered: Rain.");
    for (members, status, code) in [
        (json!({"messages": [output]}), 400, "invalid_parameter_error"),
        (json!({"messages": []}), 400, "invalid_parameter_error"),
        (json!({"model": "gpt-2"}), 404, "model_not_found"),
    ] {
        assert_eq!(Answer::of(fixture.chat(members).await).await.refusal(), (status, code.to_owned()));
    }
}

#[tokio::test]
async fn a_completion_is_streamed_with_usage_on_request() {
    let fixture = Fixture::with(|settings| settings.stream_deltas = 3).await;
    let streamed = fixture.chat(json!({"stream": true})).await;
    assert_eq!(streamed.headers()["content-type"], "text/event-stream");
    let plain = chunks(&read_all(streamed).await.0);
    assert_eq!(joined(&plain, "/choices/0/delta/content"), "word1 word2 word3 ");
    assert_eq!((plain.len(), &plain[4]["choices"][0]["finish_reason"]), (5, &json!("stop")));
    assert!(plain.iter().all(|chunk| chunk["usage"].is_null() && chunk["id"] == plain[0]["id"]));

    let with_usage = fixture.chat(json!({"stream": true, "stream_options": {"include_usage": true}})).await;
    let with_usage = chunks(&read_all(with_usage).await.0);
    assert_eq!((with_usage.len(), &with_usage[5]["choices"]), (6, &json!([])));
    assert_eq!(with_usage[5]["usage"]["completion_tokens"], 3);

    let asked = json!({"stream": true, "tools": tools(), "tool_choice": "required"});
    let called = chunks(&read_all(fixture.chat(asked).await).await.0);
    assert_eq!(joined(&called, "/choices/0/delta/tool_calls/0/function/name"), "get_weather");
    assert_eq!(joined(&called, "/choices/0/delta/tool_calls/0/function/arguments"), r#"{"city":"text"}"#);
    assert_eq!(called.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(fixture.simulator.streams(), StreamCounts { completed: 3, ..StreamCounts::default() });
}

#[tokio::test]
async fn faults_apply_to_dashscope() {
    let fixture = Fixture::new().await;
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::ChatCompletions, Fault::stream_cut(1)));
    let (text, whole) = read_all(fixture.chat(json!({"stream": true})).await).await;
    assert!(!whole && text.contains("word1 ") && !text.contains("word2 "), "{text}");
    fixture
        .simulator
        .queue_fault(FaultOrder::once(Endpoint::ChatCompletions, Fault::stream_fails(0, "internal_error")));
    let (text, whole) = read_all(fixture.chat(json!({"stream": true})).await).await;
    assert!(whole && text.contains(r#""code":"internal_error""#) && !text.contains("[DONE]"), "{text}");
    fixture.simulator.queue_fault(FaultOrder::once(Endpoint::Dashscope, Fault::too_many_requests(Some("3"))));
    assert_eq!(fixture.chat(json!({})).await.status(), 429);
    assert_eq!(fixture.simulator.streams(), StreamCounts { completed: 1, broken: 1, ..StreamCounts::default() });
}

#[tokio::test]
async fn each_query_advances_an_image_task() {
    let fixture = Fixture::new().await;
    let order = json!({"model": "qwen-image", "input": {"prompt": "A fox."}, "parameters": {"n": 2}});
    let ordered = async |body: &Value| {
        let request = fixture.at_dashscope(IMAGE_SYNTHESIS, Some(body)).header("X-DashScope-Async", "enable");
        Answer::of(request.bearer_auth(fixture.key()).send().await.unwrap()).await
    };
    let answer = ordered(&order).await.json();
    assert!(answer["request_id"].is_string());
    assert_eq!(answer["output"]["task_status"], "PENDING");
    let id = answer["output"]["task_id"].as_str().unwrap();
    for status in ["PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED"] {
        let task = fixture.task(id).await;
        assert_eq!((&task["output"]["task_status"], &task["output"]["task_id"]), (&json!(status), &json!(id)));
        let pictures = task["output"]["results"].as_array().map_or(0, Vec::len);
        assert_eq!(pictures, if status == "SUCCEEDED" { 2 } else { 0 });
    }
    assert_eq!(fixture.task("another").await["output"]["task_status"], "UNKNOWN");

    let synchronous = Answer::of(fixture.dashscope(IMAGE_SYNTHESIS, Some(&order)).await).await;
    assert_eq!((synchronous.status, &synchronous.json()["code"]), (403, &json!("AccessDenied")));
    let nothing = ordered(&json!({"model": "qwen-image", "input": {}})).await;
    assert_eq!((nothing.status, &nothing.json()["code"]), (400, &json!("InvalidParameter")));

    fixture.simulator.update_settings(|settings| settings.api_keys = vec!["sk-other".to_owned()]);
    assert_eq!(fixture.task(id).await["output"]["task_status"], "UNKNOWN", "somebody else's task");
}

#[tokio::test]
async fn embeddings_accept_only_texts_and_return_numbers() {
    let fixture = Fixture::new().await;
    let embed = async |members: Value| {
        let mut body = json!({"model": "text-embedding-v4", "input": ["a", "four"]});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Answer::of(fixture.dashscope("/compatible-mode/v1/embeddings", Some(&body)).await).await
    };
    let made = embed(json!({"encoding_format": "float"})).await;
    assert_eq!((made.status, &made.json()["data"][1]["embedding"]), (200, &json!([4.0, 0.5, -1.0])));
    for (members, status) in [
        (json!({"model": "qwen-plus"}), 404),
        (json!({"encoding_format": "base64"}), 400),
        (json!({"input": [1, 2]}), 400),
        (json!({"input": []}), 400),
        (json!({"extra": 1}), 400),
    ] {
        assert_eq!(embed(members.clone()).await.status, status, "{members}");
    }
}
