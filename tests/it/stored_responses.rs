//! Tests of remembered responses through the HTTP API, with one gateway and with several.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    replicas,
    support::{
        gateway::{Gateway, Home, eventually},
        postgres::Database,
        provider::Provider,
    },
};

const MODEL: &str = "gpt-5.5";

async fn create_token(gateway: &Gateway, name: &str) -> String {
    let created = gateway.post("/v1/tokens", json!({ "name": name })).await;
    created.json()["token"].as_str().expect("a token").to_owned()
}

/// Returns the id of the response in the last event of a stream.
fn streamed_id(text: &str) -> String {
    let last = text.lines().rfind(|line| line.starts_with("data: {")).expect("an event");
    let event: Value = serde_json::from_str(&last["data: ".len()..]).expect("JSON");
    event["response"]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_gateway_can_continue_a_remembered_response() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    let homes = [replicas::home(&provider, &database), replicas::home(&provider, &database)];
    let (one, other) = tokio::join!(homes[0].start(), homes[1].start());
    one.sign_in().await;
    let editor = create_token(&one, "editor").await;
    eventually("the other gateway to accept the token", || async {
        (other.call_as(&editor, Method::GET, "/v1/models", None).await.status == 200).then_some(())
    })
    .await;
    let gateways = [&one, &other];
    let mut previous: Option<String> = None;
    for turn in 0..6 {
        let stream = turn % 2 == 0;
        let mut body = json!({"model": MODEL, "input": format!("Turn {turn}"), "stream": stream});
        if let Some(previous) = &previous {
            body["previous_response_id"] = json!(previous);
        }
        // The response is stored before its end is sent, unless storing takes longer than 250 ms.
        let response = gateways[turn % 2].call_as(&editor, Method::POST, "/v1/responses", Some(body)).await;
        let log = one.log() + &other.log();
        let logged: Vec<&str> = log.lines().filter(|line| line.contains("remembered")).collect();
        assert_eq!(response.status, 200, "turn {turn}: {} {logged:?}", response.text);
        let id = if stream {
            streamed_id(&response.text)
        } else {
            response.json()["id"].as_str().expect("an id").to_owned()
        };
        previous = Some(id);
    }
}

#[tokio::test]
async fn a_stored_response_is_retrieved_listed_and_deleted() {
    let (_provider, home, gateway) = crate::models::signed_in().await;
    let (editor, other) = (create_token(&gateway, "editor").await, create_token(&gateway, "other").await);
    let input = json!([{"role": "user", "content": "One"}, {"role": "user", "content": "Two", "id": "msg_two"}]);
    let body = json!({"model": MODEL, "input": input, "metadata": {"a": "b"}});
    let response = gateway.call_as(&editor, Method::POST, "/v1/responses", Some(body)).await.json();
    let path = format!("/v1/responses/{}", response["id"].as_str().expect("an id"));
    for reader in [&editor, &gateway.token] {
        assert_eq!(gateway.call_as(reader, Method::GET, &path, None).await.json(), response);
    }
    assert_eq!(gateway.call_as(&editor, Method::GET, &format!("{path}?stream=false"), None).await.json(), response);
    let streamed = gateway.call_as(&editor, Method::GET, &format!("{path}?stream=true"), None).await;
    let error = &streamed.json()["error"];
    assert_eq!(
        (streamed.status, &error["code"], &error["param"]),
        (400, &json!("unsupported_parameter"), &json!("stream"))
    );
    let list_items = async |query: &str| {
        let listed = gateway.call_as(&editor, Method::GET, &format!("{path}/input_items{query}"), None).await;
        assert_eq!(listed.status, 200, "{}", listed.text);
        let list = listed.json();
        let texts = list["data"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["content"][0]["text"].as_str().expect("a text").to_owned());
        (texts.collect::<Vec<_>>(), list["last_id"].as_str().map(str::to_owned), list["has_more"].as_bool())
    };
    let (texts, first_id, _) = list_items("").await;
    assert_eq!(texts, ["Two", "One"]);
    assert_eq!(list_items("?order=asc&limit=1").await, (vec!["One".to_owned()], first_id.clone(), Some(true)));
    let after = format!("?order=asc&after={}", first_id.expect("an id"));
    assert_eq!(list_items(&after).await, (vec!["Two".to_owned()], Some("msg_two".to_owned()), Some(false)));

    let unknown = gateway.call_as(&editor, Method::GET, &format!("{path}/input_items?after=msg_none"), None).await;
    let error = &unknown.json()["error"];
    assert_eq!((unknown.status, &error["code"], &error["param"]), (400, &json!("unsupported_value"), &json!("after")));

    for (method, path) in
        [(Method::GET, path.clone()), (Method::DELETE, path.clone()), (Method::GET, format!("{path}/input_items"))]
    {
        let refused = gateway.call_as(&other, method, &path, None).await;
        assert_eq!((refused.status, &refused.json()["error"]["code"]), (404, &json!("response_not_found")), "{path}");
    }
    let deleted = gateway.call_as(&editor, Method::DELETE, &path, None).await.json();
    assert_eq!(deleted, json!({"id": response["id"], "object": "response", "deleted": true}));
    assert_eq!(gateway.call_as(&editor, Method::GET, &path, None).await.status, 404);
    let file = home.data_dir().join("goclaw.responses.db");
    assert!(file.exists(), "responses have a file of their own");
}

#[tokio::test]
async fn input_items_are_listed_in_their_full_form() {
    let (_provider, _home, gateway) = crate::models::signed_in().await;
    let image = "data:image/png;base64,iVBOR";
    let input = json!([
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two", "id": null},
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": image}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "Done"},
    ]);
    let id = gateway.post("/v1/responses", json!({"model": MODEL, "input": input})).await.json()["id"].take();
    let id = id.as_str().expect("an id");
    let listed = gateway.get(&format!("/v1/responses/{id}/input_items?order=asc")).await;
    let expected = json!([
        {"id": format!("in_0_{id}"), "type": "message", "role": "user", "content": [{"type": "input_text", "text": "One"}]},
        {"id": format!("in_1_{id}"), "type": "message", "role": "assistant",
            "content": [{"type": "output_text", "text": "Two", "annotations": []}]},
        {"id": format!("in_2_{id}"), "type": "message", "role": "user",
            "content": [{"type": "input_image", "image_url": image}]},
        {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"id": format!("in_4_{id}"), "type": "function_call_output", "call_id": "call_1", "output": "Done"},
    ]);
    assert_eq!(listed.json()["data"], expected, "{}", listed.text);
}

/// More responses than the gateway stores in one transaction.
const RESPONSES: usize = 150;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_that_end_together_are_all_stored_on_postgres() {
    let (provider, database) = (Provider::approving(), Database::create().await);
    assert_all_are_stored(replicas::home(&provider, &database)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responses_that_end_together_are_all_stored_on_sqlite() {
    let provider = Provider::approving();
    assert_all_are_stored(Home::new(&provider)).await;
}

async fn assert_all_are_stored(home: Home) {
    let gateway = home.start().await;
    gateway.sign_in().await;
    let prompts = (0..RESPONSES)
        .map(|number| gateway.post("/v1/responses", json!({"model": MODEL, "input": number.to_string()})));
    let responses = join_all(prompts).await;
    for (number, response) in responses.iter().enumerate() {
        let id = response.json()["id"].as_str().unwrap_or_else(|| panic!("{}", response.text)).to_owned();
        let path = format!("/v1/responses/{id}/input_items");
        // On a busy machine, storing may take longer than the gateway waits before it sends the end.
        let found = || async { Some(gateway.get(&path).await).filter(|items| items.status == 200) };
        let items = eventually("the response to be stored", found).await;
        assert_eq!(items.json()["data"][0]["content"][0]["text"], number.to_string(), "{}", items.text);
    }
}
