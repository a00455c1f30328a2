//! Tests of remembered responses: conversations continue with `previous_response_id` and with item references.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use goclaw::{
    app::{AppError, ModelRequest},
    domain::{
        ids::Principal,
        response_memory::{ReadLimits, RememberedResponse, ResponseId},
        scope::Rights,
        sealed_secret::SealedSecret,
        time::Timestamp,
    },
    ports::ResponseMemory,
};
use http_message::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::{
    fakes::{NOW, ScriptedResponse, TestGateway, settle, within},
    gateway::eventually,
};

pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

pub(crate) async fn connected(variables: &[(&str, &str)]) -> TestGateway {
    let gateway = TestGateway::with_variables(variables).await;
    gateway.connect().await;
    gateway
}

/// Makes the backend respond with reasoning and a text, under this id.
fn answer_with(gateway: &TestGateway, id: &str, text: &str) {
    play(gateway, id, output(id, text).as_array().expect("items"));
}

/// Makes the backend respond with these items, under this id.
pub(crate) fn play(gateway: &TestGateway, id: &str, items: &[Value]) {
    let done = items.iter().enumerate();
    let mut events: Vec<Value> = done
        .map(|(index, item)| json!({"type": "response.output_item.done", "output_index": index, "item": item}))
        .collect();
    let response = json!({"id": id, "status": "completed", "output": [], "store": false});
    events.push(json!({"type": "response.completed", "response": response}));
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    let mut response = ScriptedResponse::whole(StatusCode::OK, events);
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    gateway.upstream.play(response);
}

fn output(id: &str, text: &str) -> Value {
    json!([
        {"type": "reasoning", "id": format!("rs_{id}"), "summary": [], "encrypted_content": format!("opaque-{id}")},
        {"type": "message", "id": format!("msg_{id}"), "role": "assistant",
         "content": [{"type": "output_text", "text": text}]},
    ])
}

fn owner() -> Principal {
    Principal::gateway_token()
}

pub(crate) fn program() -> Principal {
    Principal::named("token:one")
}

/// Sends a request and returns the whole response.
async fn ask(gateway: &TestGateway, caller: &Principal, members: Value) -> Result<String, AppError> {
    let mut body = json!({"model": "openai-codex/gpt-5.5"});
    body.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    let body = body.to_string().into();
    let request = ModelRequest { headers: HeaderMap::new(), body, rights: Rights::Owner, caller: caller.clone() };
    let response = within(gateway.app.models.create_response(request)).await?;
    let pieces: Vec<_> = within(response.body.collect()).await;
    settle().await;
    Ok(pieces.into_iter().map(|piece| String::from_utf8(piece.expect("no break").into()).expect("text")).collect())
}

fn message(error: &AppError) -> String {
    error.to_string()
}

#[tokio::test]
async fn a_conversation_continues_with_the_previous_response() {
    let gateway = connected(&[]).await;
    for stream in [false, true] {
        let id = |turn: &str| format!("resp_{turn}_{stream}");
        answer_with(&gateway, &id("1"), "Hello, Ada");
        let first = json!({"input": "My name is Ada.", "instructions": "One word.", "stream": stream});
        ask(&gateway, &program(), first).await.expect("a response");
        answer_with(&gateway, &id("2"), "Ada");
        let second = json!({"input": "My name?", "previous_response_id": id("1"), "stream": stream});
        let whole = ask(&gateway, &program(), second).await.expect("a response");
        assert!(whole.contains(&format!("\"previous_response_id\":\"{}\"", id("1"))), "{whole}");
        assert!(whole.contains("\"store\":true"), "the response is not reported as stored: {whole}");
        let sent = gateway.upstream.last_body();
        assert_eq!((sent.get("previous_response_id"), &sent["instructions"]), (None, &json!("")));
        let texts: Vec<&str> = sent["input"]
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|item| item["content"][0]["text"].as_str())
            .collect();
        assert_eq!(texts, ["My name is Ada.", "Hello, Ada", "My name?"]);
        assert_eq!(sent["input"][1]["encrypted_content"], format!("opaque-{}", id("1")));
        answer_with(&gateway, &id("3"), "Bye");
        let third = json!({"input": "Thanks", "previous_response_id": id("2"), "stream": stream});
        ask(&gateway, &program(), third).await.expect("a response");
        assert_eq!(gateway.upstream.last_body()["input"].as_array().expect("items").len(), 7);
    }
}

#[tokio::test]
async fn a_response_belongs_to_the_token_that_got_it_and_to_the_owner() {
    let gateway = connected(&[]).await;
    answer_with(&gateway, "resp_1", "Hello, Ada");
    ask(&gateway, &program(), json!({"input": "My name is Ada."})).await.expect("a response");
    let sent_before = gateway.upstream.seen().len();
    let other = Principal::named("token:other");
    let refused = ask(&gateway, &other, json!({"input": "Hi", "previous_response_id": "resp_1"})).await.unwrap_err();
    assert!(
        matches!(&refused, AppError::InvalidModelRequest(invalid) if invalid.code == "previous_response_not_found")
    );
    assert!(!message(&refused).contains("Ada"));
    let reference = json!({"input": [{"type": "item_reference", "id": "msg_resp_1"}]});
    assert!(matches!(ask(&gateway, &other, reference.clone()).await, Err(AppError::ItemNotFound(_))));
    let models = &gateway.app.models;
    assert!(matches!(within(models.retrieve_response(&other, "resp_1")).await, Err(AppError::ResponseNotFound(_))));
    assert!(matches!(within(models.delete_response(&other, "resp_1")).await, Err(AppError::ResponseNotFound(_))));
    assert_eq!(gateway.upstream.seen().len(), sent_before, "nothing was sent");
    for caller in [program(), owner()] {
        ask(&gateway, &caller, reference.clone()).await.expect("a response");
        assert!(
            within(models.retrieve_response(&caller, "resp_1")).await.expect("the response").contains("Hello, Ada")
        );
    }
    within(models.delete_response(&program(), "resp_1")).await.expect("the deletion succeeds");
    assert!(matches!(within(models.retrieve_response(&program(), "resp_1")).await, Err(AppError::ResponseNotFound(_))));
}

#[tokio::test]
async fn item_references_are_resolved_and_bare_reasoning_gets_its_content() {
    let gateway = connected(&[]).await;
    answer_with(&gateway, "resp_1", "Hello");
    ask(&gateway, &program(), json!({"input": "Hi"})).await.expect("a response");
    let input = json!([
        {"role": "user", "content": "Hi"},
        {"type": "item_reference", "id": "rs_resp_1"},
        {"id": "msg_resp_1"},
        {"type": "reasoning", "id": "rs_unknown", "summary": []},
        {"type": "item_reference", "id": "rs_unknown"},
        {"role": "user", "content": "And now?"},
    ]);
    let known = output("resp_1", "Hello");
    for reasoning in [&input[1], &json!({"type": "reasoning", "id": "rs_resp_1", "summary": []})] {
        let mut input = input.clone();
        input[1] = reasoning.clone();
        ask(&gateway, &program(), json!({ "input": input })).await.expect("a response");
        let sent = gateway.upstream.last_body()["input"].clone();
        assert_eq!(sent, json!([input[0], known[0], known[1], input[5]]), "{reasoning}");
    }
    let unknown = ask(&gateway, &program(), json!({"input": [{"type": "item_reference", "id": "msg_x"}]})).await;
    let error = unknown.unwrap_err();
    assert!(message(&error).starts_with("Item with id 'msg_x' not found."), "{error}");
}

#[tokio::test]
async fn items_with_long_ids_can_be_referenced_and_are_sent_without_ids() {
    let gateway = connected(&[]).await;
    // The backend gives some items ids of this form, and refuses them in an input.
    let id = format!("resp_{}", "aB+/".repeat(100) + "==");
    answer_with(&gateway, &id, "Hello, Ada");
    ask(&gateway, &program(), json!({"input": "My name is Ada."})).await.expect("a response");
    let items = output(&id, "Hello, Ada");
    let named = |kind: &str, item: usize| json!({"type": kind, "id": items[item]["id"], "summary": []});
    for (next, sent_items) in [
        (json!({"input": [named("reasoning", 0), named("item_reference", 1)]}), 0..2),
        (json!({"input": items}), 0..2),
        (json!({"input": "Again", "previous_response_id": id}), 1..3),
    ] {
        answer_with(&gateway, "resp_2", "Ada");
        ask(&gateway, &program(), next.clone()).await.expect("a response");
        let sent = gateway.upstream.last_body()["input"].as_array().expect("items")[sent_items].to_vec();
        assert_eq!(sent[0]["encrypted_content"], format!("opaque-{id}"), "{next}");
        assert_eq!(sent[1]["content"][0]["text"], "Hello, Ada", "{next}");
        assert!(sent.iter().all(|item| item.get("id").is_none()), "{sent:?}");
    }
}

#[tokio::test]
async fn nothing_is_remembered_if_the_request_or_the_setting_forbids_it() {
    let gateway = connected(&[]).await;
    answer_with(&gateway, "resp_1", "Hello");
    let unstored = ask(&gateway, &program(), json!({"input": "Hi", "store": false})).await.expect("a response");
    assert!(unstored.contains("\"store\":false"), "{unstored}");
    let follow_up = json!({"input": "Hi", "previous_response_id": "resp_1"});
    let error = ask(&gateway, &program(), follow_up.clone()).await.unwrap_err();
    assert!(message(&error).contains("`store: false`"), "{error}");
    let gateway = connected(&[("GOCLAW_MODELS__REMEMBER", "0")]).await;
    answer_with(&gateway, "resp_1", "Hello");
    ask(&gateway, &program(), json!({"input": "Hi"})).await.expect("a response");
    let error = ask(&gateway, &program(), follow_up).await.unwrap_err();
    assert!(message(&error).contains("models.remember"), "{error}");
}

#[tokio::test]
async fn a_response_expires_a_day_after_its_last_use() {
    let gateway = connected(&[]).await;
    answer_with(&gateway, "resp_1", "Hello");
    ask(&gateway, &program(), json!({"input": "Hi"})).await.expect("a response");
    gateway.clock.advance(23 * HOUR);
    answer_with(&gateway, "resp_2", "Hello");
    ask(&gateway, &program(), json!({"input": "Hi", "previous_response_id": "resp_1"})).await.expect("a response");
    gateway.clock.advance(25 * HOUR);
    let late = ask(&gateway, &program(), json!({"input": "Hi", "previous_response_id": "resp_2"})).await;
    assert!(matches!(late, Err(AppError::InvalidModelRequest(_))), "{late:?}");
    let id = ResponseId::parse("resp_2").expect("an id");
    let all = ReadLimits { oldest: Timestamp::from_unix_seconds(0), responses: 100, bytes: i64::MAX };
    let old = || async { gateway.store.chain(&id, all, NOW).await.expect("no store error").pop() };
    assert!(old().await.is_some(), "the response is stored, but too old");
    answer_with(&gateway, "resp_3", "Hello");
    ask(&gateway, &program(), json!({"input": "Hi"})).await.expect("a response");
    eventually("the next response to delete the old one", || async { old().await.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn a_disconnected_caller_does_not_interrupt_a_store_call() {
    let gateway = connected(&[]).await;
    answer_with(&gateway, "resp_1", "Hello");
    ask(&gateway, &program(), json!({"input": "Hi"})).await.expect("a response");
    gateway.clock.advance(HOUR);
    let caller = program();
    let unfinished = gateway.app.models.retrieve_response(&caller, "resp_1").now_or_never();
    assert!(unfinished.is_none(), "the read has begun");
    settle().await;
    let all = ReadLimits { oldest: NOW, responses: 1, bytes: i64::MAX };
    let found = gateway.store.with_items(&["msg_resp_1".to_owned()], all).await.expect("readable");
    assert_eq!(found[0].used_at, NOW.plus(HOUR));
}

#[tokio::test]
async fn a_conversation_that_is_too_long_is_not_recalled() {
    let gateway = connected(&[]).await;
    let id = |number: u32| ResponseId::parse(&format!("resp_{number}")).expect("an id");
    for number in 1..=4 {
        let response = RememberedResponse {
            id: id(number),
            principal: program(),
            previous: (number > 1).then(|| id(number - 1)),
            items: Vec::new(),
            // Together 24 MiB; a request recalls at most 16 MiB.
            content: SealedSecret::from_stored("x".repeat(6 << 20)),
            used_at: NOW,
        };
        gateway.store.remember(&[response]).await.expect("no store error");
    }
    let code = async |caller: Principal| match ask(
        &gateway,
        &caller,
        json!({"input": "Hi", "previous_response_id": "resp_4"}),
    )
    .await
    {
        Err(AppError::InvalidModelRequest(invalid)) => invalid.code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(program()).await, "body_too_large");
    assert_eq!(code(Principal::named("token:other")).await, "previous_response_not_found");
    assert!(gateway.upstream.seen().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn a_store_failure_does_not_affect_the_response() {
    let gateway = connected(&[]).await;
    answer_with(&gateway, "resp_1", "Hello");
    gateway.store.fail_to("remember responses");
    for stream in [false, true] {
        let whole = ask(&gateway, &program(), json!({"input": "Hi", "stream": stream})).await.expect("a response");
        assert!(whole.contains("Hello"), "{whole}");
    }
}
