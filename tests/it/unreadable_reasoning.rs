//! Tests of a conversation that continues on another account, whose provider cannot decrypt the earlier reasoning.

use serde_json::{Value, json};

use crate::{models::signed_in, support::provider::Provider};

const MODEL: &str = "openai-codex/gpt-5.5";

/// Makes the provider reject the next `times` prompts with `code`.
async fn refuse(provider: &Provider, code: &str, times: u32) {
    let message = "The encrypted content gAAA could not be verified.";
    let error = json!({"error": {"message": message, "type": "invalid_request_error", "param": null, "code": code}});
    let fault = json!({"kind": "status", "status": 400, "body": error.to_string()});
    let body = json!({"endpoint": "responses", "fault": fault, "times": {"next": times}});
    provider.post_control("/faults", body).await;
}

/// Returns the body sizes of the prompts that the provider has received.
async fn prompt_sizes(provider: &Provider) -> Vec<u64> {
    let journal = provider.get_control("/journal").await;
    let prompts = journal.as_array().expect("entries").iter();
    let prompts = prompts.filter(|entry| entry["path"].as_str().is_some_and(|path| path.ends_with("/responses")));
    prompts.map(|entry| entry["body_bytes"].as_u64().expect("a size")).collect()
}

fn conversation(has_reasoning: bool) -> Value {
    let item = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA".repeat(100)});
    let mut input = vec![json!({"role": "user", "content": "Hello"}), json!({"role": "assistant", "content": "Hi!"})];
    input.extend(has_reasoning.then_some(item));
    input.push(json!({"role": "user", "content": "Again"}));
    json!({"model": MODEL, "input": input, "messages": null})
}

#[tokio::test]
async fn a_prompt_with_unreadable_reasoning_is_sent_once_more_without_it() {
    let (provider, _home, gateway) = signed_in().await;
    for (stream, path) in [(false, "/v1/responses"), (true, "/v1/responses"), (false, "/v1/chat/completions")] {
        let before = prompt_sizes(&provider).await.len();
        refuse(&provider, "invalid_encrypted_content", 1).await;
        let mut body = conversation(true);
        body["stream"] = json!(stream);
        let response = gateway.post(path, body).await;
        assert_eq!(response.status, 200, "{path}: {}", response.text);
        // The simulator's output begins with `word1`.
        assert!(response.text.contains("word1"), "{}", response.text);
        let sent = prompt_sizes(&provider).await.split_off(before);
        // The second prompt lacks the encrypted reasoning, 400 bytes and more.
        assert!(sent.len() == 2 && sent[1] + 400 < sent[0], "{path}: {sent:?}");
    }
}

/// The provider may begin the stream, and report the reasoning in its first event.
#[tokio::test]
async fn unreadable_reasoning_may_be_reported_in_the_stream() {
    let (provider, _home, gateway) = signed_in().await;
    for script in ["error_event:invalid_encrypted_content", "failed:invalid_encrypted_content"] {
        for (stream, path) in [(false, "/v1/responses"), (true, "/v1/responses"), (true, "/v1/chat/completions")] {
            let before = prompt_sizes(&provider).await.len();
            provider.post_control("/scripts", json!({"script": script})).await;
            let mut body = conversation(true);
            body["stream"] = json!(stream);
            let response = gateway.post(path, body).await;
            assert_eq!(response.status, 200, "{script}, {path}: {}", response.text);
            assert!(response.text.contains("word1"), "{}", response.text);
            let sent = prompt_sizes(&provider).await.split_off(before);
            assert!(sent.len() == 2 && sent[1] + 400 < sent[0], "{script}, {path}: {sent:?}");
        }
    }
}

#[tokio::test]
async fn other_errors_and_a_second_rejection_are_passed_on() {
    let (provider, _home, gateway) = signed_in().await;
    for (code, has_reasoning, requests) in
        [("invalid_encrypted_content", true, 2), ("invalid_encrypted_content", false, 1), ("invalid_value", true, 1)]
    {
        let before = prompt_sizes(&provider).await.len();
        refuse(&provider, code, requests).await;
        let response = gateway.post("/v1/responses", conversation(has_reasoning)).await;
        assert_eq!((response.status, &response.json()["error"]["code"]), (400, &json!(code)), "{}", response.text);
        let sent = prompt_sizes(&provider).await.split_off(before);
        assert_eq!(sent.len(), requests as usize, "{code}, {has_reasoning}: {sent:?}");
    }
}
